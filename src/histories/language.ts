/**
 * The language that models are written in: what an operation does is a list of sentences, carried out one after the other.
 *
 *     it is input.from              a check: the operation fits only if it holds
 *     it becomes input.to           a change
 *     [input.key] is output.value   the same of the cell that a member names
 *     everything is output.value    of all cells, each against its own part of the member
 *
 * A check against a member of the output that is not there says nothing. An operation whose end nobody saw has no output.
 */

/** What a member of an input or an output has to be. */
export type MemberKind = 'value' | 'text' | 'number' | 'amount' | 'name' | 'boolean' | 'balances';

/** By name; a name that ends in ? may be left out. */
export type Members = Readonly<Record<string, MemberKind>>;

export interface OperationDefinition {
  readonly input: Members;
  readonly output: Members;
  /** What it does, in sentences. */
  readonly does: readonly string[];
  /** What is true instead if it answered `"ok": false`. Then it changed nothing. */
  readonly refused?: readonly string[];
}

export interface ModelDefinition {
  readonly name: string;
  /** In a few words. */
  readonly about: string;
  /** What cells hold: values, which are set and compared, or numbers, which also grow. */
  readonly holds: 'value' | 'number';
  /** Which cells there are: one; one for each name that `key` has; or those that the first line of a history names. */
  readonly cells: 'one' | 'keys' | 'named';
  readonly operations: Readonly<Record<string, OperationDefinition>>;
}

export type Check = 'is' | 'is not' | 'is at least' | 'is less than';
export type Change = 'becomes' | 'grows by' | 'shrinks by' | 'is extended by';

/** A sentence, taken apart. */
export interface Clause {
  readonly verb: Check | Change;
  /** `it`, `everything`, or the member of the input that names the cell. */
  readonly cell: { readonly kind: 'it' | 'everything' } | { readonly kind: 'named'; readonly member: string };
  readonly from: 'input' | 'output';
  readonly member: string;
}

const SENTENCE =
  /^(it|everything|\[input\.(\w+)\]) (is not|is at least|is less than|is extended by|is|becomes|grows by|shrinks by) (input|output)\.(\w+)$/;

/** Takes a sentence apart. A sentence of a model of ours that is none is a bug, and says so at once. */
export function parseSentence(sentence: string): Clause {
  const found = SENTENCE.exec(sentence);
  if (found === null) throw new Error(`"${sentence}" is no sentence of a model. Fix: see the language.`);
  const [, cell, member, verb, from, operand] = found;
  return {
    verb: verb as Clause['verb'],
    cell: member === undefined ? { kind: cell as 'it' | 'everything' } : { kind: 'named', member },
    from: from as Clause['from'],
    member: operand,
  };
}

export function isChange(verb: Clause['verb']): verb is Change {
  return verb === 'becomes' || verb === 'grows by' || verb === 'shrinks by' || verb === 'is extended by';
}

/** The name of a member and whether it may be left out. */
export function memberNames(members: Members): { name: string; isOptional: boolean; kind: MemberKind }[] {
  return Object.entries(members).map(([key, kind]) => {
    const isOptional = key.endsWith('?');
    return { name: isOptional ? key.slice(0, -1) : key, isOptional, kind };
  });
}
