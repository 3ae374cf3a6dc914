/** Explanations as people read them: one line, the argument, a table of the slots concerned, what is not known. */

import type { Explanation } from '../../src/explain/index.ts';
import { type Colours, coloursOf, type Io } from '../io.ts';
import { renderAccesses } from './explain-accesses.ts';
import { table } from './table.ts';
import { count, plural, printable, printableData, wrap } from './text.ts';

/** One outcome of an epoch, where it was seen, and how often. */
export interface ExplainedOutcome {
  readonly source: string;
  readonly count: number;
  readonly explanation: Explanation;
}

/** What `explain` found out. */
export interface ExplainedEpoch {
  /** Undefined if no epoch needed explaining. */
  readonly epoch: number | undefined;
  readonly lookedAt: number;
  /** Epochs that cannot be explained, each with the reason. */
  readonly unknown: readonly string[];
  readonly notes: readonly string[];
  readonly outcomes: readonly ExplainedOutcome[];
}

/** The text that `explain` prints. */
export function renderExplained(io: Io, logPath: string, explained: ExplainedEpoch): string {
  const colours = coloursOf(io);
  const { epoch, lookedAt, outcomes, unknown, notes } = printableData(explained);
  const shownUnknown = unknown.slice(0, MAX_UNKNOWN);
  const lines = [
    ...notes.map((note) => `note: ${note}`),
    ...(outcomes.length === 0 ? [nothingToExplain(printable(logPath), lookedAt, unknown.length)] : []),
    ...outcomes.flatMap((outcome, index) => [
      ...(index > 0 ? [''] : []),
      ...renderOutcome(`epoch ${epoch ?? '?'}`, outcome, colours, io.columns),
    ]),
    ...(unknown.length > 0 ? ['', 'not explained:', ...shownUnknown.map((text) => `  ${text}`)] : []),
    ...(unknown.length > MAX_UNKNOWN ? [`  and ${plural(unknown.length - MAX_UNKNOWN, 'more epoch')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

const MAX_UNKNOWN = 8;
const MAX_SLOTS = 16;
/** Numbers of slots that are listed in one place. */
const MAX_NUMBERS = 16;
const DEFAULT_COLUMNS = 80;
/** Longer lines of prose are hard to read. */
const MOST_COLUMNS = 100;

function nothingToExplain(log: string, lookedAt: number, unknown: number): string {
  if (unknown > 0 && unknown === lookedAt) return `${log}: none of ${plural(lookedAt, 'epoch')} can be explained`;
  const explained = lookedAt - unknown;
  return `${log}: every epoch is explained by the order of publishing (${count(explained)} of ${count(lookedAt)} looked at)`;
}

function renderOutcome(
  where: string,
  { source, count: seen, explanation }: ExplainedOutcome,
  colours: Colours,
  columns: number | undefined,
): string[] {
  const { verdict, summary, argument, notKnown, assumed, violated, holds } = explanation;
  const paint = { serializable: colours.green, unserializable: colours.red, unknown: colours.yellow }[verdict];
  const often =
    source === 'recording' ? 'as recorded' : `${source}, seen ${count(seen)} ${seen === 1 ? 'time' : 'times'}`;
  const level =
    violated === undefined ? [] : [`  violated: ${violated}${holds === undefined ? '' : `; holds: ${holds}`}`];
  return [
    ...headline(`${where} (${often}): ${verdict}: ${summary}`, columns).map((line) =>
      line.replace(`): ${verdict}:`, `): ${colours.bold(paint(verdict))}:`),
    ),
    ...level,
    ...(argument.length > 0 ? ['', ...argument.flatMap((sentence) => wrap(sentence, 2, widthFor(columns)))] : []),
    ...renderSlots(explanation),
    ...renderAccesses(explanation, columns ?? DEFAULT_COLUMNS),
    ...renderWitness(explanation),
    ...[
      ...assumed.map((text) => `assumed: ${text}`),
      ...notKnown.map((text) => `not known: ${text}`),
      `tried: ${plural(explanation.nodes, 'state')} of serial orders, ${plural(explanation.runs, 'interleaving')} of accesses`,
    ].flatMap((text) => wrap(text, 2, columns)),
  ];
}

/** One line for programs that look for lines, however long; on a terminal as many as it takes, the later ones set in. */
function headline(text: string, columns: number | undefined): string[] {
  if (columns === undefined) return [text];
  const [first, ...rest] = wrap(text, 0, columns);
  return rest.length === 0 ? [first] : [first, ...wrap(rest.join(' '), 2, columns)];
}

function widthFor(columns: number | undefined): number {
  return Math.min(MOST_COLUMNS, columns ?? MOST_COLUMNS);
}

function renderSlots({ slots, violated }: Explanation): string[] {
  if (slots.length === 0 || violated === undefined) return [];
  // Slots that do the same are told once.
  const alike = new Map<string, (typeof slots)[number][]>();
  for (const slot of slots) {
    const key = `${slot.batch} ${slot.text}`;
    alike.set(key, [...(alike.get(key) ?? []), slot]);
  }
  const groups = [...alike.values()];
  const rows = groups
    .slice(0, MAX_SLOTS)
    .map((group) => [
      `    slot${group.length === 1 ? '' : 's'} ${numbersText(group.map(({ slot }) => slot))}`,
      group.length === 1 ? `ring ${group[0].slotIndex}` : `${group.length} of them`,
      `batch ${group[0].batch}`,
      group[0].text,
      group[0].promisesAtomicity ? 'promises to happen at once' : '',
    ]);
  const left = groups.slice(MAX_SLOTS).flat().length;
  const more = left > 0 ? [`    and ${plural(left, 'more slot')}`] : [];
  return ['', '  slots:', ...table(undefined, rows), ...more];
}

function renderWitness({ witness }: Explanation): string[] {
  if (witness === undefined) return [];
  if (witness.kind === 'accesses') {
    const slots = `slot${witness.slots.length === 1 ? '' : 's'} ${numbersText(witness.slots)} by themselves`;
    return [`  schedule (${witness.memory}, ${slots}): ${witness.token}`];
  }
  return witness.isPublishOrder ? [] : wrap(`order: ${numbersText(witness.order, MAX_ORDER)}`, 2);
}

/** Slots of an order that are shown; `--json` has all. */
const MAX_ORDER = 48;

/** `1, 4, 8, … (17 in all)`. */
function numbersText(numbers: readonly number[], most: number = MAX_NUMBERS): string {
  if (numbers.length <= most) return numbers.join(', ');
  return `${numbers.slice(0, most).join(', ')}, … (${numbers.length} in all)`;
}
