import { describe, expect, it } from 'vitest';
import { LOG_MAGIC_V2 } from '../../../src/log/v1-layout.ts';
import {
  BODY_START,
  BODY_WORDS,
  FIRST_FRAME,
  FLIGHT_MAGIC,
  FLIGHT_RECORD_LAYOUT,
  FLIGHT_VERSION,
  HINTS_LAYOUT,
  HINTS_OFFSET,
  LOSS_KINDS,
  LogState,
  MAX_JSON_BYTES,
  METADATA_LAYOUT,
  METADATA_OFFSET,
  PAGE_BYTES,
  SECTION_LAYOUT,
  SectionKind,
  SUPERBLOCK_LAYOUT,
} from '../../../src/log-v2/layout.ts';
import { layoutAfter, spec, tableAfter } from './spec-tables.ts';

describe('the layout in the specification is the one in the code', () => {
  it.each([
    ['### Superblock', SUPERBLOCK_LAYOUT],
    ['Each section is an entry', SECTION_LAYOUT],
    ['### Hints', HINTS_LAYOUT],
    ['### Metadata', METADATA_LAYOUT],
    ['### Record', FLIGHT_RECORD_LAYOUT],
  ])('%s', (mark, layout) => {
    expect(layoutAfter(mark)).toEqual(layout);
  });

  it('has the same sections at the same places', () => {
    expect(tableAfter('## File').map(([at]) => at)).toEqual([
      '0',
      `${PAGE_BYTES}`,
      `${HINTS_OFFSET}`,
      `${METADATA_OFFSET}`,
      `${METADATA_OFFSET} + R`,
      'behind it',
      'behind it',
    ]);
    const kinds = tableAfter('| kind | section').map(([kind, section]) => [section, Number(kind)]);
    const inCode = Object.entries(SectionKind).map(([name, kind]) => [
      name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      kind,
    ]);
    expect(kinds).toEqual(inCode);
  });

  it('has the same losses', () => {
    expect(tableAfter('| loss | name').map(([loss, name]) => [Number(loss), name])).toEqual(
      LOSS_KINDS.map((kind, index) => [index, kind]),
    );
  });

  it('has the same constants', () => {
    const fields = Object.fromEntries(tableAfter('### Superblock').map(([, , field, value]) => [field, value]));
    expect(fields['magic']).toBe(`ASCII ${FLIGHT_MAGIC}`);
    expect(fields['version']).toBe(`${FLIGHT_VERSION}`);
    expect(fields['state']).toBe(
      `${LogState.CLOSED} closed, ${LogState.OPEN} open for writing, ${LogState.RECOVERING} being recovered`,
    );
    const jsonBytes = tableAfter('### Metadata').find(([, , field]) => field === 'jsonBytes')?.[3];
    expect(jsonBytes).toBe(`at most ${MAX_JSON_BYTES}`);
    expect(spec).toContain(`Numbers begin at ${FIRST_FRAME} and rise`);
  });

  it('is the format that a v1 reader refuses by name', () => {
    expect(FLIGHT_MAGIC).toBe(LOG_MAGIC_V2);
  });

  it('has what a caller hands over in one piece, from the time to the evidence', () => {
    const names = Object.entries(FLIGHT_RECORD_LAYOUT)
      .filter(([, { offset }]) => offset >= BODY_START * 4 && offset < (BODY_START + BODY_WORDS) * 4)
      .map(([name]) => name);
    expect(names.at(0)).toBe('timestampNs');
    expect(names.at(-1)).toBe('outputDigest');
    expect(names).toHaveLength(11);
  });
});
