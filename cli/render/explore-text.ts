/** What `vrrl explore` found, as people read it. */

import { coloursOf, type Io } from '../io.ts';
import { type Explored, type FoundOutcome, notesOf, type OutcomeDifference } from './explore.ts';
import { findingLines, widthOf } from './explore-finding.ts';
import { table } from './table.ts';
import { count, percent, plural, printable } from './text.ts';

const MAX_ROWS = 10;
const MAX_DIFFERENCES = 4;
/** What the table puts between two columns. */
const GAP = 2;
/** Characters for the differences of an outcome, however narrow the terminal is. */
const LEAST_ROOM = 24;
/** Tokens of thousands of decisions fill the terminal, and nobody copies them from there. */
const LONGEST_TOKEN = 1_000;

/** The text that `explore` prints. */
export function renderExplored(io: Io, explored: Explored): string {
  const { named, outcomes, runs, told } = explored;
  const findings = outcomes.filter(({ seriality }) => seriality === 'not serial');
  // Findings are what people look for, however rare they are; the one that is told about stands first.
  const first = told === undefined ? [] : [outcomes[told.index]];
  const rows = [...new Set([...first, ...findings, ...outcomes])].slice(0, MAX_ROWS);
  const lines = [
    `${printable(named.name)}: ${plural(named.scenario.slots.length, 'slot')}, ${howText(explored)}`,
    verdictText(io, explored, findings.length),
    '',
    ...outcomeTable(io, rows, runs),
    ...(outcomes.length > rows.length
      ? [`and ${plural(outcomes.length - rows.length, 'more outcome')}, all with --json`]
      : []),
    ...(explored.uncounted > 0 ? [`${plural(explored.uncounted, 'run')} had yet other outcomes`] : []),
    '',
    'tokens, each of a schedule that gives the outcome above (--token TEXT replays it):',
    ...rows.map(({ token }, index) => `  ${index + 1}. ${tokenText(token)}`),
    ...toldLines(io, explored),
    ...notesOf(named, outcomes).map((note) => `note: ${printable(note)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function verdictText(io: Io, { outcomes, notJudged }: Explored, findings: number): string {
  const colours = coloursOf(io);
  const unknown = outcomes.filter(({ seriality }) => seriality === 'unknown').length;
  const parts = [plural(outcomes.length, 'outcome')];
  if (findings > 0) parts.push(colours.red(`${count(findings)} that no order of its slots gives`));
  else if (unknown === 0) parts.push(colours.green('every outcome is that of an order of its slots'));
  if (unknown > notJudged) parts.push(colours.yellow(`of ${count(unknown - notJudged)} there is no telling`));
  if (notJudged > 0) parts.push(colours.yellow(`${count(notJudged)} not judged (--max-nodes)`));
  return parts.join('; ');
}

/** The finding that is easiest to follow. */
function toldLines(io: Io, { named, outcomes, told, runs, replayCommand }: Explored): string[] {
  if (told === undefined) return [];
  const { count: seen, token } = outcomes[told.index];
  return [
    '',
    `outcome 1, of ${count(seen)} in ${plural(runs, 'run')}:`,
    ...findingLines(named.scenario, told.details, io).map(printable),
    '',
    `  $ ${printable(`${replayCommand} --token ${token.length > LONGEST_TOKEN ? 'TEXT' : token}`)}`,
  ];
}

function howText({ how, runs, accesses, isComplete, isCutOff }: Explored): string {
  const { memory, exhaustive, sampler, seed, depth } = how;
  const way = exhaustive
    ? `one schedule of a class, ${isComplete ? 'all of them' : 'not all of them'}`
    : `${sampler}${depth === undefined ? '' : ` of depth ${depth}`}, seed ${seed}`;
  const cut = isCutOff ? `; no more, since they took ${count(accesses)} accesses (--max-accesses)` : '';
  return `${memory} memory, ${plural(runs, 'run')} (${way}${cut})`;
}

/** Outcomes as a table; of what is different in each as much as the width has room for. */
function outcomeTable(io: Io, rows: readonly FoundOutcome[], runs: number): string[] {
  const head = ['', 'runs', 'share', 'serial', ''];
  const fixed = rows.map(({ count: seen, seriality, isRecorded, isHung }, index) => [
    String(index + 1),
    count(seen),
    percent(seen / runs),
    { serial: 'yes', 'not serial': 'no', unknown: '?' }[seriality],
    [...(isRecorded ? ['as recorded'] : []), ...(isHung ? ['hung'] : [])].join(', '),
  ]);
  const widest = head.map((name, column) => Math.max(name.length, ...fixed.map((cells) => cells[column].length)));
  const room = widthOf(io) - widest.reduce((sum, width) => sum + width + GAP, 0);
  const different = rows.map(({ differences }) => differencesText(differences, Math.max(room, LEAST_ROOM)));
  const title = 'instead of what the order of publishing gives';
  return table(
    [...head.slice(0, -1), room >= title.length ? title : 'instead of', ''],
    fixed.map((cells, index) => [...cells.slice(0, -1), different[index], cells[cells.length - 1]]),
  );
}

/** At least the first difference. */
function differencesText(differences: readonly OutcomeDifference[], room: number): string {
  const all = differences.map(({ name, published, seen }) => printable(`${name}: ${seen}, not ${published}`));
  for (let shown = Math.min(all.length, MAX_DIFFERENCES); shown > 0; shown -= 1) {
    const rest = all.length > shown ? [`${all.length - shown} more`] : [];
    const text = [...all.slice(0, shown), ...rest].join('; ');
    if (text.length <= room || shown === 1) return text;
  }
  return 'the same';
}

function tokenText(token: string): string {
  if (token.length <= LONGEST_TOKEN) return token;
  return `of ${count(token.length)} characters, see --json`;
}
