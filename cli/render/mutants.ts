/** Mutants and their scores as text and as JSON. */

import { columnOf, type Mutant, type Score, type ScoreSummary, summarize } from '../../src/mutants/index.ts';
import { table } from './table.ts';
import { count, percent, plural } from './text.ts';

/** What `vrrl mutants` came to. */
export interface MutantReport {
  readonly scores: readonly Score[];
  readonly oneIn: number | undefined;
  /** By the stack that runs on it. */
  readonly adapters: Readonly<Record<string, string>>;
  /** Undefined: those that the command makes by itself. */
  readonly runs: number | undefined;
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly only: readonly string[] | undefined;
  readonly adapter: string | undefined;
}

/** The catalogue, a line a mutant. */
export function printMutants(mutants: readonly Mutant[]): string {
  const rows = mutants.map(({ number, group, kind, name, shows, base }) => [
    String(number),
    group,
    kind,
    name,
    shows,
    base.name,
  ]);
  return `${table(['#', 'group', 'kind', 'change', 'shows', 'kernel'], rows).join('\n')}\n`;
}

export function printScores(report: MutantReport): string {
  const rows = report.scores.map((score) => [columnOf(score), ...scoreCells(score)]);
  const lines = table(['backend', ...SCORE_HEAD], rows);
  for (const summary of summarize(report.scores)) lines.push(summaryLine(summary, report.oneIn));
  return `${lines.join('\n')}\n`;
}

/** What {@link scoreCells} are about. */
export const SCORE_HEAD: readonly string[] = [
  '#',
  'kind',
  'change',
  'fate',
  'killed by',
  'rate',
  'interval',
  'runs',
  'first',
];

/** A score in a few words each. */
export function scoreCells(score: Score): string[] {
  const { mutant, fate, reason, killed, oracles, runs, firstKillMs, explanation, layout } = score;
  const isKilled = fate === 'killed';
  const level = explanation?.shape === undefined ? '' : ` (${explanation.shape})`;
  const where = layout === undefined ? '' : `, ${layout}`;
  return [
    String(mutant.number),
    mutant.kind,
    mutant.name,
    fate,
    isKilled ? `${oracles.map(({ oracle }) => oracle).join(', ')}${where}${level}` : (reason ?? ''),
    isKilled ? percent(killed.count / killed.total) : '',
    isKilled ? `${percent(killed.low)} … ${percent(killed.high)}` : '',
    count(runs),
    firstKillMs === undefined ? '' : timeText(firstKillMs),
  ];
}

/** `explorer: 41 of 41 killed; 1 equivalent` */
export function summaryLine(summary: ScoreSummary, oneIn: number | undefined): string {
  const { counts, killed, killable } = summary;
  const share = killable === 0 ? '' : ` (${percent(killed / killable)})`;
  const rest = [
    ...(counts.equivalent > 0 ? [`${counts.equivalent} equivalent on these scenarios`] : []),
    ...(counts.unobservable > 0 ? [`${counts.unobservable} unobservable here`] : []),
  ];
  const rare = oneIn === undefined ? '' : `, defects in one slot of ${count(oneIn)}`;
  return `${columnOf(summary)}${rare}: ${killed} of ${plural(killable, 'mutant')} killed${share}${rest.map((text) => `; ${text}`).join('')}`;
}

function timeText(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.ceil(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}

/** As spec/mutants.schema.json has it. Which mutants were asked for is in the scores, the adapter by its full name. */
export function scoresToJson({ scores, only: _only, adapter: _adapter, ...options }: MutantReport): unknown {
  return {
    schemaVersion: 1,
    ...options,
    scores: scores.map(({ mutant, reason, noJudges, ...score }) => ({
      number: mutant.number,
      group: mutant.group,
      kind: mutant.kind,
      name: mutant.name,
      kernel: mutant.base.name,
      race: mutant.race.name,
      ...score,
      ...(reason === undefined ? {} : { reason }),
      noJudges,
    })),
    summary: summarize(scores),
  };
}
