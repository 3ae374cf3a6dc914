/** A writer that wraps against followers that read as fast as they can, each in a thread of its own. */

import { Worker } from 'node:worker_threads';
import { flightLogBytes } from '../../../src/log-v2/index.ts';
import { CONTROL, COUNTS, HEAD } from './words.mjs';

export interface RaceOptions {
  readonly reads: number;
  readonly seed: number;
  readonly capacity: number;
  readonly followers: number;
  /** A file to be made, for followers that read it by calls; otherwise all share memory. */
  readonly file?: string;
  readonly access?: 'mapped' | 'plain';
  /** Whether the followers are such that look at no commit and no sum, and have to be caught. */
  readonly isCareless?: boolean;
  /** The build that the threads load, with a slash at the end. */
  readonly modules: string;
  readonly worker: string;
  readonly progress?: (reads: number) => void;
}

/** What came of it. Of a read: nothing was new, or a record was taken, or some are gone. */
export type RaceCounts = Readonly<Record<(typeof COUNTS)[number], number>>;

export interface RaceResult {
  /** Of all followers together. */
  readonly counts: RaceCounts;
  /** Records that were appended. */
  readonly head: number;
  /** A sentence about the first promise that was broken. */
  readonly broken: string | undefined;
}

const LOOK_MS = 50;

/** What a thread says. */
interface Message {
  readonly index: number;
  readonly next?: number;
  readonly torn?: number;
  readonly words?: readonly number[];
}

/** Runs until the followers have read so often, or wrongly, and has them all come to the end then. */
export async function runRace(options: RaceOptions): Promise<RaceResult> {
  const { seed, capacity, followers, reads, file, access = 'mapped', isCareless = false, modules, worker } = options;
  const memory = new SharedArrayBuffer(flightLogBytes({ capacity, metadata: { tool: 'test' } }));
  const control = new SharedArrayBuffer(4 * CONTROL.WORDS);
  const shared = new SharedArrayBuffer(8 * (HEAD + 1 + followers * COUNTS.length));
  const data = { modules, seed, capacity, memory, file, access, isCareless, control, counts: shared };
  const messages: Message[] = [];
  const threads = Array.from({ length: followers + 1 }, (_, index) => {
    const role = index === followers ? 'writer' : 'follower';
    const thread = new Worker(worker, { workerData: { ...data, role, index } });
    thread.on('message', (message: Message) => messages.push(message));
    return thread;
  });
  const ends = Promise.all(threads.map(ended));
  const words = new Int32Array(control);
  const counts = new Float64Array(shared);
  const timer = setInterval(() => {
    const done = sum(counts, followers);
    options.progress?.(done.reads);
    if (done.reads >= reads || done.wrong > 0) Atomics.store(words, CONTROL.STOP, 1);
  }, LOOK_MS);
  try {
    await ends;
  } finally {
    clearInterval(timer);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return { counts: sum(counts, followers), head: counts[HEAD], broken: brokenPromise(messages, counts, followers) };
}

function ended(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
  });
}

function countsOf(counts: Float64Array, index: number): RaceCounts {
  const start = HEAD + 1 + index * COUNTS.length;
  const entries = COUNTS.map((name, at) => [name, counts[start + at]] as const);
  return Object.fromEntries(entries) as Record<(typeof COUNTS)[number], number>;
}

function sum(counts: Float64Array, followers: number): RaceCounts {
  const each = Array.from({ length: followers }, (_, index) => countsOf(counts, index));
  const total = (name: (typeof COUNTS)[number]): number => each.reduce((so, one) => so + one[name], 0);
  const entries = COUNTS.map((name) => [name, total(name)] as const);
  return Object.fromEntries(entries) as Record<(typeof COUNTS)[number], number>;
}

function brokenPromise(messages: readonly Message[], counts: Float64Array, followers: number): string | undefined {
  const torn = messages.find((message) => message.torn !== undefined);
  if (torn !== undefined) return `follower ${torn.index} takes record ${torn.torn} with the words ${torn.words}`;
  const head = counts[HEAD];
  for (let index = 0; index < followers; index += 1) {
    const { reads, nothing, taken, laps, lapped, lost } = countsOf(counts, index);
    const next = messages.find((message) => message.index === index && message.next !== undefined)?.next;
    if (next !== head + 1) return `follower ${index} ends at ${next}, and record ${head} was the last`;
    if (lost > 0) return `follower ${index} calls ${lost} records lost, though the writer lost none`;
    if (taken + lapped !== head) return `follower ${index}: ${taken} taken and ${lapped} lapped of ${head}`;
    if (nothing + taken + laps !== reads) return `follower ${index} has ${reads} reads that came to something else`;
  }
  return undefined;
}
