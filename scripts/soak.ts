/**
 * Replays what must agree a great many times, and records what must diverge again and again, on the machine at hand.
 *
 *     npm run soak -- [--replicas 1000] [--runs 100]
 *
 * Sound workloads are recorded on worker threads and replayed there: not one replica may diverge. The broken one goes the
 * way of `vrrl demo`: of 100 recordings at least 95 have to be told to diverge. Exits with 1 otherwise.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Recorder } from '../cli/recorder.ts';
import { openRecording } from '../node/recording-files.ts';
import { ThreadsBackend } from '../node/threads-backend.ts';
import { type Backend, ReferenceBackend } from '../src/backend/index.ts';
import { type Judgement, judge } from '../src/diff/index.ts';
import type { Kernel } from '../src/kernel/index.ts';
import { planReplay, replayOn } from '../src/replay/index.ts';
import { findWorkload, type WorkloadPlan } from '../src/workloads/index.ts';

const TEXT_BYTES = 20_000;
const SOUND_WORKLOADS = ['histogram', 'dfa', 'packed', 'printf', 'bank'];
/** What `vrrl demo` replays on each backend unless told otherwise. */
const DEMO_REPLICAS = 50;
/** Of the runs of the broken kernel, those that have to diverge: a schedule without a collision is possible, but rare. */
const LEAST_DIVERGING = 0.95;

/** The beginnings of our own texts, run together: real words and lines. */
function readText(): Uint8Array {
  const root = process.cwd();
  const names = [
    'README.md',
    ...readdirSync(path.join(root, 'spec'))
      .sort()
      .map((name) => `spec/${name}`),
  ];
  const texts = names.filter((name) => name.endsWith('.md')).map((name) => readFileSync(path.join(root, name)));
  return Buffer.concat(texts).subarray(0, TEXT_BYTES);
}

/** Records a workload on worker threads, as `vrrl record` does; what is wrong with its result, if anything is. */
async function record(logPath: string, plan: WorkloadPlan): Promise<string | undefined> {
  const backend = new ThreadsBackend(plan.kernel);
  const recorder = await Recorder.create(logPath, backend, plan.kernel, {
    format: 'v2',
    capacity: 65_536,
    mayReplace: true,
  });
  try {
    for (const { slots, tag } of plan.epochs()) {
      await recorder.session.publish(slots);
      await recorder.session.endEpoch({ tag });
    }
    return plan.check?.(recorder.session.snapshot);
  } finally {
    recorder.close();
    await backend.stop();
  }
}

/** Replays a recording, chained, and judges it. */
async function replay(
  logPath: string,
  kernel: Kernel,
  backends: readonly Backend[],
  replicas: number,
): Promise<Judgement> {
  const recording = openRecording(logPath);
  try {
    const plan = planReplay(recording, { kernel });
    const replays = [];
    for (const backend of backends) replays.push(await replayOn(plan, backend, { replicas }));
    return judge(plan, replays, kernel);
  } finally {
    recording.close();
  }
}

async function soakSound(folder: string, text: Uint8Array, name: string, replicas: number): Promise<boolean> {
  const plan = findWorkload(name).plan(text);
  const logPath = path.join(folder, `${name}.vrrl`);
  const problem = await record(logPath, plan);
  const judgement = await replay(logPath, plan.kernel, [new ThreadsBackend(plan.kernel)], replicas);
  const [{ divergedReplicas, replicasRun, epochsRun, elapsedMs, fault }] = judgement.backends;
  const { total } = judgement.epochs;
  const isSound = judgement.verdict === 'agree' && replicasRun === replicas && problem === undefined;
  say(
    `${name.padEnd(10)} ${judgement.verdict}: ${divergedReplicas?.count} of ${replicasRun} replicas diverged, ` +
      `${epochsRun} epochs (${total} a replica) in ${seconds(elapsedMs)}`,
  );
  if (isSound) return true;
  say(JSON.stringify({ problem, fault, first: judgement.firstDivergence, unknown: judgement.unknownEpochs }, null, 2));
  return false;
}

async function soakBroken(folder: string, text: Uint8Array, runs: number, replicas: number): Promise<boolean> {
  const begin = performance.now();
  const verdicts = { agree: 0, diverge: 0, unknown: 0 };
  let divergedReplicas = 0;
  let faults = 0;
  for (let run = 0; run < runs; run += 1) {
    const plan = findWorkload('lost-update').plan(text);
    const logPath = path.join(folder, 'lost-update.vrrl');
    await record(logPath, plan);
    const backends = [new ReferenceBackend(plan.kernel), new ThreadsBackend(plan.kernel)];
    const judgement = await replay(logPath, plan.kernel, backends, replicas);
    verdicts[judgement.verdict] += 1;
    divergedReplicas += judgement.backends[1].divergedReplicas?.count ?? 0;
    faults += judgement.backends.filter(({ fault }) => fault !== undefined).length;
  }
  const ms = performance.now() - begin;
  say(
    `lost-update diverge in ${verdicts.diverge}, agree in ${verdicts.agree}, unknown in ${verdicts.unknown} of ${runs} runs ` +
      `of ${replicas} replicas a backend (${divergedReplicas} of ${runs * replicas} on threads diverged) in ${seconds(ms)}`,
  );
  return verdicts.diverge >= LEAST_DIVERGING * runs && faults === 0;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: { replicas: { type: 'string', default: '1000' }, runs: { type: 'string', default: '100' } },
});
const replicas = Number(values.replicas);
const runs = Number(values.runs);
if (![replicas, runs].every((count) => Number.isInteger(count) && count > 0)) {
  throw new Error('--replicas and --runs take whole numbers from 1. Fix: leave them out, or give such numbers.');
}

const folder = mkdtempSync(path.join(tmpdir(), 'vrrl-soak-'));
try {
  const text = readText();
  const begin = performance.now();
  say(`${text.length} bytes of text, ${availableParallelism()} cores, Node ${process.version}`);
  let isAsItShouldBe = true;
  for (const name of SOUND_WORKLOADS)
    isAsItShouldBe = (await soakSound(folder, text, name, replicas)) && isAsItShouldBe;
  isAsItShouldBe = (await soakBroken(folder, text, runs, DEMO_REPLICAS)) && isAsItShouldBe;
  say(`${isAsItShouldBe ? 'passed' : 'FAILED'} in ${seconds(performance.now() - begin)}`);
  if (!isAsItShouldBe) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
