import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkedStress,
  drawStress,
  NO_STRESS,
  SCRATCH_WORDS,
  STRESS_LIMITS,
  type StressName,
} from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';

const names = Object.keys(STRESS_LIMITS) as StressName[];
/** Some of the settings, each anywhere within its limits. */
const anySettings: fc.Arbitrary<Readonly<Record<string, number>>> = fc
  .tuple(fc.subarray(names), fc.array(fc.nat(2 ** 32 - 1), { minLength: names.length, maxLength: names.length }))
  .map(([chosen, words]) => Object.fromEntries(chosen.map((name, index) => [name, within(name, words[index])])));

function within(name: StressName, word: number): number {
  const [least, most] = STRESS_LIMITS[name];
  return least + (word % (most - least + 1));
}

describe('stress settings', () => {
  it('within the limits are taken as they are, and the others are no stress', () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const checked = checkedStress(settings);
        expect(Object.keys(checked).sort()).toEqual([...names].sort());
        for (const name of names) expect(checked[name]).toBe(settings[name] ?? NO_STRESS[name]);
      }),
    );
    expect(checkedStress()).toEqual(NO_STRESS);
    expect(checkedStress(NO_STRESS)).toEqual(NO_STRESS);
  });

  it.each(names)('%s is refused beyond its limits, and where it is no whole number', (name) => {
    const [least, most] = STRESS_LIMITS[name];
    for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -0.1]) {
      expect(() => checkedStress({ [name]: value }), String(value)).toThrow(InputError);
      expect(() => checkedStress({ [name]: value })).toThrow(`from ${least} to ${most}`);
    }
    for (const value of [least, most]) expect(checkedStress({ [name]: value })[name]).toBe(value);
  });

  it.each(['lane', 'constructor', 'toString', '', 'SEED'])('there is none called "%s"', (name) => {
    expect(() => checkedStress({ [name]: 1 })).toThrow(InputError);
    expect(() => checkedStress({ [name]: 1 })).toThrow(names.join(', '));
  });

  it('find their way to no word behind the scratch area, whatever they are', () => {
    fc.assert(
      fc.property(anySettings, fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), (settings, line, lane) => {
        const { stressLines, stressStride } = checkedStress(settings);
        // As `hammer` in the shader computes it.
        const place = (line % stressLines) * stressStride + (lane % stressStride);
        expect(place).toBeLessThan(SCRATCH_WORDS);
      }),
    );
  });
});

describe('settings that are drawn', () => {
  it('are always within the limits, and the same for the same word', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), (word) => {
        const drawn = drawStress(word);
        expect(() => checkedStress(drawn)).not.toThrow();
        expect(drawStress(word)).toEqual(drawn);
      }),
      { numRuns: 2_000 },
    );
  });

  it('come to every order of magnitude of each setting, and to none of it where it can be none', () => {
    const drawn = Array.from({ length: 2_000 }, (_, word) => checkedStress(drawStress(word)));
    const valuesOf = (name: StressName) => new Set(drawn.map((settings) => settings[name]));
    expect([...valuesOf('lanes')].sort((left, right) => left - right)).toEqual([1, 4, 16, 64, 256]);
    expect(valuesOf('stressPattern').size).toBe(4);
    for (const name of ['shuffleLanes', 'shuffleGroups'] as const) expect(valuesOf(name)).toEqual(new Set([0, 1]));
    for (const name of ['meetTurns', 'warmUpTurns', 'stressGroups', 'stressTurns'] as const) {
      expect(valuesOf(name).has(0), name).toBe(true);
      expect(valuesOf(name).size, name).toBeGreaterThan(5);
    }
    // Groups that do nothing, and turns that nobody takes, would be for nothing.
    expect(drawn.every(({ stressGroups, stressTurns }) => (stressGroups === 0) === (stressTurns === 0))).toBe(true);
  });
});
