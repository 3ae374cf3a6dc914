import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  FAILURE_CLASS_NAMES,
  FINDING_SEVERITIES,
  failureClassName,
  HEADER_BYTES,
  HEADER_LAYOUT,
  LOG_MAGIC,
  LOG_VERSION,
  logBytes,
  MAX_CAPACITY,
  RECORD_BYTES,
  RECORD_LAYOUT,
  RECORD_MAGIC,
} from '../../src/log/index.ts';

const spec = readFileSync(new URL('../../spec/log-v1.md', import.meta.url), 'utf8');

/** The cells of the first table below a heading, without its head. */
function tableBelow(heading: string): string[][] {
  const lines = spec.slice(spec.indexOf(`\n${heading}\n`)).split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function layoutBelow(heading: string): Record<string, { offset: number; bytes: number }> {
  const fields = tableBelow(heading).map(([byte, bytes, field]) => [
    field,
    { offset: Number(byte), bytes: Number(bytes) },
  ]);
  return Object.fromEntries(fields);
}

describe('the layout in the specification is the one in the code', () => {
  it('has the same header', () => {
    expect(layoutBelow('## Header')).toEqual(HEADER_LAYOUT);
    expect(HEADER_BYTES).toBe(32);
  });

  it('has the same record', () => {
    expect(layoutBelow('## Record')).toEqual(RECORD_LAYOUT);
    expect(RECORD_BYTES).toBe(64);
  });

  it('has the same constants', () => {
    const header = Object.fromEntries(tableBelow('## Header').map(([, , field, value]) => [field, value]));
    expect(header['magic']).toContain(`\`${LOG_MAGIC}\``);
    expect(header['version']).toBe(`${LOG_VERSION}`);
    expect(header['capacity']).toBe(`1 to ${MAX_CAPACITY}`);
    expect(tableBelow('## Record')[0][3]).toContain(`\`0x${RECORD_MAGIC.toString(16)}\``);
    expect(spec).toContain('File length: 32 + 64 · capacity bytes.');
    expect(logBytes(8)).toBe(32 + 64 * 8);
  });

  it('names the same failure classes', () => {
    const classes = tableBelow('| failureClass | name           |'.trim()).map(([, name]) => name);
    expect(classes).toEqual([...FAILURE_CLASS_NAMES]);
  });

  it('lists every kind of finding with its severity', () => {
    const kinds = tableBelow('### Findings').map(([kind, severity]) => [kind, severity]);
    expect(Object.fromEntries(kinds)).toEqual(FINDING_SEVERITIES);
  });
});

it('names failure classes that it does not know by their number', () => {
  expect([0, 1, 2, 3, 4, 9].map(failureClassName)).toEqual([
    'none',
    'deviceLoss',
    'transientQueue',
    'programBug',
    'unclassified',
    'class9',
  ]);
});
