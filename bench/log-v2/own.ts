/** The logs of this package, and the algorithm of the v1 reference. */

import fs from 'node:fs';
import path from 'node:path';
import type { FileAccess } from '../../node/file-medium.ts';
import { createFlightLogFile } from '../../node/flight-log-file.ts';
import { RingLog } from '../../node/ring-log.ts';
import { HEADER_BYTES, RECORD_BYTES, RECORD_MAGIC } from '../../src/log/index.ts';
import { FLIGHT_RECORD_BYTES } from '../../src/log-v2/index.ts';
import type { Contender, Durability, Store } from './contender.ts';
import { bodies, bodyStart, entryOf, RING_RECORDS, rowOf, v1RecordOf } from './records.ts';

/** What everybody is held against. */
export const BASELINE = 'v2, mapped';
/** What it is to be ten times as quick as. */
export const TWO_WRITES = 'v1, two writes in plain Node';

export function ownContenders(durability: Durability): Contender[] {
  const isPowerSafe = durability === 'power';
  const sync = isPowerSafe ? ', then sync (fdatasync)' : '';
  return [
    {
      name: BASELINE,
      why: `appendWords to a mapping: stores to the page cache are the kernel's already${sync}`,
      open: (folder) => openV2(folder, 'mapped', isPowerSafe),
    },
    {
      name: 'v2, mapped, from objects',
      why: `append of a checked object with a bigint, to a mapping${sync}`,
      open: (folder) => openV2Objects(folder, isPowerSafe),
    },
    {
      name: 'v2, plain writes',
      why: `appendWords, one pwrite a record${isPowerSafe ? ' or batch' : ''}, the hints every 64${sync}`,
      open: (folder) => openV2(folder, 'plain', isPowerSafe),
    },
    {
      name: 'v1 RingLog',
      why: `append: two pwrites a record, no checksum${isPowerSafe ? ', then sync (fsync)' : ''}`,
      open: (folder) => openV1(folder, isPowerSafe),
    },
    {
      name: TWO_WRITES,
      why: `the algorithm of the v1 reference: the record, then the cursor, no checksum${isPowerSafe ? ', then fdatasync' : ''}`,
      open: (folder) => openTwoWrites(folder, isPowerSafe),
    },
    {
      name: 'one bare pwrite',
      why: `no log at all: 128 ready bytes to a ring of positions${isPowerSafe ? ', then fdatasync' : ''}`,
      open: (folder) => openOneWrite(folder, isPowerSafe),
    },
  ];
}

function openV2(folder: string, access: FileAccess, isPowerSafe: boolean): Store {
  const options = { capacity: RING_RECORDS, metadata: { tool: 'bench' } };
  const { log } = createFlightLogFile(path.join(folder, 'v2.vrrl'), options, { access });
  const appendAll = (index: number, count: number): void => {
    for (let each = index; each < index + count; each += 1) log.appendWords(bodies, bodyStart(each));
  };
  return {
    append: (index, count) => {
      if (!isPowerSafe) return appendAll(index, count);
      for (let each = index; each < index + count; each += 1) {
        log.appendWords(bodies, bodyStart(each));
        log.sync();
      }
    },
    appendBatch: (index, count) => {
      appendAll(index, count);
      if (isPowerSafe) log.sync();
    },
    close: () => log.close(),
  };
}

function openV2Objects(folder: string, isPowerSafe: boolean): Store {
  const options = { capacity: RING_RECORDS, metadata: { tool: 'bench' } };
  const { log } = createFlightLogFile(path.join(folder, 'v2.vrrl'), options, { access: 'mapped' });
  return {
    append: (index, count) => {
      for (let each = index; each < index + count; each += 1) {
        log.append(entryOf(each));
        if (isPowerSafe) log.sync();
      }
    },
    appendBatch: (index, count) => {
      log.appendMany(Array.from({ length: count }, (_, each) => entryOf(index + each)));
      if (isPowerSafe) log.sync();
    },
    close: () => log.close(),
  };
}

function openV1(folder: string, isPowerSafe: boolean): Store {
  const log = RingLog.open(path.join(folder, 'v1.vrrl'), RING_RECORDS);
  return {
    append: (index, count) => {
      for (let each = index; each < index + count; each += 1) {
        log.append(v1RecordOf(each));
        if (isPowerSafe) log.sync();
      }
    },
    appendBatch: (index, count) => {
      log.appendMany(Array.from({ length: count }, (_, each) => v1RecordOf(index + each)));
      if (isPowerSafe) log.sync();
    },
    close: () => log.close(),
  };
}

function openTwoWrites(folder: string, isPowerSafe: boolean): Store {
  const file = path.join(folder, 'two-writes.vrrl');
  RingLog.open(file, RING_RECORDS).close();
  const descriptor = fs.openSync(file, 'r+');
  const appendOne = (index: number): void => writeV1Record(descriptor, index);
  return {
    append: (index, count) => {
      for (let each = index; each < index + count; each += 1) {
        appendOne(each);
        if (isPowerSafe) fs.fdatasyncSync(descriptor);
      }
    },
    appendBatch: (index, count) => {
      for (let each = index; each < index + count; each += 1) appendOne(each);
      if (isPowerSafe) fs.fdatasyncSync(descriptor);
    },
    close: () => fs.closeSync(descriptor),
  };
}

/** As in bench/log-v1.ts: a buffer of its own for each record, as the reference's writer has. */
function writeV1Record(descriptor: number, index: number): void {
  const record = v1RecordOf(index);
  const row = Buffer.alloc(RECORD_BYTES);
  row.writeUInt32LE(RECORD_MAGIC, 0);
  row.writeBigUInt64LE(record.timestampNs, 4);
  row.writeUInt32LE(record.slotIndex, 12);
  row.writeUInt32LE(record.tenantId, 16);
  row.writeUInt32LE(record.opcode, 20);
  for (let argument = 0; argument < 4; argument += 1) row.writeUInt32LE(record.args[argument], 24 + 4 * argument);
  row.writeUInt32LE(record.epoch, 40);
  const position = index % RING_RECORDS;
  fs.writeSync(descriptor, row, 0, RECORD_BYTES, HEADER_BYTES + RECORD_BYTES * position);
  const cursor = Buffer.alloc(8);
  cursor.writeBigUInt64LE(BigInt((position + 1) % RING_RECORDS));
  fs.writeSync(descriptor, cursor, 0, cursor.length, 24);
}

function openOneWrite(folder: string, isPowerSafe: boolean): Store {
  const descriptor = fs.openSync(path.join(folder, 'one-write'), 'w+');
  fs.writeSync(descriptor, Buffer.alloc(RING_RECORDS * FLIGHT_RECORD_BYTES));
  const appendOne = (index: number): void => {
    fs.writeSync(descriptor, rowOf(index), 0, FLIGHT_RECORD_BYTES, (index % RING_RECORDS) * FLIGHT_RECORD_BYTES);
  };
  return {
    append: (index, count) => {
      for (let each = index; each < index + count; each += 1) {
        appendOne(each);
        if (isPowerSafe) fs.fdatasyncSync(descriptor);
      }
    },
    appendBatch: (index, count) => {
      for (let each = index; each < index + count; each += 1) appendOne(each);
      if (isPowerSafe) fs.fdatasyncSync(descriptor);
    },
    close: () => fs.closeSync(descriptor),
  };
}
