/**
 * A kernel as a JavaScript program.
 *
 * Two dialects share everything but how memory is reached. `serial` uses ordinary loads and stores, since one thread
 * runs all lanes. `shared` uses `Atomics` for what the kernel calls atomic and ordinary loads and stores for what it calls
 * plain, so that what races in the kernel races in the program.
 *
 * The program is text, because it has to cross to workers, and because an engine optimises a program with constant sizes
 * and offsets far better than an interpreter. Nothing from a kernel reaches the text but checked names and numbers.
 */

import { WORD_BYTES } from '../base/words.ts';
import { DEBUG_WORDS, SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { type KernelDefinition, memoriesOf } from './definition.ts';
import { FAULT_WORDS, FaultReason, FaultSites, faultWord } from './fault-sites.ts';
import type { AtomicOperation, Expression, OpcodeDefinition, Statement } from './ir.ts';
import { DIVISION_HELPERS, javaScriptExpression, SERIAL_OPERATIONS } from './javascript-expressions.ts';
import { canBeInner, isAlwaysInRange } from './structure.ts';

export type JavaScriptDialect = 'serial' | 'shared';

/** The memories of one running kernel, as a lowered program takes them. */
export interface KernelMemories {
  readonly ring: Uint32Array;
  readonly control: Uint32Array;
  readonly debug: Uint32Array;
  /** `FAULT_WORDS` a slot. */
  readonly faults: Uint32Array;
  readonly tables: Readonly<Record<string, Uint32Array>>;
}

/** A lowered kernel, bound to its memories. */
export interface LoweredKernel {
  /** One lane's turn each for `slotIndices[begin]`, `[begin + step]`, … below `end`. */
  runTurns(slotIndices: Uint32Array, begin: number, step: number, end: number): void;
}

/**
 * A loop counts when it begins and every so many turns, a power of two: with the counter that it has anyway, so that a
 * turn pays for one test of a local.
 */
const TURNS_A_COUNT = 1_024;
/** Counts between two calls of `afterManyTurns`: hundreds of short loops, or milliseconds of a long one. */
const COUNTS_A_CALL = 256;

/** The body of a function of `memories`, and `afterManyTurns` if serial, that returns a {@link LoweredKernel}. */
export function lowerToJavaScript(kernel: KernelDefinition, dialect: JavaScriptDialect): string {
  return new JavaScriptLowering(kernel, dialect).program();
}

/**
 * Binds a lowered program to memories. The program is as trustworthy as the check that the kernel passed.
 *
 * @param afterManyTurns is called by a serial program now and then while it is in loops. What it throws ends the run,
 *   which is how one thread gets out of a loop that others would have to be terminated for.
 */
export function bindLoweredKernel(
  program: string,
  memories: KernelMemories,
  afterManyTurns: () => void = () => {},
): LoweredKernel {
  return new Function('memories', 'afterManyTurns', program)(memories, afterManyTurns) as LoweredKernel;
}

/** Bytes that a kernel's writable memories take, and where each begins; for backends that share one buffer. */
export interface MemoryPlan {
  readonly ringByteOffset: number;
  readonly controlByteOffset: number;
  readonly debugByteOffset: number;
  readonly faultsByteOffset: number;
  readonly totalBytes: number;
}

/** Lays the writable memories end to end. */
export function planMemory(kernel: KernelDefinition): MemoryPlan {
  const ringByteOffset = 0;
  const controlByteOffset = ringByteOffset + kernel.slotCount * SLOT_WORDS * WORD_BYTES;
  const debugByteOffset = controlByteOffset + kernel.controlWords * WORD_BYTES;
  const faultsByteOffset = debugByteOffset + DEBUG_WORDS * WORD_BYTES;
  const totalBytes = faultsByteOffset + kernel.slotCount * FAULT_WORDS * WORD_BYTES;
  return { ringByteOffset, controlByteOffset, debugByteOffset, faultsByteOffset, totalBytes };
}

class JavaScriptLowering {
  readonly #kernel: KernelDefinition;
  readonly #dialect: JavaScriptDialect;
  readonly #sites: FaultSites;
  readonly #memoryWords: ReadonlyMap<string, number>;
  readonly #lines: string[] = [];
  #temporaryCount = 0;

  constructor(kernel: KernelDefinition, dialect: JavaScriptDialect) {
    this.#kernel = kernel;
    this.#dialect = dialect;
    this.#sites = new FaultSites(kernel);
    this.#memoryWords = new Map(memoriesOf(kernel).map((memory) => [memory.name, memory.words]));
  }

  program(): string {
    this.#line("'use strict';");
    this.#line('const { ring: m_ring, control: m_control, debug: m_debug, faults: m_faults } = memories;');
    for (const table of this.#kernel.tables) this.#line(`const m_${table.name} = memories.tables.${table.name};`);
    this.#helpers();
    if (this.#dialect === 'serial') this.#turnCounter();
    for (const definition of this.#kernel.opcodes) this.#handler(definition);
    this.#turn();
    this.#line('return { runTurns(slotIndices, begin, step, end) {');
    this.#line('  for (let next = begin; next < end; next += step) turn(slotIndices[next]);');
    this.#line('} };');
    return this.#lines.join('\n');
  }

  #line(text: string): void {
    this.#lines.push(text);
  }

  #helpers(): void {
    this.#line('function raise(slotBase, reason, detail) {');
    this.#line(`  const fault = slotBase / ${SLOT_WORDS} * ${FAULT_WORDS};`);
    this.#line('  m_faults[fault] = reason; m_faults[fault + 1] = detail;');
    this.#line(`  ${this.#storeText('m_ring', `slotBase + ${SlotWord.STATUS}`, String(SlotStatus.FAULT), 'atomic')};`);
    this.#line('  return 1;');
    this.#line('}');
    for (const helper of DIVISION_HELPERS) this.#line(helper);
    if (this.#dialect !== 'shared') return;
    // Atomics has no minimum and maximum; a loop that retries on a lost race is the usual way to have them.
    for (const [name, choice] of [
      ['minimum', 'Math.min'],
      ['maximum', 'Math.max'],
    ]) {
      this.#line(`function atomic_${name}(memory, index, value) {`);
      this.#line('  for (let before = Atomics.load(memory, index); ;) {');
      this.#line(`    const seen = Atomics.compareExchange(memory, index, before, ${choice}(before, value));`);
      this.#line('    if (seen === before) return before;');
      this.#line('    before = seen;');
      this.#line('  }');
      this.#line('}');
    }
  }

  /** One for all loops: nested ones with small bounds each take as long as one with a huge bound. */
  #turnCounter(): void {
    this.#line(`let countsLeft = ${COUNTS_A_CALL};`);
    this.#line('function countTurns() {');
    this.#line('  countsLeft -= 1;');
    this.#line('  if (countsLeft > 0) return;');
    // Set before the call, which may not return.
    this.#line(`  countsLeft = ${COUNTS_A_CALL};`);
    this.#line('  afterManyTurns();');
    this.#line('}');
  }

  #handler(definition: OpcodeDefinition): void {
    this.#line(`function handle_${definition.name}(slotBase, argumentBase) {`);
    this.#statements(definition.body, 1);
    this.#line('  return 0;');
    this.#line('}');
  }

  #turn(): void {
    this.#line('function turn(slotIndex) {');
    this.#line(`  const slotBase = slotIndex * ${SLOT_WORDS};`);
    this.#statements(this.#kernel.turn, 1);
    this.#line('  return 0;');
    this.#line('}');
  }

  #statements(statements: readonly Statement[], depth: number): void {
    for (const statement of statements) this.#statement(statement, depth);
  }

  #statement(statement: Statement, depth: number): void {
    const emit = (text: string) => this.#line('  '.repeat(depth) + text);
    switch (statement.kind) {
      case 'let':
        return emit(`const ${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'variable':
        return emit(`let ${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'assign':
        return emit(`${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'load': {
        const index = this.#checkedIndex(statement, emit);
        const memory = `m_${statement.memory}`;
        const atomic = statement.access === 'atomic' && this.#dialect === 'shared';
        return emit(
          `const ${local(statement.name)} = ${atomic ? `Atomics.load(${memory}, ${index})` : `${memory}[${index}]`};`,
        );
      }
      case 'store': {
        const index = this.#checkedIndex(statement, emit);
        const value = expressionText(statement.value);
        return emit(`${this.#storeText(`m_${statement.memory}`, index, value, statement.access)};`);
      }
      case 'atomic':
        return this.#atomic(statement, emit);
      case 'compareExchange':
        return this.#compareExchange(statement, emit);
      case 'if':
        emit(`if (${expressionText(statement.condition)}) {`);
        this.#statements(statement.whenTrue, depth + 1);
        if (statement.whenFalse.length > 0) {
          emit('} else {');
          this.#statements(statement.whenFalse, depth + 1);
        }
        return emit('}');
      case 'loop':
        return this.#loop(statement, depth, emit);
      case 'dispatch':
        return this.#dispatch(statement, emit);
      case 'fault': {
        const reason = faultWord(FaultReason.RAISED, this.#sites.numberOf(statement));
        return emit(`return raise(slotBase, ${reason}, ${expressionText(statement.code)});`);
      }
      case 'break':
        return emit('break;');
      case 'finish':
        return emit('return 0;');
      case 'barrier':
        // Atomics are sequentially consistent and order everything around them; one thread needs no order at all.
        return this.#dialect === 'shared' ? emit('Atomics.load(m_control, 0);') : undefined;
    }
  }

  #atomic(statement: Extract<Statement, { kind: 'atomic' }>, emit: (text: string) => void): void {
    const index = this.#checkedIndex(statement, emit);
    const memory = `m_${statement.memory}`;
    const name = local(statement.name);
    const value = expressionText(statement.value);
    if (this.#dialect === 'shared') {
      return emit(`const ${name} = ${SHARED_OPERATIONS[statement.operation]}(${memory}, ${index}, ${value});`);
    }
    emit(`const ${name} = ${memory}[${index}];`);
    emit(`${memory}[${index}] = ${SERIAL_OPERATIONS[statement.operation](name, value)};`);
  }

  #compareExchange(statement: Extract<Statement, { kind: 'compareExchange' }>, emit: (text: string) => void): void {
    const index = this.#checkedIndex(statement, emit);
    const memory = `m_${statement.memory}`;
    const name = local(statement.name);
    const expected = expressionText(statement.expected);
    const desired = expressionText(statement.desired);
    if (this.#dialect === 'shared') {
      return emit(`const ${name} = Atomics.compareExchange(${memory}, ${index}, ${expected}, ${desired});`);
    }
    emit(`const ${name} = ${memory}[${index}];`);
    emit(`if (${name} === ${expected}) ${memory}[${index}] = ${desired};`);
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, depth: number, emit: (text: string) => void): void {
    const index = local(statement.name);
    const below = this.#temporary();
    const turns = this.#temporary();
    const begin = `${index} = ${expressionText(statement.from)}, ${below} = ${expressionText(statement.below)}, ${turns} = 0`;
    emit(`for (let ${begin}; ${index} < ${below} && ${turns} < ${statement.atMost}; ${index} += 1, ${turns} += 1) {`);
    if (this.#dialect === 'serial') {
      emit(`  if ((${turns} & ${TURNS_A_COUNT - 1}) === 0) countTurns();`);
    }
    this.#statements(statement.body, depth + 1);
    emit('}');
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, emit: (text: string) => void): void {
    const opcode = this.#temporary();
    const base = this.#temporary();
    emit(`const ${opcode} = ${expressionText(statement.opcode)}, ${base} = ${expressionText(statement.argumentBase)};`);
    emit(`switch (${opcode}) {`);
    for (const definition of this.#kernel.opcodes) {
      if (statement.inner && !canBeInner(definition)) continue;
      emit(`  case ${definition.code}: if (handle_${definition.name}(slotBase, ${base}) !== 0) return 1; break;`);
    }
    const reason = faultWord(FaultReason.NO_HANDLER, this.#sites.numberOf(statement));
    emit(`  default: return raise(slotBase, ${reason}, ${opcode});`);
    emit('}');
  }

  /** The text of an index that is in range: checked when the program runs unless it cannot be out of range. */
  #checkedIndex(
    access: Extract<Statement, { memory: string; index: Expression }>,
    emit: (text: string) => void,
  ): string {
    const text = expressionText(access.index);
    if (isAlwaysInRange(access.memory, access.index)) return text;
    const index = this.#temporary();
    const reason = faultWord(FaultReason.OUT_OF_RANGE, this.#sites.numberOf(access));
    emit(`const ${index} = ${text};`);
    emit(`if (${index} >= ${this.#memoryWords.get(access.memory)}) return raise(slotBase, ${reason}, ${index});`);
    return index;
  }

  #storeText(memory: string, index: string, value: string, access: 'atomic' | 'plain'): string {
    if (access === 'atomic' && this.#dialect === 'shared') return `Atomics.store(${memory}, ${index}, ${value})`;
    return `${memory}[${index}] = ${value}`;
  }

  #temporary(): string {
    this.#temporaryCount += 1;
    return `t${this.#temporaryCount}`;
  }
}

function expressionText(expression: Expression): string {
  return javaScriptExpression(expression, local);
}

/** Parameters keep their names; everything declared gets a prefix, so that it cannot hide a helper or a keyword. */
function local(name: string): string {
  return name === 'slotBase' || name === 'slotIndex' || name === 'argumentBase' ? name : `v_${name}`;
}

const SHARED_OPERATIONS: Readonly<Record<AtomicOperation, string>> = {
  add: 'Atomics.add',
  subtract: 'Atomics.sub',
  and: 'Atomics.and',
  or: 'Atomics.or',
  xor: 'Atomics.xor',
  minimum: 'atomic_minimum',
  maximum: 'atomic_maximum',
  exchange: 'Atomics.exchange',
};
