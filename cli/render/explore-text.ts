/** What `vrrl explore` found, as people read it. */

import { coloursOf, type Io } from '../io.ts';
import { type Explored, type FoundOutcome, notesOf } from './explore.ts';
import { findingLines } from './explore-finding.ts';
import { table } from './table.ts';
import { count, percent, plural, printable } from './text.ts';

const MAX_ROWS = 10;
const MAX_DIFFERENCES = 4;

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
    ...table(
      ['', 'runs', 'share', 'serial', 'instead of what the order of publishing gives', ''],
      rows.map((row, index) => [String(index + 1), ...cells(row, runs)]),
    ),
    ...(outcomes.length > rows.length
      ? [`and ${plural(outcomes.length - rows.length, 'more outcome')}, all with --json`]
      : []),
    ...(explored.uncounted > 0 ? [`${plural(explored.uncounted, 'run')} had yet other outcomes`] : []),
    '',
    'tokens, each of a schedule that gives the outcome above (--token TEXT replays it):',
    ...rows.map(({ token }, index) => `  ${index + 1}. ${token}`),
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
    `  $ ${printable(`${replayCommand} --token ${token}`)}`,
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

function cells({ count: seen, seriality, differences, isRecorded, isHung }: FoundOutcome, runs: number): string[] {
  const shown = differences
    .slice(0, MAX_DIFFERENCES)
    .map(({ name, published, seen: value }) => `${name}: ${value}, not ${published}`);
  const rest = differences.length > MAX_DIFFERENCES ? [`${differences.length - MAX_DIFFERENCES} more`] : [];
  const serial = { serial: 'yes', 'not serial': 'no', unknown: '?' }[seriality];
  const remarks = [...(isRecorded ? ['as recorded'] : []), ...(isHung ? ['hung'] : [])];
  const text = [...shown, ...rest].join('; ');
  return [count(seen), percent(seen / runs), serial, printable(text === '' ? 'the same' : text), remarks.join(', ')];
}
