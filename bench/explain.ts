/**
 * Explaining contended epochs: slots that store, add, load, compare and swap, and update in two accesses over a few
 * words, and what a random order of them gave; with --copies a share of them copies a word to another, and with --broken
 * one word is told otherwise than it was, so that mostly there is no order. Every epoch is another one.
 *
 *     node scripts/run-typescript.js bench/explain.ts [--epochs 101] [--slots 64] [--words 16] [--seed 1] [--copies 0] [--broken] [--max-nodes N]
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
    broken: { type: 'boolean', default: false },
    'max-nodes': { type: 'string', default: String(DEFAULT_NODES) },
  },
});
const [epochs, slots, words, first] = [values.epochs, values.slots, values.words, values.seed].map(Number);
const copies = Number(values.copies);
const isBroken = values.broken;
const maxNodes = Number(values['max-nodes']);
const { cores, processor } = machineFacts();
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cores} cores of ${processor}`);

const byVerdict = new Map<string, { readonly milliseconds: number[]; readonly nodes: number[] }>();
// The first few warm the engine up.
for (let epoch = -10; epoch < epochs; epoch += 1) {
  const { scenario, outcome } = contendedEpoch({ slots, words, seed: first + epoch + 10, copies, isBroken });
  const start = performance.now();
  const explanation = explain(scenario, outcome, { maxNodes });
  const took = performance.now() - start;
  if (epoch < 0) continue;
  const { verdict } = explanation;
  const known = byVerdict.get(verdict) ?? { milliseconds: [], nodes: [] };
  byVerdict.set(verdict, known);
  known.milliseconds.push(took);
  known.nodes.push(explanation.nodes);
}
console.log(
  `${epochs} epochs of ${slots} slots over ${words} words, ${copies * 100}% copies${isBroken ? ', one word told otherwise' : ''}`,
);
for (const [verdict, { milliseconds, nodes }] of byVerdict) {
  const { median, min, max } = summarise(milliseconds);
  const sorted = milliseconds.toSorted((left, right) => left - right);
  const most = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1);
  console.log(
    `  ${milliseconds.length} ${verdict}: median ${median.toFixed(1)} ms (${min.toFixed(1)} to ${max.toFixed(1)}); ` +
      `90% within ${most(0.9)}, 99% within ${most(0.99)}`,
  );
  console.log(`    states visited: median ${summarise(nodes).median}, at most ${Math.max(...nodes)}`);
}
