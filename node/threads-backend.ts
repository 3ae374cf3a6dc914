/**
 * Worker threads over shared memory: real concurrency, so real races, without a GPU.
 *
 * Lanes are dealt over the workers one by one. Nothing orders the slots of an epoch, so their order is shuffled before
 * each drain: a schedule that always serves slot 3 before slot 4 would hide what depends on that.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  type Backend,
  BackendFaultError,
  checkDeadline,
  DEFAULT_DEADLINE_MS,
  type DrainReport,
  hangFault,
  KernelMachine,
  type Slot,
} from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import { RandomWords } from '../src/base/random.ts';
import { WORD_BYTES } from '../src/base/words.ts';
import { FAULT_WORDS, type Kernel, lowerToJavaScript, observationLayoutOf, planMemory } from '../src/kernel/index.ts';
import type { ObservationLayout } from '../src/observe/index.ts';
import { ControlWord, DEBUG_WORDS, SLOT_WORDS } from '../src/protocol/index.ts';

export interface ThreadsOptions {
  /** Default: one a core, at least 2 and at most 8. */
  readonly workerCount?: number;
  /** Of the shuffling; the same seed deals the same lanes, though never the same schedule. */
  readonly seed?: number;
  /** A drain that takes longer is a hang. Default 10,000. */
  readonly deadlineMs?: number;
}

/** Where in the control words what is; the worker is told, so that it needs no import. */
const word = { GENERATION: 0, ARRIVED: 1, MET: 2, FINISHED: 3, LANES: 4, STOP: 5, FAILED: 6 } as const;
const CONTROL_WORDS = 7;
const MESSAGE_BYTES = 2_048;
const MAX_WORKER_COUNT = 1_024;
/** A drain that takes longer is a reason to see whether the workers are still there. */
const LOOK_AFTER_MS = 200;

/** What the workers share with the host. Made anew with the workers, since a worker that hung may still write to it. */
interface Shared {
  readonly machine: KernelMachine;
  readonly lanes: Uint32Array;
  readonly control: Int32Array;
  readonly message: Uint8Array;
  readonly workers: readonly Worker[];
}

/** The same, as the workers get it. */
interface SharedBuffers {
  readonly memory: SharedArrayBuffer;
  readonly lanes: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly message: SharedArrayBuffer;
}

export class ThreadsBackend implements Backend {
  readonly name = 'threads';
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord: number = ControlWord.EPOCH;
  readonly workerCount: number;
  readonly seed: number;
  readonly #kernel: Kernel;
  readonly #program: string;
  readonly #deadlineMs: number;
  readonly #random: RandomWords;
  #shared: Shared | undefined;
  #starting: Promise<void> | undefined;
  /** Of workers that were given up in the middle of a drain, which cannot wait. */
  #ending: Promise<unknown> = Promise.resolve();

  /** @throws InputError if an option is out of range. */
  constructor(kernel: Kernel, options: ThreadsOptions = {}) {
    this.#kernel = kernel;
    this.#program = lowerToJavaScript(kernel, 'shared');
    this.#deadlineMs = checkDeadline(options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    this.workerCount = options.workerCount ?? Math.min(8, Math.max(2, availableParallelism()));
    checkWorkerCount(this.workerCount);
    this.seed = options.seed ?? (Math.random() * 2 ** 32) >>> 0;
    this.#random = new RandomWords(this.seed);
    this.slotCount = kernel.slotCount;
    this.layout = observationLayoutOf(kernel);
  }

  start(): void | Promise<void> {
    if (this.#shared !== undefined) return this.#shared.machine.reset();
    // Asked twice while the workers start, it must not start them twice.
    this.#starting ??= this.#spawn().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  publish(slotIndex: number, slot: Slot): void {
    this.#running().machine.publish(slotIndex, slot);
  }

  drain(): DrainReport {
    const { machine, lanes, control } = this.#running();
    const laneCount = machine.outstandingCount;
    if (laneCount === 0) return machine.collect();
    lanes.set(machine.outstanding.subarray(0, laneCount));
    this.#random.shuffle(lanes, laneCount);
    control[word.LANES] = laneCount;
    control[word.ARRIVED] = 0;
    control[word.MET] = 0;
    control[word.FINISHED] = 0;
    Atomics.add(control, word.GENERATION, 1);
    Atomics.notify(control, word.GENERATION);
    this.#waitForWorkers();
    return machine.collect();
  }

  observe(snapshot: Uint32Array): void {
    this.#running().machine.observe(snapshot);
  }

  restore(snapshot: Uint32Array): void {
    this.#running().machine.restore(snapshot);
  }

  async stop(): Promise<void> {
    // Why workers do not start is told to whoever started them.
    if (this.#starting !== undefined) await this.#starting.catch(() => {});
    const shared = this.#shared;
    if (shared !== undefined) {
      Atomics.store(shared.control, word.STOP, 1);
      Atomics.add(shared.control, word.GENERATION, 1);
      Atomics.notify(shared.control, word.GENERATION);
      this.#abandon();
    }
    await this.#ending;
  }

  #running(): Shared {
    if (this.#shared !== undefined) return this.#shared;
    throw new BackendFaultError(this.name, 'unavailable', 'it is not running', 'call start() first and wait for it.');
  }

  async #spawn(): Promise<void> {
    const buffers = shareMemory(this.#kernel);
    const workers = this.#startWorkers(buffers);
    await this.#untilAllReady(workers);
    // Only now: a worker that nobody waits for must not keep the process alive, one that starts up must.
    for (const worker of workers) {
      worker.unref();
      // The first answer is what later ones are reckoned from, and a worker that is gone has none.
      worker.performance.eventLoopUtilization();
    }
    const machine = new KernelMachine(this.#kernel, buffers.memory);
    machine.reset();
    this.#shared = {
      machine,
      lanes: new Uint32Array(buffers.lanes),
      control: new Int32Array(buffers.control),
      message: new Uint8Array(buffers.message),
      workers,
    };
  }

  #startWorkers(buffers: SharedBuffers): Worker[] {
    const { workerCount } = this;
    const views = viewsOf(this.#kernel);
    const tables = sharedTables(this.#kernel);
    const common = { program: this.#program, ...buffers, views, tables, word, workerCount };
    return Array.from({ length: workerCount }, (_, workerIndex) => {
      const workerData = { ...common, workerIndex };
      const name = `vrrl-lanes-${workerIndex}`;
      return new Worker(new URL('./threads-worker.js', import.meta.url), { workerData, name });
    });
  }

  async #untilAllReady(workers: readonly Worker[]): Promise<void> {
    try {
      await Promise.all(workers.map(untilReady));
    } catch (cause) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      const reason = cause instanceof Error ? cause.message : String(cause);
      const fix = 'see the cause; --backend reference needs no threads.';
      throw new BackendFaultError(this.name, 'crash', `a worker did not start: ${reason}`, fix, {}, { cause });
    }
  }

  /** Sleeps in this thread until the last worker is through: a wait that gave the loop a turn would cost more. */
  #waitForWorkers(): void {
    const { control, workers } = this.#running();
    const deadline = performance.now() + this.#deadlineMs;
    for (;;) {
      const finished = Atomics.load(control, word.FINISHED);
      if (Atomics.load(control, word.FAILED) !== 0) throw this.#failed();
      if (finished === this.workerCount) return;
      const left = deadline - performance.now();
      if (left <= 0) throw this.#hung(finished);
      const outcome = Atomics.wait(control, word.FINISHED, finished, Math.min(left, LOOK_AFTER_MS));
      if (outcome === 'timed-out' && workers.some(isGone)) throw this.#lost(finished);
    }
  }

  #hung(finished: number): BackendFaultError {
    this.#abandon();
    return hangFault(this.name, this.#deadlineMs, { workersFinished: finished, workersStarted: this.workerCount });
  }

  #failed(): BackendFaultError {
    const { message } = this.#running();
    // TextDecoder refuses shared memory.
    const text = new TextDecoder().decode(message.slice()).replace(/\0+$/, '');
    this.#abandon();
    const evidence = { lastWords: text, workersStarted: this.workerCount };
    return new BackendFaultError(
      this.name,
      'crash',
      `a worker failed: ${text}`,
      'report this with the kernel.',
      evidence,
    );
  }

  #lost(finished: number): BackendFaultError {
    const workersGone = this.#running().workers.filter(isGone).length;
    this.#abandon();
    const what = `${workersGone} of ${this.workerCount} workers ended without a word`;
    const fix = 'give the process more memory, or use fewer workers.';
    const evidence = { workersGone, workersFinished: finished, workersStarted: this.workerCount };
    return new BackendFaultError(this.name, 'crash', what, fix, evidence);
  }

  #abandon(): void {
    const workers = this.#shared?.workers ?? [];
    this.#shared = undefined;
    this.#ending = Promise.all([this.#ending, ...workers.map((worker) => worker.terminate())]);
  }
}

function checkWorkerCount(workerCount: number): void {
  if (!Number.isInteger(workerCount) || workerCount < 1 || workerCount > MAX_WORKER_COUNT) {
    const expected = `a whole number from 1 to ${MAX_WORKER_COUNT}`;
    throw new InputError(`workerCount is ${workerCount}, expected ${expected}`, 'leave it out for one a core.');
  }
}

function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', (status) => reject(new Error(`it ended with status ${status}`)));
  });
}

/**
 * Whether a worker has ended, asked without a turn of the loop, which would be needed to see its event. One that was
 * taken away, for want of memory say, runs no code of its own any more.
 *
 * That the idle time of a worker without an event loop is negative is what Node does (`Worker::LoopIdleTime`, seen in
 * 20.20), not what it documents. Should it stop doing so, such a worker is a hang when the deadline has passed.
 */
function isGone(worker: Worker): boolean {
  return worker.threadId === -1 || worker.performance.eventLoopUtilization().idle < 0;
}

function shareMemory(kernel: Kernel): SharedBuffers {
  return {
    memory: new SharedArrayBuffer(planMemory(kernel).totalBytes),
    lanes: new SharedArrayBuffer(kernel.slotCount * WORD_BYTES),
    control: new SharedArrayBuffer(CONTROL_WORDS * WORD_BYTES),
    message: new SharedArrayBuffer(MESSAGE_BYTES),
  };
}

function viewsOf(kernel: Kernel): { name: string; byteOffset: number; words: number }[] {
  const plan = planMemory(kernel);
  return [
    { name: 'ring', byteOffset: plan.ringByteOffset, words: kernel.slotCount * SLOT_WORDS },
    { name: 'control', byteOffset: plan.controlByteOffset, words: kernel.controlWords },
    { name: 'debug', byteOffset: plan.debugByteOffset, words: DEBUG_WORDS },
    { name: 'faults', byteOffset: plan.faultsByteOffset, words: kernel.slotCount * FAULT_WORDS },
  ];
}

/** Tables are copied into shared memory once, not once a worker. */
function sharedTables(kernel: Kernel): Record<string, Uint32Array> {
  return Object.fromEntries(
    kernel.tables.map((table) => {
      const shared = new Uint32Array(new SharedArrayBuffer(table.words.byteLength));
      shared.set(table.words);
      return [table.name, shared];
    }),
  );
}
