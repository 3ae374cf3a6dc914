/** `node scripts/run-typescript.js test/log-v2/followers/main.ts --reads 1000000000 --seed 1` */

import { parseArgs } from 'node:util';
import { runFollowerSoak } from './soak.ts';

const { values } = parseArgs({
  options: { reads: { type: 'string', default: '1000000000' }, seed: { type: 'string', default: '1' } },
});
const begin = performance.now();
let said = begin;
const result = await runFollowerSoak({
  reads: Number(values.reads),
  seed: Number(values.seed),
  progress(reads, what) {
    if (performance.now() - said < 5_000) return;
    said = performance.now();
    process.stderr.write(`followers: ${reads.toLocaleString('en-US')} reads, ${what}\n`);
  },
});
const seconds = Math.round((performance.now() - begin) / 1000);
process.stdout.write(
  `${JSON.stringify({ ...result, seconds, seed: Number(values.seed), reads: Number(values.reads) })}\n`,
);
if (result.broken !== undefined) process.exitCode = 1;
