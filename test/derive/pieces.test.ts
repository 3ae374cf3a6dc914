import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DerivationSource, mergeRecordings, type Range, trimRecording } from '../../src/derive/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import {
  epochsIn,
  makeFlight,
  observedIn,
  recordsIn,
  ringSource,
  type Story,
  sourceOf,
  stories,
  toFlight,
  toRing,
} from './recordings.ts';

/** A story as a recording of either version. */
const versions = fc.constantFrom<(story: Story) => DerivationSource>(
  (story) => sourceOf(toFlight(story)),
  (story) => ringSource(toRing(story)),
);

/** A range that has at least one of the records with numbers from `first` to `last`. */
function rangeWithin(first: number, last: number): fc.Arbitrary<Range> {
  return fc
    .tuple(fc.integer({ min: first, max: last }), fc.integer({ min: first, max: last }))
    .map(([one, other]) => ({ from: Math.min(one, other), until: Math.max(one, other) }));
}

const observedStories = stories().map((story) => ({ ...story, isObserved: true }));

function planOf({ log, observations }: DerivationSource) {
  return planReplay({ log, ...(observations === undefined ? {} : { observations }) });
}

describe('trim', () => {
  test('by numbers: the records are a slice under their numbers, and epochs that are whole stay as they were', () => {
    fc.assert(
      fc.property(observedStories, versions, fc.gen(), (story, open, gen) => {
        const source = open(story);
        const records = recordsIn(source);
        fc.pre(records.length > 0);
        const numbers = records.map(({ sequence }) => sequence ?? 0);
        const range = gen(rangeWithin, numbers[0], numbers[numbers.length - 1]);
        const piece = sourceOf(makeFlight(trimRecording(source, { records: range })));
        const isInside = (number: number) => number >= range.from && number <= range.until;
        expect(recordsIn(piece)).toEqual(records.filter(({ sequence }) => isInside(sequence ?? 0)));
        expect(piece.log.lost).toBe(0);
        const wanted = source.observations === undefined ? [] : epochsIn(source.observations);
        const whole = wanted.filter(
          ({ firstRecord, recordCount }) =>
            recordCount > 0 && isInside(firstRecord) && isInside(firstRecord + recordCount - 1),
        );
        const found = piece.observations === undefined ? [] : epochsIn(piece.observations);
        expect(found.filter(({ recordCount }) => recordCount > 0)).toEqual(whole);
      }),
      { numRuns: 120 },
    );
  });

  test('what a plan knows of a whole epoch it knows in the piece', () => {
    fc.assert(
      fc.property(observedStories, versions, fc.gen(), (story, open, gen) => {
        const source = open(story);
        const ordinals = [...new Set(planOf(source).epochs.map(({ ordinal }) => ordinal))];
        fc.pre(source.log.columns.length > 0 && ordinals.length > 0 && ordinals[0] >= 0);
        const range = gen(rangeWithin, ordinals[0], ordinals[ordinals.length - 1]);
        const isInside = (ordinal: number) => ordinal >= range.from && ordinal <= range.until;
        const old = planOf(source).epochs.filter(({ ordinal }) => isInside(ordinal));
        fc.pre(old.some(({ firstRecord, endRecord }) => firstRecord < endRecord));
        const piece = sourceOf(makeFlight(trimRecording(source, { epochs: range })));
        const plan = planOf(piece);
        const facts = (epochs: typeof plan.epochs) =>
          epochs
            .filter(({ observed, firstRecord, endRecord }) => observed !== undefined && firstRecord < endRecord)
            .map(({ ordinal, deviceEpoch, firstSequence, isReplayable, unknownReasons, pendingBefore }) => [
              ...[ordinal, deviceEpoch, firstSequence, isReplayable, unknownReasons],
              // The epoch before the first one is not in the piece any more.
              ordinal === old[0].ordinal ? 0 : pendingBefore,
            ]);
        expect(facts(plan.epochs)).toEqual(facts(old));
        expect(plan.notes.join()).not.toMatch(/lost/);
      }),
      { numRuns: 120 },
    );
  });

  test('by time and by EPOCH, where nothing was observed', () => {
    fc.assert(
      fc.property(stories(), fc.gen(), (story, gen) => {
        const source = sourceOf(toFlight({ ...story, isObserved: false }));
        const records = recordsIn(source);
        fc.pre(records.length > 0);
        const [one, other] = [gen(fc.constantFrom, ...records), gen(fc.constantFrom, ...records)];
        const [early, late] = one.timestampNs <= other.timestampNs ? [one, other] : [other, one];
        const times = { fromNs: early.timestampNs, untilNs: late.timestampNs };
        const byTime = sourceOf(makeFlight(trimRecording(source, { times })));
        const inTime = records.filter(({ timestampNs }) => timestampNs >= times.fromNs && timestampNs <= times.untilNs);
        expect(recordsIn(byTime)).toEqual(inTime);
        const epochs = { from: Math.min(one.epoch, other.epoch), until: Math.max(one.epoch, other.epoch) };
        const byEpoch = sourceOf(makeFlight(trimRecording(source, { epochs })));
        expect(recordsIn(byEpoch)).toEqual(
          records.filter(({ epoch }) => epoch >= epochs.from && epoch <= epochs.until),
        );
        const last = sourceOf(makeFlight(trimRecording(source, { lastEpochs: 2 })));
        const lastTwo = [...new Set(records.map(({ epoch }) => epoch))].slice(-2);
        expect(recordsIn(last)).toEqual(records.filter(({ epoch }) => lastTwo.includes(epoch)));
      }),
      { numRuns: 120 },
    );
  });

  test('what is lost inside is missed, what is lost outside is not', () => {
    fc.assert(
      fc.property(observedStories, fc.gen(), (story, gen) => {
        const { log, stream } = toRing(story);
        const whole = ringSource({ log, stream });
        const numbers = recordsIn(whole).map(({ sequence }) => sequence ?? 0);
        fc.pre(numbers.length > 2);
        const gone = gen(fc.constantFrom, ...numbers);
        const position = whole.log.columns.position[numbers.indexOf(gone)];
        log[32 + 64 * position] ^= 0xff;
        const range = gen(rangeWithin, numbers[0], numbers[numbers.length - 1]);
        fc.pre(numbers.some((number) => number !== gone && number >= range.from && number <= range.until));
        const derivation = trimRecording(ringSource({ log, stream }), { records: range });
        const lost = gone >= range.from && gone <= range.until ? 1 : 0;
        expect(derivation.report).toMatchObject({ recordsLost: lost, isIncomplete: lost === 1 });
        expect(sourceOf(makeFlight(derivation)).log.lost).toBe(lost);
      }),
      { numRuns: 100 },
    );
  });

  test('a piece of nothing is refused', () => {
    const [story] = fc.sample(observedStories, { numRuns: 1, seed: 1 });
    const source = sourceOf(toFlight(story));
    expect(() => trimRecording(source, { records: { from: 5_000, until: 6_000 } })).toThrow(/has no record.*Fix: /s);
    expect(() => trimRecording(source, { epochs: { from: 500, until: 600 } })).toThrow(/has no record.*Fix: /s);
    expect(() => trimRecording(source, { times: { fromNs: 0n, untilNs: 1n } })).toThrow(/has no record.*Fix: /s);
  });
});

describe('merge of pieces', () => {
  test('is what they were cut from, in whatever order they are named', () => {
    fc.assert(
      fc.property(observedStories, versions, fc.gen(), (story, open, gen) => {
        const source = open(story);
        const plan = planOf(source).epochs.filter(({ firstRecord, endRecord }) => firstRecord < endRecord);
        fc.pre(plan.length > 0 && source.observations !== undefined);
        const first = recordsIn(source)[0].sequence ?? 1;
        const last = recordsIn(source)[source.log.columns.length - 1].sequence ?? 1;
        const starts = plan.map(({ firstSequence }) => firstSequence);
        const cuts = [first, ...gen(fc.subarray<number>, starts).filter((start) => start > first), last + 1];
        const pieces = cuts.slice(1).map((end, index) => {
          const records = { from: cuts[index], until: end - 1 };
          return sourceOf(makeFlight(trimRecording(source, { records })), undefined, `piece ${index}`);
        });
        const shuffled = gen(fc.shuffledSubarray<DerivationSource>, pieces, { minLength: pieces.length });
        const merged = mergeRecordings(shuffled);
        const back = sourceOf(makeFlight(merged));
        expect(merged.order).toBe('pieces');
        expect(recordsIn(back)).toEqual(recordsIn(source));
        expect(back.log.lost).toBe(0);
        // Epochs without records next to a cut belong to neither side.
        const withRecords = ({ observations }: DerivationSource) =>
          observations === undefined ? [] : epochsIn(observations).filter(({ recordCount }) => recordCount > 0);
        const oldest = first;
        const facts = (each: DerivationSource) =>
          withRecords(each)
            .filter(({ firstRecord }) => firstRecord >= oldest)
            .map(({ before: _, ...rest }) => rest);
        expect(facts(back)).toEqual(facts(source));
      }),
      { numRuns: 120 },
    );
  });

  test('cut by epochs they have all that was observed', () => {
    fc.assert(
      fc.property(observedStories, fc.gen(), (story, gen) => {
        const source = sourceOf(toFlight({ ...story, capacity: 64 }));
        fc.pre(source.log.columns.length > 0 && source.observations?.epochCount !== 0);
        const withRecords = planOf(source).epochs.filter(({ firstRecord, endRecord }) => firstRecord < endRecord);
        const starts = gen(fc.subarray<number>, [...new Set(withRecords.slice(1).map(({ ordinal }) => ordinal))]);
        const cuts = [0, ...starts.filter((ordinal) => ordinal > 0), Number.MAX_SAFE_INTEGER];
        const pieces = cuts.slice(1).map((end, index) => {
          const epochs = { from: cuts[index], until: end - 1 };
          return sourceOf(makeFlight(trimRecording(source, { epochs })), undefined, `piece ${index}`);
        });
        const back = sourceOf(makeFlight(mergeRecordings(pieces)));
        expect(observedIn(back)).toEqual(observedIn(source));
        expect(recordsIn(back)).toEqual(recordsIn(source));
      }),
      { numRuns: 150 },
    );
  });

  test('pieces that overlap are refused, whatever they hold', () => {
    const [story] = fc.sample(
      observedStories.filter(
        ({ epochs, capacity }) => capacity > 20 && epochs.flatMap((each) => each.records).length > 5,
      ),
      { numRuns: 1, seed: 2 },
    );
    const source = sourceOf(toFlight(story));
    const [one, other] = [
      { from: 1, until: 3 },
      { from: 3, until: 5 },
    ].map((records) => sourceOf(makeFlight(trimRecording(source, { records }))));
    expect(() => mergeRecordings([one, other])).toThrow(/both have records 3 to 3.*Fix: /s);
    expect(() => mergeRecordings([source, source])).toThrow(/Fix: /);
  });

  test('a piece that is not there is missed', () => {
    const [story] = fc.sample(
      observedStories.filter(
        ({ epochs, capacity }) => capacity > 20 && epochs.flatMap((each) => each.records).length > 5,
      ),
      { numRuns: 1, seed: 2 },
    );
    const source = sourceOf(toFlight(story));
    const pieces = [
      { from: 1, until: 2 },
      { from: 5, until: 5 },
    ].map((records) => sourceOf(makeFlight(trimRecording(source, { records }))));
    const merged = mergeRecordings(pieces);
    expect(merged.report).toMatchObject({ recordsLost: 2, isIncomplete: true, notKept: [{ kind: 'gap', count: 2 }] });
    expect(sourceOf(makeFlight(merged)).log.loss).toMatchObject({ missing: 2, lost: 2 });
  });
});

describe('merge of recordings', () => {
  test('is a stable sort by time, of records only', () => {
    const many = fc.array(fc.tuple(stories(), versions), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(many, (told) => {
        const sources = told.map(([story, open], index) => {
          const source = open(story);
          return { ...source, label: `log ${index}` };
        });
        const identities = new Set(sources.map(({ log }, index) => `${log.format} ${index}`));
        fc.pre(identities.size === sources.length);
        // All stories have the same name and time of making: as recordings they are told apart by their layout here.
        const apart = sources.map((source, index) => withNote(source, index));
        const merged = mergeRecordings(apart);
        const back = sourceOf(makeFlight(merged));
        const all = sources.flatMap((source) => recordsIn(source).map(({ sequence: _, ...rest }) => rest));
        const sorted = [...all].sort((left, right) => Number(left.timestampNs - right.timestampNs));
        expect(recordsIn(back).map(({ sequence: _, ...rest }) => rest)).toEqual(sorted);
        expect(recordsIn(back).map(({ sequence }) => sequence)).toEqual(sorted.map((_, index) => index + 1));
        expect(back.observations).toBeUndefined();
        expect(back.log.startsFresh).toBe(false);
        expect(merged.order).toBe('recordings');
      }),
      { numRuns: 100 },
    );
  });
});

/** The same recording under an identity of its own. */
function withNote(source: DerivationSource, index: number): DerivationSource {
  const metadata = { ...(source.log.metadata ?? { tool: 'told 1' }), recording: `recording ${index}` };
  return { ...source, log: { ...source.log, metadata } };
}
