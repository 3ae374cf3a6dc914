import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { builtinOpcodes, FaultReason } from '../../src/kernel/index.ts';
import {
  ARGUMENT_COUNT,
  ControlWord,
  DEBUG_RECORD_COUNT,
  DEBUG_RECORD_WORDS,
  DEBUG_RECORDS_START,
  DEBUG_WORDS,
  INITIAL_TENANT_QUOTA,
  isSystemOpcode,
  MAX_SLOT_COUNT,
  METRIC_COUNT,
  MIN_CONTROL_WORDS,
  Opcode,
  opcodeName,
  PACKED_ARGUMENT_COUNT,
  PACKED_MAX_OPCODES,
  Priority,
  SLOT_WORDS,
  SlotStatus,
  SlotWord,
  statusName,
  TENANT_ALLOWED,
  TENANT_MASK_COUNT,
  TENANT_OPCODE_BASE,
  TENANT_OPCODE_RANGE,
} from '../../src/protocol/index.ts';

const spec = readFileSync(new URL('../../spec/protocol.md', import.meta.url), 'utf8');

/** The rows of the table whose head begins with these cells, without its head. */
function tableWithHead(...head: string[]): string[][] {
  const lines = spec.split('\n');
  const cellsOf = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const start = lines.findIndex((line) => head.every((cell, index) => cellsOf(line)[index] === cell));
  expect(start, `a table with the head ${head.join(' | ')}`).toBeGreaterThan(-1);
  const rest = lines.slice(start + 2);
  const length = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, length === -1 ? rest.length : length).map(cellsOf);
}

/** A table of numbers and names as the constants have it. */
function numbersByName(rows: string[][], nameColumn: number): Record<string, number> {
  return Object.fromEntries(rows.map((row) => [row[nameColumn], Number(row[0])]));
}

/** Whether rows of first word and count lie end to end. */
function expectEndToEnd(rows: string[][]): void {
  for (const [index, [word, count]] of rows.slice(0, -1).entries()) {
    expect(Number(word) + Number(count), `the end of row ${index}`).toBe(Number(rows[index + 1][0]));
  }
}

describe('the specification of the protocol says what the code has', () => {
  it('about the words of a slot', () => {
    const rows = tableWithHead('word', 'count', 'name', 'value');
    expect(numbersByName(rows, 2)).toEqual(SlotWord);
    expectEndToEnd(rows);
    const [last, count] = rows.at(-1)!.map(Number);
    expect([count, last + count]).toEqual([ARGUMENT_COUNT, SLOT_WORDS]);
    expect(spec).toContain(`\`slotCount\` slots of ${SLOT_WORDS} words, 1 to ${MAX_SLOT_COUNT} of them.`);
  });

  it('about statuses, and what they are called', () => {
    const rows = tableWithHead('status', 'name');
    expect(numbersByName(rows, 1)).toEqual(SlotStatus);
    for (const [status, name] of rows) expect(statusName(Number(status))).toBe(name);
    expect(statusName(8)).toBe('STATUS_8');
  });

  it('about priorities', () => {
    expect(numbersByName(tableWithHead('priority', 'name'), 1)).toEqual(Priority);
  });

  it('about control memory', () => {
    const rows = tableWithHead('word', 'count', 'name', 'at the start');
    expect(numbersByName(rows, 2)).toEqual(ControlWord);
    expectEndToEnd(rows);
    const countOf = (name: string) => Number(rows.find((row) => row[2] === name)![1]);
    expect(countOf('TENANT_MASKS')).toBe(TENANT_MASK_COUNT);
    expect(countOf('METRICS')).toBe(METRIC_COUNT);
    const startOf = (name: string) => rows.find((row) => row[2] === name)![3];
    expect(startOf('TENANT_BASE')).toBe(`${ControlWord.TENANT_MASKS}`);
    expect(startOf('TENANT_MASKS')).toBe(`${TENANT_ALLOWED} for each configured tenant`);
    expect(startOf('TENANT_QUOTAS')).toBe(`${INITIAL_TENANT_QUOTA} for each configured tenant`);
    expect(spec).toContain(`At least ${MIN_CONTROL_WORDS} words.`);
    expect(MIN_CONTROL_WORDS).toBe(ControlWord.OBSERVABLE_BASE);
    expect(spec).toContain(`configured for 0 to ${TENANT_MASK_COUNT} tenants`);
  });

  it('about the debug log', () => {
    const [cursor, records] = tableWithHead('word', 'count', 'name', 'meaning');
    expect(cursor.slice(0, 3)).toEqual(['0', `${DEBUG_RECORDS_START}`, 'CURSOR']);
    expect(records.slice(0, 2).map(Number)).toEqual([DEBUG_RECORDS_START, DEBUG_RECORD_COUNT * DEBUG_RECORD_WORDS]);
    const sizes = `${DEBUG_WORDS} words: a cursor, then ${DEBUG_RECORD_COUNT} records of ${DEBUG_RECORD_WORDS} words.`;
    expect(spec).toContain(sizes);
  });

  it('about opcodes, and which of them run', () => {
    const rows = tableWithHead('opcode', 'name', 'runs');
    expect(numbersByName(rows, 1)).toEqual(Opcode);
    for (const [code, name] of rows) {
      expect(opcodeName(Number(code))).toBe(name);
      expect(isSystemOpcode(Number(code))).toBe(true);
    }
    const running = rows.filter((row) => row[2] === 'yes').map((row) => row[1]);
    expect(running).toEqual(builtinOpcodes().map((definition) => definition.name));
    expect(opcodeName(8)).toBeUndefined();
  });

  it('about the numbers that users may take', () => {
    expect(spec).toContain('Reserved for the system are 0 to 7, 0xfff0 to 0xffff, and everything from 0x80000000 up.');
    const edges: [number, boolean][] = [
      [0, true],
      [7, true],
      [8, false],
      [0xffef, false],
      [0xfff0, true],
      [0xffff, true],
      [0x1_0000, false],
      [0x7fff_ffff, false],
      [0x8000_0000, true],
      [0xffff_ffff, true],
    ];
    for (const [code, isSystem] of edges) expect(isSystemOpcode(code), `opcode ${code}`).toBe(isSystem);
    const base = `0x${TENANT_OPCODE_BASE.toString(16)}`;
    expect(spec).toContain(`ranges from ${base} up, ${TENANT_OPCODE_RANGE} opcodes each`);
  });

  it('about packed slots', () => {
    const rows = tableWithHead('byte of the arguments', 'meaning');
    expect(rows[0]).toEqual([
      '0',
      `how many inner opcodes; only the first ${PACKED_MAX_OPCODES} of them are looked at`,
    ]);
    expect(spec).toContain(`reads the ${PACKED_ARGUMENT_COUNT} words from m + offset on`);
    expect(spec).toContain(`If they would pass word ${ARGUMENT_COUNT} it is skipped`);
  });

  it('about faults', () => {
    expect(numbersByName(tableWithHead('reason', 'name'), 1)).toEqual(FaultReason);
  });
});
