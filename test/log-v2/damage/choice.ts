/** How much a run tries: a part that a seed chooses, or with `VRRL_SOAK=1` all there is. */

import { RandomWords } from '../../../src/base/random.ts';

export const isSoak: boolean = process.env['VRRL_SOAK'] !== undefined;
/** Of this run; `VRRL_SEED` gives one. */
export const seed: number = Number(process.env['VRRL_SEED'] ?? Date.now() % 2 ** 32);
/** Goes into every message, so that whoever reads it can run the same again. */
export const again: string = `again: VRRL_SEED=${seed}${isSoak ? ' VRRL_SOAK=1' : ''} npx vitest run`;

/** `part` of the numbers from 0 to `count` − 1, one out of each of as many stretches of equal length; all in a soak. */
export function* chosen(count: number, part: number): Generator<number> {
  const random = new RandomWords(seed);
  if (isSoak || part >= count) {
    for (let number = 0; number < count; number += 1) yield number;
    return;
  }
  for (let stretch = 0; stretch < part; stretch += 1) {
    const start = Math.floor((stretch * count) / part);
    yield start + random.below(Math.floor(((stretch + 1) * count) / part) - start);
  }
}
