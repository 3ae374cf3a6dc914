/** How people write kernels: values with methods, statements in the order in which they are called. */

import { DEBUG_RECORD_WORDS, DEBUG_RECORDS_START, DEBUG_WORDS } from '../protocol/index.ts';
import { KernelError } from './errors.ts';
import type {
  AccessKind,
  ArithmeticOperator,
  AtomicOperation,
  BarrierScope,
  BinaryOperator,
  ComparisonOperator,
  Expression,
  Statement,
} from './ir.ts';

/** A u32 that the kernel computes; numbers stand for constants. */
export type Operand = Value | number;

function expressionOf(operand: Operand): Expression {
  return operand instanceof Value ? operand.expression : { kind: 'constant', value: operand };
}

function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}

/** A u32 in a kernel under construction. Arithmetic wraps. */
export class Value {
  readonly expression: Expression;

  constructor(expression: Expression) {
    this.expression = expression;
  }

  plus(other: Operand): Value {
    return this.#arithmetic('add', other);
  }
  minus(other: Operand): Value {
    return this.#arithmetic('subtract', other);
  }
  times(other: Operand): Value {
    return this.#arithmetic('multiply', other);
  }
  /** By zero: the dividend. */
  dividedBy(other: Operand): Value {
    return this.#arithmetic('divide', other);
  }
  /** By zero: zero. */
  remainder(other: Operand): Value {
    return this.#arithmetic('remainder', other);
  }
  and(other: Operand): Value {
    return this.#arithmetic('and', other);
  }
  or(other: Operand): Value {
    return this.#arithmetic('or', other);
  }
  xor(other: Operand): Value {
    return this.#arithmetic('xor', other);
  }
  /** The count is taken modulo 32. */
  shiftLeft(other: Operand): Value {
    return this.#arithmetic('shiftLeft', other);
  }
  /** Fills with zeros; the count is taken modulo 32. */
  shiftRight(other: Operand): Value {
    return this.#arithmetic('shiftRight', other);
  }
  minimum(other: Operand): Value {
    return this.#arithmetic('minimum', other);
  }
  maximum(other: Operand): Value {
    return this.#arithmetic('maximum', other);
  }
  /** All bits inverted. */
  complement(): Value {
    return new Value({ kind: 'complement', operand: this.expression });
  }

  equals(other: Operand): Condition {
    return this.#comparison('equal', other);
  }
  differsFrom(other: Operand): Condition {
    return this.#comparison('notEqual', other);
  }
  isBelow(other: Operand): Condition {
    return this.#comparison('below', other);
  }
  isAtMost(other: Operand): Condition {
    return this.#comparison('atMost', other);
  }
  isAbove(other: Operand): Condition {
    return this.#comparison('above', other);
  }
  isAtLeast(other: Operand): Condition {
    return this.#comparison('atLeast', other);
  }

  #arithmetic(operator: ArithmeticOperator, other: Operand): Value {
    return new Value(binary(operator, this.expression, expressionOf(other)));
  }

  #comparison(operator: ComparisonOperator, other: Operand): Condition {
    return new Condition(binary(operator, this.expression, expressionOf(other)));
  }
}

/** A bool in a kernel under construction. */
export class Condition {
  readonly expression: Expression;

  constructor(expression: Expression) {
    this.expression = expression;
  }

  and(other: Condition): Condition {
    return new Condition(binary('both', this.expression, other.expression));
  }
  or(other: Condition): Condition {
    return new Condition(binary('either', this.expression, other.expression));
  }
  not(): Condition {
    return new Condition({ kind: 'not', operand: this.expression });
  }
  /** One value or the other; both are computed. */
  select(whenTrue: Operand, whenFalse: Operand): Value {
    return new Value({
      kind: 'select',
      condition: this.expression,
      whenTrue: expressionOf(whenTrue),
      whenFalse: expressionOf(whenFalse),
    });
  }
}

/** A value that `assign` may change. */
export class Variable extends Value {
  readonly name: string;

  constructor(name: string) {
    super({ kind: 'local', name });
    this.name = name;
  }
}

/** Collects the statements of one routine. Methods that bind a value take an optional name for it, for printing. */
export class RoutineBuilder {
  readonly #names: Set<string>;
  #statements: Statement[] = [];

  /** @param parameters names that are there from the start. */
  constructor(parameters: readonly string[]) {
    this.#names = new Set(parameters);
  }

  /** What was collected so far. */
  get statements(): readonly Statement[] {
    return this.#statements;
  }

  /** A parameter of the routine. */
  parameter(name: string): Value {
    return new Value({ kind: 'local', name });
  }

  /** Gives a computed value a name, and computes it once. */
  let(value: Operand, name = 'value'): Value {
    const unique = this.#declare(name);
    this.#statements.push({ kind: 'let', name: unique, value: expressionOf(value) });
    return new Value({ kind: 'local', name: unique });
  }

  /** A local that `assign` changes. */
  variable(initial: Operand, name = 'variable'): Variable {
    const unique = this.#declare(name);
    this.#statements.push({ kind: 'variable', name: unique, value: expressionOf(initial) });
    return new Variable(unique);
  }

  assign(variable: Variable, value: Operand): void {
    this.#statements.push({ kind: 'assign', name: variable.name, value: expressionOf(value) });
  }

  /** A relaxed atomic load. */
  load(memory: string, index: Operand, name = 'loaded'): Value {
    return this.#load(memory, index, 'atomic', name);
  }

  /** A load that races with any write to the same word. */
  loadPlain(memory: string, index: Operand, name = 'loaded'): Value {
    return this.#load(memory, index, 'plain', name);
  }

  /** A relaxed atomic store. */
  store(memory: string, index: Operand, value: Operand): void {
    this.#store(memory, index, value, 'atomic');
  }

  /** A store that races with any other access to the same word. */
  storePlain(memory: string, index: Operand, value: Operand): void {
    this.#store(memory, index, value, 'plain');
  }

  /** One indivisible read-modify-write each; the value before is returned. */
  atomicAdd(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('add', memory, index, value, name);
  }
  atomicSubtract(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('subtract', memory, index, value, name);
  }
  atomicAnd(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('and', memory, index, value, name);
  }
  atomicOr(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('or', memory, index, value, name);
  }
  atomicXor(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('xor', memory, index, value, name);
  }
  atomicMinimum(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('minimum', memory, index, value, name);
  }
  atomicMaximum(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('maximum', memory, index, value, name);
  }
  atomicExchange(memory: string, index: Operand, value: Operand, name = 'before'): Value {
    return this.#atomic('exchange', memory, index, value, name);
  }

  /** Stores `desired` if the word holds `expected`, indivisibly; returns the value before. */
  compareExchange(memory: string, index: Operand, expected: Operand, desired: Operand, name = 'before'): Value {
    const unique = this.#declare(name);
    this.#statements.push({
      kind: 'compareExchange',
      name: unique,
      memory,
      index: expressionOf(index),
      expected: expressionOf(expected),
      desired: expressionOf(desired),
    });
    return new Value({ kind: 'local', name: unique });
  }

  if(condition: Condition, whenTrue: () => void, whenFalse: () => void = () => {}): void {
    this.#statements.push({
      kind: 'if',
      condition: condition.expression,
      whenTrue: this.#collect(whenTrue),
      whenFalse: this.#collect(whenFalse),
    });
  }

  /** Counts from `from` (0) while below `below`, for at most `atMost` turns. */
  loop(range: { from?: Operand; below: Operand; atMost: number }, body: (index: Value) => void, name = 'index'): void {
    const unique = this.#declare(name);
    this.#statements.push({
      kind: 'loop',
      name: unique,
      from: expressionOf(range.from ?? 0),
      below: expressionOf(range.below),
      atMost: range.atMost,
      body: this.#collect(() => body(new Value({ kind: 'local', name: unique }))),
    });
  }

  break(): void {
    this.#statements.push({ kind: 'break' });
  }

  barrier(scope: BarrierScope = 'device'): void {
    this.#statements.push({ kind: 'barrier', scope });
  }

  dispatch(opcode: Operand, argumentBase: Operand, options: { inner?: boolean } = {}): void {
    this.#statements.push({
      kind: 'dispatch',
      opcode: expressionOf(opcode),
      argumentBase: expressionOf(argumentBase),
      inner: options.inner ?? false,
    });
  }

  /** Ends the turn: the slot's status becomes FAULT, the code is reported. */
  fault(code: Operand): void {
    this.#statements.push({ kind: 'fault', code: expressionOf(code) });
  }

  finish(): void {
    this.#statements.push({ kind: 'finish' });
  }

  /** Appends a record of four words to the debug log, as the PRINTF opcode does; dropped if the log is full. */
  printf(first: Operand, second: Operand, third: Operand, fourth: Operand): void {
    const reserved = this.atomicAdd('debug', 0, DEBUG_RECORD_WORDS, 'reserved');
    // The cursor may pass the end and wrap; the record is written only if it fits from where it starts.
    this.if(reserved.isAtMost(DEBUG_WORDS - DEBUG_RECORDS_START - DEBUG_RECORD_WORDS), () => {
      [first, second, third, fourth].forEach((word, offset) => {
        this.storePlain('debug', reserved.plus(DEBUG_RECORDS_START + offset), word);
      });
    });
  }

  #load(memory: string, index: Operand, access: AccessKind, name: string): Value {
    const unique = this.#declare(name);
    this.#statements.push({ kind: 'load', name: unique, memory, index: expressionOf(index), access });
    return new Value({ kind: 'local', name: unique });
  }

  #store(memory: string, index: Operand, value: Operand, access: AccessKind): void {
    this.#statements.push({
      kind: 'store',
      memory,
      index: expressionOf(index),
      value: expressionOf(value),
      access,
    });
  }

  #atomic(operation: AtomicOperation, memory: string, index: Operand, value: Operand, name: string): Value {
    const unique = this.#declare(name);
    this.#statements.push({
      kind: 'atomic',
      name: unique,
      operation,
      memory,
      index: expressionOf(index),
      value: expressionOf(value),
    });
    return new Value({ kind: 'local', name: unique });
  }

  #collect(write: () => void): Statement[] {
    const outer = this.#statements;
    this.#statements = [];
    try {
      write();
      return this.#statements;
    } finally {
      this.#statements = outer;
    }
  }

  /** Names are unique in a routine, so that a printed kernel and a generated program read the same. */
  #declare(wanted: string): string {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(wanted)) {
      throw new KernelError([`"${wanted}" is not a name`], 'use letters, digits and _, beginning with a letter.');
    }
    let name = wanted;
    for (let suffix = 2; this.#names.has(name); suffix += 1) name = `${wanted}${suffix}`;
    this.#names.add(name);
    return name;
  }
}
