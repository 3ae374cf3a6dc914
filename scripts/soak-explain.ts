/**
 * Runs epochs of sound kernels and explains every one that the order of publishing does not: none may be unserializable.
 *
 *     npm run soak:explain -- [--epochs 1000000] [--backend threads|dawn|wgpu] [--adapter NAME] [--seed 1] [--seconds N]
 *                             [--shape wide|resident] [--replicas 4]
 *
 * Slots of data structures that many kernels have (test/explain/structures.ts), drawn at random. Threads run them one epoch
 * after the other. A backend that replays whole logs by itself gets logs of a thousand epochs, recorded on the reference,
 * and replays each epoch from its recorded state in several replicas; what came out as recorded is compared there, and the
 * words of what did not are read back. Exits with 1 if one is unserializable, with 3 if one is unknown or was not read back.
 */

import { parseArgs } from 'node:util';
import { backendFactory } from '../cli/backends.ts';
import { type Backend, isPromise, type ProgramShape, ReferenceBackend } from '../src/backend/index.ts';
import { RandomWords } from '../src/base/random.ts';
import { type Explanation, explain, isGivenByPublishing } from '../src/explain/index.ts';
import { Priority } from '../src/protocol/index.ts';
import {
  type EpochReplay,
  keptRunning,
  planReplay,
  type ReplayPlan,
  recordInMemory,
  replayOn,
  type SlotsOfEpoch,
  sameSignature,
} from '../src/replay/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfEpoch } from '../src/scenario/index.ts';
import { anySlots, clearingSlots, structuresKernel } from '../test/explain/structures.ts';

/** Epochs that go on from each other, before memory begins anew. */
const EPOCHS_A_STRETCH = 16;
/** Random epochs of a log: so few that a device has room for every outcome that is not as recorded. */
const EPOCHS_A_LOG = 1_024;
/** A device hands back so many outcomes of one epoch. */
const MOST_REPLICAS = 15;
/** A driver without a GPU takes its time for a log, and this may run beside other things. */
const DEADLINE_MS = 600_000;
/** Records of a log, with room to spare. */
const LOG_RECORDS = 65_536;

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '1000000' },
    backend: { type: 'string', default: 'threads' },
    adapter: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    shape: { type: 'string', default: 'wide' },
    replicas: { type: 'string', default: '4' },
  },
});

const kernel = structuresKernel('sound');

/** What came of epochs, by the verdict, and the first that was not serializable. */
class Tally {
  /** Epochs that were drawn; each may have been run more than once. */
  drawn = 0;
  publishing = 0;
  readonly explained = { serializable: 0, unserializable: 0, unknown: 0 };
  /** Explanations made: of replicas of an epoch that came out alike, one. */
  explanations = 0;
  /** Runs that came out otherwise than recorded and of which nobody has the words. */
  notReadBack = 0;
  odd: string | undefined;

  /** Runs of epochs. */
  get epochs(): number {
    const { serializable, unserializable, unknown } = this.explained;
    return this.publishing + serializable + unserializable + unknown + this.notReadBack;
  }

  /** @param count runs that came out like this. */
  add(scenario: Scenario, outcome: ScenarioOutcome, count = 1): void {
    if (isGivenByPublishing(scenario, outcome)) {
      this.publishing += count;
      return;
    }
    const explanation = explain(scenario, outcome);
    this.explanations += 1;
    this.explained[explanation.verdict] += count;
    if (explanation.verdict !== 'serializable') this.odd ??= oddText(this.drawn, explanation);
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
    tally.drawn += 1;
    tally.add(scenario, outcome);
    initial = outcome.words.slice();
    initial[kernel.controlWords] = 0;
  }
  return tally;
}

/** Random epochs, with epochs in between that begin everything anew. */
function* epochsOfLog(random: RandomWords, count: number): Iterable<SlotsOfEpoch> {
  for (let epoch = 0; epoch < count; epoch += 1) {
    if (epoch % EPOCHS_A_STRETCH === 0) yield { slots: clearingSlots() };
    yield { slots: anySlots(random) };
  }
}

interface DeviceSoak {
  readonly epochs: number;
  readonly seed: number;
  readonly seconds: number;
  readonly shape: ProgramShape;
  readonly replicas: number;
}

/** Records log after log on the reference, and has the device replay each. */
async function soakOnDevice(backend: Backend, options: DeviceSoak): Promise<Tally> {
  const { epochs, seed, seconds, shape, replicas } = options;
  const random = new RandomWords(seed);
  const tally = new Tally();
  const end = performance.now() + seconds * 1_000;
  while (tally.epochs < epochs && performance.now() < end) {
    const count = Math.min(EPOCHS_A_LOG, Math.ceil((epochs - tally.epochs) / replicas));
    const log = { capacity: LOG_RECORDS, tool: 'soak' };
    const recording = await recordInMemory(new ReferenceBackend(kernel), kernel, epochsOfLog(random, count), log);
    const plan = planReplay(recording, { kernel });
    const replay = await replayOn(plan, keptRunning(backend), {
      mode: 'isolated',
      shape,
      replicas,
      keptSnapshotBytes: Number.POSITIVE_INFINITY,
    });
    if (replay.fault !== undefined) throw replay.fault;
    if (replay.onDevice?.replicas !== replicas) throw new Error('the device did not replay the log by itself');
    for (const each of replay.epochs) addReplayed(tally, plan, each, replicas);
  }
  return tally;
}

/** Adds what came of an epoch in all replicas. */
function addReplayed(tally: Tally, plan: ReplayPlan, replayed: EpochReplay, replicas: number): void {
  const { epoch, expected, outcomes, unlistedCount } = replayed;
  if (expected === undefined || replayed.replicas !== replicas || replayed.unknownReasons.length > 0) {
    throw new Error(`epoch ${epoch.ordinal} is no epoch to compare: ${replayed.unknownReasons.join('; ')}`);
  }
  const isDrawn = epoch.index % (EPOCHS_A_STRETCH + 1) > 0;
  if (isDrawn) tally.drawn += 1;
  tally.notReadBack += unlistedCount;
  for (const { signature, snapshot, count, tally: ends, faults } of outcomes) {
    if (sameSignature(signature, expected.signature)) {
      if (isDrawn) tally.publishing += count;
    } else if (snapshot === undefined) tally.notReadBack += count;
    else {
      const { scenario, problems } = scenarioOfEpoch(plan, epoch, kernel);
      if (scenario === undefined) throw new Error(`epoch ${epoch.ordinal}: ${problems.join('; ')}`);
      tally.add(scenario, { words: snapshot, done: ends.done, pending: ends.pending, faults }, count);
    }
  }
}

const seed = Number(values.seed);
const replicas = Number(values.replicas);
const { shape } = values;
if (shape !== 'wide' && shape !== 'resident') throw new Error('--shape is wide or resident.');
if (!Number.isInteger(replicas) || replicas < 1 || replicas > MOST_REPLICAS) {
  throw new Error(`--replicas is a number from 1 to ${MOST_REPLICAS}.`);
}
const epochs = Number(values.epochs);
const seconds = Number(values.seconds ?? Number.POSITIVE_INFINITY);
const flags = { seed, deadlineMs: DEADLINE_MS, ...(values.adapter === undefined ? {} : { adapter: values.adapter }) };
const backend = await (await backendFactory(values.backend, kernel, flags, (text) => process.stderr.write(text)))();
await backend.start();
const begin = performance.now();
const isDevice = backend.load !== undefined;
const tally = isDevice
  ? await soakOnDevice(backend, { epochs, seed, seconds, shape, replicas })
  : await soak(backend, epochs, seed, seconds);
const elapsed = (performance.now() - begin) / 1_000;
await backend.stop();
const { serializable, unserializable, unknown } = tally.explained;
const { notReadBack } = tally;
process.stdout.write(
  `${values.backend}${isDevice ? `, ${shape}` : ''}: ${tally.epochs} runs of ${tally.drawn} epochs in ${elapsed.toFixed(1)} s, ` +
    `${Math.round(tally.epochs / elapsed)} a second, seed ${seed}\n` +
    `${tally.publishing} by the order of publishing, ${serializable} by another order (${tally.explanations} explanations), ` +
    `${unserializable} unserializable, ${unknown} unknown, ${notReadBack} not read back\n` +
    `${tally.odd === undefined ? '' : `${tally.odd}\n`}`,
);
process.exitCode = unserializable > 0 ? 1 : unknown + notReadBack > 0 ? 3 : 0;
