/** Short lives of a log, made up from a seed: appends, epochs, syncs, closes, kills, and what each of them stored. */

import { RandomWords } from '../../../src/base/random.ts';
import type { FlightEntry, FlightLog } from '../../../src/log-v2/index.ts';
import { FRAME_HEADER_BYTES, ObservationEncoder, resolveLayout } from '../../../src/observe/index.ts';
import { BrokenPromise } from './broken-promise.ts';
import { Ledger, type Promises } from './ledger.ts';
import { type Death, KilledError, TracedMedium, type TraceEvent } from './traced-medium.ts';

/** The room under test, or a variant of it. */
export type LogV2 = typeof import('../../../src/log-v2/index.ts');

/** What a history is like; all of it follows from the seed. */
export interface HistoryPlan {
  readonly seed: number;
  readonly capacity: number;
  readonly isMapped: boolean;
  readonly firstSequence: number;
  /** Of a snapshot. */
  readonly stateWords: number;
  readonly keyframeInterval: number;
}

/** What was done, and what was owed after each event. */
export interface History {
  readonly plan: HistoryPlan;
  readonly ledger: Ledger;
  /** What the medium held before the first event. */
  readonly initial: Uint8Array;
  readonly events: readonly TraceEvent[];
  readonly promises: readonly Promises[];
  /** Index of the event with which creation returned: there is no file of that name before. */
  readonly created: number;
  /** How often each kind of step was taken. */
  readonly steps: Readonly<Record<StepKind, number>>;
}

const STEP_WEIGHTS = { append: 30, batch: 8, slots: 8, epoch: 34, sync: 8, reopen: 4, kill: 2, killWithin: 8 } as const;
export type StepKind = keyof typeof STEP_WEIGHTS;

const JOURNAL_BYTES = 4096;
const FILE_ID = [0x1234_5678, 0x9abc_def0, 0x0fed_cba9, 0x8765_4321] as const;
const LEAST_WRAPS = 3;
/** Enough by far; a history that needs more does not get on. */
const MOST_STEPS = 2_000;

/** The history of a seed: every capacity from 1 to 8 on both kinds of media within 16 seeds. */
export function planHistory(seed: number): HistoryPlan {
  const random = new RandomWords(seed ^ 0x5eed);
  const bases = [1, 1, 2 ** 32 - 5, 1_000_003];
  return {
    seed,
    capacity: 1 + (seed % 8),
    isMapped: Math.floor(seed / 8) % 2 === 0,
    firstSequence: bases[random.below(bases.length)],
    // Two keyframe intervals of the largest frames fit, and what may be left free at the end.
    stateWords: 40 + random.below(60),
    keyframeInterval: 2 + random.below(2),
  };
}

/** Plays a history on a log, until records and journal have wrapped often enough. */
export function playHistory(log: LogV2, plan: HistoryPlan): History {
  const player = new HistoryPlayer(log, plan);
  while (!player.isDone) player.step();
  return player.history;
}

/** The layout of the snapshots of a history. */
export function layoutOf(stateWords: number): Parameters<typeof resolveLayout>[0] {
  return {
    areas: [{ name: 'control', words: stateWords }],
    regions: [{ name: 'half', area: 'control', start: 0, count: stateWords >>> 1, equivalence: 'exact' }],
  };
}

/** Words of every kind of field, with and without evidence. */
export function randomEntry(random: RandomWords): FlightEntry {
  const entry = {
    timestampNs: (BigInt(random.next()) << 32n) | BigInt(random.next()),
    slotIndex: random.next(),
    tenantId: random.below(4),
    opcode: random.next(),
    priority: random.below(5),
    args: Array.from({ length: random.below(13) }, () => random.next()),
    epoch: random.next(),
  };
  if (random.below(4) > 0) return entry;
  const failure = { slotStatus: 1 + random.below(9), failureClass: random.below(5), backendCode: random.next() };
  return { ...entry, failure: { ...failure, outputDigest: BigInt(random.next()) } };
}

class HistoryPlayer {
  readonly #log: LogV2;
  readonly #plan: HistoryPlan;
  readonly #random: RandomWords;
  readonly #ledger: Ledger;
  readonly #initial: Uint8Array;
  readonly #medium: TracedMedium;
  readonly #events: TraceEvent[] = [];
  readonly #promises: Promises[] = [];
  readonly #created: number;
  readonly #steps: Record<StepKind, number>;
  readonly #encoder: ObservationEncoder;
  readonly #state: Uint32Array;
  #flight: FlightLog;
  #stepCount = 0;
  #ordinal = 0;
  /** Records up to this one are covered by an epoch. */
  #covered: number;
  #hasInitialState = false;

  constructor(log: LogV2, plan: HistoryPlan) {
    const { capacity, firstSequence, isMapped, stateWords, keyframeInterval, seed } = plan;
    this.#log = log;
    this.#plan = plan;
    this.#random = new RandomWords(seed);
    this.#ledger = new Ledger(capacity, firstSequence, JOURNAL_BYTES);
    this.#state = Uint32Array.from({ length: stateWords }, () => this.#random.next());
    const layout = resolveLayout(layoutOf(stateWords));
    this.#encoder = new ObservationEncoder(layout, this.#state, [FILE_ID[0], FILE_ID[1]], { keyframeInterval });
    this.#covered = firstSequence - 1;
    this.#steps = { append: 0, batch: 0, slots: 0, epoch: 0, sync: 0, reopen: 0, kill: 0, killWithin: 0 };
    const metadata = { tool: 'crash test', layout: layoutOf(stateWords) };
    const options = { capacity, journalBytes: JOURNAL_BYTES, metadata, firstSequence, fileId: FILE_ID };
    this.#initial = new Uint8Array(log.flightLogBytes(options));
    this.#medium = new TracedMedium(this.#initial, isMapped, (event) => this.#take(event));
    this.#flight = log.FlightLog.create(this.#medium, options);
    this.#take({ kind: 'returned' });
    this.#created = this.#events.length - 1;
  }

  get isDone(): boolean {
    const { returned } = this.#ledger.promises;
    const { firstSequence, capacity, seed } = this.#plan;
    if (this.#stepCount > MOST_STEPS) throw new Error(`the history of seed ${seed} does not get on`);
    const recordsWrapped = returned - firstSequence + 1 > LEAST_WRAPS * capacity;
    return recordsWrapped && this.#ledger.journalProgress > LEAST_WRAPS * JOURNAL_BYTES;
  }

  get history(): History {
    return {
      plan: this.#plan,
      ledger: this.#ledger,
      initial: this.#initial,
      events: this.#events,
      promises: this.#promises,
      created: this.#created,
      steps: this.#steps,
    };
  }

  step(): void {
    const kind = this.#chooseKind();
    this.#steps[kind] += 1;
    this.#stepCount += 1;
    if (kind === 'kill') this.#recover();
    else if (kind === 'killWithin') this.#killWithin();
    else this.#takeStep(kind);
  }

  #chooseKind(): StepKind {
    const kinds = Object.entries(STEP_WEIGHTS) as [StepKind, number][];
    let left = this.#random.below(kinds.reduce((total, [, weight]) => total + weight, 0));
    for (const [kind, weight] of kinds) {
      if (left < weight) return kind;
      left -= weight;
    }
    return 'append';
  }

  /** The process dies within the step if that stores enough, and a new one takes over. */
  #killWithin(): void {
    const kinds = ['append', 'append', 'batch', 'slots', 'epoch', 'epoch', 'sync', 'reopen'] as const;
    this.#medium.dieAfter(this.#chooseDeath(6));
    try {
      this.#takeStep(kinds[this.#random.below(kinds.length)]);
      this.#medium.revive();
    } catch (error) {
      if (!(error instanceof KilledError)) throw error;
      this.#recover();
    }
  }

  #chooseDeath(mostStores: number): Death {
    return { stores: 1 + this.#random.below(mostStores), lastBytes: 4 * this.#random.below(40) };
  }

  #takeStep(kind: Exclude<StepKind, 'kill' | 'killWithin'>): void {
    switch (kind) {
      case 'append':
        return this.#append([randomEntry(this.#random)], (entries) => this.#flight.append(entries[0]));
      case 'batch': {
        const count = 2 + this.#random.below(Math.min(4, this.#plan.capacity + 1));
        const entries = Array.from({ length: count }, () => randomEntry(this.#random));
        return this.#append(entries, () => this.#flight.appendMany(entries));
      }
      case 'slots':
        return this.#appendSlots();
      case 'epoch':
        return this.#appendEpoch();
      case 'sync':
        this.#flight.sync();
        this.#ledger.returnSync();
        return this.#take({ kind: 'returned' });
      case 'reopen':
        this.#flight.close();
        return this.#open();
    }
  }

  /** As sessions do it. */
  #appendSlots(): void {
    const { timestampNs, epoch } = randomEntry(this.#random);
    const count = 1 + this.#random.below(Math.min(4, this.#plan.capacity + 1));
    const entries = Array.from({ length: count }, () => {
      const { slotIndex, tenantId, opcode, priority, args } = randomEntry(this.#random);
      return { timestampNs, slotIndex, tenantId, opcode, priority: priority ?? 0, args, epoch };
    });
    const slots = entries.map(({ slotIndex, opcode, tenantId, priority, args }) => {
      return { slotIndex, slot: { opcode, tenant: tenantId, priority, args } };
    });
    this.#append(entries, () => this.#flight.appendSlots(slots, timestampNs, epoch));
  }

  #append(entries: readonly FlightEntry[], append: (entries: readonly FlightEntry[]) => void): void {
    this.#ledger.startRecords(entries);
    append(entries);
    this.#ledger.returnRecords(entries.length);
    this.#take({ kind: 'returned' });
  }

  #appendEpoch(): void {
    if (!this.#hasInitialState) {
      this.#appendFrame(this.#encoder.initialState(0), 0);
      this.#hasInitialState = true;
      return;
    }
    const { returned } = this.#ledger.promises;
    for (let change = this.#random.below(12); change > 0; change -= 1) {
      this.#state[this.#random.below(this.#state.length)] = this.#random.next();
    }
    const [firstRecord, recordCount, words] = [this.#covered + 1, returned - this.#covered, this.#state.slice()];
    this.#ledger.epochs.set(this.#ordinal, { firstRecord, recordCount, words });
    const [none, counts] = [[0, 0] as const, { deviceEpoch: this.#ordinal, done: recordCount, faulted: 0, pending: 0 }];
    const facts = { ordinal: this.#ordinal, firstRecord, recordCount, faultDigest: none, recordsDigest: none };
    this.#appendFrame(this.#encoder.epoch({ ...facts, ...counts, words }, 0), returned);
    this.#acceptEpoch(returned);
  }

  #acceptEpoch(covered: number): void {
    this.#encoder.accept();
    this.#ordinal += 1;
    this.#covered = covered;
  }

  #appendFrame({ bytes, isKeyframe }: ReturnType<ObservationEncoder['epoch']>, newestRecord: number): void {
    const kind = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const payload = bytes.slice(FRAME_HEADER_BYTES);
    this.#ledger.startFrame({ bytes: bytes.length, kind, isBase: isKeyframe, payload, newestRecord });
    this.#flight.appendFrames(bytes);
    this.#ledger.returnFrame();
    this.#take({ kind: 'returned' });
  }

  /** New processes open the log until one survives that. */
  #recover(): void {
    for (;;) {
      this.#medium.revive();
      if (this.#random.below(4) === 0) this.#medium.dieAfter(this.#chooseDeath(8));
      try {
        this.#open();
        this.#medium.revive();
        return;
      } catch (error) {
        if (!(error instanceof KilledError)) throw error;
      }
    }
  }

  #open(): void {
    const { frameReturned } = this.#ledger.promises;
    this.#ledger.startRecovery();
    this.#flight = this.#log.FlightLog.open(this.#medium);
    const problem = this.#ledger.endRecovery(this.#flight.nextSequence, this.#flight.scan().journal.newestFrame);
    if (problem !== undefined) throw new BrokenPromise('numbersOnce', problem);
    if (this.#ledger.promises.frameReturned > frameReturned) this.#adoptFrame();
    this.#take({ kind: 'returned' });
  }

  /** The frame in flight had arrived after all. */
  #adoptFrame(): void {
    if (this.#hasInitialState)
      this.#acceptEpoch(this.#ledger.frames.get(this.#ledger.promises.frameReturned)?.newestRecord ?? 0);
    this.#hasInitialState = true;
  }

  #take(event: TraceEvent): void {
    if (event.kind === 'sync') this.#ledger.completeSync();
    this.#events.push(event);
    this.#promises.push(this.#ledger.promises);
  }
}
