/** `vrrl mutants`: how many planted defects are found, by which oracle, on which backend. */

import { InvalidArgumentError } from '@commander-js/extra-typings';
import { adapterName, chooseAdapter, isGpuStack } from '../../node/gpu/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { lowerToJavaScript, lowerToWgsl } from '../../src/kernel/index.ts';
import {
  BackendScorer,
  ExplorerScorer,
  MUTANTS,
  type Mutant,
  type Rarity,
  type Score,
  type ScoredBackend,
  SharedBackends,
} from '../../src/mutants/index.ts';
import { ADAPTER_HELP, type BackendOptions, backendFactory } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { integer, list } from '../options.ts';
import { type Progress, startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { printMutants, printScores, scoresToJson } from '../render/mutants.ts';
import { writeMutantsSection } from '../render/mutants-document.ts';

const BACKENDS: readonly string[] = ['explorer', 'threads', 'dawn', 'wgpu'];
const DEFAULT_ONE_IN = 4_096;
const RUNS = 2_000;
/** A device runs thousands of epochs at once. */
const GPU_RUNS = 4_000;
const SECONDS = 60;
const GPU_SECONDS = 5;
const THREADS_ARE_STRONG = 'worker threads see their Atomics in one order';

const AFTER_HELP = `
A mutant is a sound kernel with one change by a rule; --list prints them all. It counts as killed if an oracle objects
to it and has nothing against the sound kernel in as many runs of the same slots: diff (other words than recorded),
level (no order of the slots gives it), self (the same, asked of the mutant itself), watchdog (a lane did not end, a
slot faulted), ends (other numbers of slots done or waiting). On the explorer a run is one race, elsewhere an epoch of
many. docs/mutants.md says more.
GPUs run races in three layouts, dense, spread and lone; the one that killed is said.
${RUNS} runs are made of each mutant, ${GPU_RUNS} on GPUs in all layouts; what nothing has killed by then is run on until
--seconds are over, by default ${SECONDS}, on GPUs ${GPU_SECONDS}. With --into the document is written after every mutant.
Exit codes: 0 done, 1 one survived on the explorer that an interleaving can show and that is not equivalent.

Examples:
  $ vrrl mutants
  $ vrrl mutants --backend explorer,threads --only 19,20 --json
  $ vrrl mutants --rare --seconds 60`;

export const addMutants: AddCommand = (program, context) => {
  program
    .command('mutants')
    .description('how many planted defects are found, by which oracle, on which backend')
    .option('--backend <names>', `of ${BACKENDS.join(', ')}; explorer is the CPU model`, list, ['explorer'])
    .option('--only <numbers>', 'these mutants', list)
    .option('--rare [n]', `defects that show in about one slot of n, a power of two (default ${DEFAULT_ONE_IN})`, oneIn)
    .option('--runs <n>', 'runs of each mutant', integer(1, 1_000_000_000))
    .option('--seconds <n>', 'for how long to run on what nothing has killed by then', integer(0, 86_400))
    .option('--seed <n>', 'what lots and schedules are drawn from', integer(0, 0xffff_ffff), 1)
    .option('--no-stress', 'GPUs without stress only')
    .option('--adapter <name>', ADAPTER_HELP)
    .option('--deadline-ms <n>', 'a backend that says nothing for longer counts as hung', integer(1, 86_400_000))
    .option('--list', 'print the mutants and run nothing')
    .option('--into <file>', 'write the table into a document too, between marks of its own')
    .option('--json', 'print one JSON object (spec/mutants.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (options) => {
      const { io } = context;
      const mutants = chosen(options.only);
      if (options.list) return io.write(printMutants(mutants));
      checkBackends(options.backend);
      const { rare } = options;
      const rarity = rare === undefined ? undefined : { oneIn: rare === true ? DEFAULT_ONE_IN : rare };
      const asked = { ...options, mutants, rarity, isQuiet: options.quiet };
      const { runs, seconds, seed, into } = options;
      const adapters = await adaptersOf(asked);
      const { only, adapter } = options;
      const asGiven = { oneIn: rarity?.oneIn, runs, seconds, seed, only, adapter };
      const reportOn = (scores: readonly Score[]) => ({ scores, adapters, ...asGiven });
      const scores = await scoreAll(io, asked, (soFar) => {
        // After every mutant, so that one who loses patience has what came by then.
        if (into !== undefined) writeMutantsSection(into, reportOn(soFar));
      });
      const report = reportOn(scores);
      await io.write(options.json ? `${tidyJson(scoresToJson(report))}\n` : printScores(report));
      if (scores.some(isMissed)) context.exitCode = ExitCode.DIVERGED;
    });
};

function oneIn(text: string): number {
  const value = integer(2, 2 ** 31)(text);
  if (2 ** Math.round(Math.log2(value)) !== value) {
    throw new InvalidArgumentError('Expected a power of two, such as 4096.');
  }
  return value;
}

function chosen(only: readonly string[] | undefined): readonly Mutant[] {
  if (only === undefined) return MUTANTS;
  return only.map((text) => {
    const mutant = MUTANTS.find(({ number }) => String(number) === text);
    if (mutant !== undefined) return mutant;
    throw new InputError(
      `there is no mutant "${text}"`,
      `give numbers from 1 to ${MUTANTS.length}, as --list has them.`,
    );
  });
}

function checkBackends(names: readonly string[]): void {
  const unknown = names.find((name) => !BACKENDS.includes(name));
  if (unknown === undefined) return;
  throw new InputError(`mutants do not run on a backend "${unknown}"`, `use ${BACKENDS.join(', ')}.`);
}

/** The CPU model has every schedule, so what an interleaving shows has to be found there. */
function isMissed({ backend, mutant, fate }: Score): boolean {
  return backend === 'explorer' && mutant.kind === 'interleaving' && fate === 'survived';
}

interface Asked extends BackendOptions {
  readonly mutants: readonly Mutant[];
  readonly backend: readonly string[];
  readonly rarity: Rarity | undefined;
  readonly runs?: number | undefined;
  readonly seconds?: number | undefined;
  readonly seed: number;
  readonly stress: boolean;
  readonly isQuiet: boolean | undefined;
}

/** What GPUs are called, by the stack that runs on them. */
async function adaptersOf({ backend, adapter }: Asked): Promise<Record<string, string>> {
  const names: [string, string][] = [];
  for (const stack of backend) {
    if (isGpuStack(stack)) names.push([stack, adapterName((await chooseAdapter(stack, adapter)).adapter)]);
  }
  return Object.fromEntries(names);
}

/** The scores of each way of running mutants, one way after the other. */
async function scoreAll(io: Io, asked: Asked, onScore: (soFar: readonly Score[]) => void): Promise<Score[]> {
  const { mutants, backend, isQuiet } = asked;
  const ways = backend.map((name) => waysOf(io, name, asked));
  const total = ways.flat().length * mutants.length;
  const progress: Progress = startProgress(io, 'mutants', isQuiet);
  const scores = ways.flat().map((): Score[] => []);
  let first = 0;
  try {
    for (const waysOfBackend of ways) {
      for (const [index, mutant] of mutants.entries()) {
        // What a mutant was compiled for in one way is there for the next.
        for (const [beside, { score }] of waysOfBackend.entries()) {
          progress.update(first * mutants.length + index * waysOfBackend.length + beside, total);
          scores[first + beside].push(await score(mutant));
          onScore(scores.flat());
          // A long search keeps nobody from being interrupted.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      first += waysOfBackend.length;
    }
  } finally {
    progress.stop();
    for (const { stop } of ways.flat()) await stop();
  }
  return scores.flat();
}

/** A way of running mutants. */
interface Way {
  readonly score: (mutant: Mutant) => Score | Promise<Score>;
  readonly stop: () => void | Promise<void>;
}

/** How mutants are run on a backend: a GPU has two ways, with stress and without. */
function waysOf(io: Io, name: string, asked: Asked): Way[] {
  const { rarity, seed, stress } = asked;
  const isGpu = isGpuStack(name);
  const runs = asked.runs ?? (isGpu ? GPU_RUNS : RUNS);
  const seconds = asked.seconds ?? (isGpu ? GPU_SECONDS : SECONDS);
  const options = { runs, seconds, seed, ...(rarity === undefined ? {} : { rarity }) };
  if (name === 'explorer') {
    const scorer = new ExplorerScorer(options);
    return [{ score: (mutant) => scorer.score(mutant), stop: () => undefined }];
  }
  const backend = scoredBackend(io, name, asked);
  const ways = backend.isDevice && stress ? [false, true] : [false];
  return ways.map((isStressed) => {
    const scorer = new BackendScorer(backend, { ...options, stress: isStressed });
    return { score: (mutant: Mutant) => scorer.score(mutant), stop: () => scorer.stop() };
  });
}

function scoredBackend(io: Io, name: string, options: Asked): ScoredBackend {
  const make: ScoredBackend['make'] = async (kernel) => (await backendFactory(name, kernel, options, io.note))();
  if (isGpuStack(name)) {
    return { name, make, shared: new SharedBackends(make), lower: lowerToWgsl, isDevice: true };
  }
  const lower: ScoredBackend['lower'] = (kernel) => lowerToJavaScript(kernel, 'shared');
  return { name, make, lower, isDevice: false, strongMemory: THREADS_ARE_STRONG };
}
