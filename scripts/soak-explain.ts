/**
 * Records epochs of sound kernels in memory and explains every one: none may be unserializable.
 *
 *     npm run soak:explain -- [--epochs 1000000] [--backend threads|dawn|wgpu] [--adapter NAME] [--seed 1] [--seconds N]
 *
 * Slots of data structures that many kernels have (test/explain/structures.ts), drawn at random. Most epochs are what the
 * order of publishing gives, which one serial run tells; the others are explained. Exits with 1 if one is unserializable,
 * with 3 if one is unknown.
 */

import { parseArgs } from 'node:util';
import { backendFactory } from '../cli/backends.ts';
import { type Backend, isPromise } from '../src/backend/index.ts';
import { RandomWords } from '../src/base/random.ts';
import { type Explanation, explain, isGivenByPublishing } from '../src/explain/index.ts';
import { Priority } from '../src/protocol/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome } from '../src/scenario/index.ts';
import { anySlots, structuresKernel } from '../test/explain/structures.ts';

/** Epochs that go on from each other, before memory begins anew. */
const EPOCHS_A_STRETCH = 16;

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '1000000' },
    backend: { type: 'string', default: 'threads' },
    adapter: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
  },
});

const kernel = structuresKernel('sound');

/** What came of epochs, by the verdict, and the first that was not serializable. */
class Tally {
  publishing = 0;
  readonly explained = { serializable: 0, unserializable: 0, unknown: 0 };
  odd: string | undefined;

  get epochs(): number {
    const { serializable, unserializable, unknown } = this.explained;
    return this.publishing + serializable + unserializable + unknown;
  }

  add(scenario: Scenario, outcome: ScenarioOutcome): void {
    if (isGivenByPublishing(scenario, outcome)) {
      this.publishing += 1;
      return;
    }
    const explanation = explain(scenario, outcome);
    this.explained[explanation.verdict] += 1;
    if (explanation.verdict !== 'serializable') this.odd ??= oddText(this.epochs - 1, explanation);
  }
}

function oddText(epoch: number, { verdict, summary, slots }: Explanation): string {
  return `epoch ${epoch}: ${verdict}: ${summary}\n${slots.map(({ slot, text }) => `  slot ${slot} ${text}`).join('\n')}`;
}

/** Runs one epoch from the memory that the backend has. */
async function runEpoch(backend: Backend, { slots, initial }: Scenario): Promise<ScenarioOutcome> {
  for (const { slotIndex, slot } of slots) {
    const published = backend.publish(slotIndex, slot);
    if (isPromise(published)) await published;
  }
  const words = new Uint32Array(initial.length);
  if (backend.drainAndObserve !== undefined) return outcomeOf(words, await backend.drainAndObserve(words));
  const drained = backend.drain();
  const report = isPromise(drained) ? await drained : drained;
  const observed = backend.observe(words);
  if (isPromise(observed)) await observed;
  return outcomeOf(words, report);
}

function outcomeOf(words: Uint32Array, report: Awaited<ReturnType<Backend['drain']>>): ScenarioOutcome {
  return { words, done: report.done, pending: report.pending.length, faults: report.faults };
}

async function soak(backend: Backend, epochs: number, seed: number, seconds: number): Promise<Tally> {
  const random = new RandomWords(seed);
  const tally = new Tally();
  const fresh = freshSnapshot(kernel);
  const end = performance.now() + seconds * 1_000;
  let initial = fresh;
  for (let epoch = 0; epoch < epochs && performance.now() < end; epoch += 1) {
    if (epoch % EPOCHS_A_STRETCH === 0) {
      await backend.start();
      initial = fresh;
    }
    const slots = anySlots(random).map(({ opcode, args = [] }, slotIndex) => ({
      slotIndex,
      slot: { opcode, tenant: 0, priority: Priority.NORMAL, args },
    }));
    const scenario = { kernel, initial, slots, batchEnds: [slots.length] };
    const outcome = await runEpoch(backend, scenario);
    tally.add(scenario, outcome);
    initial = outcome.words.slice();
    initial[kernel.controlWords] = 0;
  }
  return tally;
}

const seed = Number(values.seed);
const flags = { seed, ...(values.adapter === undefined ? {} : { adapter: values.adapter }) };
const backend = await (await backendFactory(values.backend, kernel, flags, (text) => process.stderr.write(text)))();
const begin = performance.now();
const tally = await soak(backend, Number(values.epochs), seed, Number(values.seconds ?? Number.POSITIVE_INFINITY));
const elapsed = (performance.now() - begin) / 1_000;
await backend.stop();
const { serializable, unserializable, unknown } = tally.explained;
process.stdout.write(
  `${values.backend}: ${tally.epochs} epochs in ${elapsed.toFixed(1)} s, ${Math.round(tally.epochs / elapsed)} a second, seed ${seed}\n` +
    `${tally.publishing} by the order of publishing, ${serializable} by another order, ${unserializable} unserializable, ${unknown} unknown\n` +
    `${tally.odd === undefined ? '' : `${tally.odd}\n`}`,
);
process.exitCode = unserializable > 0 ? 1 : unknown > 0 ? 3 : 0;
