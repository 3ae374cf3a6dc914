import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BACKEND_FAULT_KINDS,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  LONG_SLOT_WORDS,
  MAX_CAPTURED_OF_EPOCH,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  SHORT_SLOT_WORDS,
} from '../../src/backend/index.ts';
import { ARGUMENT_COUNT, MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import {
  CAPTURED_RELATIONS,
  CapturedWord,
  encodeHello,
  encodeReady,
  encodeReplay,
  encodeReplayed,
  FIRST_PRIVATE_TYPE,
  FRAME_HEADER_BYTES,
  FrameByte,
  HOST_MAX_PAYLOAD_BYTES,
  helloFor,
  LoadWord,
  MAX_FAILED_BYTES,
  MAX_HELLO_BYTES,
  MAX_PROGRAM_REGIONS,
  MessageType,
  PROGRAMS_FEATURE,
  RUN_SLOT_WORDS,
  RunWord,
  runPayloadBytes,
  SegmentWord,
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
  const lines = spec.slice(spec.indexOf(`\n${heading}`)).split('\n');
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

  it('about programs', () => {
    expect(spec).toContain(`(feature \`${PROGRAMS_FEATURE}\`,`);
    expect(wordsIn('### LOAD')).toEqual(LoadWord);
    expect(spec).toContain(`| ${SHORT_SLOT_WORDS} or ${LONG_SLOT_WORDS} `);
    expect(wordsIn('### SEGMENT')).toMatchObject(SegmentWord);
    expect(spec).toContain(`| 5    |       | epochs           | ${PROGRAM_EPOCH_WORDS} words each`);
    expect(wordsOf(table('An **epoch** of a segment:', 'word', 'field', 'value'), 1)).toEqual(ProgramEpochWord);
    const flags = Object.entries(ProgramEpochFlag).map(([name, value]) => `${value} ${name.toLowerCase()}`);
    expect(spec).toContain(`| ${flags.join(', ')}, added up`);
    expect(spec).toContain(`The mask has room for ${MAX_PROGRAM_REGIONS} regions`);
    expect(spec).toContain(`or 0x${NONE.toString(16)} `);
  });

  it('about what comes of them', () => {
    const request = { mode: 'chained', replicas: 1, firstReplica: 0, shape: 'wide', stress: {} } as const;
    const all = encodeReplay({ ...request, expectationsAreReplays: false });
    expect(propertiesIn('### REPLAY').sort()).toEqual(Object.keys(jsonOf(all)).sort());
    const counts = { replicasRun: 1, replicasCompared: 1, replicasDiverged: 1, shape: 'wide', deviceMs: 1 } as const;
    const replayed = encodeReplayed({ ...counts, totals: new Uint32Array(0), captured: [] });
    const json = jsonOf(replayed.subarray(4, 4 + replayed[0]));
    expect(propertiesIn('### REPLAYED').sort()).toEqual(Object.keys(json).sort());
    expect(wordsOf(table('The **totals** of an epoch:', 'word', 'field', 'value'), 1)).toEqual(EpochTotal);
    expect(spec).toContain(`| totals        | ${EPOCH_TOTAL_WORDS} for each epoch`);
    const captured = table('A **captured** outcome', 'word', 'words', 'field', 'value');
    expect(wordsOf(captured, 2)).toEqual(CapturedWord);
    const relations = CAPTURED_RELATIONS.map((name, number) => `${number} ${name}`).join(', ');
    expect(captured.map(([, , , value]) => value)).toContain(relations);
    expect(spec).toContain(`There are at most ${MAX_CAPTURED_OF_EPOCH} of an epoch`);
  });
});

/** Rows that say at which word a field is, as the constants do. */
function wordsOf(rows: readonly string[][], fieldColumn: number): Record<string, number> {
  const placed = rows.filter(([word]) => word !== '');
  return Object.fromEntries(placed.map((row) => [constantOf(row[fieldColumn]), Number(row[0])]));
}

function wordsIn(heading: string): Record<string, number> {
  return wordsOf(table(heading, 'word', 'words', 'field'), 2);
}

/** firstSlot is FIRST_SLOT. */
function constantOf(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
