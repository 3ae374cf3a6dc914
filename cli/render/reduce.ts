/** A reduction as people read it: what is left first, then how it came about. */

import type { Rate } from '../../src/diff/index.ts';
import { commonRows, laneRowsBeside, laneTable } from '../../src/explore/index.ts';
import {
  type LedgerEntry,
  type LogCandidate,
  type Reduction,
  type ScheduleComparison,
  scenarioOf,
  slotCountOf,
} from '../../src/reduce/index.ts';
import type { Scenario } from '../../src/scenario/index.ts';
import { coloursOf, type Io } from '../io.ts';
import type { ReducedRecording } from '../reduction.ts';
import { callText, laneNames, widthOf } from './explore-finding.ts';
import { table } from './table.ts';
import { count, percent, plural, printable, printableData } from './text.ts';

/** Slots that are listed. */
const MOST_LISTED = 24;

/** Where everything was written. */
export interface WrittenFiles {
  readonly output: string;
  readonly testFile: string | undefined;
}

/** The text that `reduce` prints where there is a reproducer. */
export function renderReduction(io: Io, given: ReducedRecording, reduction: Reduction, files: WrittenFiles): string {
  const colours = coloursOf(io);
  const reduced = printableData({ ...given, choice: undefined, reduction: undefined });
  const { reproducer } = reduction;
  if (reproducer === undefined) throw new Error('there is nothing to show');
  const scenario = scenarioOf(reproducer);
  const schedule =
    scenario === undefined || given.schedule === undefined ? [] : ['', ...scheduleLines(io, scenario, given.schedule)];
  const lines = [
    ...given.notes.map((note) => `note: ${printable(note)}`),
    `${colours.bold(printable(files.output))}: ${sizeOf(reproducer)}, of ${sizeOf(reduction.original)} in ${printable(given.logPath)}, ${placeOf(reduced)}`,
    '',
    `failure   ${printable(reduction.signature ?? '')}`,
    ...(reduced.failure === undefined
      ? []
      : [`first     ${reduced.failure.where}: expected ${reduced.failure.expected}, seen ${reduced.failure.seen}`]),
    `rate      ${rateText(reduction.rateAfter)}; the original ${rateText(reduction.rateBefore)}`,
    `smallest  ${minimality(reduction)}`,
    '',
    ...slotTable(reproducer),
    '',
    ...stageTable(reduction.ledger),
    `${plural(reduction.runs + reduced.searchRuns, 'run')} on ${printable(given.judge.asked)}`,
    ...schedule,
    '',
    'to see it again:',
    ...commandsFor(given, reduction, files).map((line) => `  ${printable(line)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function sizeOf(candidate: LogCandidate): string {
  const { epochs, initial } = candidate;
  const start = initial === undefined ? 'from a fresh kernel' : 'from a recorded state';
  return `${plural(slotCountOf(candidate), 'slot')} in ${plural(epochs.length, 'epoch')} ${start}`;
}

function placeOf({ epochs }: Pick<ReducedRecording, 'epochs'>): string {
  return epochs.first === epochs.last ? `epoch ${epochs.first}` : `epochs ${epochs.first} to ${epochs.last}`;
}

function rateText(rate: Rate | undefined): string {
  if (rate === undefined) return 'not measured';
  const share = `${count(rate.count)} of ${plural(rate.total, 'run')}`;
  return rate.total === 1 ? share : `${share} (${percent(rate.low)} … ${percent(rate.high)})`;
}

function minimality({ isMinimal, unresolved, alpha, rateDecidedFor }: Reduction): string {
  if (!isMinimal) return 'not shown: the runs that were allowed are used up (--max-runs)';
  const sure =
    rateDecidedFor === 1 ? '' : `, at a rate of ${percent(rateDecidedFor)} and with ${percent(1 - alpha)} confidence`;
  const untold = unresolved === 0 ? '' : `; of ${plural(unresolved, 'slot')} it could not be told`;
  return `no slot can be left out${sure}${untold}`;
}

/** What is left, in publish order. */
function slotTable({ kernel, epochs }: LogCandidate): string[] {
  const rows: string[][] = [];
  for (const [epoch, { slots, batchEnds }] of epochs.entries()) {
    let batch = 0;
    for (const [index, { slotIndex, slot }] of slots.entries()) {
      while (index >= batchEnds[batch]) batch += 1;
      const what = printable(callText(kernel, slot));
      rows.push([count(epoch), count(batch), count(slotIndex), String(slot.tenant), what]);
    }
  }
  const more = rows.length > MOST_LISTED ? [`and ${plural(rows.length - MOST_LISTED, 'more slot')}`] : [];
  return [...table(['epoch', 'batch', 'lane', 'tenant', 'slot'], rows.slice(0, MOST_LISTED)), ...more];
}

/** The ledger, a row a stage. */
function stageTable(ledger: readonly LedgerEntry[]): string[] {
  const stages = [...new Set(ledger.map(({ stage }) => stage))];
  const rows = stages.map((stage) => {
    const own = ledger.filter((entry) => entry.stage === stage);
    const accepted = own.filter((entry) => entry.accepted);
    const last = accepted.at(-1)?.size ?? own[0].sizeBefore;
    const runs = own.reduce((sum, entry) => sum + entry.runs, 0);
    return [
      stage,
      `${count(own[0].sizeBefore)} → ${count(last)}`,
      count(own.length),
      count(accepted.length),
      count(runs),
    ];
  });
  return table(['stage', 'size', 'tried', 'failed', 'runs'], rows);
}

/** @returns lines for a shell. */
export function commandsFor(
  { judge, reduction, schedule }: ReducedRecording,
  { rateAfter, reproducer }: Reduction,
  { output, testFile }: WrittenFiles,
): string[] {
  const token = schedule === undefined ? [] : [`vrrl explore ${output} --token ${schedule.token}`];
  if (judge.kind === 'explorer') {
    return [`vrrl replay ${output} --backend reference`, ...token, ...testCommand(testFile)];
  }
  if (judge.kind === 'command') return [judge.asked.replaceAll('{}', output), ...testCommand(testFile)];
  const replicas =
    rateAfter === undefined || rateAfter.low >= 1 ? 10 : Math.min(1_000_000, Math.ceil(5 / rateAfter.low));
  const alone = reduction?.reproducer?.kernel === undefined ? '' : `vrrl replay ${output} --backend reference`;
  const settings = Object.entries(reproducer?.stress ?? {}).map(([name, value]) => `${name}=${value}`);
  const stress = settings.length === 0 ? '' : ` --stress-settings ${settings.join(',')}`;
  const again = `vrrl replay ${output} --no-observations --backend reference,${judge.asked} --replicas ${replicas}${stress}`;
  return [
    ...(alone === '' ? [] : [alone]),
    ...(reproducer?.initial === undefined ? [again] : []),
    ...token,
    ...testCommand(testFile),
  ];
}

/** The failing order above the nearest passing one; only accesses that slots had to do with each other in. */
function scheduleLines(io: Io, scenario: Scenario, schedule: ScheduleComparison): string[] {
  const { failing, passing, switches, isFewest } = schedule;
  const { left, right } = laneRowsBeside(failing, passing ?? []);
  const shared = commonRows(left, right);
  const table = { names: laneNames(scenario), width: widthOf(io) };
  const fewest = isFewest ? 'no schedule that fails has fewer' : 'fewer may do';
  const sharedText = shared === 0 ? 'another first access' : `the same for ${plural(shared, 'row')}`;
  const passes = [`it passes, ${sharedText}:`, ...laneTable(right, { ...table, partsAtRow: shared })];
  return [
    `on the CPU model: a schedule with ${plural(switches, 'switch', 'switches')} between lanes; ${fewest}`,
    '',
    'it fails:',
    ...laneTable(left, { ...table, partsAtRow: passing === undefined ? undefined : shared }),
    '',
    ...(passing === undefined ? ['no run passed'] : passes),
  ].map(printable);
}

function testCommand(testFile: string | undefined): string[] {
  return testFile === undefined ? [] : [`node --test ${testFile}`];
}
