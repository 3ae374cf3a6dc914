import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DerivationSource, type FilterSelection, filterRecording } from '../../src/derive/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import { epochsIn, makeFlight, recordsIn, ringSource, sourceOf, stories, toFlight, toRing } from './recordings.ts';

const range = fc.tuple(fc.nat(7), fc.nat(7)).map(([one, other]) => ({
  from: Math.min(one, other),
  until: Math.max(one, other),
}));
const ranges = fc.array(range, { minLength: 1, maxLength: 2 });
const START_NS = 1_700_000_000_000_000_000n;
const selections: fc.Arbitrary<FilterSelection> = fc.record(
  {
    epochs: ranges,
    tenants: ranges,
    opcodes: ranges,
    times: fc.tuple(fc.nat(40), fc.nat(40)).map(([from, more]) => ({
      fromNs: START_NS + BigInt(from),
      untilNs: START_NS + BigInt(from + more),
    })),
  },
  { requiredKeys: [] },
);

type Rows = ReturnType<typeof recordsIn>;

/** The model. Epochs of stories are numbered by EPOCH. */
function wanted({ epochs, tenants, opcodes, times }: FilterSelection, records: Rows): Rows {
  const isIn = (allowed: FilterSelection['epochs'], value: number) =>
    allowed === undefined || allowed.some(({ from, until }) => value >= from && value <= until);
  return records.filter(
    ({ epoch, tenantId, opcode, timestampNs }) =>
      isIn(epochs, epoch) &&
      isIn(tenants, tenantId) &&
      isIn(opcodes, opcode) &&
      (times === undefined || (timestampNs >= times.fromNs && timestampNs <= times.untilNs)),
  );
}

function bare(records: Rows) {
  return records.map(({ sequence: _, ...rest }) => rest);
}

/** Epochs that were not seen to drain would be counted otherwise than by EPOCH. */
const plainStories = stories().map((story) => ({
  ...story,
  epochs: story.epochs.map((epoch) => ({ ...epoch, isSpoiled: false })),
}));

function planOf({ log, observations }: DerivationSource) {
  return planReplay({ log, ...(observations === undefined ? {} : { observations }) });
}

describe('filter', () => {
  test('is Array.filter, with numbers one after the other and nothing lost', () => {
    fc.assert(
      fc.property(plainStories, selections, fc.boolean(), (story, selection, isFlight) => {
        const source = isFlight ? sourceOf(toFlight(story)) : ringSource(toRing(story));
        const expected = wanted(selection, recordsIn(source));
        if (expected.length === 0) {
          expect(() => filterRecording(source, selection)).toThrow(/has no record that fits.*Fix: /s);
          return;
        }
        const derivation = filterRecording(source, selection);
        const filtered = sourceOf(makeFlight(derivation));
        const found = recordsIn(filtered);
        expect(bare(found)).toEqual(bare(expected));
        const first = found[0].sequence ?? 0;
        expect(found.map(({ sequence }) => sequence)).toEqual(found.map((_, index) => first + index));
        expect(derivation.report).toMatchObject({ recordsLost: 0, isIncomplete: false, recordsWritten: found.length });
        expect(filtered.log.lost).toBe(0);
        const said = planOf(filtered).epochs.flatMap(({ unknownReasons }) => unknownReasons);
        expect(said.filter((reason) => / are lost| not in the log/.test(reason))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('an observation is kept only of an epoch that lost no record, with the state that it started from', () => {
    fc.assert(
      fc.property(plainStories, selections, (story, selection) => {
        const source = sourceOf(toFlight({ ...story, isObserved: true, capacity: 64 }));
        const records = recordsIn(source);
        fc.pre(wanted(selection, records).length > 0);
        const filtered = sourceOf(makeFlight(filterRecording(source, selection)));
        const old = source.observations === undefined ? [] : epochsIn(source.observations);
        const kept = new Set(wanted(selection, records).map(({ sequence }) => sequence));
        const isWhole = ({ firstRecord, recordCount }: (typeof old)[number]) =>
          Array.from({ length: recordCount }, (_, index) => firstRecord + index).every((number) => kept.has(number));
        const found = filtered.observations === undefined ? [] : epochsIn(filtered.observations);
        for (const epoch of found) {
          const same = old.find(({ ordinal }) => ordinal === epoch.ordinal);
          expect(same && isWhole(same)).toBe(true);
          expect({ ...epoch, firstRecord: 0 }).toEqual({ ...same, firstRecord: 0 });
        }
        // They follow each other, and a plan can judge each of them.
        expect(found.map(({ ordinal }) => ordinal)).toEqual(found.map((_, index) => found[0].ordinal + index));
        const judged = planOf(filtered).epochs.filter(
          ({ observed, firstRecord, endRecord }) => observed !== undefined && firstRecord < endRecord,
        );
        for (const { ordinal, isReplayable } of judged) {
          expect([ordinal, isReplayable]).toEqual([ordinal, true]);
        }
        if (old.some((each) => each.recordCount > 0 && isWhole(each))) expect(found).not.toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('what is lost and may have fitted counts, in its place', () => {
    const tenants = [{ from: 0, until: 7 }];
    fc.assert(
      fc.property(plainStories, fc.nat(39), (story, die) => {
        const { log, stream } = toRing({ ...story, isObserved: true });
        const numbers = recordsIn(ringSource({ log, stream })).map(({ sequence }) => sequence ?? 0);
        fc.pre(numbers.length > 1);
        const gone = die % numbers.length;
        const whole = ringSource({ log, stream });
        const { epoch } = recordsIn(whole)[gone];
        log[32 + 64 * whole.log.columns.position[gone]] ^= 0xff;
        const damaged = ringSource({ log, stream });
        const all = filterRecording(damaged, { tenants });
        expect(all.report).toMatchObject({ recordsLost: 1, isIncomplete: true });
        const filtered = sourceOf(makeFlight(all));
        expect(filtered.log.lost).toBe(1);
        expect(recordsIn(filtered)).toEqual(recordsIn(damaged));
        const others = [
          ...(epoch === 0 ? [] : [{ from: 0, until: epoch - 1 }]),
          { from: epoch + 1, until: Number.MAX_SAFE_INTEGER },
        ];
        // Where observations say which epoch it was of, it is known not to be wanted.
        fc.pre(recordsIn(damaged).some((each) => each.epoch !== epoch));
        expect(filterRecording(damaged, { epochs: others }).report).toMatchObject({ recordsLost: 0 });
      }),
      { numRuns: 100 },
    );
  });

  test('epochs apart from the longest run keep their records and lose their observations, and the report says so', () => {
    const [story] = fc.sample(
      plainStories.filter(({ epochs }) => {
        const counts = epochs.map(({ records }) => records.length);
        return counts.length > 4 && !counts.includes(0) && counts[1] + counts[2] > counts[4];
      }),
      { numRuns: 1, seed: 3 },
    );
    const source = sourceOf(toFlight({ ...story, isObserved: true, capacity: 64 }));
    const epochs = [
      { from: 1, until: 2 },
      { from: 4, until: 4 },
    ];
    const { draft, report } = filterRecording(source, { epochs });
    const filtered = sourceOf(makeFlight({ draft, report }));
    expect(filtered.observations && epochsIn(filtered.observations).map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(new Set(recordsIn(filtered).map(({ epoch }) => epoch))).toEqual(new Set([1, 2, 4]));
    expect(report.notKept).toMatchObject([
      { kind: 'filteredEpochs', count: story.epochs.length - 3 },
      { kind: 'detachedEpochs', count: 1 },
    ]);
  });
});
