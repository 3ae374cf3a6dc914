import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { findWorkload } from '../../src/workloads/index.ts';
import { bytesOf } from './inputs.ts';
import { runPlan } from './run-plan.ts';

const dfa = findWorkload('dfa');

interface Match {
  readonly count: number;
  readonly first: number | undefined;
}

/** What the slots found, read from the snapshot by the layout that the workload documents: counts, then first offsets. */
async function search(input: Uint8Array, patterns: readonly string[], slotCount = 8): Promise<Match[]> {
  const plan = dfa.plan(input, { patterns, slotCount });
  const { last } = await runPlan(plan, new ReferenceBackend(plan.kernel));
  expect(plan.check?.(last)).toBeUndefined();
  return patterns.map((_, pattern) => {
    const first = last[161 + patterns.length + pattern];
    return { count: last[161 + pattern], first: first === 0xffff_ffff ? undefined : first };
  });
}

/** Latin-1 in and out, so that offsets of characters are offsets of bytes. */
function searchText(input: Uint8Array, pattern: string): Match {
  const text = Buffer.from(input).toString('latin1');
  const wanted = Buffer.from(pattern, 'utf8').toString('latin1');
  let count = 0;
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) count += 1;
  const first = text.indexOf(wanted);
  return { count, first: first === -1 ? undefined : first };
}

describe('dfa', () => {
  it('finds patterns that overlap, contain each other and repeat', async () => {
    expect(await search(bytesOf('ushers'), ['he', 'she', 'his', 'hers'])).toEqual([
      { count: 1, first: 2 },
      { count: 1, first: 1 },
      { count: 0, first: undefined },
      { count: 1, first: 2 },
    ]);
    expect(await search(bytesOf('aaaaa'), ['a', 'aa', 'aaa', 'aaaaaa'])).toEqual([
      { count: 5, first: 0 },
      { count: 4, first: 0 },
      { count: 3, first: 0 },
      { count: 0, first: undefined },
    ]);
  });

  it('finds a pattern at every place around the border between two slots', async () => {
    const pattern = 'needle';
    for (let start = 256 - 2 * pattern.length; start <= 256 + pattern.length; start += 1) {
      const input = new Uint8Array(600).fill(0x20);
      input.set(bytesOf(pattern), start);
      expect(await search(input, [pattern, 'e'])).toEqual([
        { count: 1, first: start },
        { count: 3, first: start + 1 },
      ]);
    }
  });

  it('finds a pattern longer than a slot has bytes, across several epochs', async () => {
    const pattern = 'ab'.repeat(400);
    const input = bytesOf(`xx${'ab'.repeat(402)}`);
    expect(await search(input, [pattern, 'b'], 2)).toEqual([
      { count: 3, first: 2 },
      { count: 402, first: 3 },
    ]);
  });

  it('finds bytes beyond ASCII', async () => {
    const input = Uint8Array.of(0xff, ...bytesOf('größe'), 0x00, ...bytesOf('ß'));
    expect(await search(input, ['ß', '\0', 'größe'])).toEqual([
      { count: 2, first: 5 },
      { count: 1, first: 8 },
      { count: 1, first: 1 },
    ]);
  });

  it('agrees with a search for one pattern after the other', async () => {
    const anyPattern = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 })
      .map((it) => it.join(''));
    const property = fc.asyncProperty(
      fc.uniqueArray(anyPattern, { minLength: 1, maxLength: 8 }),
      fc.array(fc.constantFrom(0x61, 0x62, 0x63, 0x64), { maxLength: 900, size: 'max' }),
      fc.integer({ min: 2, max: 6 }),
      async (patterns, bytes, slotCount) => {
        const input = Uint8Array.from(bytes);
        expect(await search(input, patterns, slotCount)).toEqual(patterns.map((pattern) => searchText(input, pattern)));
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it('describes what was found and what was not', async () => {
    const plan = dfa.plan(bytesOf('x ab ab'), { patterns: ['ab', '\u001b[2J'] });
    const { last } = await runPlan(plan, new ReferenceBackend(plan.kernel));
    expect(plan.describe(last)).toEqual(['"ab" × 2, first at byte 2', '"\\u001b[2J" not found']);
  });

  it('lists no more patterns than anybody reads', async () => {
    const patterns = Array.from({ length: 40 }, (_, index) => `word${index}`);
    const plan = dfa.plan(bytesOf('word39'), { patterns, slotCount: 5 });
    const { last } = await runPlan(plan, new ReferenceBackend(plan.kernel));
    expect(plan.check?.(last)).toBeUndefined();
    expect(plan.describe(last)).toHaveLength(17);
    expect(plan.describe(last).at(-1)).toBe('and 24 more patterns');
  });

  it.each([
    [[], /no pattern/],
    [['a', ''], /empty/],
    [['a', 'b', 'a'], /twice/],
    [['x'.repeat(16_385)], /16,385 bytes/],
  ])('refuses the patterns %#', (patterns, message) => {
    expect(() => dfa.plan(bytesOf('x'), { patterns })).toThrow(InputError);
    expect(() => dfa.plan(bytesOf('x'), { patterns })).toThrow(message);
  });

  it('refuses an input beyond 16 MiB, and takes one of 16 MiB', () => {
    const input = new Uint8Array(16 * 1024 * 1024 + 1);
    expect(() => dfa.plan(input)).toThrow(/16,777,217 bytes.*Fix: /);
    const { kernel } = dfa.plan(input.subarray(1));
    expect(kernel.tables.find(({ name }) => name === 'text')?.words.length).toBe(4 * 1024 * 1024);
  });
});
