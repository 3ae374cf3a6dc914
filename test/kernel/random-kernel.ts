/**
 * Random kernels that are well-formed, and random slots for them.
 *
 * Every choice is the next word of a tape, and an empty tape gives zeros, which choose the plainest thing each time: a
 * shorter tape is a smaller kernel, so fast-check can reduce one without knowing the language.
 */

import fc from 'fast-check';
import type { Slot } from '../../src/backend/index.ts';
import {
  type ArithmeticOperator,
  builtinOpcodes,
  type Expression,
  finishKernel,
  type Kernel,
  type Memory,
  memoriesOf,
  type OpcodeDefinition,
  plainTurn,
  printKernel,
  type Statement,
  type Type,
} from '../../src/kernel/index.ts';

/** A kernel, what its control memory holds at first, and the slots that are served, in order. */
export interface KernelCase {
  readonly kernel: Kernel;
  readonly firstWords: readonly number[];
  readonly slots: readonly Slot[];
}

type Tape = () => number;

/** A kernel with up to four opcodes of its own, and slots for it. */
export const anyKernelCase: fc.Arbitrary<KernelCase> = fc
  // Without the bias: the choices favour edges themselves, and most short tapes say little.
  .noBias(fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 1_200, size: 'max' }))
  .map((words) => printable(writeCase(tapeOf(words))));

function tapeOf(words: readonly number[]): Tape {
  let position = 0;
  return () => words[position++] ?? 0;
}

/** As a failing test shows it: the kernel as text instead of a page of braces. */
function printable(made: KernelCase): KernelCase {
  const text = () => {
    const slots = made.slots.map((slot, index) => `slot ${index}: ${JSON.stringify(slot)}`);
    return `${printKernel(made.kernel)}control[160…] = ${made.firstWords.join(', ')}\n${slots.join('\n')}`;
  };
  return Object.assign(made, { [fc.toStringMethod]: text });
}

const MAX_DEPTH = 3;
const MAX_STATEMENTS = 18;
/** Names that mean something in the generated programs, or in JavaScript, or in neither. */
const NAMES = 'value let return arguments eval await class this memories turn raise divide m_control t1 v_a'.split(' ');
const CODES = [8, 9, 10, 0x4000_0000, 0x4010_0001];
const CONSTANTS = [0, 1, 2, 3, 31, 32, 33, 160, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const ARITHMETIC: readonly ArithmeticOperator[] = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'remainder',
  'and',
  'or',
  'xor',
  'shiftLeft',
  'shiftRight',
  'minimum',
  'maximum',
];
const COMPARISONS = ['equal', 'notEqual', 'below', 'atMost', 'above', 'atLeast'] as const;
const OPERATIONS = ['add', 'subtract', 'and', 'or', 'xor', 'minimum', 'maximum', 'exchange'] as const;

function choose<T>(next: Tape, choices: readonly T[]): T {
  return choices[next() % choices.length];
}

function writeCase(next: Tape): KernelCase {
  const slotCount = 1 + (next() % 4);
  const tables = Array.from({ length: next() % 3 }, (_, index) => ({
    name: ['let', 'inputs'][index],
    words: Uint32Array.from({ length: 1 + (next() % 5) }, () => next()),
  }));
  const frame = {
    name: 'random',
    slotCount,
    // One more than the least: BATCH_FENCE stores to the first observable word.
    controlWords: 161 + (next() % 20),
    tenantCount: next() % 4 === 0 ? next() % 30 : 29,
    tables,
    turn: [],
    opcodes: [],
    regions: [],
  };
  const memories = memoriesOf(frame);
  const codes = CODES.slice(0, 1 + (next() % 4));
  const firstWords = Array.from({ length: next() % 12 }, () => choose(next, [next(), next() % 40]));
  const slots = Array.from({ length: slotCount }, () => writeSlot(next, codes));
  const own = codes.map((code, index) => writeOpcode(next, `OWN_${index}`, code, memories));
  const opcodes = next() % 2 === 0 ? own : [...builtinOpcodes(), ...own];
  const turn = next() % 2 === 0 ? plainTurn() : writeTurn(next, memories);
  const kernel = finishKernel({ ...frame, opcodes, turn });
  return { kernel, firstWords, slots };
}

function writeSlot(next: Tape, codes: readonly number[]): Slot {
  const opcode = next() % 8 === 7 ? next() % 20 : choose(next, codes);
  const args = Array.from({ length: next() % 13 }, () => (next() % 3 === 0 ? next() : next() % 200));
  return { opcode, tenant: next() % 8 === 7 ? next() : next() % 4, priority: next() % 5, args };
}

function writeOpcode(next: Tape, name: string, code: number, memories: readonly Memory[]): OpcodeDefinition {
  const argumentNames = Array.from({ length: next() % 5 }, (_, index) => `argument${index}`);
  const mayDispatch = next() % 4 === 3;
  const writer = new RoutineWriter(next, ['slotBase', 'argumentBase'], memories, mayDispatch ? 'inner' : 'nothing');
  const loads = argumentNames.map((argument, index) => writer.loadArgument(argument, index));
  return { name, code, argumentNames, promisesAtomicity: false, body: [...loads, ...writer.block(0, false)] };
}

/** A turn of no meaning that still gets to the handlers. */
function writeTurn(next: Tape, memories: readonly Memory[]): Statement[] {
  const writer = new RoutineWriter(next, ['slotIndex', 'slotBase'], memories, 'anything');
  const before = writer.block(0, false);
  const opcode = writer.loadOwnWord('opcode', 1);
  const dispatch: Statement = {
    kind: 'dispatch',
    opcode: { kind: 'local', name: 'opcode' },
    argumentBase: sum({ kind: 'local', name: 'slotBase' }, 4),
    inner: false,
  };
  return [...before, opcode, dispatch, ...writer.block(0, false)];
}

function sum(left: Expression, right: number): Expression {
  return { kind: 'binary', operator: 'add', left, right: { kind: 'constant', value: right } };
}

interface Local {
  readonly name: string;
  readonly type: Type;
  readonly assignable: boolean;
}

class RoutineWriter {
  readonly #next: Tape;
  readonly #memories: readonly Memory[];
  readonly #dispatches: 'anything' | 'inner' | 'nothing';
  readonly #scopes: Local[][];
  readonly #declared: Set<string>;
  #statementCount = 0;

  constructor(
    next: Tape,
    parameters: readonly string[],
    memories: readonly Memory[],
    dispatches: 'anything' | 'inner' | 'nothing',
  ) {
    this.#next = next;
    this.#memories = memories;
    this.#dispatches = dispatches;
    this.#scopes = [parameters.map((name) => ({ name, type: 'u32', assignable: false }))];
    this.#declared = new Set([...parameters, 'opcode', 'argument0', 'argument1', 'argument2', 'argument3']);
  }

  loadArgument(name: string, index: number): Statement {
    this.#scopes[0].push({ name, type: 'u32', assignable: false });
    return load(name, 'ring', sum({ kind: 'local', name: 'argumentBase' }, index), 'plain');
  }

  loadOwnWord(name: string, offset: number): Statement {
    this.#scopes[0].push({ name, type: 'u32', assignable: false });
    return load(name, 'ring', sum({ kind: 'local', name: 'slotBase' }, offset), 'plain');
  }

  block(depth: number, inLoop: boolean): Statement[] {
    const statements: Statement[] = [];
    if (depth > 0) this.#scopes.push([]);
    const wanted = this.#next() % (depth === 0 ? 9 : 5);
    while (statements.length < wanted && this.#statementCount < MAX_STATEMENTS) {
      this.#statementCount += 1;
      statements.push(this.#statement(depth, inLoop));
    }
    if (depth > 0) this.#scopes.pop();
    return statements;
  }

  #statement(depth: number, inLoop: boolean): Statement {
    const next = this.#next;
    switch (next() % 16) {
      case 0:
      case 1:
        return this.#store();
      case 2:
      case 3:
        return this.#declaring('u32', (name) => load(name, ...this.#place(), this.#access()));
      case 4: {
        const [memory, index] = this.#place(true);
        const value = this.#u32(0);
        const operation = choose(next, OPERATIONS);
        return this.#declaring('u32', (name) => ({ kind: 'atomic', name, operation, memory, index, value }));
      }
      case 5: {
        const [memory, index] = this.#place(true);
        const expected = choose(next, [this.#u32(0), { kind: 'constant', value: 0 } as const]);
        const desired = this.#u32(0);
        return this.#declaring('u32', (name) => ({ kind: 'compareExchange', name, memory, index, expected, desired }));
      }
      case 6:
        return this.#bind('let');
      case 7:
        return this.#bind('variable');
      case 8:
      case 9:
        return this.#assign();
      case 10:
      case 11:
        if (depth >= MAX_DEPTH) return this.#store();
        return {
          kind: 'if',
          condition: this.#bool(0),
          whenTrue: this.block(depth + 1, inLoop),
          whenFalse: next() % 2 === 0 ? [] : this.block(depth + 1, inLoop),
        };
      case 12:
      case 13:
        return depth >= MAX_DEPTH ? this.#store() : this.#loop(depth);
      case 14:
        return this.#dispatch();
      default:
        return this.#leave(inLoop);
    }
  }

  #store(): Statement {
    const [memory, index] = this.#place(true);
    return { kind: 'store', memory, index, value: this.#u32(0), access: this.#access() };
  }

  #bind(kind: 'let' | 'variable'): Statement {
    const type = this.#next() % 4 === 3 ? 'bool' : 'u32';
    const value = type === 'bool' ? this.#bool(0) : this.#u32(0);
    return this.#declaring(type, (name) => ({ kind, name, value }), kind === 'variable');
  }

  #assign(): Statement {
    const variables = this.#scopes.flat().filter(({ assignable }) => assignable);
    if (variables.length === 0) return this.#bind('variable');
    const { name, type } = choose(this.#next, variables);
    return { kind: 'assign', name, value: type === 'bool' ? this.#bool(0) : this.#u32(0) };
  }

  /** Either the bound or the range is small; the interpreter has to get through it. */
  #loop(depth: number): Statement {
    const next = this.#next;
    const isBounded = next() % 4 !== 3;
    const from: Expression = isBounded ? this.#u32(1) : { kind: 'constant', value: choose(next, CONSTANTS) };
    const below = isBounded ? this.#u32(1) : sum(from, next() % 5);
    const atMost = isBounded ? 1 + (next() % 4) : choose(next, [1, 2, 0xffff_ffff]);
    this.#scopes.push([]);
    const loop = this.#declaring('u32', (name) => ({
      kind: 'loop',
      name,
      from,
      below,
      atMost,
      body: [],
    }));
    const body = this.block(depth + 1, true);
    this.#scopes.pop();
    return { ...(loop as Extract<Statement, { kind: 'loop' }>), body };
  }

  #dispatch(): Statement {
    if (this.#dispatches === 'nothing') return { kind: 'barrier', scope: choose(this.#next, ['workgroup', 'device']) };
    const opcode =
      this.#next() % 3 === 2 ? this.#u32(1) : { kind: 'constant' as const, value: choose(this.#next, CODES) };
    const argumentBase = sum({ kind: 'local', name: 'slotBase' }, this.#next() % 16);
    const inner = this.#dispatches === 'inner' || this.#next() % 2 === 1;
    return { kind: 'dispatch', opcode, argumentBase, inner };
  }

  #leave(inLoop: boolean): Statement {
    switch (this.#next() % 6) {
      case 0:
        return { kind: 'fault', code: this.#u32(0) };
      case 1:
        return { kind: 'finish' };
      default:
        return inLoop ? { kind: 'break' } : this.#store();
    }
  }

  /** A statement that binds a new name, which is there only from the next statement on. */
  #declaring(type: Type, write: (name: string) => Statement, assignable = false): Statement {
    const wanted = choose(this.#next, NAMES);
    let name = wanted;
    for (let suffix = 2; this.#declared.has(name); suffix += 1) name = `${wanted}${suffix}`;
    this.#declared.add(name);
    const statement = write(name);
    this.#scopes.at(-1)!.push({ name, type, assignable });
    return statement;
  }

  #access(): 'atomic' | 'plain' {
    return this.#next() % 2 === 0 ? 'atomic' : 'plain';
  }

  /** A memory and an index into it that is mostly within its range. */
  #place(writes = false): [memory: string, index: Expression] {
    const next = this.#next;
    const control = this.#memories[1];
    const memory =
      next() % 3 !== 2
        ? control
        : choose(
            next,
            this.#memories.filter(({ readOnly }) => !writes || !readOnly),
          );
    return [memory.name, this.#index(memory)];
  }

  #index({ name, words }: Memory): Expression {
    const next = this.#next;
    const observable = name === 'control' ? Math.min(160, words - 1) : 0;
    const spread = words - observable;
    switch (next() % 8) {
      case 0:
      case 1:
      case 2:
        return { kind: 'constant', value: observable + (next() % spread) };
      case 3:
      case 4:
        return sum({ kind: 'binary', operator: 'remainder', left: this.#u32(1), right: constant(spread) }, observable);
      case 5:
        return sum(this.#u32(1), observable);
      case 6:
        return sum({ kind: 'local', name: 'slotBase' }, next() % 20);
      default:
        return sum(constant(Math.max(0, words - 2)), next() % 4);
    }
  }

  #local(type: Type): Expression | undefined {
    const locals = this.#scopes.flat().filter((local) => local.type === type);
    return locals.length === 0 ? undefined : { kind: 'local', name: choose(this.#next, locals).name };
  }

  #u32(depth: number): Expression {
    const next = this.#next;
    switch (depth >= MAX_DEPTH ? next() % 5 : next() % 9) {
      case 0:
        return constant(next() % 8);
      case 1:
        return constant(choose(next, [choose(next, CONSTANTS), next()]));
      case 2:
      case 3:
      case 4:
        return this.#local('u32') ?? constant(1);
      case 5:
        return { kind: 'complement', operand: this.#u32(depth + 1) };
      case 6:
        return {
          kind: 'select',
          condition: this.#bool(depth + 1),
          whenTrue: this.#u32(depth + 1),
          whenFalse: this.#u32(depth + 1),
        };
      default:
        return {
          kind: 'binary',
          operator: choose(next, ARITHMETIC),
          left: this.#u32(depth + 1),
          right: this.#u32(depth + 1),
        };
    }
  }

  #bool(depth: number): Expression {
    const next = this.#next;
    switch (depth >= MAX_DEPTH ? 0 : next() % 6) {
      case 3:
        return this.#local('bool') ?? this.#comparison(depth);
      case 4:
        return { kind: 'not', operand: this.#bool(depth + 1) };
      case 5:
        return {
          kind: 'binary',
          operator: choose(next, ['both', 'either'] as const),
          left: this.#bool(depth + 1),
          right: this.#bool(depth + 1),
        };
      default:
        return this.#comparison(depth);
    }
  }

  #comparison(depth: number): Expression {
    const operator = choose(this.#next, COMPARISONS);
    return { kind: 'binary', operator, left: this.#u32(depth + 1), right: this.#u32(depth + 1) };
  }
}

function constant(value: number): Expression {
  return { kind: 'constant', value };
}

function load(name: string, memory: string, index: Expression, access: 'atomic' | 'plain'): Statement {
  return { kind: 'load', name, memory, index, access };
}
