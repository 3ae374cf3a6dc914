/** Feeds the v1 reader damaged logs and plain noise. */

import { VrrlError } from '../src/base/errors.ts';
import {
  HEADER_BYTES,
  HEADER_LAYOUT,
  type LogRecord,
  type LogScan,
  RECORD_BYTES,
  RingLog,
  scanLogBytes,
} from '../src/log/index.ts';
import { MemoryStorage } from '../src/storage/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const MAX_INPUT_CAPACITY = 40;
const MAX_NOISE_BYTES = 600;
/** Far beyond what such inputs take, so that a busy machine is no finding. */
const MAX_MILLISECONDS = 1000;
/** What a scan may allocate on top of twice its input. */
const MAX_CONSTANT_BYTES = 65_536;

/** The v1 reader: it may refuse an input, but only with an error of ours, and may not invent records or memory. */
export const target: FuzzTarget = {
  name: 'log-reader',
  once(random) {
    const bytes = random() % 8 === 0 ? makeNoise(random) : makeDamagedLog(random);
    const start = performance.now();
    const scan = scanOrRefuse(bytes);
    const milliseconds = performance.now() - start;
    if (milliseconds > MAX_MILLISECONDS) fail(bytes, `the scan took ${milliseconds} ms`);
    if (scan !== undefined) checkScan(scan, bytes);
  },
};

function scanOrRefuse(bytes: Uint8Array): LogScan | undefined {
  try {
    return scanLogBytes(bytes);
  } catch (error) {
    if (error instanceof VrrlError && error.message.includes(' Fix: ')) return undefined;
    throw error;
  }
}

function checkScan({ header, columns, loss, findings, nextPosition }: LogScan, bytes: Uint8Array): void {
  const rooms = Math.ceil((bytes.length - HEADER_BYTES) / RECORD_BYTES);
  const found = columns.length + loss.damaged + loss.holes + loss.torn;
  if (found > rooms) fail(bytes, `${found} records found or lost in room for ${rooms}`);
  if (columns.length + loss.lost > header.capacity) fail(bytes, 'more records than the capacity');
  if (loss.lost !== loss.damaged + loss.holes + loss.missing + loss.torn) fail(bytes, 'the loss does not add up');
  if (nextPosition < 0 || nextPosition >= header.capacity) fail(bytes, `next position ${nextPosition}`);
  if (new Set(columns.position).size !== columns.length) fail(bytes, 'a position was read twice');
  const allowed = 2 * bytes.length + MAX_CONSTANT_BYTES;
  if (columns.buffer.byteLength > allowed || (columns.failure?.buffer.byteLength ?? 0) > allowed) {
    fail(bytes, 'columns larger than the input justifies');
  }
  const isDamaged = findings.some(({ severity }) => severity === 'damage');
  if (isDamaged !== loss.lost > 0) fail(bytes, `${loss.lost} lost, but damage is ${isDamaged}`);
  for (const { message, kind } of findings) if (!message.includes(' Fix: ')) fail(bytes, `${kind} has no fix`);
  for (const record of columns) if (record.args.length !== 4) fail(bytes, 'a record without arguments');
}

function fail(bytes: Uint8Array, what: string): never {
  const content = Buffer.from(bytes).toString('base64');
  throw new Error(`${what}. Fix: correct the reader; the input in base64 is ${content}`);
}

function makeNoise(random: Random): Uint8Array {
  return Uint8Array.from({ length: random() % MAX_NOISE_BYTES }, () => random());
}

function makeDamagedLog(random: Random): Uint8Array {
  let bytes = makeLog(random);
  const rounds = random() % 4;
  for (let round = 0; round < rounds; round += 1) bytes = MUTATIONS[random() % MUTATIONS.length](bytes, random);
  return bytes;
}

function makeLog(random: Random): Uint8Array {
  const storage = new MemoryStorage();
  const log = RingLog.open(storage, 1 + (random() % MAX_INPUT_CAPACITY));
  const count = random() % (3 * log.capacity);
  const hasEvidence = random() % 4 === 0;
  for (let index = 0; index < count; index += 1) log.append(makeRecord(random, index, hasEvidence));
  return storage.toBytes();
}

function makeRecord(random: Random, index: number, hasEvidence: boolean): LogRecord {
  const record: LogRecord = {
    timestampNs: 1_700_000_000_000_000_000n + 1000n * BigInt(index),
    slotIndex: index,
    tenantId: random() % 4,
    opcode: random() % 8,
    args: [random(), random(), random(), random()],
    epoch: index >> 3,
  };
  if (!hasEvidence) return record;
  const failure = { slotStatus: 7, failureClass: random() % 8, backendCode: random(), outputDigest: BigInt(random()) };
  return { ...record, failure };
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  replaceByte,
  cutShort,
  addBytes,
  zeroRecord,
  replaceHeaderWord,
  moveCursor,
];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random() % bytes.length] ^= 1 << (random() % 8);
  return bytes;
}

function replaceByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random() % bytes.length] = random();
  return bytes;
}

function cutShort(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random() % (bytes.length + 1));
}

function addBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const longer = new Uint8Array(bytes.length + (random() % 200));
  longer.set(bytes);
  return longer.fill(random(), bytes.length);
}

function zeroRecord(bytes: Uint8Array, random: Random): Uint8Array {
  const start = HEADER_BYTES + RECORD_BYTES * (random() % MAX_INPUT_CAPACITY);
  return bytes.fill(0, start, start + RECORD_BYTES * (1 + (random() % 3)));
}

function replaceHeaderWord(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < HEADER_BYTES) return bytes;
  const offset = 4 * (random() % (HEADER_BYTES / 4));
  // Small and huge numbers get further than arbitrary ones.
  const word = [random() % 64, 1_048_576, 1_048_577, 0xffff_ffff, random()][random() % 5];
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, word, true);
  return bytes;
}

function moveCursor(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < HEADER_BYTES) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(HEADER_LAYOUT.cursor.offset, random() % MAX_INPUT_CAPACITY, true);
  return bytes;
}
