/**
 * A kernel as WGSL.
 *
 * The text defines `fn turn(slotIndex: u32)`, the handlers that it dispatches to, and the two buffers that it reaches; a
 * shape (a dispatch an epoch, or a workgroup that loops over epochs) adds the entry point. All writable memories of one
 * instance lie end to end in one buffer, as `planMemory` says, and `instanceStart` tells which instance a lane works on,
 * so many replicas share a dispatch.
 *
 * A WGSL variable is atomic or it is not, so what the kernel calls plain becomes a relaxed atomic here: it cannot be torn,
 * and nothing orders it. WGSL has no fence between workgroups either, and its barriers must be reached by all lanes alike,
 * which the inside of a turn is not: a kernel's `barrier` has no counterpart and becomes a comment.
 */

import { WORD_BYTES } from '../base/words.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { type KernelDefinition, memoriesOf } from './definition.ts';
import { FAULT_WORDS, FaultReason, FaultSites, faultWord } from './fault-sites.ts';
import type { AtomicOperation, BinaryOperator, Expression, OpcodeDefinition, Statement } from './ir.ts';
import { planMemory } from './lower-to-javascript.ts';
import { canBeInner, isAlwaysInRange } from './structure.ts';

/** Words of the table buffer that come before each table, by name; tables lie end to end in the kernel's order. */
export function planTables(kernel: KernelDefinition): {
  readonly starts: ReadonlyMap<string, number>;
  readonly words: number;
} {
  const starts = new Map<string, number>();
  let words = 0;
  for (const table of kernel.tables) {
    starts.set(table.name, words);
    words += table.words.length;
  }
  return { starts, words };
}

/** The kernel's part of a shader module; see above for what it defines. */
export function lowerToWgsl(kernel: KernelDefinition): string {
  return new WgslLowering(kernel).text();
}

class WgslLowering {
  readonly #kernel: KernelDefinition;
  readonly #sites: FaultSites;
  readonly #memoryWords: ReadonlyMap<string, number>;
  readonly #tableNames: ReadonlySet<string>;
  readonly #lines: string[] = [];
  #temporaryCount = 0;

  constructor(kernel: KernelDefinition) {
    this.#kernel = kernel;
    this.#sites = new FaultSites(kernel);
    this.#memoryWords = new Map(memoriesOf(kernel).map((memory) => [memory.name, memory.words]));
    this.#tableNames = new Set(kernel.tables.map((table) => table.name));
  }

  text(): string {
    // WGSL knows more ends of a line than most: a name must not be able to end the comment that it stands in.
    const name = this.#kernel.name.replaceAll(/[^ -~]/g, '?');
    this.#line(`// Kernel ${name}, ${this.#kernel.slotCount} slots.`);
    this.#buffers();
    this.#helpers();
    for (const definition of this.#kernel.opcodes) this.#handler(definition);
    this.#turn();
    return `${this.#lines.join('\n')}\n`;
  }

  #line(text: string): void {
    this.#lines.push(text);
  }

  #buffers(): void {
    const plan = planMemory(this.#kernel);
    const starts = {
      ring: plan.ringByteOffset,
      control: plan.controlByteOffset,
      debug: plan.debugByteOffset,
      faults: plan.faultsByteOffset,
    };
    this.#line('@group(0) @binding(0) var<storage, read_write> memory: array<atomic<u32>>;');
    if (this.#kernel.tables.length > 0) this.#line('@group(0) @binding(1) var<storage, read> tables: array<u32>;');
    this.#line('');
    this.#line("/// The word of `memory` at which this lane's instance of the kernel begins.");
    this.#line('var<private> instanceStart: u32;');
    for (const [name, byteOffset] of Object.entries(starts))
      this.#line(`const ${name}Start = ${byteOffset / WORD_BYTES}u;`);
    for (const [name, start] of planTables(this.#kernel).starts) this.#line(`const table_${name} = ${start}u;`);
    this.#line(`const instanceWords = ${plan.totalBytes / WORD_BYTES}u;`);
  }

  #helpers(): void {
    this.#line('');
    this.#line('/// Gives a slot up: true, so that whoever called can return it.');
    this.#line('fn raise(slotBase: u32, reason: u32, detail: u32) -> bool {');
    this.#line(`  let fault = instanceStart + faultsStart + slotBase / ${SLOT_WORDS}u * ${FAULT_WORDS}u;`);
    this.#line('  atomicStore(&memory[fault], reason);');
    this.#line('  atomicStore(&memory[fault + 1u], detail);');
    this.#line(
      `  atomicStore(&memory[instanceStart + ringStart + slotBase + ${SlotWord.STATUS}u], ${SlotStatus.FAULT}u);`,
    );
    this.#line('  return true;');
    this.#line('}');
    this.#line(
      '/// What WGSL refuses in a constant expression, a zero divisor or bits shifted out, it does in a function.',
    );
    this.#line('fn divide(left: u32, right: u32) -> u32 { return left / right; }');
    this.#line('fn remainder(left: u32, right: u32) -> u32 { return left % right; }');
    this.#line('fn shiftLeft(left: u32, right: u32) -> u32 { return left << (right & 31u); }');
    this.#line('fn shiftRight(left: u32, right: u32) -> u32 { return left >> (right & 31u); }');
  }

  #handler(definition: OpcodeDefinition): void {
    this.#line('');
    this.#line(`fn handle_${definition.name}(slotBase: u32, argumentBase: u32) -> bool {`);
    this.#routine(definition.body);
  }

  #turn(): void {
    this.#line('');
    this.#line('fn turn(slotIndex: u32) -> bool {');
    this.#line(`  let slotBase = slotIndex * ${SLOT_WORDS}u;`);
    this.#routine(this.#kernel.turn);
  }

  /** The statements of a function, and its end: what nobody gets to is warned of by compilers, or refused. */
  #routine(statements: readonly Statement[]): void {
    this.#statements(statements, 1);
    if (!leaves(statements)) this.#line('  return false;');
    this.#line('}');
  }

  /** What follows a statement that leaves is unreachable: it is left out. */
  #statements(statements: readonly Statement[], depth: number): void {
    for (const statement of statements) {
      this.#statement(statement, depth);
      if (statement.kind === 'break' || leaves([statement])) return;
    }
  }

  #statement(statement: Statement, depth: number): void {
    const emit = (text: string) => this.#line('  '.repeat(depth) + text);
    switch (statement.kind) {
      case 'let':
        return emit(`let ${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'variable':
        return emit(`var ${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'assign':
        return emit(`${local(statement.name)} = ${expressionText(statement.value)};`);
      case 'load': {
        const index = this.#checkedIndex(statement, emit);
        return emit(`let ${local(statement.name)} = ${this.#loadText(statement.memory, index)};`);
      }
      case 'store': {
        const place = this.#place(statement, emit);
        return emit(`atomicStore(${place}, ${expressionText(statement.value)});`);
      }
      case 'atomic': {
        const place = this.#place(statement, emit);
        const operation = `${OPERATIONS[statement.operation]}(${place}, ${expressionText(statement.value)})`;
        return emit(`let ${local(statement.name)} = ${operation};`);
      }
      case 'compareExchange':
        return this.#compareExchange(statement, emit);
      case 'if':
        return this.#if(statement, depth, emit);
      case 'loop':
        return this.#loop(statement, depth, emit);
      case 'dispatch':
        return this.#dispatch(statement, emit);
      case 'fault': {
        const reason = faultWord(FaultReason.RAISED, this.#sites.numberOf(statement));
        return emit(`return raise(slotBase, ${reason}u, ${expressionText(statement.code)});`);
      }
      case 'break':
        return emit('break;');
      case 'finish':
        return emit('return false;');
      case 'barrier':
        return emit(`// barrier ${statement.scope}: WGSL has nothing of the kind here`);
    }
  }

  /** WGSL's compare-exchange may fail for no reason; the kernel's may not, so it is tried again until it means it. */
  #compareExchange(statement: Extract<Statement, { kind: 'compareExchange' }>, emit: (text: string) => void): void {
    const place = this.#place(statement, emit);
    const name = local(statement.name);
    const expected = this.#temporary();
    const desired = this.#temporary();
    const tried = this.#temporary();
    emit(`let ${expected} = ${expressionText(statement.expected)};`);
    emit(`let ${desired} = ${expressionText(statement.desired)};`);
    emit(`var ${tried} = atomicCompareExchangeWeak(${place}, ${expected}, ${desired});`);
    emit(`while (!${tried}.exchanged && ${tried}.old_value == ${expected}) {`);
    emit(`  ${tried} = atomicCompareExchangeWeak(${place}, ${expected}, ${desired});`);
    emit('}');
    emit(`let ${name} = ${tried}.old_value;`);
  }

  #if(statement: Extract<Statement, { kind: 'if' }>, depth: number, emit: (text: string) => void): void {
    emit(`if (${expressionText(statement.condition)}) {`);
    this.#statements(statement.whenTrue, depth + 1);
    if (statement.whenFalse.length > 0) {
      emit('} else {');
      this.#statements(statement.whenFalse, depth + 1);
    }
    emit('}');
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, depth: number, emit: (text: string) => void): void {
    const index = local(statement.name);
    const counter = this.#temporary();
    const below = this.#temporary();
    const turns = this.#temporary();
    emit(`let ${below} = ${expressionText(statement.below)};`);
    emit(`var ${turns} = 0u;`);
    emit(
      `for (var ${counter} = ${expressionText(statement.from)}; ${counter} < ${below} && ${turns} < ${statement.atMost}u; ${counter}++) {`,
    );
    // The counter is a copy: the kernel's own is bound once a turn and cannot be assigned.
    emit(`  let ${index} = ${counter};`);
    emit(`  ${turns}++;`);
    this.#statements(statement.body, depth + 1);
    emit('}');
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, emit: (text: string) => void): void {
    const opcode = this.#temporary();
    const base = this.#temporary();
    emit(`let ${opcode} = ${expressionText(statement.opcode)};`);
    emit(`let ${base} = ${expressionText(statement.argumentBase)};`);
    emit(`switch (${opcode}) {`);
    for (const definition of this.#kernel.opcodes) {
      if (statement.inner && !canBeInner(definition)) continue;
      emit(`  case ${definition.code}u: { if (handle_${definition.name}(slotBase, ${base})) { return true; } }`);
    }
    const reason = faultWord(FaultReason.NO_HANDLER, this.#sites.numberOf(statement));
    emit(`  default: { return raise(slotBase, ${reason}u, ${opcode}); }`);
    emit('}');
  }

  /** A reference to the word that an access is about; writable memories only. */
  #place(access: Extract<Statement, { memory: string; index: Expression }>, emit: (text: string) => void): string {
    const index = this.#checkedIndex(access, emit);
    return `&memory[instanceStart + ${access.memory}Start + ${index}]`;
  }

  #loadText(memory: string, index: string): string {
    if (this.#tableNames.has(memory)) return `tables[table_${memory} + ${index}]`;
    return `atomicLoad(&memory[instanceStart + ${memory}Start + ${index}])`;
  }

  /** The text of an index that is in range: checked when the shader runs unless it cannot be out of range. */
  #checkedIndex(
    access: Extract<Statement, { memory: string; index: Expression }>,
    emit: (text: string) => void,
  ): string {
    const text = expressionText(access.index);
    if (isAlwaysInRange(access.memory, access.index)) return text;
    const index = this.#temporary();
    const reason = faultWord(FaultReason.OUT_OF_RANGE, this.#sites.numberOf(access));
    emit(`let ${index} = ${text};`);
    emit(`if (${index} >= ${this.#memoryWords.get(access.memory)}u) { return raise(slotBase, ${reason}u, ${index}); }`);
    return index;
  }

  #temporary(): string {
    this.#temporaryCount += 1;
    return `t${this.#temporaryCount}`;
  }
}

/** Whether statements end the routine, whichever way they go. A loop may have no turn. */
function leaves(statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    if (statement.kind === 'if') return leaves(statement.whenTrue) && leaves(statement.whenFalse);
    return statement.kind === 'finish' || statement.kind === 'fault';
  });
}

/** Parameters keep their names; everything declared gets a prefix, so that it cannot be a keyword or a helper. */
function local(name: string): string {
  return name === 'slotBase' || name === 'slotIndex' || name === 'argumentBase' ? name : `v_${name}`;
}

function expressionText(expression: Expression): string {
  switch (expression.kind) {
    case 'constant':
      return `${expression.value}u`;
    case 'local':
      return local(expression.name);
    case 'complement':
      return `(~${expressionText(expression.operand)})`;
    case 'not':
      return `(!${expressionText(expression.operand)})`;
    case 'select': {
      const { condition, whenTrue, whenFalse } = expression;
      return `select(${expressionText(whenFalse)}, ${expressionText(whenTrue)}, ${expressionText(condition)})`;
    }
    case 'binary':
      return OPERATORS[expression.operator](expressionText(expression.left), expressionText(expression.right));
  }
}

type BinaryText = (left: string, right: string) => string;

const infix =
  (operator: string): BinaryText =>
  (left, right) =>
    `(${left} ${operator} ${right})`;

const OPERATORS: Readonly<Record<BinaryOperator, BinaryText>> = {
  add: infix('+'),
  subtract: infix('-'),
  multiply: infix('*'),
  divide: (left, right) => `divide(${left}, ${right})`,
  remainder: (left, right) => `remainder(${left}, ${right})`,
  and: infix('&'),
  or: infix('|'),
  xor: infix('^'),
  shiftLeft: (left, right) => `shiftLeft(${left}, ${right})`,
  shiftRight: (left, right) => `shiftRight(${left}, ${right})`,
  minimum: (left, right) => `min(${left}, ${right})`,
  maximum: (left, right) => `max(${left}, ${right})`,
  equal: infix('=='),
  notEqual: infix('!='),
  below: infix('<'),
  atMost: infix('<='),
  above: infix('>'),
  atLeast: infix('>='),
  both: infix('&&'),
  either: infix('||'),
};

const OPERATIONS: Readonly<Record<AtomicOperation, string>> = {
  add: 'atomicAdd',
  subtract: 'atomicSub',
  and: 'atomicAnd',
  or: 'atomicOr',
  xor: 'atomicXor',
  minimum: 'atomicMin',
  maximum: 'atomicMax',
  exchange: 'atomicExchange',
};
