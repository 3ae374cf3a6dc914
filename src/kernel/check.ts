/**
 * Whether a kernel is well-formed: names, types, bounds. It is run on everything that becomes a kernel, data read from a
 * file included, so it trusts no field to be there or to have the type that it should.
 *
 * What it guarantees is what lowerings rely on: names are identifiers (they end up in generated programs), every
 * expression has the type that its place wants, handlers cannot recurse, constant indices are in range.
 */

import { isWord } from '../base/words.ts';
import { resolveLayout } from '../observe/index.ts';
import {
  ARGUMENT_COUNT,
  isSystemOpcode,
  MAX_SLOT_COUNT,
  MIN_CONTROL_WORDS,
  opcodeName,
  TENANT_MASK_COUNT,
} from '../protocol/index.ts';
import { type KernelDefinition, type Memory, memoriesOf, observationLayoutOf } from './definition.ts';
import { KernelError } from './errors.ts';
import {
  EXPRESSION_FIELDS,
  OPCODE_FIELDS,
  REGION_FIELDS,
  STATEMENT_FIELDS,
  TABLE_FIELDS,
  unknownFieldOf,
} from './fields.ts';
import {
  ATOMIC_OPERATIONS,
  type BinaryOperator,
  type Expression,
  HANDLER_PARAMETERS,
  type Statement,
  TURN_PARAMETERS,
  type Type,
} from './ir.ts';

/** Control memory beyond this is refused: 64 MiB. */
const MAX_CONTROL_WORDS = 1 << 24;
/** Of control memory, after what the protocol has in it. */
export const MAX_OBSERVABLE_WORDS: number = MAX_CONTROL_WORDS - MIN_CONTROL_WORDS;
const MAX_TABLE_WORDS = 1 << 26;
/** Deeper nesting than anybody writes, and shallow enough that walking it cannot overflow a stack. */
const MAX_DEPTH = 64;
const MAX_STATEMENTS = 20_000;
/** Of a routine. A value that is built from itself over and over is small in memory and endless as a program. */
const MAX_EXPRESSIONS = 200_000;
const MAX_PROBLEMS = 20;
/** Every dispatch is lowered to a choice among all of them. */
const MAX_OPCODES = 4_096;
/** Names end up on terminals and in comments: nothing that moves a cursor or ends a line. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
/** A problem quotes what it is about, which may be megabytes. */
const MAX_PROBLEM_LENGTH = 2_000;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** @throws KernelError that lists everything found, up to a limit. */
export function checkKernel(kernel: KernelDefinition): void {
  const problems: string[] = [];
  try {
    checkConfiguration(kernel, problems);
    if (problems.length === 0) checkRoutines(kernel, problems);
    if (problems.length === 0) resolveLayout(observationLayoutOf(kernel));
  } catch (error) {
    // Data of the wrong shape fails in many ways; each of them means the same.
    problems.push(error instanceof Error ? error.message : String(error));
  }
  if (problems.length > 0) {
    const told = problems.slice(0, MAX_PROBLEMS).map((problem) => problem.slice(0, MAX_PROBLEM_LENGTH));
    throw new KernelError(told, 'correct the definition; `vrrl kernel` prints one.');
  }
}

function checkConfiguration(kernel: KernelDefinition, problems: string[]): void {
  const expect: Expect = (condition, problem) => {
    if (!condition) problems.push(problem);
  };
  if (!isObject(kernel)) return void problems.push('it is not an object');
  const hasName = typeof kernel.name === 'string' && kernel.name.length > 0 && kernel.name.length <= 200;
  expect(hasName, 'the name is missing');
  expect(!hasName || !UNPRINTABLE.test(kernel.name), 'the name has characters that cannot be printed');
  expect(within(kernel.slotCount, 1, MAX_SLOT_COUNT), `slotCount ${kernel.slotCount} is not 1 … ${MAX_SLOT_COUNT}`);
  expect(
    within(kernel.controlWords, MIN_CONTROL_WORDS, MAX_CONTROL_WORDS),
    `controlWords ${kernel.controlWords} is not ${MIN_CONTROL_WORDS} … ${MAX_CONTROL_WORDS}`,
  );
  expect(
    within(kernel.tenantCount, 0, TENANT_MASK_COUNT),
    `tenantCount ${kernel.tenantCount} is not 0 … ${TENANT_MASK_COUNT}`,
  );
  for (const list of ['tables', 'turn', 'opcodes', 'regions'] as const) {
    expect(Array.isArray(kernel[list]), `${list} is not a list`);
  }
  expect(!Array.isArray(kernel.opcodes) || kernel.opcodes.length <= MAX_OPCODES, `more than ${MAX_OPCODES} opcodes`);
  if (problems.length > 0) return;
  for (const list of ['tables', 'opcodes', 'regions'] as const) {
    expect([...kernel[list]].every(isObject), `${list} has something else than objects`);
  }
  if (problems.length > 0) return;
  checkTables(kernel, expect);
  for (const region of kernel.regions) {
    const unknown = unknownFieldOf(region, REGION_FIELDS);
    if (unknown !== undefined) problems.push(`region ${JSON.stringify(region.name)}: ${unknown}`);
  }
}

type Expect = (condition: boolean, problem: string) => void;

function checkTables(kernel: KernelDefinition, expect: Expect): void {
  const names = new Set(['ring', 'control', 'debug', 'faults']);
  for (const table of kernel.tables) {
    const { name, words } = table;
    expect(typeof name === 'string' && NAME.test(name), `table ${JSON.stringify(name)} has no proper name`);
    expect(!names.has(name), `two memories are called ${name}`);
    if (words instanceof Uint32Array) {
      const expected = `1 … ${MAX_TABLE_WORDS} are possible`;
      expect(within(words.length, 1, MAX_TABLE_WORDS), `table ${name} has ${words.length} words, ${expected}`);
    } else expect(false, `the words of table ${name} are no Uint32Array`);
    const unknown = unknownFieldOf(table, TABLE_FIELDS);
    expect(unknown === undefined, `table ${name}: ${unknown}`);
    names.add(name);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function within(value: unknown, least: number, most: number): boolean {
  return isWord(value) && value >= least && value <= most;
}

function checkRoutines(kernel: KernelDefinition, problems: string[]): void {
  const memories = new Map(memoriesOf(kernel).map((memory) => [memory.name, memory]));
  new RoutineChecker('turn', TURN_PARAMETERS, memories, 'any', problems).check(kernel.turn);
  const codes = new Map<number, string>();
  const names = new Set<string>();
  for (const definition of kernel.opcodes) {
    const { name, code, argumentNames, promisesAtomicity } = definition;
    if (typeof name !== 'string' || !NAME.test(name)) {
      problems.push(`opcode ${JSON.stringify(name)} has no proper name`);
      continue;
    }
    const place = `opcode ${name}`;
    if (!isWord(code)) problems.push(`${place}: ${code} is not a number of 32 bits`);
    else if (isSystemOpcode(code) && opcodeName(code) !== name)
      problems.push(`${place}: ${code} belongs to the protocol`);
    if (codes.has(code)) problems.push(`${place}: ${codes.get(code)} has the number ${code} too`);
    if (names.has(name)) problems.push(`two opcodes are called ${name}`);
    if (!Array.isArray(argumentNames) || argumentNames.length > ARGUMENT_COUNT) {
      problems.push(`${place}: more than ${ARGUMENT_COUNT} arguments`);
    } else if (![...argumentNames].every((argument) => typeof argument === 'string' && NAME.test(argument))) {
      problems.push(`${place}: an argument has no proper name`);
    }
    if (typeof promisesAtomicity !== 'boolean') problems.push(`${place}: promisesAtomicity is not true or false`);
    const unknown = unknownFieldOf(definition, OPCODE_FIELDS);
    if (unknown !== undefined) problems.push(`${place}: ${unknown}`);
    codes.set(code, name);
    names.add(name);
    new RoutineChecker(place, HANDLER_PARAMETERS, memories, 'inner', problems).check(definition.body);
  }
}

/** What a routine may dispatch: a handler only opcodes that do not dispatch themselves, so that nothing recurses. */
type DispatchRule = 'any' | 'inner';

interface Local {
  readonly type: Type;
  readonly assignable: boolean;
}

class RoutineChecker {
  readonly #routine: string;
  readonly #memories: ReadonlyMap<string, Memory>;
  readonly #dispatchRule: DispatchRule;
  readonly #problems: string[];
  readonly #scopes: Map<string, Local>[];
  /** Names are unique in a routine even across branches: a lowering may then hoist them as it likes. */
  readonly #declared = new Set<string>();
  #statementCount = 0;
  #expressionCount = 0;

  constructor(
    routine: string,
    parameters: readonly string[],
    memories: ReadonlyMap<string, Memory>,
    dispatchRule: DispatchRule,
    problems: string[],
  ) {
    this.#routine = routine;
    this.#memories = memories;
    this.#dispatchRule = dispatchRule;
    this.#problems = problems;
    this.#scopes = [new Map(parameters.map((name) => [name, { type: 'u32', assignable: false }]))];
    for (const name of parameters) this.#declared.add(name);
  }

  check(body: readonly Statement[]): void {
    this.#block(body, '', 0, false);
  }

  #problem(place: string, problem: string): void {
    this.#problems.push(`${this.#routine}, statement ${place}: ${problem}`);
  }

  #block(body: readonly Statement[], prefix: string, depth: number, inLoop: boolean): void {
    if (!Array.isArray(body)) return this.#problem(prefix || '1', 'a list of statements is missing');
    if (depth > MAX_DEPTH) return this.#problem(prefix, 'nested too deeply');
    this.#scopes.push(new Map());
    // Spread, because forEach passes over holes in a list, which nothing else does.
    [...body].forEach((statement: Statement, index) => {
      this.#statementCount += 1;
      if (this.#statementCount > MAX_STATEMENTS) throw new RangeError(`${this.#routine} has too many statements`);
      this.#statement(statement, `${prefix}${index + 1}`, depth, inLoop);
    });
    this.#scopes.pop();
  }

  #statement(statement: Statement, place: string, depth: number, inLoop: boolean): void {
    this.#fields(statement, STATEMENT_FIELDS, place);
    switch (statement?.kind) {
      case 'let':
      case 'variable':
        this.#declare(statement.name, this.#type(statement.value, place, 0), statement.kind === 'variable', place);
        return;
      case 'assign':
        return this.#assign(statement.name, statement.value, place);
      case 'load':
        this.#access(statement.memory, statement.index, false, place);
        this.#accessKind(statement.access, place);
        return this.#declare(statement.name, 'u32', false, place);
      case 'store':
        this.#access(statement.memory, statement.index, true, place);
        this.#accessKind(statement.access, place);
        return this.#expect(statement.value, 'u32', place);
      case 'atomic':
        this.#access(statement.memory, statement.index, true, place);
        if (!KNOWN_ATOMIC_OPERATIONS.has(statement.operation))
          this.#problem(place, `no operation ${statement.operation}`);
        this.#expect(statement.value, 'u32', place);
        return this.#declare(statement.name, 'u32', false, place);
      case 'compareExchange':
        this.#access(statement.memory, statement.index, true, place);
        this.#expect(statement.expected, 'u32', place);
        this.#expect(statement.desired, 'u32', place);
        return this.#declare(statement.name, 'u32', false, place);
      case 'if':
        this.#expect(statement.condition, 'bool', place);
        this.#block(statement.whenTrue, `${place}.whenTrue.`, depth + 1, inLoop);
        return this.#block(statement.whenFalse, `${place}.whenFalse.`, depth + 1, inLoop);
      case 'loop':
        return this.#loop(statement, place, depth);
      case 'break':
        if (!inLoop) this.#problem(place, 'break outside a loop');
        return;
      case 'barrier':
        if (statement.scope !== 'workgroup' && statement.scope !== 'device') this.#problem(place, 'no such scope');
        return;
      case 'dispatch':
        return this.#dispatch(statement, place);
      case 'fault':
        return this.#expect(statement.code, 'u32', place);
      case 'finish':
        return;
      default:
        this.#problem(place, `no statement ${JSON.stringify((statement as { kind?: unknown } | null)?.kind)}`);
    }
  }

  /** What has no kind that there is is reported where the kind is looked at. */
  #fields(node: Statement | Expression, fields: ReadonlyMap<string, ReadonlySet<string>>, place: string): void {
    const known = fields.get(node?.kind);
    if (known === undefined) return;
    const unknown = unknownFieldOf(node, known);
    if (unknown !== undefined) this.#problem(place, unknown);
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, place: string, depth: number): void {
    this.#expect(statement.from, 'u32', place);
    this.#expect(statement.below, 'u32', place);
    if (!isWord(statement.atMost) || statement.atMost === 0) this.#problem(place, 'atMost is not 1 … 2³² − 1');
    this.#scopes.push(new Map());
    this.#declare(statement.name, 'u32', false, place);
    this.#block(statement.body, `${place}.body.`, depth + 1, true);
    this.#scopes.pop();
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, place: string): void {
    this.#expect(statement.opcode, 'u32', place);
    this.#expect(statement.argumentBase, 'u32', place);
    if (typeof statement.inner !== 'boolean') this.#problem(place, 'inner is not true or false');
    if (this.#dispatchRule === 'inner' && !statement.inner) {
      this.#problem(place, 'a handler may dispatch inner opcodes only');
    }
  }

  #declare(name: string, type: Type | undefined, assignable: boolean, place: string): void {
    if (typeof name !== 'string' || !NAME.test(name))
      return this.#problem(place, `${JSON.stringify(name)} is not a name`);
    if (this.#declared.has(name)) this.#problem(place, `${name} is there already`);
    this.#declared.add(name);
    // An ill-typed value was reported where it stands; u32 keeps its uses from being reported again.
    this.#scopes.at(-1)!.set(name, { type: type ?? 'u32', assignable });
  }

  #assign(name: string, value: Expression, place: string): void {
    const local = this.#find(name);
    if (local === undefined) return this.#problem(place, `unknown name ${JSON.stringify(name)}`);
    if (!local.assignable) this.#problem(place, `${name} cannot be assigned`);
    this.#expect(value, local.type, place);
  }

  #access(memoryName: string, index: Expression, writes: boolean, place: string): void {
    this.#expect(index, 'u32', place);
    const memory = this.#memories.get(memoryName);
    if (memory === undefined) return this.#problem(place, `unknown memory ${JSON.stringify(memoryName)}`);
    if (writes && memory.readOnly) this.#problem(place, `${memoryName} is a table and cannot be written`);
    if (index?.kind === 'constant' && index.value >= memory.words) {
      this.#problem(place, `${memoryName}[${index.value}] is out of range: it has ${memory.words} words`);
    }
  }

  #accessKind(access: unknown, place: string): void {
    if (access !== 'atomic' && access !== 'plain') this.#problem(place, `no access ${JSON.stringify(access)}`);
  }

  #find(name: string): Local | undefined {
    for (let depth = this.#scopes.length - 1; depth >= 0; depth -= 1) {
      const local = this.#scopes[depth].get(name);
      if (local !== undefined) return local;
    }
    return undefined;
  }

  #expect(expression: Expression, type: Type, place: string, depth = 0): void {
    const found = this.#type(expression, place, depth);
    if (found !== undefined && found !== type) this.#problem(place, `a ${type} is wanted, this is a ${found}`);
  }

  /** The type of an expression, or undefined if it has none, which was then reported. */
  #type(expression: Expression, place: string, depth: number): Type | undefined {
    if (depth > MAX_DEPTH) return void this.#problem(place, 'nested too deeply');
    this.#expressionCount += 1;
    if (this.#expressionCount > MAX_EXPRESSIONS) throw new RangeError(`${this.#routine} has too many expressions`);
    this.#fields(expression, EXPRESSION_FIELDS, place);
    switch (expression?.kind) {
      case 'constant':
        if (!isWord(expression.value)) this.#problem(place, `${expression.value} does not fit 32 bits`);
        return 'u32';
      case 'local': {
        const local = this.#find(expression.name);
        if (local === undefined) this.#problem(place, `unknown name ${JSON.stringify(expression.name)}`);
        return local?.type;
      }
      case 'complement':
        this.#expect(expression.operand, 'u32', place, depth + 1);
        return 'u32';
      case 'not':
        this.#expect(expression.operand, 'bool', place, depth + 1);
        return 'bool';
      case 'binary': {
        const signature = SIGNATURES.get(expression.operator);
        if (signature === undefined)
          return void this.#problem(place, `no operator ${JSON.stringify(expression.operator)}`);
        this.#expect(expression.left, signature.from, place, depth + 1);
        this.#expect(expression.right, signature.from, place, depth + 1);
        return signature.to;
      }
      case 'select':
        this.#expect(expression.condition, 'bool', place, depth + 1);
        this.#expect(expression.whenTrue, 'u32', place, depth + 1);
        this.#expect(expression.whenFalse, 'u32', place, depth + 1);
        return 'u32';
      default:
        return void this.#problem(place, 'an expression is missing');
    }
  }
}

const KNOWN_ATOMIC_OPERATIONS: ReadonlySet<string> = new Set(ATOMIC_OPERATIONS);

interface Signature {
  readonly from: Type;
  readonly to: Type;
}

const ARITHMETIC: Signature = { from: 'u32', to: 'u32' };
const COMPARISON: Signature = { from: 'u32', to: 'bool' };
const LOGICAL: Signature = { from: 'bool', to: 'bool' };

/** A map, not an object: an operator called "constructor" in somebody's JSON must not be found. */
const SIGNATURES: ReadonlyMap<string, Signature> = new Map<BinaryOperator, Signature>([
  ['add', ARITHMETIC],
  ['subtract', ARITHMETIC],
  ['multiply', ARITHMETIC],
  ['divide', ARITHMETIC],
  ['remainder', ARITHMETIC],
  ['and', ARITHMETIC],
  ['or', ARITHMETIC],
  ['xor', ARITHMETIC],
  ['shiftLeft', ARITHMETIC],
  ['shiftRight', ARITHMETIC],
  ['minimum', ARITHMETIC],
  ['maximum', ARITHMETIC],
  ['equal', COMPARISON],
  ['notEqual', COMPARISON],
  ['below', COMPARISON],
  ['atMost', COMPARISON],
  ['above', COMPARISON],
  ['atLeast', COMPARISON],
  ['both', LOGICAL],
  ['either', LOGICAL],
]);

/** The type of what an operator of a checked kernel gives. */
export function typeGivenBy(operator: BinaryOperator): Type {
  return SIGNATURES.get(operator)!.to;
}
