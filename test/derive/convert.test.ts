import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { convertToFlightLog, convertToRingLog, type DerivationSource } from '../../src/derive/index.ts';
import { HEADER_BYTES, RECORD_BYTES } from '../../src/log/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { type PlannedEpoch, planReplay } from '../../src/replay/index.ts';
import { GOLDEN_NAMES, goldenLog } from '../cli/files.ts';
import {
  makeFlight,
  makeRing,
  observedIn,
  type RingBytes,
  recordsIn,
  ringSource,
  sourceOf,
  stories,
  toFlight,
  toRing,
} from './recordings.ts';

/** v1 → v2 → v1. */
function thereAndBack(bytes: RingBytes): { readonly flight: DerivationSource; readonly back: RingBytes } {
  const flight = sourceOf(makeFlight(convertToFlightLog(ringSource(bytes))));
  return { flight, back: makeRing(convertToRingLog(flight), flight) };
}

/** What a plan says of each epoch but for the numbers, which may be shifted. */
function judgedEpochs(source: DerivationSource) {
  const plan = planReplay({ log: source.log, ...(source.observations ? { observations: source.observations } : {}) });
  const epochs = plan.epochs.map(({ firstSequence: _, ...rest }: PlannedEpoch) => rest);
  return { epochs, startsFresh: plan.startsFresh, notes: plan.notes };
}

describe('v1 to v2 and back', () => {
  test.each(GOLDEN_NAMES)('%s comes back to the byte', (name) => {
    const log = new Uint8Array(readFileSync(goldenLog(name)));
    const { flight, back } = thereAndBack({ log, stream: undefined });
    expect(back.log).toEqual(log);
    expect(flight.log.lost).toBe(0);
    expect(flight.log.columns.length).toBe(ringSource({ log, stream: undefined }).log.columns.length);
  });

  test('whatever was recorded, the log comes back to the byte, and all that was observed comes back', () => {
    fc.assert(
      fc.property(stories({ withBefore: true }), (story) => {
        const bytes = toRing(story);
        const { flight, back } = thereAndBack(bytes);
        expect(back.log).toEqual(bytes.log);
        expect(observedIn(ringSource(back))).toEqual(observedIn(ringSource(bytes)));
        expect(recordsIn(ringSource(back))).toEqual(recordsIn(ringSource(bytes)));
        expect(flight.log.findings.filter(({ severity }) => severity !== 'information')).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('a plan for the new log judges every epoch as one for the old log does', () => {
    fc.assert(
      fc.property(stories({ withBefore: true }), (story) => {
        const old = ringSource(toRing(story));
        const flight = sourceOf(makeFlight(convertToFlightLog(old)));
        const [found, expected] = [judgedEpochs(flight), judgedEpochs(old)];
        expect(found.startsFresh).toBe(expected.startsFresh);
        if (story.before.length === 0 || !story.isObserved) expect(found).toEqual(expected);
        // Records from before the recording are never judged; how that is said may differ.
        const observed = ({ epochs }: typeof found) => epochs.filter((each) => each.observed !== undefined);
        const withoutIndex = (judged: typeof found) => observed(judged).map(({ index: _, ...rest }) => rest);
        expect(withoutIndex(found)).toEqual(withoutIndex(expected));
      }),
      { numRuns: 150 },
    );
  });

  test('what is damaged is missing in the new log too, and counted', () => {
    const damage = fc.array(fc.nat(39), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(stories(), damage, (story, positions) => {
        const { log, stream } = toRing(story);
        for (const position of positions) {
          log.set([1, 2, 3, 4], HEADER_BYTES + RECORD_BYTES * (position % story.capacity));
        }
        const old = ringSource({ log, stream });
        const derivation = convertToFlightLog(old);
        const flight = sourceOf(makeFlight(derivation));
        expect(derivation.report).toMatchObject({ recordsLost: old.log.lost, isIncomplete: true });
        expect(derivation.report.findings.map(({ kind }) => kind)).toContain('recordDamaged');
        expect(recordsIn(flight).map(({ sequence: _, ...rest }) => rest)).toEqual(
          recordsIn(old).map(({ sequence: _, ...rest }) => rest),
        );
        const gaps = (source: DerivationSource) =>
          Array.from({ length: old.log.columns.length + 1 }, (_, index) => source.log.lostBefore(index));
        expect(gaps(flight)).toEqual(gaps(old));
      }),
      { numRuns: 200 },
    );
  });

  test('what a v1 log never kept is not taken for zero', () => {
    const [timestampNs, args] = [5n, [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]];
    const record = { timestampNs, args, slotIndex: 0, tenantId: 0, opcode: 1, priority: Priority.NORMAL, epoch: 0 };
    const story = { capacity: 4, initialWords: [0, 0, 0, 0, 0], epochs: [], tail: [record], before: [] };
    const bare = { ...story, isObserved: false, isClosed: true };
    const derivation = convertToFlightLog(ringSource(toRing(bare)));
    expect(sourceOf(makeFlight(derivation)).log.hasWholeSlots).toBe(false);
    expect(derivation.report.notKept).toMatchObject([{ kind: 'argumentsUnknown', count: 1 }]);
    const observed = convertToFlightLog(ringSource(toRing({ ...bare, isObserved: true })));
    expect(sourceOf(makeFlight(observed)).log.hasWholeSlots).toBe(true);
    expect(observed.report.notKept).toEqual([]);
  });
});

describe('v2 to v1', () => {
  test('records and observations are the same, and a plan judges the same', () => {
    fc.assert(
      fc.property(stories(), fc.constantFrom(4_096, 65_536), (story, journalBytes) => {
        const flight = sourceOf(toFlight({ ...story, isObserved: true }, journalBytes));
        const derivation = convertToRingLog(flight);
        const ring = ringSource(makeRing(derivation, flight));
        expect(recordsIn(ring)).toEqual(recordsIn(flight));
        expect(judgedEpochs(ring)).toEqual(judgedEpochs(flight));
        expect(ring.log.lost).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('it says what version 1 has no room for', () => {
    fc.assert(
      fc.property(stories(), (story) => {
        const flight = sourceOf(toFlight({ ...story, isObserved: false }));
        const { draft, layout, report } = convertToRingLog(flight);
        const ring = ringSource(makeRing({ draft, layout, report }, flight));
        const records = recordsIn(flight);
        const count = (kind: string) => report.notKept.find((each) => each.kind === kind)?.count ?? 0;
        expect(count('priority')).toBe(records.filter(({ priority }) => priority !== Priority.NORMAL).length);
        expect(count('arguments')).toBe(records.filter(({ args }) => args.slice(4).some((each) => each !== 0)).length);
        expect(count('metadata')).toBe(5);
        expect(ring.log.startsFresh).toBe(flight.log.startsFresh);
        const kept = records.map(({ args, timestampNs, slotIndex }) => [args.slice(0, 4), timestampNs, slotIndex]);
        const found = recordsIn(ring).map(({ args, timestampNs, slotIndex }) => [
          args.slice(0, 4),
          timestampNs,
          slotIndex,
        ]);
        expect(found).toEqual(kept);
      }),
      { numRuns: 200 },
    );
  });
});
