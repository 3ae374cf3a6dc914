/**
 * The v1 log on a real file, against the algorithms of the reference written in plain Node.
 *
 * Targets: reading at least 10 times as fast as one call a record; `append` no slower than two writes a record, which is
 * what it does itself; `appendMany` much faster.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { FileStorage } from '../node/file-storage.ts';
import { RingLog } from '../node/ring-log.ts';
import { columnsOf, HEADER_BYTES, type LogRecord, RECORD_BYTES, RECORD_MAGIC, scanLog } from '../src/log/index.ts';
import { type Contender, type Measurement, measureInTurn } from './measurement.ts';

const READ_RECORDS = 1_048_576;
const APPEND_RECORDS = 20_000;
const BATCH_RECORDS = 64;
const ROUNDS = 9;
const BYTES_PER_MIB = 1_048_576;

/** Runs everything once, in a temporary folder. About half a minute. Run it first in its process for a true peak memory. */
export async function measureLogV1(): Promise<Measurement[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    const fullLog = path.join(folder, 'full.vrrl');
    writeFullLog(fullLog);
    return [
      ...measureMemory(fullLog),
      ...measureInTurn(readContenders(fullLog), ROUNDS),
      ...measureInTurn(appendContenders(folder), ROUNDS),
    ];
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A wrapped log whose cursor is in the middle, so that reading takes both halves. */
function writeFullLog(file: string): void {
  const log = RingLog.open(file, READ_RECORDS);
  const step = 16_384;
  // One set of columns, moved on from step to step: garbage made here would count as memory that the scan needs.
  const columns = columnsOf(Array.from({ length: step }, (_, index) => makeRecord(index)));
  for (let written = 0; written < READ_RECORDS + READ_RECORDS / 2; written += step) {
    log.appendMany(columns);
    for (let index = 0; index < step; index += 1) {
      columns.timestampNs[index] += BigInt(1000 * step);
      columns.epoch[index] += step / 64;
    }
  }
  log.close();
}

function makeRecord(index: number): LogRecord {
  return {
    timestampNs: 1_700_000_000_000_000_000n + 1000n * BigInt(index),
    slotIndex: index % 256,
    tenantId: index % 4,
    opcode: index % 8,
    args: [Math.imul(index, 0x9e37_79b1) >>> 0, index, 0, 0xffff_ffff],
    epoch: Math.floor(index / 64),
  };
}

/** The most memory that the process ever had, taken right after the first scan. */
function measureMemory(fullLog: string): Measurement[] {
  const before = process.memoryUsage.rss() / BYTES_PER_MIB;
  scanFile(fullLog);
  const peak = (process.resourceUsage().maxRSS * 1024) / BYTES_PER_MIB;
  return [
    { name: 'log v1: resident memory before the first scan', unit: 'MiB', samples: [before] },
    { name: `log v1: peak resident memory after scanning ${READ_RECORDS} records`, unit: 'MiB', samples: [peak] },
  ];
}

function readContenders(fullLog: string): Contender[] {
  const name = `log v1: read ${READ_RECORDS} records`;
  const unit = 'ms';
  const scale = (milliseconds: number): number => milliseconds;
  return [
    { name, unit, scale, prepare: collectGarbage, run: () => scanFile(fullLog) },
    {
      name,
      unit,
      scale,
      prepare: collectGarbage,
      peer: 'seek-and-read-per-record',
      run: () => seekAndReadEach(fullLog),
    },
  ];
}

/** Nobody is to pay for the million objects of the run before. */
function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
}

function scanFile(file: string): void {
  const storage = FileStorage.open(file, 'read');
  const { columns } = scanLog(storage);
  storage.close();
  if (columns.length !== READ_RECORDS) throw new Error(`read ${columns.length} records, expected ${READ_RECORDS}`);
}

/** The reference's reader: from the cursor on, one positional read and one object a record. */
function seekAndReadEach(file: string): void {
  const descriptor = fs.openSync(file, 'r');
  const header = Buffer.alloc(HEADER_BYTES);
  fs.readSync(descriptor, header, 0, HEADER_BYTES, 0);
  const capacity = Number(header.readBigUInt64LE(16));
  const cursor = Number(header.readBigUInt64LE(24)) % capacity;
  const row = Buffer.alloc(RECORD_BYTES);
  const records: LogRecord[] = [];
  for (let step = 0; step < capacity; step += 1) {
    const position = (cursor + step) % capacity;
    fs.readSync(descriptor, row, 0, RECORD_BYTES, HEADER_BYTES + RECORD_BYTES * position);
    const magic = row.readUInt32LE(0);
    if (magic === 0) continue;
    if (magic !== RECORD_MAGIC) throw new Error('damaged record');
    records.push({
      timestampNs: row.readBigUInt64LE(4),
      slotIndex: row.readUInt32LE(12),
      tenantId: row.readUInt32LE(16),
      opcode: row.readUInt32LE(20),
      args: [row.readUInt32LE(24), row.readUInt32LE(28), row.readUInt32LE(32), row.readUInt32LE(36)],
      epoch: row.readUInt32LE(40),
    });
  }
  fs.closeSync(descriptor);
  if (records.length !== READ_RECORDS) throw new Error(`read ${records.length} records, expected ${READ_RECORDS}`);
}

function appendContenders(folder: string): Contender[] {
  const records = Array.from({ length: APPEND_RECORDS }, (_, index) => makeRecord(index));
  const batches = Array.from({ length: Math.ceil(APPEND_RECORDS / BATCH_RECORDS) }, (_, index) =>
    records.slice(index * BATCH_RECORDS, (index + 1) * BATCH_RECORDS),
  );
  const one = RingLog.open(path.join(folder, 'append.vrrl'), APPEND_RECORDS);
  const many = RingLog.open(path.join(folder, 'append-many.vrrl'), APPEND_RECORDS);
  const plain = path.join(folder, 'two-writes.vrrl');
  RingLog.open(plain, APPEND_RECORDS).close();
  const descriptor = fs.openSync(plain, 'r+');
  const unit = 'ns/record';
  const scale = (milliseconds: number): number => (milliseconds * 1e6) / APPEND_RECORDS;
  return [
    {
      name: `log v1: append ${APPEND_RECORDS} records`,
      unit,
      scale,
      run: () => {
        for (const record of records) one.append(record);
      },
    },
    {
      name: `log v1: append ${APPEND_RECORDS} records`,
      unit,
      scale,
      peer: 'two-writes-per-record',
      run: () => appendByTwoWrites(descriptor, records),
    },
    {
      name: `log v1: appendMany ${APPEND_RECORDS} records, ${BATCH_RECORDS} at a time`,
      unit,
      scale,
      run: () => {
        for (const batch of batches) many.appendMany(batch);
      },
    },
  ];
}

/** The reference's writer: the record, then the cursor. */
function appendByTwoWrites(descriptor: number, records: readonly LogRecord[]): void {
  const cursorBytes = Buffer.alloc(8);
  let cursor = 0;
  for (const record of records) {
    const row = Buffer.alloc(RECORD_BYTES);
    row.writeUInt32LE(RECORD_MAGIC, 0);
    row.writeBigUInt64LE(record.timestampNs, 4);
    row.writeUInt32LE(record.slotIndex, 12);
    row.writeUInt32LE(record.tenantId, 16);
    row.writeUInt32LE(record.opcode, 20);
    for (let index = 0; index < 4; index += 1) row.writeUInt32LE(record.args[index], 24 + 4 * index);
    row.writeUInt32LE(record.epoch, 40);
    fs.writeSync(descriptor, row, 0, RECORD_BYTES, HEADER_BYTES + RECORD_BYTES * cursor);
    cursor = (cursor + 1) % APPEND_RECORDS;
    cursorBytes.writeBigUInt64LE(BigInt(cursor), 0);
    fs.writeSync(descriptor, cursorBytes, 0, 8, 24);
  }
}
