/** `vrrl explore`: schedules of an epoch on our own scheduler, and which outcomes no order of its slots gives. */

import { Option } from '@commander-js/extra-typings';
import { VERSION } from '../../node/version.ts';
import { compareOutcomes } from '../../src/explain/index.ts';
import {
  type CountedOutcome,
  exhaust,
  type MemoryModel,
  OutcomeCensus,
  type Run,
  replayToken,
  type Sampler,
  type Seriality,
  sample,
} from '../../src/explore/index.ts';
import { observationLayoutOf } from '../../src/kernel/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import { MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import type { Scenario } from '../../src/scenario/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { DEFAULT_JUDGING_NODES, detailsOf, type Judgement, judgeOutcomes } from '../explore-judging.ts';
import { exploredScenario, type NamedScenario, type ScenarioFlags } from '../explored-scenario.ts';
import type { Io } from '../io.ts';
import { integer } from '../options.ts';
import { startCounter } from '../progress.ts';
import { differencesOf, type Explored, exploredJson, type FoundOutcome, type HowExplored } from '../render/explore.ts';
import { renderExplored } from '../render/explore-text.ts';
import { type ReplayedToken, renderReplayed, replayedJson } from '../render/explore-trace.ts';
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
/**
 * Accesses that are taken in all where nobody says how many runs are: seconds. They matter only where slots make so many
 * that 10,000 runs would take minutes.
 */
const DEFAULT_ACCESSES = 50_000_000;

/** Schedules after which the number on the terminal is made new. */
const RUNS_A_TICK = 1_000;

interface ExploreFlags extends ScenarioFlags {
  readonly sampler: Sampler;
  readonly memory: MemoryModel;
  readonly runs?: number | undefined;
  readonly maxAccesses?: number | undefined;
  readonly depth: number;
  readonly seed: number;
  readonly maxSteps: number;
  readonly maxNodes: number;
  readonly quiet?: true | undefined;
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
    .option(
      '--max-accesses <n>',
      'accesses to take at most, over all schedules; default: 50,000,000 unless --runs is given',
      integer(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--depth <d>', 'of PCT: how many orderings a bug needs', integer(1, 16), 3)
    .option('--seed <n>', 'of everything that is drawn', integer(0, 0xffff_ffff), 1)
    .option('--max-steps <n>', 'steps of a lane before a run counts as hung', integer(1, 10_000_000), 100_000)
    .option(
      '--max-nodes <n>',
      'states of serial orders to look at, over all outcomes',
      integer(0, 1_000_000_000),
      DEFAULT_JUDGING_NODES,
    )
    .option('--exhaustive', 'take one schedule of every class in place of drawing them')
    .option('--token <text>', 'replay the schedule of a token and print its accesses')
    .option('--json', 'print one JSON object (spec/explore.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      const named = await exploredScenario(io, logPath, options);
      const write = (json: unknown, text: () => string) => io.write(options.json ? `${tidyJson(json)}\n` : text());
      if (options.token !== undefined) {
        const replayed = replay(named, options.token, options.maxNodes);
        await write(replayedJson(`vrrl ${VERSION}`, replayed), () => renderReplayed(io, replayed));
        context.exitCode = exitCodeOf([replayed.seriality]);
        return;
      }
      const explored = explore(io, named, logPath, options);
      await write(exploredJson(`vrrl ${VERSION}`, explored), () => renderExplored(io, explored));
      context.exitCode = exitCodeOf(explored.outcomes.map(({ seriality }) => seriality));
    });
};

function replay(named: NamedScenario, token: string, maxNodes: number): ReplayedToken {
  const { scenario } = named;
  const run = replayToken(scenario, token);
  const judged = { outcome: run.outcome, isHung: run.isHung, token };
  const { serialities, explanations, trials } = judgeOutcomes(scenario, [judged], maxNodes);
  const [seriality] = serialities;
  const details = detailsOf(scenario, judged, trials, seriality, explanations.get(0));
  return { named, run, seriality, token, details };
}

function explore(io: Io, named: NamedScenario, logPath: string | undefined, flags: ExploreFlags): Explored {
  const { scenario } = named;
  const taken = takeSchedules(io, scenario, flags);
  const counted = taken.census.outcomes();
  const judgement = judging(io, scenario, counted, flags);
  const outcomes = counted.map((each, index) => found(named, each, judgement.serialities[index]));
  const index = shortestFinding(outcomes);
  const { trials, explanations, notJudged } = judgement;
  const told =
    index === undefined
      ? undefined
      : { index, details: detailsOf(scenario, outcomes[index], trials, 'not serial', explanations.get(index)) };
  const { how, isComplete, census, accesses, isCutOff } = taken;
  const { runs, uncounted } = census;
  const replayCommand = command(logPath, flags);
  const counts = { runs, accesses, uncounted, isComplete, isCutOff };
  return { named, how, ...counts, outcomes, notJudged, told, replayCommand };
}

interface TakenSchedules {
  readonly how: HowExplored;
  readonly census: OutcomeCensus;
  readonly isComplete: boolean;
  readonly accesses: number;
  /** `--max-accesses` ended it. */
  readonly isCutOff: boolean;
}

function takeSchedules(io: Io, scenario: Scenario, flags: ExploreFlags): TakenSchedules {
  const { memory, sampler, seed, depth, maxSteps } = flags;
  const census = new OutcomeCensus(scenario);
  const maxAccesses = flags.maxAccesses ?? (flags.runs === undefined ? DEFAULT_ACCESSES : Number.MAX_SAFE_INTEGER);
  const progress = startCounter(io, 'exploring', 'schedules', flags.quiet);
  const onRun = (run: Run) => {
    census.add(run);
    if (census.runs % RUNS_A_TICK === 0) progress.update(census.runs);
  };
  try {
    if (flags.exhaustive) {
      const maxRuns = flags.runs ?? DEFAULT_EXHAUSTIVE_RUNS;
      const { complete, accesses } = exhaust(scenario, { memory, maxRuns, maxAccesses, maxSteps }, onRun);
      const how = { memory, exhaustive: true };
      return { how, census, accesses, isComplete: complete, isCutOff: accesses >= maxAccesses };
    }
    const runs = flags.runs ?? DEFAULT_RUNS;
    const options = { memory, sampler, seed, depth, maxSteps, runs, maxAccesses };
    const { accesses } = sample(scenario, options, onRun);
    const how = { memory, exhaustive: false, sampler, seed, ...(sampler === 'pct' ? { depth } : {}) };
    return { how, census, accesses, isComplete: false, isCutOff: census.runs < runs };
  } finally {
    progress.stop();
  }
}

function judging(io: Io, scenario: Scenario, outcomes: readonly CountedOutcome[], flags: ExploreFlags): Judgement {
  const progress = startCounter(io, 'judging', 'outcomes', flags.quiet);
  try {
    return judgeOutcomes(scenario, outcomes, flags.maxNodes, (done) => progress.update(done));
  } finally {
    progress.stop();
  }
}

/** Of the findings the one whose schedule is the easiest to follow. */
function shortestFinding(outcomes: readonly FoundOutcome[]): number | undefined {
  const findings = [...outcomes.keys()].filter((index) => outcomes[index].seriality === 'not serial');
  return findings.sort((left, right) => outcomes[left].token.length - outcomes[right].token.length).at(0);
}

/** What names the scenario on the command line, for a token to follow. */
function command(logPath: string | undefined, flags: ExploreFlags): string {
  const named = [
    ['epoch', flags.epoch],
    ['slots', flags.slots],
    ['workload', flags.workload],
    ['input', flags.input],
    ['generate', flags.generate],
    ['seed', flags.generate === undefined ? undefined : flags.seed],
    ['kernel', flags.kernel],
    ['slot-count', flags.slotCount],
    ['control-words', flags.controlWords],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, quoted(String(value))]));
  return ['vrrl explore', ...(logPath === undefined ? [] : [quoted(logPath)]), ...named].join(' ');
}

/** As a shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
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

function exitCodeOf(serialities: readonly Seriality[]): number {
  if (serialities.includes('not serial')) return ExitCode.DIVERGED;
  return serialities.includes('unknown') ? ExitCode.UNKNOWN : ExitCode.AGREE;
}
