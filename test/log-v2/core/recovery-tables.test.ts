import { describe, expect, it } from 'vitest';
import {
  FLIGHT_FINDING_SEVERITIES,
  FlightLog,
  flightLogBytes,
  MemoryMedium,
  readSuperblock,
} from '../../../src/log-v2/index.ts';
import { judgePosition, POSITION_FINDING_NAMES, PositionFinding } from '../../../src/log-v2/position.ts';
import { Answer, judgeNumber } from '../../../src/log-v2/window.ts';
import { encodeRecord, FILE_ID, METADATA, makeEntry, saltOfId, sumOf } from './model.ts';
import { tableAfter } from './spec-tables.ts';

/** The rows of a table that hold for some facts; each cell is a fact's value, or `any`. */
function rowsFor(rows: readonly string[][], facts: readonly string[]): string[][] {
  return rows.filter((row) => facts.every((fact, column) => row[column] === 'any' || row[column] === fact));
}

function* combinations(values: readonly (readonly string[])[]): Generator<string[]> {
  if (values.length === 0) {
    yield [];
    return;
  }
  for (const value of values[0]) for (const rest of combinations(values.slice(1))) yield [value, ...rest];
}

const YES_NO = ['yes', 'no'];

describe('what a position holds', () => {
  const table = tableAfter('### What a position holds');
  const rules = { capacity: 8, salt: saltOfId(FILE_ID), incarnation: 3, syncedSequence: 20 };
  const POSITION = 3;

  /** All ways to make the 32 words for which the facts hold; none if they contradict each other. */
  function* wordsFor(facts: readonly string[]): Generator<Int32Array> {
    const [zero, sum, own, commit, placed, beyond] = facts;
    if (zero === 'yes') {
      yield new Int32Array(32);
      return;
    }
    if (sum === 'good' && commit === 'yes') return;
    const sequence = (beyond === 'yes' ? 28 : 4) + (placed === 'yes' ? 0 : 1);
    const frame = { sequence, incarnation: 2, previousCommit: 7 };
    const spoils: ((words: Uint32Array) => void)[] =
      own === 'yes'
        ? [() => {}, (words) => words.fill(1, 29, 30), (words) => words.fill(3, 27, 28)]
        : [
            (words) => words.fill(1, 26, 27),
            (words) => words.fill(0, 27, 28),
            (words) => words.fill(4, 27, 28),
            (words) => words.fill(2, 29, 30),
            (words) => words.fill(1, 30, 31),
          ];
    for (const spoil of spoils) {
      const bytes = encodeRecord(makeEntry(5), frame).slice();
      const words = new Uint32Array(bytes.buffer);
      spoil(words);
      const right = sumOf(bytes.subarray(0, 124));
      words[31] = commit === 'yes' ? 0 : sum === 'good' ? right : right ^ 0x8000_0001;
      yield new Int32Array(bytes.buffer);
    }
  }

  it('has one answer to every combination, which the code gives', () => {
    let checked = 0;
    for (const facts of combinations([YES_NO, ['good', 'bad'], YES_NO, YES_NO, YES_NO, YES_NO])) {
      const rows = rowsFor(table, facts);
      expect(rows, facts.join()).toHaveLength(1);
      for (const words of wordsFor(facts)) {
        const finding = POSITION_FINDING_NAMES[judgePosition(words, 0, POSITION, rules)];
        expect(finding, facts.join()).toBe(rows[0][6]);
        checked += 1;
      }
    }
    expect(checked).toBe(32 + (8 * 2 + 8) * 4);
    expect(new Set(table.map((row) => row[6]))).toEqual(new Set(POSITION_FINDING_NAMES));
  });

  it('does not take a number for one that is none', () => {
    for (const [low, high] of [
      [0, 0],
      [0, 2 ** 21],
      [0xffff_ffff, 0xffff_ffff],
    ]) {
      const bytes = encodeRecord(makeEntry(5), { sequence: 4, incarnation: 2, previousCommit: 7 });
      const words = new Uint32Array(bytes.buffer);
      words.set([low, high]);
      words[31] = sumOf(bytes.subarray(0, 124));
      expect(judgePosition(new Int32Array(bytes.buffer), 0, POSITION, rules)).toBe(PositionFinding.FOREIGN);
    }
  });
});

describe('which records are lost', () => {
  const table = tableAfter('### Which records are lost');
  const [CAPACITY, NEWEST] = [4, 10];
  const WINDOW = [7, 8, 9, 10];

  /** Whether a cell of the column about sequences holds. */
  function holds(cell: string, sequence: number, expected: number): boolean {
    const isOldest = expected === NEWEST - CAPACITY + 1;
    switch (cell) {
      case 'any':
        return true;
      case 'e':
        return sequence === expected;
      case 'below e':
        return sequence < expected;
      case 'e + capacity':
        return sequence === expected + CAPACITY;
      case 'any other, and e is N − capacity + 1':
        return sequence !== expected + CAPACITY && isOldest;
      case 'any other, and e is not':
        return sequence !== expected + CAPACITY && !isOldest;
      default:
        throw new Error(`no test for "${cell}"`);
    }
  }

  const ANSWERS: Readonly<Record<string, number>> = {
    'the record': Answer.RECORD,
    nothing: Answer.NOTHING,
    missing: Answer.MISSING,
    overtaken: Answer.OVERTAKEN,
    torn: Answer.TORN,
    unfinished: Answer.UNFINISHED,
    corrupt: Answer.CORRUPT,
    foreign: Answer.FOREIGN,
    misplaced: Answer.MISPLACED,
  };

  it('has one answer to every combination, which the code gives', () => {
    const given = new Set<string>();
    for (const [finding, name] of POSITION_FINDING_NAMES.entries()) {
      for (const inWindow of YES_NO) {
        for (const expected of WINDOW) {
          // A valid record is never newer than the newest.
          const sequences =
            name === 'valid'
              ? [expected - CAPACITY, expected]
              : [0, expected - CAPACITY, expected, expected + CAPACITY];
          for (const sequence of sequences) {
            const rows = rowsFor(table, [name, inWindow]).filter((row) => holds(row[2], sequence, expected));
            expect(rows, `${name} ${inWindow} ${sequence} ${expected}`).toHaveLength(1);
            const answer = judgeNumber(finding, inWindow === 'yes', sequence, expected, NEWEST, CAPACITY);
            expect(answer, rows[0].join()).toBe(ANSWERS[rows[0][3]]);
            given.add(rows[0].join());
          }
        }
      }
    }
    expect(given.size).toBe(table.length);
  });
});

describe('a superblock', () => {
  const table = tableAfter('| version | incompatFlags');
  const values = [
    ['not 2', '2'],
    ['all known', 'with unknown bits'],
    ['all known', 'with unknown bits'],
    ['yes', 'no'],
  ];

  /** A log with both superblocks changed and summed again. */
  function logWith([version, incompat, compat, sections]: readonly string[]): MemoryMedium {
    const options = { capacity: 2, metadata: METADATA, fileId: FILE_ID };
    const medium = MemoryMedium.ofSize(flightLogBytes(options));
    FlightLog.create(medium, options).close();
    const bytes = medium.toBytes();
    for (const copy of [0, 1]) {
      const view = new DataView(bytes.buffer, copy * 4096, 512);
      if (version !== '2') view.setUint32(8, 3, true);
      if (compat !== 'all known') view.setUint32(12, 0x8000_0000, true);
      if (incompat !== 'all known') view.setUint32(16, 0b101, true);
      if (sections === 'no') view.setUint32(192 + 24 + 8, 4095, true);
      view.setUint32(508, sumOf(new Uint8Array(bytes.buffer, copy * 4096, 508)), true);
    }
    return new MemoryMedium(bytes);
  }

  it.each([...combinations(values)].map((facts) => [facts.join(', '), facts] as const))('%s', (_, facts) => {
    const rows = rowsFor(table, facts);
    expect(rows).toHaveLength(1);
    const answer = rows[0][4];
    const medium = logWith(facts);
    const refusal = /^refused: (\w+)$/.exec(answer)?.[1];
    if (refusal !== undefined) {
      const before = medium.toBytes();
      for (const use of [() => readSuperblock(medium), () => FlightLog.open(medium)]) {
        expect(use).toThrow(expect.objectContaining({ name: refusal, message: expect.stringContaining('Fix: ') }));
      }
      expect(medium.toBytes()).toEqual(before);
      return;
    }
    const log = FlightLog.open(medium);
    log.append(makeEntry(0));
    log.close();
    const { findings, columns, superblock } = log.scan();
    expect(columns.length).toBe(1);
    expect(findings.map(({ kind }) => kind)).toEqual(answer.endsWith('a finding says so') ? ['unknownFlags'] : []);
    // A writer keeps what it does not know.
    expect(superblock.compatFlags).toBe(facts[2] === 'all known' ? 0 : 0x8000_0000);
  });

  it('names the flags that are in the way', () => {
    expect(() => readSuperblock(logWith(['2', 'with unknown bits', 'all known', 'yes']))).toThrow(
      /bit 0, bit 2\. Fix: /,
    );
  });
});

it('lists every kind of finding with its severity', () => {
  expect(Object.fromEntries(tableAfter('### Findings').map(([kind, severity]) => [kind, severity]))).toEqual(
    FLIGHT_FINDING_SEVERITIES,
  );
});
