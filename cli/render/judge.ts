/** What came of judging a history, for programs and for people. */

import {
  type Contradiction,
  describeOperation,
  describeValue,
  HISTORY_END,
  type History,
  type HistoryJudgement,
  type HistoryOperation,
  type Misfit,
  type PartProgress,
  type Progress,
} from '../../src/histories/index.ts';
import { coloursOf, type Io } from '../io.ts';
import { count, plural, printable, wrap } from './text.ts';

/** Of more operations than these it is not said which comes before which. */
const MOST_ORDERED = 12;
/** Of a longer prefix only the end is printed. */
const MOST_OF_PREFIX = 5;

/** The object that `judge --json` prints. */
export function describeJudgement(path: string, judgement: HistoryJudgement): Readonly<Record<string, unknown>> {
  const { verdict, history, parts, pending, nodes, witness, failure, contradiction, undecided } = judgement;
  return {
    schemaVersion: 1,
    path,
    model: history.model.name,
    verdict,
    operations: history.operations.length,
    pending,
    parts,
    nodes,
    witness: witness?.map(({ operation, at }) => ({ ...operationData(history, operation), at })),
    contradiction: contradiction && {
      key: failure?.key,
      operations: contradiction.operations.map((operation) => operationData(history, operation)),
      others: contradiction.others,
      isMinimal: contradiction.isMinimal,
      argument: argumentOf(history, contradiction),
      ...progressData(history, contradiction),
    },
    furthest: (failure === undefined ? undecided : [failure])?.map((progress) => ({
      key: progress.key,
      ...progressData(history, progress),
    })),
  };
}

function operationData({ operations }: History, index: number) {
  const operation = operations[index];
  const { lineNumber: line, process, call, return: end } = operation;
  return { line, process, call, return: end === HISTORY_END ? null : end, operation: describeOperation(operation) };
}

function progressData(history: History, { prefix, misfits }: Progress) {
  return {
    prefix: prefix.map((operation) => history.operations[operation].lineNumber),
    misfits: misfits.map(({ operation, cell, check, expected, found }) => {
      const line = history.operations[operation].lineNumber;
      return { line, cell: cell === '' ? undefined : cell, check, expected, found };
    }),
  };
}

/** The text that `judge` prints. */
export function renderHistoryJudgement(io: Io, path: string, judgement: HistoryJudgement): string {
  const { history, pending } = judgement;
  const open = pending === 0 ? '' : `, ${count(pending)} without a known end`;
  const head = `${printable(path)}: ${plural(history.operations.length, 'operation')}${open}; model ${history.model.name}`;
  return `${[head, '', ...renderVerdict(io, judgement)].join('\n')}\n`;
}

function renderVerdict(io: Io, judgement: HistoryJudgement): string[] {
  const colours = coloursOf(io);
  const { verdict, history, nodes, witness = [], failure, contradiction, undecided = [] } = judgement;
  const states = plural(nodes, 'state');
  if (verdict === 'serializable') {
    const left = history.operations.length - witness.length;
    const others = left === 0 ? '' : `; ${count(left)} without a known end are not needed`;
    const title = `${colours.green(verdict)}: this order explains every answer (${states} visited)${others}`;
    return [title, ...witness.map(({ operation, at }) => `  at ${at}  ${operationText(history, operation)}`)];
  }
  if (verdict === 'unknown') {
    const advice = 'a larger --max-nodes goes on longer.';
    const title = `${colours.yellow(verdict)}: the search gave up after ${states}; ${advice}`;
    return [title, ...undecided.flatMap((progress) => ['', ...renderProgress(history, progress)])];
  }
  const title = `${colours.red('not serializable')}: no order explains every answer (${states} visited)`;
  const proof = contradiction === undefined ? [] : ['', ...renderContradiction(history, contradiction)];
  return [title, ...proof, ...(failure === undefined ? [] : ['', ...renderProgress(history, failure)])];
}

function renderContradiction(history: History, contradiction: Contradiction): string[] {
  const { operations, others, isMinimal } = contradiction;
  const despite = others === 0 ? '' : `, whatever became of ${plural(others, 'other')} that had been called`;
  const size = isMinimal ? 'None of them can be left out of this.' : 'There may be a smaller set of the kind.';
  return [
    `These have no order${despite}:`,
    ...operations.map((operation) => `  ${operationText(history, operation)}`),
    ...[...argumentOf(history, contradiction), size].flatMap((sentence) => wrap(sentence, 0)),
  ];
}

/** How far the whole history, or a part of it, can be explained. */
function renderProgress(history: History, progress: PartProgress): string[] {
  const { key, prefix, misfits } = progress;
  const where = key === undefined ? '' : ` with key ${describeValue(key)}`;
  const hidden = prefix.length - MOST_OF_PREFIX;
  return [
    `How far an order goes: ${plural(prefix.length, 'operation')}${where} fit one after the other${hidden > 0 ? ', at last' : ''}`,
    ...prefix.slice(-MOST_OF_PREFIX).map((operation) => `  ${operationText(history, operation)}`),
    ...misfits.flatMap((misfit) => wrap(misfitText(history, misfit), 0)),
  ];
}

/** Why there is no order, in sentences: what comes before what, and what then cannot come next. */
function argumentOf(history: History, { operations, prefix, misfits }: Contradiction): string[] {
  const inPrefix = new Set(prefix);
  const shown = prefix.map((operation) => lineOf(history, operation)).join('; ');
  const start = prefix.length === 0 ? 'Nothing can come first.' : `As far as an order goes, it is ${shown}.`;
  const rest = operations.filter((operation) => !inPrefix.has(operation));
  return [
    ...precedences(history, operations),
    start,
    ...misfits.filter(({ operation }) => rest.includes(operation)).map((misfit) => misfitText(history, misfit)),
  ];
}

/** Which returned before which was called, without what follows from two others. */
function precedences({ operations }: History, indices: readonly number[]): string[] {
  if (indices.length > MOST_ORDERED) return [];
  const isBefore = (first: number, second: number) => operations[first].return < operations[second].call;
  return indices.flatMap((second) => {
    const before = indices.filter((first) => isBefore(first, second));
    const nearest = before.filter((first) => !before.some((between) => isBefore(first, between)));
    if (nearest.length === 0) return [];
    const lines = nearest.map((first) => `line ${operations[first].lineNumber}`).join(' and ');
    return [`Line ${operations[second].lineNumber} was called after ${lines} returned.`];
  });
}

function misfitText(history: History, { operation, cell, check, expected, found }: Misfit): string {
  const what = cell === '' ? 'the value' : `what ${describeValue(cell)} has`;
  const line = capital(lineOf(history, operation));
  return `${line}, cannot come next: ${what} had to be ${CHECKS[check]}${describeValue(expected)}, and is ${describeValue(found)}.`;
}

const CHECKS: Readonly<Record<Misfit['check'], string>> = {
  is: '',
  'is not': 'other than ',
  'is at least': 'at least ',
  'is less than': 'less than ',
};

function operationText(history: History, index: number): string {
  const operation = history.operations[index];
  const { process, call, return: end } = operation;
  const times = end === HISTORY_END ? `from ${call} on` : `${call} to ${end}`;
  return `line ${operation.lineNumber}: process ${processName(process)}, ${times}: ${describeOperation(operation)}`;
}

function lineOf({ operations }: History, index: number): string {
  return `line ${operations[index].lineNumber}, ${describeOperation(operations[index])}`;
}

function processName(process: HistoryOperation['process']): string {
  return typeof process === 'string' ? describeValue(process) : String(process);
}

function capital(sentence: string): string {
  return `${sentence[0].toUpperCase()}${sentence.slice(1)}`;
}
