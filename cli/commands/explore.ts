/** `vrrl explore`: schedules of an epoch on our own scheduler, and which outcomes no order of its slots gives. */

import { Option } from '@commander-js/extra-typings';
import { VERSION } from '../../node/version.ts';
import { compareOutcomes, explain } from '../../src/explain/index.ts';
import {
  type CountedOutcome,
  exhaust,
  type MemoryModel,
  OutcomeCensus,
  replayToken,
  type Sampler,
  type Seriality,
  type SerialJudge,
  sample,
  serialJudge,
} from '../../src/explore/index.ts';
import { observationLayoutOf } from '../../src/kernel/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import { MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { exploredScenario, type NamedScenario } from '../explored-scenario.ts';
import { integer } from '../options.ts';
import { differencesOf, type Explored, exploredJson, type FoundOutcome, type HowExplored } from '../render/explore.ts';
import { renderExplored } from '../render/explore-text.ts';
import { renderReplayed, replayedJson } from '../render/explore-trace.ts';
import { tidyJson } from '../render/json.ts';

const AFTER_HELP = `
Every lane stops before each access that another lane could get in the way of, and vrrl decides which goes next.
An outcome that no order of whole slots gives is a finding. It need not be a bug: an opcode that takes several accesses
promises nothing. Each outcome has a token that replays one of its schedules. docs/exploring.md says more.
A BATCH_FENCE follows the slots of --slots and --workload, as in a recording, unless {"end":"batch","fence":false} does.
Exit codes: 0 nothing found, 1 an outcome that is no serial order's, 2 wrong use or bad input, 3 unknown.

Examples:
  $ vrrl explore run.vrrl --epoch 17
  $ vrrl explore --slots jobs.jsonl --exhaustive --memory relaxed
  $ vrrl explore --generate 3 --seed 7 --exhaustive
  $ vrrl explore --slots jobs.jsonl --kernel my-kernel.mjs --sampler pct --depth 2 --runs 100000
  $ vrrl explore run.vrrl --epoch 17 --token AQAu…`;

const DEFAULT_RUNS = 10_000;
const DEFAULT_EXHAUSTIVE_RUNS = 1_000_000;

interface ExploreFlags {
  readonly sampler: Sampler;
  readonly memory: MemoryModel;
  readonly runs?: number | undefined;
  readonly depth: number;
  readonly seed: number;
  readonly maxSteps: number;
  readonly exhaustive?: true | undefined;
}

export const addExplore: AddCommand = (program, context) => {
  program
    .command('explore')
    .description('run schedules of an epoch access by access, and find outcomes that no order of its slots gives')
    .argument('[log]', 'log file, or - for standard input')
    .option('--epoch <n>', 'the epoch of the log, or of the slots', integer(0, Number.MAX_SAFE_INTEGER))
    .option('--slots <file>', 'slots as JSON lines from a file, or from standard input with -')
    .option('--workload <name>', 'an epoch of what a built-in workload makes of --input')
    .option('--input <file>', 'the file that the workload works on')
    .option('--generate <n>', 'so many slots of the built-in opcodes over two words, drawn with --seed', integer(1, 64))
    .option('--kernel <file>', 'a module whose default export is a kernel, or one in JSON')
    .option('--slot-count <n>', 'slots of the ring', integer(1, MAX_SLOT_COUNT))
    .option('--control-words <n>', 'words of control memory', integer(160, 1 << 24))
    .addOption(
      new Option('--sampler <name>', 'how schedules are drawn')
        .choices(['uniform', 'pct', 'pos', 'urw'] as const)
        .default('uniform'),
    )
    .addOption(
      new Option('--memory <model>', 'what a load may return')
        .choices(['sequential', 'relaxed'] as const)
        .default('sequential'),
    )
    .option('--runs <n>', 'schedules to take at most', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--depth <d>', 'of PCT: how many orderings a bug needs', integer(1, 16), 3)
    .option('--seed <n>', 'of everything that is drawn', integer(0, 0xffff_ffff), 1)
    .option('--max-steps <n>', 'steps of a lane before a run counts as hung', integer(1, 10_000_000), 100_000)
    .option('--exhaustive', 'take one schedule of every class in place of drawing them')
    .option('--token <text>', 'replay the schedule of a token and print its accesses')
    .option('--json', 'print one JSON object (spec/explore.schema.json)')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      const named = await exploredScenario(io, logPath, options);
      if (options.token !== undefined) {
        const run = replayToken(named.scenario, options.token);
        const seriality = serialJudge(named.scenario, judgeByExplaining)(run.outcome, run.isHung);
        const replayed = { named, run, seriality, token: options.token };
        await io.write(
          options.json ? `${tidyJson(replayedJson(`vrrl ${VERSION}`, replayed))}\n` : renderReplayed(replayed),
        );
        context.exitCode = exitCodeOf([seriality]);
        return;
      }
      const explored = explore(named, options);
      await io.write(
        options.json ? `${tidyJson(exploredJson(`vrrl ${VERSION}`, explored))}\n` : renderExplored(io, explored),
      );
      context.exitCode = exitCodeOf(explored.outcomes.map(({ seriality }) => seriality));
    });
};

function explore(named: NamedScenario, flags: ExploreFlags): Explored {
  const { scenario } = named;
  const { memory, sampler, seed, depth, maxSteps } = flags;
  const census = new OutcomeCensus(scenario);
  const how: HowExplored = flags.exhaustive
    ? { memory, exhaustive: true }
    : { memory, exhaustive: false, sampler, seed, ...(sampler === 'pct' ? { depth } : {}) };
  let isComplete = false;
  if (flags.exhaustive) {
    const maxRuns = flags.runs ?? DEFAULT_EXHAUSTIVE_RUNS;
    isComplete = exhaust(scenario, { memory, maxRuns, maxSteps }, (run) => census.add(run)).complete;
  } else {
    const runs = flags.runs ?? DEFAULT_RUNS;
    sample(scenario, { memory, sampler, seed, depth, maxSteps, runs }, (run) => census.add(run));
  }
  const isSerial = serialJudge(scenario, judgeByExplaining);
  const outcomes = census.outcomes().map((counted) => found(named, counted, isSerial(counted.outcome, counted.isHung)));
  return { named, how, runs: census.runs, uncounted: census.uncounted, isComplete, outcomes };
}

function found(
  { scenario, recorded }: NamedScenario,
  { outcome, isHung, count, token }: CountedOutcome,
  seriality: Seriality,
): FoundOutcome {
  const layout = resolveLayout(observationLayoutOf(scenario.kernel));
  const isRecorded = recorded !== undefined && !isHung && compareOutcomes(layout, recorded, outcome).isSame;
  return { outcome, isHung, count, token, seriality, isRecorded, differences: differencesOf(scenario, outcome) };
}

/** Where there are too many orders to try: the search for a serial order that `vrrl explain` makes. */
const judgeByExplaining: SerialJudge = (scenario, outcome) => {
  const { verdict, holds } = explain(scenario, outcome, { maxRuns: 1 });
  if (verdict === 'serializable' && holds === 'slot-serial') return 'serial';
  return verdict === 'unserializable' ? 'not serial' : 'unknown';
};

function exitCodeOf(serialities: readonly Seriality[]): number {
  if (serialities.includes('not serial')) return ExitCode.DIVERGED;
  return serialities.includes('unknown') ? ExitCode.UNKNOWN : ExitCode.AGREE;
}
