import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BACKEND_FAULT_KINDS } from '../../src/backend/index.ts';
import { ARGUMENT_COUNT, MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import {
  encodeHello,
  encodeReady,
  FIRST_PRIVATE_TYPE,
  FRAME_HEADER_BYTES,
  FrameByte,
  HOST_MAX_PAYLOAD_BYTES,
  helloFor,
  MAX_FAILED_BYTES,
  MAX_HELLO_BYTES,
  MessageType,
  RUN_SLOT_WORDS,
  RunWord,
  runPayloadBytes,
  WIRE_PROTOCOL,
  WIRE_VERSION,
} from '../../src/wire/index.ts';

const spec = readFileSync(new URL('../../spec/backend-protocol.md', import.meta.url), 'utf8');

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The rows of the first table with this head after a heading. */
function table(heading: string, ...head: string[]): string[][] {
  const lines = spec.slice(spec.indexOf(`\n${heading}\n`)).split('\n');
  const start = lines.findIndex((line) => head.every((cell, index) => cellsOf(line)[index] === cell));
  expect(start, `a table with the head ${head.join(' | ')}`).toBeGreaterThan(-1);
  const rest = lines.slice(start + 2);
  return rest
    .slice(
      0,
      rest.findIndex((line) => !line.startsWith('|')),
    )
    .map(cellsOf);
}

function propertiesIn(heading: string): string[] {
  return table(heading, 'property', 'value').map(([name]) => name.replaceAll('`', ''));
}

function jsonOf(payload: Uint8Array): object {
  return JSON.parse(new TextDecoder().decode(payload));
}

describe('the specification of the backend protocol says what the code has', () => {
  it('about versions and limits', () => {
    expect(spec).toContain(`# The backend protocol, version ${WIRE_VERSION}`);
    expect(spec).toContain(`The host takes ${HOST_MAX_PAYLOAD_BYTES} bytes.`);
    expect(spec).toContain(`at most ${MAX_HELLO_BYTES}, FAILED at most ${MAX_FAILED_BYTES}.`);
    expect(spec).toContain(`slots of its ring, 1 to ${MAX_SLOT_COUNT} `);
    expect(spec).toContain(`from 0x${FIRST_PRIVATE_TYPE.toString(16)} up`);
    expect(spec).toContain(`\`"${WIRE_PROTOCOL}"\``);
  });

  it('about frames', () => {
    const rows = table('## Frames', 'byte', 'bytes', 'field');
    expect(rows.map(([byte, , field]) => [field, Number(byte)])).toEqual([
      ['payloadBytes', FrameByte.PAYLOAD_BYTES],
      ['type', FrameByte.TYPE],
      ['payload', FRAME_HEADER_BYTES],
    ]);
  });

  it('about messages, and which answers there are', () => {
    const rows = table('## Conversation', 'type', 'name', 'from');
    expect(Object.fromEntries(rows.map(([type, name]) => [name, Number(type)]))).toEqual(MessageType);
    for (const [, name, from, , answer] of rows) {
      expect(from === 'host', `${name} is answered`).toBe(answer !== '');
      for (const each of answer.split(', ').filter((text) => text !== '')) expect(MessageType).toHaveProperty(each);
    }
  });

  it('about the slots of RUN', () => {
    const rows = table('### RUN', 'word', 'words', 'field', 'value');
    expect(rows.map(([word]) => Number(word))).toEqual(Object.values(RunWord));
    expect(Number(rows.at(-1)![1])).toBe(ARGUMENT_COUNT);
    expect(spec).toContain(`| 4    |       | slots | ${RUN_SLOT_WORDS * 4} bytes each`);
    expect(runPayloadBytes(1) - runPayloadBytes(0)).toBe(RUN_SLOT_WORDS * 4);
  });

  it('about HELLO and READY', () => {
    expect(propertiesIn('### HELLO').sort()).toEqual(Object.keys(jsonOf(encodeHello(helloFor(undefined)))).sort());
    const ready = encodeReady({
      ...{ version: 1, name: 'r', slotCount: 1, maxPayloadBytes: 68, epochWord: 0, canRestore: true, kernel: null },
      ...{ features: [], device: {}, probes: [], layout: { areas: [{ name: 'a', words: 1 }], regions: [] } },
    });
    expect(propertiesIn('### READY').sort()).toEqual(Object.keys(jsonOf(ready)).sort());
  });

  it('about the kinds of faults', () => {
    const [, kinds] = table('### FAILED', 'property', 'value')[0];
    expect([...kinds.matchAll(/`([^`]+)`/g)].map((match) => match[1])).toEqual([...BACKEND_FAULT_KINDS]);
  });
});
