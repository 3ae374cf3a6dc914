/** Random recordings in both versions, in memory, and what is in a recording as plain data. */

import fc from 'fast-check';
import {
  type Derivation,
  type DerivationSource,
  fillFlightLog,
  fillRingLog,
  fillStream,
  flightOptionsOf,
  type RingDerivation,
} from '../../src/derive/index.ts';
import { columnsOf, type LogRecord, RingLog } from '../../src/log/index.ts';
import { FlightLog, type FlightLogOptions, flightLogBytes, type Id, MemoryMedium } from '../../src/log-v2/index.ts';
import {
  type EpochObservation,
  type FaultEntry,
  type ObservationLayout,
  ObservationReader,
  type Observations,
  ObservationWriter,
  type ObservedEpoch,
  resolveLayout,
} from '../../src/observe/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { knownArguments, readLog } from '../../src/reading/index.ts';
import { JournalObservations, RecordsDigest } from '../../src/record/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';

/** A record with all that its slot had. */
export interface ToldRecord {
  readonly timestampNs: bigint;
  readonly slotIndex: number;
  readonly tenantId: number;
  readonly opcode: number;
  readonly priority: number;
  readonly args: readonly number[];
  readonly epoch: number;
}

interface ToldEpoch {
  readonly records: readonly ToldRecord[];
  readonly words: readonly number[];
  readonly pending: number;
  readonly faults: EpochObservation['faults'];
  /** Its drain failed, so nobody saw what came of it. */
  readonly isSpoiled: boolean;
}

/** What a session published and saw. */
export interface Story {
  readonly capacity: number;
  readonly initialWords: readonly number[];
  readonly epochs: readonly ToldEpoch[];
  /** Published, and never seen to drain. */
  readonly tail: readonly ToldRecord[];
  readonly isObserved: boolean;
  readonly isClosed: boolean;
  /** v1 only: records that were in the log before. */
  readonly before: readonly ToldRecord[];
}

export const LAYOUT: ObservationLayout = {
  areas: [{ name: 'control', words: 5 }],
  regions: [{ name: 'bag', area: 'control', start: 1, count: 2, equivalence: 'multiset' }],
};
const KERNEL = { name: 'told', opcodes: [] };
const { NORMAL } = Priority;
const ID: Id = [7, 8, 9, 10];

const word = fc.oneof(fc.nat(5), fc.constantFrom(0xffff_ffff, 0x8000_0000));
const args = fc
  .tuple(
    fc.array(word, { minLength: 4, maxLength: 4 }),
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(word, { maxLength: 8 })),
  )
  .map(([first, rest]) => Array.from({ length: 12 }, (_, index) => [...first, ...rest][index] ?? 0));
const bare = fc.record({
  ticks: fc.nat(3),
  slotIndex: fc.nat(6),
  tenantId: fc.nat(3),
  opcode: fc.constantFrom(1, 2, 7, 0x4000_0000),
  priority: fc.oneof({ weight: 4, arbitrary: fc.constant(NORMAL) }, fc.nat(3)),
  args,
});
const words = fc.array(word, { minLength: 5, maxLength: 5 });
const fault = fc.record({
  slotIndex: fc.nat(6),
  opcode: fc.nat(9),
  code: fc.nat(9),
  detail: fc.array(word, { maxLength: 2 }),
});
const epoch = fc.record({
  records: fc.array(bare, { maxLength: 5 }),
  words,
  pending: fc.nat(1),
  faults: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(fault, { maxLength: 2 })),
  isSpoiled: fc.nat(9).map((die) => die === 0),
});

const START_NS = 1_700_000_000_000_000_000n;

/** Stories; those of a session that had a log to itself unless `constraints` say otherwise. */
export function stories(constraints: { readonly withBefore?: boolean } = {}): fc.Arbitrary<Story> {
  return fc
    .record({
      capacity: fc.integer({ min: 1, max: 40 }),
      initialWords: words,
      epochs: fc.array(epoch, { maxLength: 8 }),
      tail: fc.array(bare, { maxLength: 3 }),
      isObserved: fc.boolean(),
      isClosed: fc.boolean(),
      before: fc.array(bare, { maxLength: constraints.withBefore === true ? 6 : 0 }),
    })
    .map((drawn) => {
      let now = START_NS;
      const tell = ({ ticks, ...rest }: (typeof drawn.tail)[number], epochWord: number) => {
        now += BigInt(ticks);
        return { ...rest, timestampNs: now, epoch: epochWord };
      };
      const before = drawn.before.map((each) => tell(each, 9));
      const epochs = drawn.epochs.map((each, index) => ({
        ...each,
        records: each.records.map((one) => tell(one, index)),
      }));
      // A log holds more than what was published after the last epoch that somebody saw.
      const unseen = epochs.slice(epochs.findLastIndex(({ isSpoiled }) => !isSpoiled) + 1);
      const unseenRecords = unseen.reduce((sum, { records }) => sum + records.length, 0);
      const capacity = Math.max(drawn.capacity, unseenRecords + 1);
      const tail = drawn.tail.slice(0, capacity - 1 - unseenRecords).map((each) => tell(each, drawn.epochs.length));
      return { ...drawn, capacity, before, epochs, tail };
    });
}

interface Sink {
  rest(sequence: number, record: ToldRecord): void;
  append(record: ToldRecord): void;
  epoch(observation: EpochObservation): void;
}

/** Goes through a story as a session does. */
function tellTo(story: Story, sink: Sink): void {
  let next = 1;
  const publish = (records: readonly ToldRecord[]): void => {
    for (const [index, record] of records.entries()) sink.rest(next + index, record);
    for (const record of records) sink.append(record);
    next += records.length;
  };
  for (const [ordinal, { records, words: seen, pending, faults, isSpoiled }] of story.epochs.entries()) {
    const firstRecord = next;
    publish(records);
    if (isSpoiled) continue;
    sink.epoch({
      ordinal,
      deviceEpoch: ordinal,
      firstRecord,
      recordCount: records.length,
      done: records.length,
      faulted: faults?.length ?? 0,
      pending,
      faultDigest: [faults?.length ?? 0, 0],
      recordsDigest: digestOf(records),
      words: Uint32Array.from(seen),
      ...(faults === undefined ? {} : { faults }),
    });
  }
  publish(story.tail);
}

function digestOf(records: readonly ToldRecord[]) {
  const digest = new RecordsDigest();
  const columns = columnsOf(records.map(shortOf));
  for (let index = 0; index < columns.length; index += 1) digest.addFromColumns(columns, index);
  return digest.take();
}

/** A v1 recording as bytes. */
export interface RingBytes {
  readonly log: Uint8Array;
  readonly stream: Uint8Array | undefined;
}

export function toRing(story: Story): RingBytes {
  const storage = new MemoryStorage();
  const log = RingLog.open(storage, story.capacity);
  log.appendMany(story.before.map(shortOf));
  const stream = new MemoryStorage();
  const firstPosition = log.cursor;
  const metadata = {
    tool: 'told 1',
    createdAt: '2026-01-31T12:00:00.000Z',
    kernel: KERNEL,
    layout: LAYOUT,
    backend: { name: 'told' },
    log: { capacity: story.capacity, ...(firstPosition === 0 ? {} : { firstPosition }) },
  };
  const options = { maxDeadBytes: 200, keyframeInterval: 3, initialMemory: Uint32Array.of(5, 6) };
  const writer = ObservationWriter.create(stream, metadata, Uint32Array.from(story.initialWords), options);
  let count = 0;
  tellTo(story, {
    rest(sequence, { priority, args: all }) {
      const hasRest = priority !== NORMAL || all.slice(4).some((each) => each !== 0);
      if (hasRest) writer.appendSlotRest({ sequence, priority, arguments: all.slice(4) });
    },
    append(record) {
      log.append(shortOf(record));
      count += 1;
    },
    epoch(observation) {
      writer.appendEpoch(observation);
      if (count > story.capacity) writer.dropBefore(count - story.capacity + 1);
    },
  });
  if (story.isClosed) writer.close();
  log.close();
  return { log: storage.toBytes(), stream: story.isObserved ? stream.toBytes() : undefined };
}

function shortOf({ timestampNs, slotIndex, tenantId, opcode, args: all, epoch: epochWord }: ToldRecord): LogRecord {
  return { timestampNs, slotIndex, tenantId, opcode, args: [all[0], all[1], all[2], all[3]], epoch: epochWord };
}

export function toFlight(story: Story, journalBytes = 65_536): Uint8Array {
  const options: FlightLogOptions = {
    capacity: story.capacity,
    journalBytes: story.isObserved ? journalBytes : 0,
    fileId: ID,
    metadata: {
      tool: 'told 1',
      createdAt: '2026-01-31T12:00:00.000Z',
      kernel: KERNEL,
      layout: LAYOUT,
      backend: { name: 'told' },
    },
  };
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(medium, options);
  const layout = resolveLayout(LAYOUT);
  const observed = story.isObserved
    ? new JournalObservations(log, layout, Uint32Array.from(story.initialWords), 3)
    : undefined;
  tellTo(story, {
    rest() {},
    append: (record) => log.append(record),
    epoch: (observation) => observed?.appendEpoch(observation),
  });
  if (story.isClosed) observed?.end();
  log.close();
  return medium.toBytes();
}

/** Opens what is in memory as a source. */
export function sourceOf(log: Uint8Array, stream?: Uint8Array, label = 'told'): DerivationSource {
  const read = readLog(new MemoryStorage(log.slice(), label));
  const observations =
    stream === undefined ? read.observations : ObservationReader.open(new MemoryStorage(stream.slice(), label));
  return { label, log: read, observations };
}

export function ringSource({ log, stream }: RingBytes): DerivationSource {
  return sourceOf(log, stream);
}

/** Makes the v2 log of a derivation. */
export function makeFlight({ draft }: Derivation): Uint8Array {
  const options = { ...flightOptionsOf(draft), fileId: ID };
  const medium = MemoryMedium.ofSize(flightLogBytes(options), { isMapped: false });
  const log = FlightLog.create(medium, options);
  fillFlightLog(log, draft);
  log.close();
  return medium.toBytes();
}

/** Makes the v1 log of a derivation. */
export function makeRing({ draft, layout }: RingDerivation, source: DerivationSource): RingBytes {
  const storage = new MemoryStorage();
  fillRingLog(storage, draft, layout);
  const header = source.observations?.header;
  if (header === undefined || draft.observed === undefined) return { log: storage.toBytes(), stream: undefined };
  const stream = new MemoryStorage();
  fillStream(stream, draft, draft.observed, header, layout);
  return { log: storage.toBytes(), stream: stream.toBytes() };
}

/** The records of a source with all that is known of them; numbers where it has some. */
export function recordsIn({ log, observations }: DerivationSource): (ToldRecord & { readonly sequence?: number })[] {
  const { columns, slotRests, sequences } = log;
  const alignment = sequences === undefined && observations !== undefined ? log.align(observations) : undefined;
  return Array.from({ length: columns.length }, (_, index) => {
    const { failure: _failure, ...record } = columns.record(index);
    const rest = alignment && observations?.slotRest(alignment.sequenceOf(index));
    const known = [
      ...knownArguments(columns, slotRests, index),
      ...(rest === undefined ? [] : [...asArray(rest.arguments)]),
    ];
    const number = sequences?.[index] ?? alignment?.sequenceOf(index);
    return {
      ...record,
      args: Array.from({ length: 12 }, (_each, at) => known[at] ?? 0),
      priority: slotRests?.priority(index) ?? rest?.priority ?? NORMAL,
      ...(number === undefined ? {} : { sequence: number }),
    };
  });
}

function asArray(values: ArrayLike<number>): number[] {
  return Array.from(values);
}

interface ObservedInFull extends ObservedEpoch {
  readonly words: Uint32Array | undefined;
  readonly before: Uint32Array | undefined;
  readonly faults: readonly FaultEntry[];
}

/** All that a source says was observed. */
export function observedIn({ observations }: DerivationSource): object | undefined {
  if (observations === undefined) return undefined;
  const { initialWords, initialOrdinal, initialMemory, cleanEnd, overwrittenEpochs, findings, layout } = observations;
  return {
    initialWords,
    initialOrdinal,
    initialMemory,
    cleanEnd,
    overwrittenEpochs,
    findings,
    layout: layout.source,
    epochs: epochsIn(observations),
  };
}

export function epochsIn(observations: Observations): readonly ObservedInFull[] {
  return Array.from({ length: observations.epochCount }, (_, index) => ({
    ...observations.epoch(index),
    words: observations.wordsAfter(index),
    before: observations.wordsBefore(index),
    faults: observations.faults(index),
  }));
}
