/**
 * The kernel language once more, as a tree walker written from the comments of `ir.ts` alone and as plainly as possible:
 * what lowerings and footprints are compared with. It shares nothing with them but types; arithmetic is done in whole
 * numbers without a size, so that nothing wraps by accident.
 */

import type { Expression, KernelDefinition, KernelMemories, Statement } from '../../src/kernel/index.ts';

/** Told of every word that a turn reaches, in order. A read-modify-write does both. */
export type Trace = (memory: string, index: number, reads: boolean, writes: boolean) => void;

type Value = number | boolean;

/** How a list of statements ended: at its end, or before it. */
type Ending = 'next' | 'break' | 'finish' | 'fault';

/** A statement with the number of its fault site, which counts in the order in which the kernel is written down. */
interface Step {
  readonly statement: Statement;
  readonly site: number;
  readonly first: readonly Step[];
  readonly second: readonly Step[];
}

interface Frame {
  readonly slotBase: number;
  readonly locals: Map<string, Value>;
}

const OUT_OF_RANGE = 1;
const NO_HANDLER = 2;
const RAISED = 3;
const FAULT_STATUS = 7;
const WORDS_OF_A_SLOT = 16;

export class Interpreter {
  readonly #kernel: KernelDefinition;
  readonly #memories: KernelMemories;
  readonly #trace: Trace;
  readonly #turn: readonly Step[];
  readonly #handlers = new Map<number, readonly Step[]>();
  #siteCount = 0;

  constructor(kernel: KernelDefinition, memories: KernelMemories, trace: Trace = () => {}) {
    this.#kernel = kernel;
    this.#memories = memories;
    this.#trace = trace;
    this.#turn = this.#number(kernel.turn);
    for (const { code, body } of kernel.opcodes) this.#handlers.set(code, this.#number(body));
  }

  runTurn(slotIndex: number): void {
    const slotBase = slotIndex * WORDS_OF_A_SLOT;
    const locals = new Map<string, Value>(Object.entries({ slotIndex, slotBase }));
    this.#run(this.#turn, { slotBase, locals });
  }

  #number(statements: readonly Statement[]): Step[] {
    return statements.map((statement) => {
      if (statement.kind === 'if') {
        const first = this.#number(statement.whenTrue);
        return { statement, site: -1, first, second: this.#number(statement.whenFalse) };
      }
      if (statement.kind === 'loop') return { statement, site: -1, first: this.#number(statement.body), second: [] };
      const canFault = ['load', 'store', 'atomic', 'compareExchange', 'dispatch', 'fault'].includes(statement.kind);
      const site = canFault ? this.#siteCount++ : -1;
      return { statement, site, first: [], second: [] };
    });
  }

  #run(steps: readonly Step[], frame: Frame): Ending {
    for (const step of steps) {
      const ending = this.#step(step, frame);
      if (ending !== 'next') return ending;
    }
    return 'next';
  }

  #step(step: Step, frame: Frame): Ending {
    const { statement } = step;
    const { locals } = frame;
    switch (statement.kind) {
      case 'let':
      case 'variable':
      case 'assign':
        locals.set(statement.name, evaluate(statement.value, locals));
        return 'next';
      case 'load':
      case 'store':
      case 'atomic':
      case 'compareExchange':
        return this.#access(step, statement, frame);
      case 'if':
        return this.#run(evaluate(statement.condition, locals) === true ? step.first : step.second, frame);
      case 'loop':
        return this.#loop(step, statement, frame);
      case 'dispatch':
        return this.#dispatch(step, statement, frame);
      case 'fault':
        return this.#raise(frame, RAISED, step.site, wordOf(statement.code, locals));
      case 'break':
      case 'finish':
        return statement.kind;
      case 'barrier':
        return 'next';
    }
  }

  #access(step: Step, statement: Extract<Statement, { index: Expression }>, frame: Frame): Ending {
    const { locals } = frame;
    const memory = this.#memory(statement.memory);
    const index = wordOf(statement.index, locals);
    if (index >= memory.length) return this.#raise(frame, OUT_OF_RANGE, step.site, index);
    this.#trace(statement.memory, index, statement.kind !== 'store', statement.kind !== 'load');
    const before = memory[index];
    if (statement.kind === 'store') memory[index] = wordOf(statement.value, locals);
    if (statement.kind === 'atomic') {
      memory[index] = modify(statement.operation, before, wordOf(statement.value, locals));
    }
    if (statement.kind === 'compareExchange') {
      const desired = wordOf(statement.desired, locals);
      if (before === wordOf(statement.expected, locals)) memory[index] = desired;
    }
    if (statement.kind !== 'store') locals.set(statement.name, before);
    return 'next';
  }

  #loop(step: Step, statement: Extract<Statement, { kind: 'loop' }>, frame: Frame): Ending {
    const { locals } = frame;
    const from = wordOf(statement.from, locals);
    const below = wordOf(statement.below, locals);
    for (let turn = 0; turn < statement.atMost && from + turn < below; turn += 1) {
      locals.set(statement.name, from + turn);
      const ending = this.#run(step.first, frame);
      if (ending === 'break') return 'next';
      if (ending !== 'next') return ending;
    }
    return 'next';
  }

  #dispatch(step: Step, statement: Extract<Statement, { kind: 'dispatch' }>, frame: Frame): Ending {
    const code = wordOf(statement.opcode, frame.locals);
    const argumentBase = wordOf(statement.argumentBase, frame.locals);
    const handler = this.#handlers.get(code);
    if (handler === undefined || (statement.inner && !this.#mayBeInner(code))) {
      return this.#raise(frame, NO_HANDLER, step.site, code);
    }
    const locals = new Map<string, Value>(Object.entries({ slotBase: frame.slotBase, argumentBase }));
    const ending = this.#run(handler, { slotBase: frame.slotBase, locals });
    return ending === 'fault' ? 'fault' : 'next';
  }

  /** "At most three arguments and no dispatch of their own." */
  #mayBeInner(code: number): boolean {
    const definition = this.#kernel.opcodes.find((candidate) => candidate.code === code);
    return definition!.argumentNames.length <= 3 && !JSON.stringify(definition!.body).includes('"kind":"dispatch"');
  }

  #raise(frame: Frame, reason: number, site: number, detail: number): Ending {
    const { ring, faults } = this.#memories;
    const slotIndex = frame.slotBase / WORDS_OF_A_SLOT;
    faults[2 * slotIndex] = reason + 256 * site;
    faults[2 * slotIndex + 1] = detail;
    this.#trace('ring', frame.slotBase, false, true);
    ring[frame.slotBase] = FAULT_STATUS;
    return 'fault';
  }

  #memory(name: string): Uint32Array {
    const { ring, control, debug, tables } = this.#memories;
    return { ring, control, debug }[name] ?? tables[name];
  }
}

function wordOf(expression: Expression, locals: ReadonlyMap<string, Value>): number {
  return evaluate(expression, locals) as number;
}

function evaluate(expression: Expression, locals: ReadonlyMap<string, Value>): Value {
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'local':
      return locals.get(expression.name)!;
    case 'complement':
      return 2 ** 32 - 1 - wordOf(expression.operand, locals);
    case 'not':
      return evaluate(expression.operand, locals) !== true;
    case 'select':
      return evaluate(evaluate(expression.condition, locals) ? expression.whenTrue : expression.whenFalse, locals);
    case 'binary': {
      const left = evaluate(expression.left, locals);
      const right = evaluate(expression.right, locals);
      if (expression.operator === 'both') return left === true && right === true;
      if (expression.operator === 'either') return left === true || right === true;
      return compare(expression.operator, left as number, right as number);
    }
  }
}

function compare(operator: string, left: number, right: number): Value {
  switch (operator) {
    case 'equal':
      return left === right;
    case 'notEqual':
      return left !== right;
    case 'below':
      return left < right;
    case 'atMost':
      return left <= right;
    case 'above':
      return left > right;
    case 'atLeast':
      return left >= right;
    default:
      return Number(BigInt.asUintN(32, compute(operator, BigInt(left), BigInt(right))));
  }
}

function compute(operator: string, left: bigint, right: bigint): bigint {
  switch (operator) {
    case 'add':
      return left + right;
    case 'subtract':
      return left - right;
    case 'multiply':
      return left * right;
    case 'divide':
      return right === 0n ? left : left / right;
    case 'remainder':
      return right === 0n ? 0n : left % right;
    case 'and':
      return left & right;
    case 'or':
      return left | right;
    case 'xor':
      return left ^ right;
    case 'shiftLeft':
      return left << (right % 32n);
    case 'shiftRight':
      return left >> (right % 32n);
    case 'minimum':
      return left < right ? left : right;
    case 'maximum':
      return left > right ? left : right;
    default:
      throw new Error(`the interpreter knows no operator ${operator}`);
  }
}

function modify(operation: string, before: number, value: number): number {
  if (operation === 'exchange') return value;
  return Number(BigInt.asUintN(32, compute(operation, BigInt(before), BigInt(value))));
}
