/** The kills at length, with the build that this very program is a part of. */

import path from 'node:path';
import { type KillResult, runKills } from './kills.ts';

/** To be run from the root of the project. */
export function runKillSoak(kills: number, seed: number, progress: (done: number) => void): Promise<KillResult> {
  return runKills({
    kills,
    seed,
    modules: new URL('../../../', import.meta.url).href,
    appender: path.resolve('test/log-v2/kill/appender.mjs'),
    progress,
  });
}
