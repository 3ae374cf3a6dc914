import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runKills } from './kills.ts';

/** Of which `npm run soak:log` makes ten thousand. */
const KILLS = 200;
const SEED = 20_261_128;

it('has everything that returned, and nothing else, whenever its writer is killed', async () => {
  const { counts, broken } = await runKills({
    kills: KILLS,
    seed: SEED,
    modules: new URL('../../../dist/', import.meta.url).href,
    appender: fileURLToPath(new URL('appender.mjs', import.meta.url)),
  });
  expect(broken).toBeUndefined();
  expect(counts.kills).toBeGreaterThanOrEqual(KILLS);
  expect(Math.min(counts.inOpening, counts.records, counts.frames, counts.syncs)).toBeGreaterThan(0);
}, 300_000);
