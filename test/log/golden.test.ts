import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { failureClassName, type LogRecord, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { makeRecord } from './model.ts';

const folder = new URL('../fixtures/golden/', import.meta.url);

const LOGS = [
  { name: 'fresh-8x5', capacity: 8, appended: 5 },
  { name: 'wrapped-8x21', capacity: 8, appended: 21 },
  { name: 'single-1x3', capacity: 1, appended: 3 },
  { name: 'failure-tail-8x13', capacity: 8, appended: 13 },
];

function readGolden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.vrrl`, folder)));
}

/** A record as the reference reader prints it. */
function print({ timestampNs, slotIndex, tenantId, opcode, args, epoch }: LogRecord): string {
  return [timestampNs, slotIndex, tenantId, opcode, ...args, epoch].join(' ');
}

/** The i-th record of a golden log; one that was overwritten is unknown, and any other does instead. */
function streamOf(name: string, appended: number): LogRecord[] {
  const survivors = [...scanLogBytes(readGolden(name)).columns];
  const overwritten = appended - survivors.length;
  return Array.from({ length: appended }, (_, index) => {
    return index < overwritten ? makeRecord(index) : survivors[index - overwritten];
  });
}

describe.each(LOGS)('$name, as the reference wrote it', ({ name, capacity, appended }) => {
  const expected = readFileSync(new URL(`${name}.txt`, folder), 'utf8')
    .trimEnd()
    .split('\n');

  it('scans to what the reference reads', () => {
    const { header, columns, loss, findings, nextPosition } = scanLogBytes(readGolden(name));
    expect([`capacity ${header.capacity} cursor ${header.cursor}`, ...[...columns].map(print)]).toEqual(expected);
    expect(loss).toEqual({ damaged: 0, holes: 0, missing: 0, torn: 0, lost: 0 });
    expect(findings.map(({ kind }) => kind)).toEqual(appended >= capacity ? ['full'] : []);
    expect(nextPosition).toBe(header.cursor);
  });

  it('replays to what the reference reads, and opening leaves it as it is', () => {
    const storage = new MemoryStorage(readGolden(name));
    const log = RingLog.open(storage, 3);
    expect([`capacity ${log.capacity} cursor ${log.cursor}`, ...log.replayAll().map(print)]).toEqual(expected);
    expect(log.recovered).toEqual([]);
    expect(storage.toBytes()).toEqual(readGolden(name));
  });

  it.each(['one by one', 'in one batch', 'as columns'])('is written again to the same bytes, %s', (way) => {
    const storage = new MemoryStorage();
    const log = RingLog.open(storage, capacity);
    const records = streamOf(name, appended);
    if (way === 'one by one') for (const record of records) log.append(record);
    if (way === 'in one batch') log.appendMany(records);
    if (way === 'as columns') {
      log.appendMany(records.slice(0, -scanLogBytes(readGolden(name)).columns.length));
      log.appendMany(scanLogBytes(readGolden(name)).columns);
    }
    expect(storage.toBytes()).toEqual(readGolden(name));
  });
});

it('shows the failure evidence of the newer writer, where there is some', () => {
  const { columns } = scanLogBytes(readGolden('failure-tail-8x13'));
  const failures = [...columns].map(({ failure }) => failure);
  const evidence = { slotStatus: 7, failureClass: 1, backendCode: 0x31_b498, outputDigest: 0x31b4_98c8_e4b8_1b7fn };
  expect(failures.map((failure) => failure !== undefined)).toEqual([
    false,
    false,
    false,
    true,
    ...Array(4).fill(false),
  ]);
  expect(failures[3]).toEqual(evidence);
  expect(columns.position[3]).toBe(0);
  expect(failureClassName(evidence.failureClass)).toBe('deviceLoss');
});

it('makes no room for evidence in logs that have none', () => {
  expect(scanLogBytes(readGolden('wrapped-8x21')).columns.failure).toBeUndefined();
});
