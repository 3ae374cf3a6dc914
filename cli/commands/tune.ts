/** `vrrl tune`: which stress settings make races show on an adapter, kept for `vrrl replay --stress`. */

import { VERSION } from '../../node/version.ts';
import { type Backend, ReferenceBackend, type StressSettings } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { rateOf } from '../../src/diff/index.ts';
import {
  type BackendReplay,
  planReplay,
  type ReplayPlan,
  recordInMemory,
  replayOn,
  type StressTrial,
} from '../../src/replay/index.ts';
import { type Litmus, litmus } from '../../src/workloads/index.ts';
import { ADAPTER_HELP, backendFactory } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { adapterOf } from '../judged-replay.ts';
import { integer } from '../options.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { count, percent, printable } from '../render/text.ts';
import { keepStress, stressFile } from '../stress-options.ts';

const EPOCHS = 32;
const AFTER_HELP = `
Small races among sound slots are replayed under settings drawn from the seed; settings that find nothing are dropped,
the best ones get more replicas. The best is then measured against no stress, and kept for this adapter:
vrrl replay --stress begins with it.

Example:
  $ vrrl tune --backend dawn --replicas 20000`;

export const addTune: AddCommand = (program, context) => {
  program
    .command('tune')
    .description('find stress settings that make races show on a GPU, and keep them')
    .option('--backend <name>', 'dawn, wgpu, or a runner that replays whole programs', 'dawn')
    .option('--adapter <name>', ADAPTER_HELP)
    .option(
      '--replicas <n>',
      'replicas to spend on the search; half as many again confirm it',
      integer(1, 10_000_000),
      4_096,
    )
    .option('--seed <n>', 'what settings are drawn from', integer(0, 0xffff_ffff), 1)
    .option('--no-keep', 'print the settings and keep nothing')
    .option('--deadline-ms <n>', 'a device that says nothing for longer counts as hung', integer(1, 86_400_000))
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (options) => {
      const { io } = context;
      const log = litmus(EPOCHS, options.seed);
      const plan = await planOf(log);
      const makeBackend = await backendFactory(options.backend, log.kernel, options, io.note);
      const progress = startProgress(io, `tuning ${options.backend}`, options.quiet);
      try {
        const backend = await makeBackend();
        const tuned = await tune(plan, backend, makeBackend, options, (done, total) => progress.update(done, total));
        const keeps = options.keep && tuned.best !== undefined;
        if (keeps && tuned.best !== undefined) {
          keepStress(tuned.adapter, { ...tuned.best, date: new Date().toISOString().slice(0, 10) });
        }
        const kept = keeps ? stressFile() : undefined;
        await io.write(options.json ? `${tidyJson({ schemaVersion: 1, ...tuned, kept })}\n` : render(tuned, kept));
      } finally {
        progress.stop();
      }
    });
};

/** What tuning came to. */
interface Tuned {
  readonly backend: string;
  readonly adapter: string;
  readonly tried: number;
  readonly dropped: number;
  /** Measured again, after the search. Absent if no setting found anything. */
  readonly best: StressTrial | undefined;
  readonly withoutStress: StressTrial;
}

interface TuneOptions {
  readonly replicas: number;
  readonly seed: number;
}

async function tune(
  plan: ReplayPlan,
  backend: Backend,
  makeBackend: () => Backend | Promise<Backend>,
  { replicas, seed }: TuneOptions,
  onProgress: (done: number, total: number) => void,
): Promise<Tuned> {
  const adapter = adapterOf(backend) ?? backend.name;
  const all = replicas + 2 * Math.ceil(replicas / 4);
  const report = (before: number) => (done: number) => onProgress(before + done, all);
  const isolated = { mode: 'isolated', shape: 'wide', keptSnapshotBytes: 0 } as const;
  const search = await replayOn(plan, backend, { ...isolated, replicas, stress: { seed }, onProgress: report(0) });
  const found = searchOf(search);
  // On equal terms, with as many replicas each: what a search says of its best is flattered by being its best.
  const confirm = async (settings: StressSettings, before: number): Promise<StressTrial> => {
    const few = Math.ceil(replicas / 4);
    const again = await makeBackend();
    const options = { ...isolated, replicas: few, stress: { settings }, onProgress: report(before) };
    return trialOf(settings, await replayOn(plan, again, options));
  };
  const withoutStress = await confirm({}, replicas);
  const best =
    found.best === undefined ? undefined : await confirm(found.best.settings, replicas + Math.ceil(replicas / 4));
  return { backend: backend.name, adapter, tried: found.tried, dropped: found.dropped, best, withoutStress };
}

function searchOf(replay: BackendReplay) {
  if (replay.fault !== undefined) throw replay.fault;
  const stress = replay.onDevice?.stress;
  if (stress !== undefined) return stress;
  const what = `backend ${replay.backend} does not replay whole programs by itself, so there is nothing to tune`;
  throw new InputError(what, 'use dawn or wgpu, or a runner with the feature programs.');
}

function trialOf(settings: StressSettings, { fault, epochs }: BackendReplay): StressTrial {
  if (fault !== undefined) throw fault;
  return {
    settings,
    epochs: epochs.reduce((sum, { replicas }) => sum + replicas, 0),
    differing: epochs.reduce((sum, { replicasDiffering }) => sum + replicasDiffering, 0),
  };
}

/** The races as the reference runs them, slot after slot. */
async function planOf({ kernel, epochs }: Litmus): Promise<ReplayPlan> {
  const options = { capacity: epochs.length * kernel.slotCount, tool: `vrrl ${VERSION}` };
  const work = epochs.map((slots) => ({ slots }));
  return planReplay(await recordInMemory(new ReferenceBackend(kernel), kernel, work, options), { kernel });
}

function render({ backend, adapter, tried, dropped, best, withoutStress }: Tuned, kept: string | undefined): string {
  const lines = [`${backend} on ${adapter}: ${count(tried)} settings tried, ${count(dropped)} found nothing`];
  lines.push(`without stress  ${rateText(withoutStress)}`);
  if (best === undefined) lines.push('no setting made a race show; more replicas may');
  else {
    lines.push(`best            ${rateText(best)}`);
    const settings = Object.entries(best.settings).map(([name, value]) => `${name}=${value}`);
    lines.push(`  ${settings.length === 0 ? 'no stress at all' : `--stress-settings ${settings.join(',')}`}`);
  }
  if (kept !== undefined) lines.push(`kept in ${kept}: vrrl replay --stress begins with it`);
  return `${lines.map(printable).join('\n')}\n`;
}

function rateText({ epochs, differing }: StressTrial): string {
  const { low, high } = rateOf(differing, epochs);
  return `${count(differing)} of ${count(epochs)} epochs differ = ${percent(differing / Math.max(1, epochs))} (${percent(low)} … ${percent(high)})`;
}
