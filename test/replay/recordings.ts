/** Recordings in memory, and backends that do what a test tells them to. */

import { type Awaitable, type Backend, type DrainReport, PublishError, type Slot } from '../../src/backend/index.ts';
import { type Kernel, kernelToJson, type SlotFault } from '../../src/kernel/index.ts';
import { RingLog, scanLogBytes } from '../../src/log/index.ts';
import {
  type ObservationLayout,
  ObservationReader,
  ObservationWriter,
  type ObservationWriterOptions,
} from '../../src/observe/index.ts';
import { recordedRingLog } from '../../src/reading/index.ts';
import { type RecordedEpoch, RecordingSession, type SlotRequest } from '../../src/record/index.ts';
import { type Recording, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage, type Storage, StorageError } from '../../src/storage/index.ts';
import { frameBounds } from '../observe/streams.ts';

/** The slots of an epoch each, without fences. */
export type Program = readonly (readonly SlotRequest[])[];

/** Both files of a recording, and what the session said while it made them. */
export interface RecordedRun {
  readonly log: Uint8Array;
  readonly stream: Uint8Array;
  /** With snapshots of their own. */
  readonly epochs: readonly RecordedEpoch[];
  readonly recordCount: number;
}

export interface RunOptions {
  /** Gives the session opcodes to check and fences to add. */
  readonly kernel?: Kernel;
  /** Of the log. Default 4,096 records. */
  readonly capacity?: number;
  /** Slots published after the last epoch, which is not ended: the writer was killed. */
  readonly unobserved?: readonly SlotRequest[];
  /** Whether epochs end with a fence; by default they do if there is a kernel. */
  readonly fence?: boolean;
  /** Dead bytes that the stream tolerates before it is rewritten. */
  readonly maxDeadBytes?: number;
  /** Epochs from one whole state in the stream to the next. */
  readonly keyframeInterval?: number;
  /** When the first slot was published. */
  readonly startNs?: bigint;
  /** A log that is there already and is appended to. */
  readonly onto?: Uint8Array;
  readonly overlapsObservations?: boolean;
}

/** A clock that ticks a microsecond a call, the same in every run. */
export function tickingClock(startNs = 1_700_000_000_000_000_000n): () => bigint {
  let now = startNs;
  return () => {
    now += 1_000n;
    return now;
  };
}

/** Records a program. The backend is started, not stopped. */
export async function recordRun(program: Program, backend: Backend, options: RunOptions = {}): Promise<RecordedRun> {
  const { kernel, capacity = 4_096, unobserved, fence, startNs, onto } = options;
  const logStorage = new MemoryStorage(onto?.slice());
  const log = RingLog.open(logStorage, capacity);
  const stream = new MemoryStorage();
  const metadata = {
    tool: 'test',
    kernel: kernel === undefined ? null : kernelToJson(kernel),
    layout: backend.layout,
    backend: { name: backend.name },
    log: { capacity: log.capacity, firstPosition: log.cursor },
  };
  let writer: ObservationWriter | undefined;
  const session = await RecordingSession.start(backend, {
    ...(kernel === undefined ? {} : { kernel }),
    log,
    observations: (words) => {
      writer = ObservationWriter.create(stream, metadata, words, writerOptions(options));
      return writer;
    },
    clock: tickingClock(startNs),
    overlapsObservations: options.overlapsObservations ?? false,
  });
  const epochs: RecordedEpoch[] = [];
  for (const [tag, slots] of program.entries()) {
    await session.publish(slots);
    const epoch = await session.endEpoch({ tag, ...(fence === undefined ? {} : { fence }) });
    epochs.push({ ...epoch, snapshot: epoch.snapshot.slice() });
  }
  session.finish();
  if (unobserved === undefined) writer?.close();
  else await session.publish(unobserved);
  return { log: logStorage.toBytes(), stream: stream.toBytes(), epochs, recordCount: session.recordCount };
}

function writerOptions({ maxDeadBytes, keyframeInterval }: RunOptions): ObservationWriterOptions {
  return {
    ...(maxDeadBytes === undefined ? {} : { maxDeadBytes }),
    ...(keyframeInterval === undefined ? {} : { keyframeInterval }),
  };
}

/** Where the frames of a kind are in an undamaged stream. */
export function framesOf(stream: Uint8Array, kind: number): { readonly start: number; readonly end: number }[] {
  const bounds = frameBounds(stream);
  const view = new DataView(stream.buffer);
  const frames = bounds.slice(0, -1).map((start, frame) => ({ start, end: bounds[frame + 1] }));
  return frames.filter(({ start }) => view.getUint32(start, true) === kind);
}

/** What a reader of the two files has; without a stream there are no observations. */
export function recordingOf({ log, stream }: { log: Uint8Array; stream?: Uint8Array }): Recording {
  const read = recordedRingLog(scanLogBytes(log));
  return stream === undefined
    ? { log: read }
    : { log: read, observations: ObservationReader.open(new MemoryStorage(stream)) };
}

/** The recording of a run as its log alone, as another runtime would have left it. */
export function logOnly({ log }: RecordedRun): Recording {
  return recordingOf({ log });
}

export type ReplayArguments = Parameters<typeof replayOn>;

/** Replays on backends one after the other. */
export async function replayOnAll(
  plan: ReplayArguments[0],
  backends: readonly Backend[],
  options: ReplayArguments[2] = {},
): Promise<Awaited<ReturnType<typeof replayOn>>[]> {
  const replays: Awaited<ReturnType<typeof replayOn>>[] = [];
  for (const backend of backends) {
    const baseline = replays.at(-1)?.baseline;
    replays.push(await replayOn(plan, backend, { ...options, ...(baseline === undefined ? {} : { baseline }) }));
  }
  return replays;
}

/** A runtime without a kernel: a slot adds its first and its sixth argument to the word that its opcode names. */
export class AddingBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout = { areas: [{ name: 'words', words: 4 }], regions: [] };
  readonly #words = new Uint32Array(4);
  #published: { readonly slotIndex: number; readonly word: number; readonly amount: number }[] = [];

  constructor(slotCount = 4, name = 'adding') {
    this.slotCount = slotCount;
    this.name = name;
  }

  start(): void {
    this.#words.fill(0);
    this.#published = [];
  }

  publish(slotIndex: number, { opcode, args }: Slot): void {
    const isFree = !this.#published.some((slot) => slot.slotIndex === slotIndex);
    if (slotIndex >= this.slotCount || !isFree) throw new PublishError(`slot ${slotIndex} is not free`, 'drain first.');
    this.#published.push({ slotIndex, word: opcode % 4, amount: (args[0] ?? 0) + (args[5] ?? 0) });
  }

  drain(): DrainReport {
    for (const { word, amount } of this.#published) this.#words[word] += amount;
    const done = this.#published.length;
    this.#published = [];
    return { done, pending: [], faults: [] };
  }

  observe(snapshot: Uint32Array): void {
    snapshot.set(this.#words);
  }

  restore(snapshot: Uint32Array): void {
    this.#words.set(snapshot);
    this.#published = [];
  }

  stop(): void {}
}

/** When a backend is called: in which replica, and how many epochs that replica has seen observed before. */
export interface Moment {
  readonly replica: number;
  readonly epoch: number;
}

/** What to do differently from the backend inside; whatever is thrown is thrown by the backend. */
export interface Disturbance {
  readonly name?: string;
  start?(moment: Moment): void;
  /** `'drop'`: the slot never reaches the backend inside. */
  publish?(moment: Moment, slotIndex: number, slot: Slot): 'drop' | undefined;
  drain?(moment: Moment, report: DrainReport): DrainReport;
  /** May change what was observed. */
  observe?(moment: Moment, snapshot: Uint32Array): void;
  restore?(moment: Moment): void;
  stop?(): void;
}

/** A backend that is right but for what it was told to do wrong. */
export class DisturbedBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord?: number;
  stopCount = 0;
  readonly #inner: Backend;
  readonly #disturbance: Disturbance;
  #replica = -1;
  #epoch = 0;

  constructor(inner: Backend, disturbance: Disturbance) {
    this.#inner = inner;
    this.#disturbance = disturbance;
    this.name = disturbance.name ?? 'disturbed';
    this.slotCount = inner.slotCount;
    this.layout = inner.layout;
    if (inner.epochWord !== undefined) this.epochWord = inner.epochWord;
  }

  start(): Awaitable<void> {
    this.#replica += 1;
    this.#epoch = 0;
    this.#disturbance.start?.(this.#moment());
    return this.#inner.start();
  }

  publish(slotIndex: number, slot: Slot): Awaitable<void> {
    if (this.#disturbance.publish?.(this.#moment(), slotIndex, slot) === 'drop') return;
    return this.#inner.publish(slotIndex, slot);
  }

  async drain(): Promise<DrainReport> {
    const report = await this.#inner.drain();
    return this.#disturbance.drain?.(this.#moment(), report) ?? report;
  }

  async observe(snapshot: Uint32Array): Promise<void> {
    await this.#inner.observe(snapshot);
    this.#disturbance.observe?.(this.#moment(), snapshot);
    this.#epoch += 1;
  }

  restore(snapshot: Uint32Array): Awaitable<void> {
    this.#disturbance.restore?.(this.#moment());
    return this.#inner.restore?.(snapshot);
  }

  async stop(): Promise<void> {
    this.stopCount += 1;
    await this.#inner.stop();
    this.#disturbance.stop?.();
  }

  #moment(): Moment {
    return { replica: this.#replica, epoch: this.#epoch };
  }
}

/** The same backend, every method of which answers later. */
export function answeringLater(inner: Backend): Backend {
  const later = async <T>(call: () => Awaitable<T>): Promise<T> => {
    await new Promise((resolve) => setImmediate(resolve));
    return call();
  };
  return {
    ...describing(inner),
    start: () => later(() => inner.start()),
    publish(slotIndex, slot) {
      // Borrowed: it has to be copied before the call returns.
      const copy = { ...slot, args: Array.from(slot.args) };
      return later(() => inner.publish(slotIndex, copy));
    },
    drain: () => later(() => inner.drain()),
    observe: (snapshot) => later(() => inner.observe(snapshot)),
    restore: (snapshot) => later(() => inner.restore?.(snapshot)),
    stop: () => later(() => inner.stop()),
  };
}

/** The same backend without `restore`. */
export function withoutRestore(inner: Backend): Backend {
  return {
    ...describing(inner),
    start: () => inner.start(),
    publish: (slotIndex, slot) => inner.publish(slotIndex, slot),
    drain: () => inner.drain(),
    observe: (snapshot) => inner.observe(snapshot),
    stop: () => inner.stop(),
  };
}

/** The same backend, which only the caller can stop: starting worker threads for every replay takes its time. */
export function keptRunning(inner: Backend): Backend {
  return {
    ...withoutRestore(inner),
    restore: (snapshot) => inner.restore?.(snapshot),
    stop: () => {},
  };
}

function describing({ name, slotCount, layout, epochWord }: Backend): {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord?: number;
} {
  return { name, slotCount, layout, ...(epochWord === undefined ? {} : { epochWord }) };
}

/** What a scripted backend shows after an epoch. */
export interface Show {
  /** The whole snapshot. */
  readonly words: readonly number[];
  readonly faults?: readonly SlotFault[];
  readonly pending?: readonly number[];
  /** Thrown by `drain`. */
  readonly error?: Error;
}

/** Shows what it is told to, for each replica and epoch, whatever slots it is given. Epochs are one drain each. */
export class ScriptedBackend implements Backend {
  readonly name: string;
  readonly slotCount = 8;
  readonly layout: ObservationLayout;
  /** The epochs that were run, a list a replica. */
  readonly epochsRun: number[][] = [];
  readonly #show: (replica: number, epoch: number) => Show;
  #published = 0;
  #epoch = 0;
  #shown: readonly number[] = [];

  constructor(name: string, layout: ObservationLayout, show: (replica: number, epoch: number) => Show) {
    this.name = name;
    this.layout = layout;
    this.#show = show;
  }

  start(): void {
    this.epochsRun.push([]);
    this.#shown = [];
    this.#published = 0;
  }

  /** The epoch is known by its slots: their first argument is its ordinal. */
  publish(_slotIndex: number, { args }: Slot): void {
    this.#epoch = args[0];
    this.#published += 1;
  }

  drain(): DrainReport {
    const show = this.#show(this.epochsRun.length - 1, this.#epoch);
    const { words, faults = [], pending = [], error } = show;
    if (error !== undefined) throw error;
    this.epochsRun.at(-1)?.push(this.#epoch);
    this.#shown = words;
    const done = this.#published - faults.length - pending.length;
    this.#published = 0;
    return { done, pending, faults };
  }

  observe(snapshot: Uint32Array): void {
    snapshot.set(this.#shown);
  }

  restore(): void {}

  stop(): void {}
}

/** A slot for each epoch, which names it. */
export function namedEpochs(count: number): Program {
  return Array.from({ length: count }, (_, epoch) => [{ opcode: 1, args: [epoch] }]);
}

/** Memory of which one call fails when it is told to. */
export class BreakingStorage extends MemoryStorage {
  #broken: 'write' | 'rename' | undefined;

  /** The next such call throws and does nothing. */
  breakNext(call: 'write' | 'rename'): void {
    this.#broken = call;
  }

  override writeAt(source: Uint8Array, position: number): void {
    this.#run('write', () => super.writeAt(source, position));
  }

  override replaceWith(write: (fresh: Storage) => void): void {
    this.#run('rename', () => super.replaceWith(write));
  }

  #run(call: 'write' | 'rename', run: () => void): void {
    if (this.#broken !== call) return run();
    this.#broken = undefined;
    throw new StorageError(call, this.label, Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
  }
}
