/** Runs contenders in turn, round after round, each on fresh files, and takes the time of appends. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Contender, Store } from './contender.ts';
import { type Percentiles, percentilesOf } from './latency.ts';
import { RING_RECORDS } from './records.ts';

/** Once around while the file's pages are touched for the first time, then around again. */
const LAPS = 4;

/** What one run of a contender came to, in nanoseconds a record. */
export interface AppendRun extends Percentiles {
  /** All appends, and the sync at the end that writes back what is left. */
  readonly mean: number;
  /** Without that sync: the first lap, and the others; the same where there is only one. */
  readonly firstLap: number;
  readonly laterLaps: number;
  /** Making the log, in milliseconds. */
  readonly openMs: number;
}

/** Runs of one contender, a round each. */
export interface Runs<Run> {
  readonly contender: Contender;
  readonly runs: Run[];
}

/** Appends one by one, around the ring several times. The first round warms up. */
export async function measureAppends(contenders: readonly Contender[], rounds: number): Promise<Runs<AppendRun>[]> {
  const all = contenders.map((contender): Runs<AppendRun> => ({ contender, runs: [] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { contender, runs } of all) {
      const run = await appendOnce(contender);
      if (round > 0) runs.push(run);
    }
  }
  return all;
}

async function appendOnce(contender: Contender): Promise<AppendRun> {
  const records = contender.records ?? LAPS * RING_RECORDS;
  const lapRecords = Math.min(records, RING_RECORDS);
  const timed = await withStore(contender, 1, async (store, openMs, folder) => {
    const firstMs = await timeMs(() => store.append(0, lapRecords));
    const laterMs = records === lapRecords ? 0 : await timeMs(() => store.append(lapRecords, records - lapRecords));
    const syncMs = await timeMs(() => syncFiles(folder));
    const firstLap = (firstMs * 1e6) / lapRecords;
    return {
      mean: ((firstMs + laterMs + syncMs) * 1e6) / records,
      firstLap,
      laterLaps: records === lapRecords ? firstLap : (laterMs * 1e6) / (records - lapRecords),
      openMs,
    };
  });
  const percentiles = await withStore(contender, 1, (store) => timeEach(store, records));
  return { ...timed, ...percentiles };
}

/** A pass of its own: looking at the clock takes as long as a short append. */
async function timeEach(store: Store, records: number): Promise<Percentiles> {
  const times = new Float64Array(records);
  for (let index = 0; index < records; index += 1) {
    const start = performance.now();
    const pending = store.append(index, 1);
    if (pending !== undefined) await pending;
    times[index] = (performance.now() - start) * 1e6;
  }
  return percentilesOf(times);
}

/** Batches that one run makes, by their size: fewer than the disk would take long for. */
const BATCHES: Readonly<Record<number, number>> = { 1: 500, 100: 100, 1000: 40 };

/** Records a batch that are measured. */
export const BATCH_SIZES: readonly number[] = Object.keys(BATCHES).map(Number);

/** What one run of batches came to. */
export interface BatchRun {
  /** In nanoseconds a record. */
  readonly mean: number;
  /** In nanoseconds a batch. */
  readonly p50: number;
  readonly p99: number;
}

/** Appends batches that are on the disk before the next. The first round warms up. */
export async function measureBatches(
  contenders: readonly Contender[],
  batchRecords: number,
  rounds: number,
): Promise<Runs<BatchRun>[]> {
  const all = contenders.map((contender): Runs<BatchRun> => ({ contender, runs: [] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { contender, runs } of all) {
      const run = await withStore(contender, batchRecords, (store) => timeBatches(store, batchRecords));
      if (round > 0) runs.push(run);
    }
  }
  return all;
}

async function timeBatches(store: Store, batchRecords: number): Promise<BatchRun> {
  const times = new Float64Array(BATCHES[batchRecords]);
  for (let batch = 0; batch < times.length; batch += 1) {
    const start = performance.now();
    const isOne = batchRecords === 1;
    const pending = isOne ? store.append(batch, 1) : store.appendBatch(batch * batchRecords, batchRecords);
    if (pending !== undefined) await pending;
    times[batch] = (performance.now() - start) * 1e6;
  }
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length / batchRecords;
  const { p50, p99 } = percentilesOf(times);
  return { mean, p50, p99 };
}

async function withStore<Result>(
  contender: Contender,
  batchRecords: number,
  run: (store: Store, openMs: number, folder: string) => Result | Promise<Result>,
): Promise<Result> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    const start = performance.now();
    const store = await contender.open(folder, batchRecords);
    const openMs = performance.now() - start;
    const result = await run(store, openMs, folder);
    await store.close();
    return result;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function timeMs(run: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  const pending = run();
  if (pending !== undefined) await pending;
  return performance.now() - start;
}

/** The same for everybody: whatever is not on the disk yet goes there. */
function syncFiles(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const each = path.join(folder, entry.name);
    if (entry.isDirectory()) syncFiles(each);
    else if (entry.isFile()) syncFile(each);
  }
}

function syncFile(file: string): void {
  const descriptor = fs.openSync(file, 'r');
  fs.fdatasyncSync(descriptor);
  fs.closeSync(descriptor);
}
