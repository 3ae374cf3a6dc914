/**
 * Explaining contended epochs: slots that store, add, load, compare and swap, and update in two accesses over a few
 * words, and what a random order of them gave; with --copies a share of them copies a word to another. Every epoch is
 * another one.
 *
 *     node scripts/run-typescript.js bench/explain.ts [--epochs 101] [--slots 64] [--words 16] [--seed 1] [--copies 0] [--max-nodes N]
 */

import { parseArgs } from 'node:util';
import { DEFAULT_NODES, explain } from '../src/explain/index.ts';
import { contendedEpoch } from '../test/explain/contended.ts';
import { machineFacts } from './machine.ts';
import { summarise } from './measurement.ts';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '101' },
    slots: { type: 'string', default: '64' },
    words: { type: 'string', default: '16' },
    seed: { type: 'string', default: '1' },
    copies: { type: 'string', default: '0' },
    'max-nodes': { type: 'string', default: String(DEFAULT_NODES) },
  },
});
const [epochs, slots, words, first] = [values.epochs, values.slots, values.words, values.seed].map(Number);
const copies = Number(values.copies);
const maxNodes = Number(values['max-nodes']);
const { cores, processor } = machineFacts();
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cores} cores of ${processor}`);

const milliseconds: number[] = [];
const nodes: number[] = [];
const verdicts = new Map<string, number>();
// The first few warm the engine up.
for (let epoch = -10; epoch < epochs; epoch += 1) {
  const { scenario, outcome } = contendedEpoch({ slots, words, seed: first + epoch + 10, copies });
  const start = performance.now();
  const explanation = explain(scenario, outcome, { maxNodes });
  const took = performance.now() - start;
  if (epoch < 0) continue;
  milliseconds.push(took);
  nodes.push(explanation.nodes);
  verdicts.set(explanation.verdict, (verdicts.get(explanation.verdict) ?? 0) + 1);
}
const { median, min, max } = summarise(milliseconds);
const sorted = milliseconds.toSorted((left, right) => left - right);
const most = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1);
console.log(
  `${epochs} epochs of ${slots} slots over ${words} words, ${copies * 100}% copies: ${[...verdicts].map((each) => each.join(' ')).join(', ')}`,
);
console.log(
  `  median ${median.toFixed(1)} ms (${min.toFixed(1)} to ${max.toFixed(1)}); 90% within ${most(0.9)}, 99% within ${most(0.99)}`,
);
console.log(`  states visited: median ${summarise(nodes).median}, at most ${Math.max(...nodes)}`);
