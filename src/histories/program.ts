/** Operations of a history as steps over numbered cells, which is what a search can go through quickly. */

import { type History, type HistoryOperation, isPending } from './history.ts';
import { type Change, type Check, type Clause, isChange, type OperationDefinition, parseSentence } from './language.ts';
import type { Member, Value, ValueTable } from './values.ts';

/** A clause with its cell and its operand filled in. */
export interface Step {
  readonly verb: Check | Change;
  readonly cell: number;
  /** Of cells that hold values the value's number, otherwise the number itself. */
  readonly operand: number;
}

/** Where cells and values get their numbers. */
export interface Numbering {
  readonly values: ValueTable;
  /** The cell of a name; the only cell has the name ''. */
  cellOf(name: string): number;
}

/** What is known of an operation: its steps, and what they would be if nobody had seen its end. */
export interface Program {
  /** Undefined if nobody saw the end. */
  readonly seen: readonly Step[] | undefined;
  readonly unseen: readonly Step[];
}

/** Lowers operations of one history. */
export class Lowering {
  readonly #history: History;
  readonly #clauses = new Map<readonly string[], readonly Clause[]>();

  constructor(history: History) {
    this.#history = history;
  }

  program(operation: HistoryOperation, numbering: Numbering): Program {
    const definition = this.#history.model.operations[operation.name];
    const unseen = this.#steps(definition.does, operation.input, undefined, numbering);
    if (isPending(operation)) return { seen: undefined, unseen };
    const { input, output } = operation;
    return { seen: this.#steps(sentencesOf(definition, operation), input, output, numbering), unseen };
  }

  /** A value or a number as cells hold it. */
  numberOf(member: Member, { values }: Numbering): number {
    // Whoever read the history saw to it that cells get what they hold.
    return this.#history.model.holds === 'number' ? Number(member) : values.numberOf(member as Value);
  }

  #steps(
    sentences: readonly string[],
    input: HistoryOperation['input'],
    output: HistoryOperation['output'],
    numbering: Numbering,
  ): Step[] {
    const steps = this.#parse(sentences).flatMap((clause): Step[] => {
      const operand = clause.from === 'input' ? input.get(clause.member) : output?.get(clause.member);
      if (operand === undefined) return [];
      const { verb, cell } = clause;
      if (operand instanceof Map) {
        return Array.from(operand, ([name, each]) => ({ verb, cell: numbering.cellOf(name), operand: each }));
      }
      const name = cell.kind === 'named' ? String(input.get(cell.member)) : '';
      return [{ verb, cell: numbering.cellOf(name), operand: this.numberOf(operand, numbering) }];
    });
    return steps.filter((step, place) => !isRepeated(step, steps[place - 1]));
  }

  #parse(sentences: readonly string[]): readonly Clause[] {
    const known = this.#clauses.get(sentences);
    if (known !== undefined) return known;
    const clauses = sentences.map(parseSentence);
    this.#clauses.set(sentences, clauses);
    return clauses;
  }
}

/** What became true of an operation whose end was seen. */
function sentencesOf(definition: OperationDefinition, { output }: HistoryOperation): readonly string[] {
  return output?.get('ok') === false ? (definition.refused ?? NOTHING) : definition.does;
}

const NOTHING: readonly string[] = [];

/** To set a cell to what it was just found to be changes nothing. */
function isRepeated(step: Step, before: Step | undefined): boolean {
  const isSame = before?.cell === step.cell && before.operand === step.operand;
  return isSame && step.verb === 'becomes' && before.verb === 'is';
}

export function changesAnything(steps: readonly Step[]): boolean {
  return steps.some(({ verb }) => isChange(verb));
}
