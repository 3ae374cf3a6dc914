/** What `vrrl explore` found, as people read it. */

import { coloursOf, type Io } from '../io.ts';
import { type Explored, type FoundOutcome, notesOf } from './explore.ts';
import { table } from './table.ts';
import { count, percent, plural, printable } from './text.ts';

const MAX_ROWS = 20;
const MAX_DIFFERENCES = 4;

/** The text that `explore` prints. */
export function renderExplored(io: Io, explored: Explored): string {
  const { named, outcomes, runs } = explored;
  const colours = coloursOf(io);
  const findings = outcomes.filter(({ seriality }) => seriality === 'not serial');
  const verdict =
    findings.length === 0
      ? colours.green('every outcome is that of an order of its slots')
      : colours.red(`${plural(findings.length, 'outcome')} that no order of its slots gives`);
  const unknown = outcomes.filter(({ seriality }) => seriality === 'unknown').length;
  // Findings are what people look for, however rare they are.
  const rows = [...findings, ...outcomes.filter((each) => !findings.includes(each))].slice(0, MAX_ROWS);
  const lines = [
    `${printable(named.name)}: ${plural(named.scenario.slots.length, 'slot')}, ${howText(explored)}`,
    `${plural(outcomes.length, 'outcome')}; ${unknown > 0 ? `${colours.yellow(`of ${count(unknown)} there is no telling`)}; ` : ''}${verdict}`,
    '',
    ...table(
      ['runs', 'share', 'serial', 'instead of what the order of publishing gives', ''],
      rows.map((row) => cells(row, runs)),
    ),
    ...(outcomes.length > MAX_ROWS
      ? [`and ${plural(outcomes.length - MAX_ROWS, 'more outcome')}, all with --json`]
      : []),
    ...(explored.uncounted > 0 ? [`${plural(explored.uncounted, 'run')} had yet other outcomes`] : []),
    '',
    'tokens, each of a schedule that gives the outcome above (--token TEXT replays it):',
    ...rows.map(({ token }, index) => `  ${index + 1}. ${token}`),
    ...notesOf(named, outcomes).map((note) => `note: ${printable(note)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function howText({ how, runs, isComplete }: Explored): string {
  const { memory, exhaustive, sampler, seed, depth } = how;
  const way = exhaustive
    ? `one schedule of a class, ${isComplete ? 'all of them' : 'not all of them'}`
    : `${sampler}${depth === undefined ? '' : ` of depth ${depth}`}, seed ${seed}`;
  return `${memory} memory, ${plural(runs, 'run')} (${way})`;
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
