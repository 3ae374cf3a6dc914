/** Expressions and statements as rules write them. */

import { type BinaryOperator, type Expression, printExpression, type Statement } from '../../kernel/index.ts';

export function constant(value: number): Expression {
  return { kind: 'constant', value };
}

export function local(name: string): Expression {
  return { kind: 'local', name };
}

export function operation(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}

export function bind(name: string, value: Expression): Statement {
  return { kind: 'let', name, value };
}

export function load(name: string, memory: string, index: Expression): Statement {
  return { kind: 'load', name, memory, index, access: 'atomic' };
}

export function store(memory: string, index: Expression, value: Expression): Statement {
  return { kind: 'store', memory, index, value, access: 'atomic' };
}

export function when(condition: Expression, whenTrue: readonly Statement[]): Statement {
  return { kind: 'if', condition, whenTrue, whenFalse: [] };
}

/**
 * Rules choose statements by what they are before they change them, so the casts below claim what the choice has seen; a
 * wrong one would make a kernel that does not pass its check.
 */
type If = Extract<Statement, { kind: 'if' }>;
type Store = Extract<Statement, { kind: 'store' }>;
type Load = Extract<Statement, { kind: 'load' }>;
type Atomic = Extract<Statement, { kind: 'atomic' }>;
type CompareExchange = Extract<Statement, { kind: 'compareExchange' }>;

export function atomicAdd(name: string, memory: string, index: Expression, value: Expression): Statement {
  return { kind: 'atomic', name, operation: 'add', memory, index, value };
}

/** An addition as two accesses: what others add in between is lost. */
export function addInTwo(statement: Statement): Statement[] {
  const { name, memory, index, value } = statement as Atomic;
  return [load(name, memory, index), store(memory, index, operation('add', local(name), value))];
}

/** A compare-exchange as two accesses: what others store in between is not compared. */
export function compareThenStore(statement: Statement): Statement[] {
  const { name, memory, index, expected, desired } = statement as CompareExchange;
  return [load(name, memory, index), when(operation('equal', local(name), expected), [store(memory, index, desired)])];
}

/** Whether a statement declares that name. */
export function declares(name: string): (statement: Statement) => boolean {
  return (statement) => 'name' in statement && statement.name === name && statement.kind !== 'assign';
}

/** Whether a statement stores a value that prints so. */
export function stores(value: string): (statement: Statement) => boolean {
  return (statement) => statement.kind === 'store' && printExpression(statement.value) === value;
}

/** Whether a statement is an `if` whose condition prints so. */
export function asks(condition: string): (statement: Statement) => boolean {
  return (statement) => statement.kind === 'if' && printExpression(statement.condition) === condition;
}

export function isBarrier(statement: Statement): boolean {
  return statement.kind === 'barrier';
}

/** An `if` that goes its first way whatever there is. */
export function always(statement: Statement): Statement {
  return asking(statement, operation('equal', constant(0), constant(0)));
}

/** An `if` with another condition. */
export function asking(statement: Statement, condition: Expression): Statement {
  return { ...(statement as If), condition };
}

/** An `if` with another way to go where its condition does not hold. */
export function otherwise(statement: Statement, whenFalse: readonly Statement[]): Statement {
  return { ...(statement as If), whenFalse };
}

/** A store of another value. */
export function storing(statement: Statement, value: Expression): Statement {
  return { ...(statement as Store), value };
}

/** A load from elsewhere. */
export function loadingFrom(statement: Statement, index: Expression): Statement {
  return { ...(statement as Load), index };
}

/** An access that a compiler may tear, merge or move. */
export function plain(statement: Statement): Statement {
  return { ...(statement as Load | Store), access: 'plain' };
}
