// Reduces a log with a planted race of two slots: how many runs and how long it takes.
//
//   node scripts/run-typescript.js scripts/reduce-planted.ts --slots 10000 --rate 0.01 --seed 1
//
// Exits with 1 if anything but those two slots is left.

import { parseArgs } from 'node:util';
import { machineFacts } from '../bench/machine.ts';
import { reduceLog, slotCountOf } from '../src/reduce/index.ts';
import { plantedLog, racingSubject } from '../test/reduce/planted.ts';

const { values } = parseArgs({
  options: {
    slots: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '0.01' },
    seed: { type: 'string', default: '1' },
  },
});
const [slots, rate, seed] = [Number(values.slots), Number(values.rate), Number(values.seed)];
const { candidate } = plantedLog(slots, Math.floor(slots / 8), Math.floor((slots * 7) / 8));
const { subject, published } = racingSubject(rate, seed);
const begin = performance.now();
const { reproducer, ...reduction } = await reduceLog(candidate, subject);
const seconds = (performance.now() - begin) / 1_000;
const left = reproducer === undefined ? undefined : slotCountOf(reproducer);
const report = {
  machine: machineFacts(),
  slots,
  rate,
  seed,
  left,
  isMinimal: reduction.isMinimal,
  rateBefore: reduction.rateBefore,
  rateAfter: reduction.rateAfter,
  decisions: reduction.ledger.length,
  runs: reduction.runs,
  slotsPublished: published(),
  seconds,
};
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = left === 2 ? 0 : 1;
