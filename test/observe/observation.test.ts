import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/base/errors.ts';
import {
  compareSnapshots,
  digestSnapshot,
  hasOverflowed,
  type ObservationLayout,
  type Region,
  type ResolvedLayout,
  resolveLayout,
  wordName,
} from '../../src/observe/index.ts';
import { below, nextWords, randomLayout, randomWords, seededRandom } from './streams.ts';

const areas = [
  { name: 'control', words: 10 },
  { name: 'debug', words: 9 },
];

function layoutOf(...regions: Region[]): ObservationLayout {
  return { areas, regions };
}

const prints: Region = {
  name: 'prints',
  area: 'debug',
  start: 1,
  count: 8,
  equivalence: 'multiset',
  recordWords: 2,
  usedWordsAt: 0,
};

describe('resolveLayout', () => {
  it('fills gaps with exact regions named after the area, in the order of the snapshot', () => {
    const layout = resolveLayout(
      layoutOf(prints, { name: 'counters', area: 'control', start: 3, count: 2, equivalence: 'ignored' }),
    );
    expect(layout.snapshotWords).toBe(19);
    expect(layout.regions.map(({ name, start, count, equivalence }) => [name, start, count, equivalence])).toEqual([
      ['control[0..2]', 0, 3, 'exact'],
      ['counters', 3, 2, 'ignored'],
      ['control[5..9]', 5, 5, 'exact'],
      ['debug[0..0]', 10, 1, 'exact'],
      ['prints', 11, 8, 'multiset'],
    ]);
    expect(layout.regions[4]).toMatchObject({ recordWords: 2, usedWordsAt: 10 });
  });

  it('makes an area that nobody claims one exact region', () => {
    expect(resolveLayout(layoutOf()).regions.map(({ name, start, count }) => [name, start, count])).toEqual([
      ['control', 0, 10],
      ['debug', 10, 9],
    ]);
  });

  it('covers every word once, whatever the layout', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { regions, snapshotWords } = resolveLayout(randomLayout(seededRandom(seed)));
        const ends = regions.map(({ start, count }) => start + count);
        expect(regions.map(({ start }) => start)).toEqual([0, ...ends.slice(0, -1)]);
        expect(ends.at(-1)).toBe(snapshotWords);
      }),
    );
  });

  const region: Region = { name: 'r', area: 'control', start: 0, count: 4, equivalence: 'exact' };
  const wrong: readonly (readonly [what: string, layout: ObservationLayout, message: RegExp])[] = [
    ['no area', { areas: [], regions: [] }, /no area/],
    ['a nameless area', { areas: [{ name: '', words: 1 }], regions: [] }, /nameless area/],
    ['an empty area', { areas: [{ name: 'a', words: 0 }], regions: [] }, /area `a`: words is 0/],
    ['half a word', { areas: [{ name: 'a', words: 1.5 }], regions: [] }, /area `a`: words is 1.5/],
    ['too many words', { areas: [{ name: 'a', words: 2 ** 40 }], regions: [] }, /area `a`: words/],
    [
      'areas that add up to too many',
      { areas: [1, 2, 3].map((n) => ({ name: `a${n}`, words: 2 ** 27 })), regions: [] },
      /end is/,
    ],
    ['two areas of a name', { areas: [areas[0], areas[0]], regions: [] }, /two areas called `control`/],
    ['a nameless region', layoutOf({ ...region, name: '' }), /nameless region/],
    ['an area that does not exist', layoutOf({ ...region, area: 'x' }), /in area `x`.*use one of: control, debug/],
    ['a region that starts before its area', layoutOf({ ...region, start: -1 }), /start is -1/],
    ['a region that ends after its area', layoutOf({ ...region, start: 8 }), /ends at word 12 of area `control`/],
    ['an empty region', layoutOf({ ...region, count: 0 }), /count is 0/],
    ['an overlap', layoutOf(region, { ...region, name: 's', start: 3 }), /`r` and `s` overlap at control\[3\]/],
    ['two regions of a name', layoutOf(region, { ...region, start: 5 }), /two regions called `r`/],
    ['a region with the name of a filler', layoutOf({ ...region, name: 'control[4..9]' }), /two regions/],
    ['records in an exact region', layoutOf({ ...region, recordWords: 2 }), /exact and has no records/],
    ['records that do not fit', layoutOf({ ...region, equivalence: 'set', recordWords: 3 }), /no whole number/],
    ['records of no words', layoutOf({ ...region, equivalence: 'set', recordWords: 0 }), /recordWords is 0/],
    ['a cursor inside its region', layoutOf({ ...prints, usedWordsAt: 3 }), /inside the region itself/],
    ['a cursor beyond its area', layoutOf({ ...prints, usedWordsAt: 9 }), /beyond the 9 words/],
  ];

  it.each(wrong)('refuses %s', (_what, layout, message) => {
    expect(() => resolveLayout(layout)).toThrow(InputError);
    expect(() => resolveLayout(layout)).toThrow(message);
    expect(() => resolveLayout(layout)).toThrow(/Fix: /);
  });

  it('refuses an equivalence that does not exist, as JSON may hold one', () => {
    const json: ObservationLayout = JSON.parse(
      JSON.stringify(layoutOf({ ...region, equivalence: 'exact' })).replace('"exact"', '"close"'),
    );
    expect(() => resolveLayout(json)).toThrow(/unknown equivalence `close`/);
  });
});

describe('wordName', () => {
  it('counts within the area', () => {
    const layout = resolveLayout(layoutOf());
    expect([0, 9, 10, 18].map((index) => wordName(layout, index))).toEqual([
      'control[0]',
      'control[9]',
      'debug[0]',
      'debug[8]',
    ]);
    for (const index of [-1, 19, 0.5, Number.NaN]) expect(() => wordName(layout, index)).toThrow(InputError);
  });
});

function words(layout: ResolvedLayout, changes: Readonly<Record<number, number>>): Uint32Array {
  const made = new Uint32Array(layout.snapshotWords);
  for (const [index, word] of Object.entries(changes)) made[Number(index)] = word;
  return made;
}

describe('compareSnapshots', () => {
  it('names the words of an exact region that differ, and counts them all', () => {
    const layout = resolveLayout({ areas: [{ name: 'control', words: 40 }], regions: [] });
    const expected = words(layout, { 2: 5 });
    const seen = new Uint32Array(40).fill(7);
    const { equal, differences, unknown } = compareSnapshots(layout, expected, seen);
    expect([equal, unknown]).toEqual([false, []]);
    expect(differences).toHaveLength(1);
    const [difference] = differences;
    if (difference.kind !== 'words') expect.fail('not words');
    expect(difference.count).toBe(40);
    expect(difference.words).toHaveLength(16);
    expect(difference.words[2]).toEqual({ index: 2, name: 'control[2]', expected: 5, seen: 7 });
  });

  it('takes no notice of an ignored region', () => {
    const layout = resolveLayout(layoutOf({ name: 'i', area: 'control', start: 2, count: 3, equivalence: 'ignored' }));
    expect(compareSnapshots(layout, words(layout, { 2: 1 }), words(layout, { 3: 9 })).equal).toBe(true);
    expect(compareSnapshots(layout, words(layout, { 1: 1 }), words(layout, { 5: 9 })).differences).toHaveLength(2);
  });

  it('lists the records of a multiset that are missing and extra, copies counted', () => {
    const layout = resolveLayout(layoutOf(prints));
    const expected = words(layout, { 10: 6, 11: 1, 12: 1, 13: 1, 14: 1, 15: 2, 16: 2 });
    const seen = words(layout, { 10: 6, 11: 3, 12: 3, 13: 2, 14: 2, 15: 1, 16: 1 });
    const { differences } = compareSnapshots(layout, expected, seen);
    expect(differences).toEqual([
      {
        kind: 'records',
        region: layout.regions.find(({ name }) => name === 'prints'),
        missingCount: 1,
        extraCount: 1,
        missing: [{ words: [1, 1], expectedCopies: 2, seenCopies: 1 }],
        extra: [{ words: [3, 3], expectedCopies: 0, seenCopies: 1 }],
      },
    ]);
  });

  it('counts copies in a multiset and not in a set', () => {
    const inOrder = { 10: 6, 11: 1, 13: 1, 15: 2 };
    const otherCopies = { 10: 6, 11: 2, 13: 1, 15: 2 };
    for (const [equivalence, equal] of [
      ['multiset', false],
      ['set', true],
    ] as const) {
      const layout = resolveLayout(layoutOf({ ...prints, equivalence }));
      expect(compareSnapshots(layout, words(layout, inOrder), words(layout, otherCopies)).equal).toBe(equal);
    }
  });

  it('leaves out words beyond the cursor, but for a record that it cuts', () => {
    const layout = resolveLayout(layoutOf(prints));
    const compare = (used: number, at: number): boolean =>
      compareSnapshots(layout, words(layout, { 10: used }), words(layout, { 10: used, [at]: 1 })).equal;
    expect(compare(2, 13)).toBe(true);
    expect(compare(4, 13)).toBe(false);
    expect(compare(3, 14)).toBe(false);
    expect(compare(3, 15)).toBe(true);
  });

  it('calls a region unknown that dropped records and differs, and equal if it does not differ', () => {
    const layout = resolveLayout(layoutOf(prints));
    const full = words(layout, { 10: 10, 11: 1 });
    const other = words(layout, { 10: 10, 11: 2 });
    const reordered = words(layout, { 10: 10, 13: 1 });
    const comparison = compareSnapshots(layout, full, other);
    expect(comparison).toMatchObject({ equal: false, differences: [] });
    expect(comparison.unknown.map(({ region, reason }) => [region.name, reason])).toEqual([
      ['prints', '`prints` overflowed in both snapshots: records were dropped, and which ones depends on the schedule'],
    ]);
    expect(compareSnapshots(layout, full, reordered).equal).toBe(true);
    const fits = words(layout, { 10: 8, 11: 2 });
    const onOneSide = compareSnapshots(layout, full, fits);
    expect(onOneSide.unknown[0].reason).toContain('overflowed in the expected snapshot');
    expect(onOneSide.differences.map(({ region }) => region.name)).toEqual(['debug[0..0]']);
  });

  it('refuses snapshots of another length', () => {
    const layout = resolveLayout(layoutOf());
    const right = new Uint32Array(19);
    for (const wrong of [new Uint32Array(18), new Uint32Array(20)]) {
      expect(() => compareSnapshots(layout, right, wrong)).toThrow(/the snapshot seen has \d+ words/);
      expect(() => compareSnapshots(layout, wrong, right)).toThrow(/the expected snapshot/);
      expect(() => digestSnapshot(layout, wrong, new Uint32Array(8))).toThrow(InputError);
    }
    expect(() => digestSnapshot(layout, right, new Uint32Array(3))).toThrow(InputError);
  });
});

/** A snapshot that often means the same: records of multisets and sets change places, ignored words change. */
function shuffled(layout: ResolvedLayout, original: Uint32Array, random: () => number): Uint32Array {
  const made = original.slice();
  for (const { equivalence, start, count, recordWords, usedWordsAt } of layout.regions) {
    if (equivalence === 'exact') continue;
    const used = usedWordsAt === undefined ? count : Math.min(count, original[usedWordsAt]);
    const records = Math.floor(used / recordWords);
    for (let swap = 0; swap < records; swap++) {
      const one = start + below(random, records) * recordWords;
      const other = start + below(random, records) * recordWords;
      const copy = made.slice(one, one + recordWords);
      made.copyWithin(one, other, other + recordWords);
      made.set(copy, other);
    }
  }
  return made;
}

describe('digests and comparison', () => {
  it('agree, region by region, on what is equal', () => {
    let equalRegions = 0;
    let differentRegions = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed);
        const layout = resolveLayout(randomLayout(random));
        const expected = randomWords(random, layout.snapshotWords);
        const changed = random() < 0.4 ? expected : nextWords(random, expected);
        const seen = random() < 0.5 ? changed : shuffled(layout, changed, random);
        const { differences, unknown } = compareSnapshots(layout, expected, seen);
        const one = new Uint32Array(layout.regions.length * 2);
        const other = new Uint32Array(layout.regions.length * 2);
        digestSnapshot(layout, expected, one);
        digestSnapshot(layout, seen, other);
        for (const [index, region] of layout.regions.entries()) {
          const isSame = one[2 * index] === other[2 * index] && one[2 * index + 1] === other[2 * index + 1];
          const isListed = [...differences, ...unknown].some((listed) => listed.region === region);
          expect(isListed).toBe(!isSame);
          const isUnknown = unknown.some((listed) => listed.region === region);
          if (isUnknown) expect(hasOverflowed(region, expected) || hasOverflowed(region, seen)).toBe(true);
          if (region.equivalence === 'ignored')
            expect([one[2 * index], one[2 * index + 1], isListed]).toEqual([0, 0, false]);
          else if (isSame) equalRegions++;
          else differentRegions++;
        }
      }),
      { numRuns: 5000 },
    );
    // The property means something only if both happen often.
    expect(Math.min(equalRegions, differentRegions)).toBeGreaterThan(1000);
  });

  it('do not depend on the order of a multiset', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed);
        const layout = resolveLayout(randomLayout(random));
        const original = randomWords(random, layout.snapshotWords);
        const one = new Uint32Array(layout.regions.length * 2);
        const other = one.slice();
        digestSnapshot(layout, original, one);
        const cursorsKept = shuffled(layout, original, random);
        for (const { usedWordsAt } of layout.regions) {
          if (usedWordsAt !== undefined) fc.pre(cursorsKept[usedWordsAt] === original[usedWordsAt]);
        }
        digestSnapshot(layout, cursorsKept, other);
        expect(other).toEqual(one);
        expect(compareSnapshots(layout, original, cursorsKept).equal).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
