/**
 * What a slot does, told from the kernel before anything runs: its accesses in order, as far as they are known.
 *
 * The handler is run with its arguments known. A word that no slot of the epoch can write is known too; everything else
 * that is loaded is a name, so that "stores what it loaded, plus one" can be said. A branch on something that is not known
 * goes both ways, and what is in it is conditional.
 */

import {
  canBeInner,
  type Expression,
  evaluateBinary,
  findOpcode,
  type Kernel,
  memoriesOf,
  type OpcodeDefinition,
  type Statement,
} from '../kernel/index.ts';
import {
  DEBUG_RECORD_WORDS,
  DEBUG_RECORDS_START,
  DEBUG_WORDS,
  SLOT_WORDS,
  SlotStatus,
  SlotWord,
} from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';

/** What step number `step` of the slot loaded, plus a constant. */
export interface LoadedValue {
  readonly step: number;
  readonly plus: number;
}

/** A number or truth value that is known, what a step loaded, or undefined for anything. */
export type ShapeValue = number | boolean | LoadedValue | undefined;

export type CommutingOperation = 'add' | 'and' | 'or' | 'xor' | 'minimum' | 'maximum';

/** One access to a word that slots of the epoch may write. */
export interface SlotStep {
  readonly kind: 'load' | 'store' | 'modify' | 'compareExchange';
  /** Which word, counted over the snapshot; undefined if it depends on what is loaded. */
  readonly word: number | undefined;
  /** What is stored, or the operand; of a compare-exchange what is desired. */
  readonly value: ShapeValue;
  readonly expected: ShapeValue;
  /** Of a `modify`; `exchange` is none of those that commute. */
  readonly operation: CommutingOperation | 'exchange' | undefined;
  /** Whether the slot does anything with the value that was there before. */
  readonly isValueUsed: boolean;
  /** Whether it may not happen at all. */
  readonly isConditional: boolean;
}

/** A record of the debug log that a slot appends. */
export interface PrintedRecord {
  readonly words: readonly ShapeValue[];
  readonly isConditional: boolean;
}

export interface SlotShape {
  readonly steps: readonly SlotStep[];
  readonly records: readonly PrintedRecord[];
  /** How it ends (`returned`: handed back EMPTY), if that does not depend on what it loads. */
  readonly end: 'done' | 'fault' | 'waits' | 'returned' | undefined;
  /** Whether it may be left PUBLISHED. */
  readonly mayWait: boolean;
  /** It may read and write any word. */
  readonly isOpaque: boolean;
  /** It does to the debug log something else than to append records. */
  readonly usesDebugFreely: boolean;
  /** It loads words of the ring that are not its own. */
  readonly readsOtherSlots: boolean;
}

/** The value of a word of the snapshot that stays what it is throughout the epoch; undefined if it may not. */
export type ConstantWords = (word: number) => number | undefined;

/** Statements looked at for one slot; beyond, it may touch everything. */
const MAX_STATEMENTS = 50_000;
const LAST_CURSOR = DEBUG_WORDS - DEBUG_RECORDS_START - DEBUG_RECORD_WORDS;

/** The shape of a slot. */
export function shapeOf(kernel: Kernel, placed: PlacedSlot, constants: ConstantWords): SlotShape {
  return new ShapeWalk(kernel, placed, constants).run();
}

type Ending = 'next' | 'break' | 'finish' | 'fault';
type Locals = Map<string, ShapeValue>;

/** A position in the debug log that an atomic addition reserved: the number of the record, and words beyond its start. */
class Cursor implements LoadedValue {
  readonly step: number;
  readonly plus: number;
  readonly record: number;

  constructor(step: number, plus: number, record: number) {
    this.step = step;
    this.plus = plus;
    this.record = record;
  }
}

interface OpenRecord {
  readonly words: ShapeValue[];
  isConditional: boolean;
}

class ShapeWalk {
  readonly #kernel: Kernel;
  readonly #constants: ConstantWords;
  readonly #slotBase: number;
  readonly #memoryWords: ReadonlyMap<string, number>;
  readonly #tables: ReadonlyMap<string, Uint32Array>;
  readonly #steps: SlotStep[] = [];
  readonly #records: OpenRecord[] = [];
  #own: (number | undefined)[];
  readonly #endings = new Set<number | undefined>();
  /** Branches on something unknown that this is in. */
  #unknownBranches = 0;
  #mayHaveBroken = false;
  #mayHaveFinished = false;
  #mayHaveFaulted = false;
  #isOpaque = false;
  #usesDebugFreely = false;
  #readsOtherSlots = false;
  #statements = 0;

  constructor(kernel: Kernel, placed: PlacedSlot, constants: ConstantWords) {
    this.#kernel = kernel;
    this.#constants = constants;
    this.#slotBase = placed.slotIndex * SLOT_WORDS;
    this.#memoryWords = new Map(memoriesOf(kernel).map(({ name, words }) => [name, words]));
    this.#tables = new Map(kernel.tables.map(({ name, words }) => [name, words]));
    this.#own = Array.from(publishedWords(placed));
  }

  run(): SlotShape {
    const locals: Locals = new Map<string, ShapeValue>([
      ['slotIndex', this.#slotBase / SLOT_WORDS],
      ['slotBase', this.#slotBase],
    ]);
    this.#block(this.#kernel.turn, locals);
    this.#endings.add(this.#own[SlotWord.STATUS]);
    const isOpaque = this.#isOpaque || this.#statements > MAX_STATEMENTS;
    const only = this.#endings.size === 1 && !isOpaque ? [...this.#endings][0] : undefined;
    return {
      steps: this.#steps,
      records: this.#records,
      end: only === undefined ? undefined : ENDS[only],
      mayWait: isOpaque || [...this.#endings].some((status) => status === undefined || ENDS[status] === 'waits'),
      isOpaque,
      usesDebugFreely: this.#usesDebugFreely,
      readsOtherSlots: this.#readsOtherSlots,
    };
  }

  get #isConditional(): boolean {
    return this.#unknownBranches > 0 || this.#mayHaveBroken || this.#mayHaveFinished || this.#mayHaveFaulted;
  }

  #block(statements: readonly Statement[], locals: Locals): Ending {
    for (const statement of statements) {
      this.#statements += 1;
      if (this.#statements > MAX_STATEMENTS) return 'finish';
      const ending = this.#statement(statement, locals, statements);
      if (ending !== 'next') return ending;
    }
    return 'next';
  }

  #statement(statement: Statement, locals: Locals, block: readonly Statement[]): Ending {
    switch (statement.kind) {
      case 'let':
      case 'variable':
      case 'assign':
        locals.set(statement.name, this.#value(statement.value, locals));
        return 'next';
      case 'load':
      case 'store':
      case 'atomic':
      case 'compareExchange':
        return this.#access(statement, locals, block);
      case 'if':
        return this.#branch(statement, locals);
      case 'loop':
        return this.#loop(statement, locals);
      case 'dispatch':
        return this.#dispatch(statement, locals);
      case 'fault':
        return this.#fault();
      case 'barrier':
        return 'next';
      case 'break':
      case 'finish':
        return statement.kind;
    }
  }

  #fault(): Ending {
    this.#endings.add(SlotStatus.FAULT);
    this.#own[SlotWord.STATUS] = SlotStatus.FAULT;
    return 'fault';
  }

  #branch(statement: Extract<Statement, { kind: 'if' }>, locals: Locals): Ending {
    const condition = this.#condition(statement, locals);
    if (condition === true) return this.#block(statement.whenTrue, locals);
    if (condition === false) return this.#block(statement.whenFalse, locals);
    const [then, otherwise] = [new Map(locals), new Map(locals)];
    const own = [...this.#own];
    this.#unknownBranches += 1;
    const thenEnding = this.#block(statement.whenTrue, then);
    const thenOwn = this.#own;
    this.#own = own;
    const otherwiseEnding = this.#block(statement.whenFalse, otherwise);
    this.#unknownBranches -= 1;
    // A turn that may have ended here ended with the status that the slot had.
    const isTurnOver = (ending: Ending, words: readonly (number | undefined)[]) => {
      if (ending === 'finish' && !locals.has('argumentBase')) this.#endings.add(words[SlotWord.STATUS]);
    };
    isTurnOver(thenEnding, thenOwn);
    isTurnOver(otherwiseEnding, this.#own);
    return this.#join(locals, [thenEnding, then, thenOwn], [otherwiseEnding, otherwise, this.#own]);
  }

  #join(locals: Locals, left: Way, right: Way): Ending {
    const [goesOn, leaves] = ORDER.indexOf(left[0]) <= ORDER.indexOf(right[0]) ? [left, right] : [right, left];
    if (goesOn[0] !== leaves[0]) {
      if (leaves[0] === 'break') this.#mayHaveBroken = true;
      if (leaves[0] === 'finish') this.#mayHaveFinished = true;
      if (leaves[0] === 'fault') this.#mayHaveFaulted = true;
      this.#own = goesOn[2];
      for (const name of locals.keys()) locals.set(name, goesOn[1].get(name));
      return goesOn[0];
    }
    this.#own = left[2].map((word, index) => (word === right[2][index] ? word : undefined));
    for (const name of locals.keys()) locals.set(name, sameValue(left[1].get(name), right[1].get(name)));
    return goesOn[0];
  }

  /** A record is dropped where the log is full; whoever asks says so, once and for the whole log. */
  #condition({ condition, whenFalse }: Extract<Statement, { kind: 'if' }>, locals: Locals): ShapeValue {
    if (condition.kind === 'binary' && condition.operator === 'atMost' && whenFalse.length === 0) {
      const left = this.#value(condition.left, locals);
      if (left instanceof Cursor && this.#value(condition.right, locals) === LAST_CURSOR) return true;
    }
    return this.#value(condition, locals);
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, locals: Locals): Ending {
    const from = this.#value(statement.from, locals);
    const below = this.#value(statement.below, locals);
    if (typeof from !== 'number' || typeof below !== 'number') {
      this.#isOpaque = true;
      return 'next';
    }
    const turns = Math.min(statement.atMost, Math.max(0, below - from));
    const before = this.#mayHaveBroken;
    try {
      for (let turn = 0; turn < turns && this.#statements <= MAX_STATEMENTS; turn += 1) {
        this.#statements += 1;
        locals.set(statement.name, from + turn);
        const ending = this.#block(statement.body, locals);
        if (ending === 'break') return 'next';
        if (ending !== 'next') return ending;
      }
      return 'next';
    } finally {
      this.#mayHaveBroken = before;
    }
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, locals: Locals): Ending {
    const code = this.#value(statement.opcode, locals);
    const argumentBase = this.#value(statement.argumentBase, locals);
    if (typeof code !== 'number' || typeof argumentBase !== 'number') {
      this.#isOpaque = true;
      return 'next';
    }
    const definition = findOpcode(this.#kernel, code);
    if (definition === undefined || (statement.inner && !canBeInner(definition))) return this.#fault();
    return this.#handler(definition, argumentBase);
  }

  #handler(definition: OpcodeDefinition, argumentBase: number): Ending {
    const before = this.#mayHaveFinished;
    const locals: Locals = new Map<string, ShapeValue>([
      ['slotBase', this.#slotBase],
      ['argumentBase', argumentBase],
    ]);
    const ending = this.#block(definition.body, locals);
    this.#mayHaveFinished = before;
    return ending === 'fault' ? 'fault' : 'next';
  }

  #access(statement: AccessStatement, locals: Locals, block: readonly Statement[]): Ending {
    const index = this.#value(statement.index, locals);
    const words = this.#memoryWords.get(statement.memory) ?? 0;
    if (typeof index === 'number' && index >= words) return this.#fault();
    if (statement.memory === 'ring') this.#ringAccess(statement, index, locals);
    else if (statement.memory === 'control' || statement.memory === 'debug') {
      this.#sharedAccess(statement, index, locals, isUsedIn(block, statement));
    } else if (statement.kind === 'load') {
      locals.set(statement.name, typeof index === 'number' ? this.#tables.get(statement.memory)?.[index] : undefined);
    }
    if (typeof index !== 'number' && !(index instanceof Cursor)) {
      this.#mayHaveFaulted = true;
      this.#endings.add(SlotStatus.FAULT);
    }
    return 'next';
  }

  /** The slot's own words are known: nobody else stores to them while it has its turn. */
  #ringAccess(statement: AccessStatement, index: ShapeValue, locals: Locals): void {
    const offset = typeof index === 'number' ? index - this.#slotBase : -1;
    if (offset < 0 || offset >= SLOT_WORDS) {
      this.#readsOtherSlots = true;
      if (statement.kind !== 'store') locals.set(statement.name, undefined);
      return;
    }
    const before = this.#own[offset];
    if (statement.kind !== 'store') locals.set(statement.name, before);
    if (statement.kind === 'load') return;
    if (statement.kind === 'compareExchange') {
      const expected = this.#value(statement.expected, locals);
      if (typeof expected !== 'number' || before === undefined) this.#own[offset] = undefined;
      else if (before === expected) this.#own[offset] = wordOf(this.#value(statement.desired, locals));
      return;
    }
    const value = wordOf(this.#value(statement.value, locals));
    if (statement.kind === 'store' || statement.operation === 'exchange') this.#own[offset] = value;
    else if (before === undefined || value === undefined) this.#own[offset] = undefined;
    else this.#own[offset] = evaluateBinary(statement.operation, before, value) as number;
  }

  #sharedAccess(statement: AccessStatement, index: ShapeValue, locals: Locals, isValueUsed: boolean): void {
    if (statement.memory === 'debug' && this.#prints(statement, index, locals)) return;
    const start = statement.memory === 'debug' ? this.#kernel.controlWords : 0;
    const word = typeof index === 'number' ? start + index : undefined;
    if (statement.memory === 'debug') this.#usesDebugFreely = true;
    const constant = word === undefined ? undefined : this.#constants(word);
    if (statement.kind === 'load' && constant !== undefined) return void locals.set(statement.name, constant);
    const { value, expected, operation } = this.#operandsOf(statement, locals);
    if (statement.kind !== 'store') locals.set(statement.name, { step: this.#steps.length, plus: 0 });
    const kind = statement.kind === 'atomic' ? 'modify' : statement.kind;
    this.#steps.push({ kind, word, value, expected, operation, isValueUsed, isConditional: this.#isConditional });
  }

  #operandsOf(statement: AccessStatement, locals: Locals): Pick<SlotStep, 'value' | 'expected' | 'operation'> {
    const none = { value: undefined, expected: undefined, operation: undefined };
    if (statement.kind === 'load') return none;
    if (statement.kind === 'store') return { ...none, value: this.#stored(statement.value, locals) };
    if (statement.kind === 'compareExchange') {
      const expected = this.#stored(statement.expected, locals);
      return { ...none, value: this.#stored(statement.desired, locals), expected };
    }
    const value = this.#stored(statement.value, locals);
    if (statement.operation !== 'subtract') return { ...none, value, operation: statement.operation };
    return { ...none, value: typeof value === 'number' ? -value >>> 0 : undefined, operation: 'add' };
  }

  /** Whether the access is a part of appending a record: reserving it, or one of its words. */
  #prints(statement: AccessStatement, index: ShapeValue, locals: Locals): boolean {
    if (statement.kind === 'atomic' && index === 0 && statement.operation === 'add') {
      if (this.#value(statement.value, locals) !== DEBUG_RECORD_WORDS) return false;
      locals.set(statement.name, new Cursor(-1, 0, this.#records.length));
      const words: ShapeValue[] = new Array(DEBUG_RECORD_WORDS).fill(undefined);
      this.#records.push({ words, isConditional: this.#isConditional });
      return true;
    }
    if (statement.kind !== 'store' || !(index instanceof Cursor)) return false;
    const offset = index.plus - DEBUG_RECORDS_START;
    if (offset < 0 || offset >= DEBUG_RECORD_WORDS) return false;
    const record = this.#records[index.record];
    record.words[offset] = this.#stored(statement.value, locals);
    record.isConditional ||= this.#isConditional;
    return true;
  }

  #value(expression: Expression, locals: Locals): ShapeValue {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'local':
        return locals.get(expression.name);
      case 'complement': {
        const operand = this.#value(expression.operand, locals);
        return typeof operand === 'number' ? ~operand >>> 0 : this.#lost(operand);
      }
      case 'not': {
        const operand = this.#value(expression.operand, locals);
        return typeof operand === 'boolean' ? !operand : undefined;
      }
      case 'select': {
        const condition = this.#value(expression.condition, locals);
        const whenTrue = this.#value(expression.whenTrue, locals);
        const whenFalse = this.#value(expression.whenFalse, locals);
        return typeof condition === 'boolean' ? (condition ? whenTrue : whenFalse) : sameValue(whenTrue, whenFalse);
      }
      case 'binary':
        return this.#binary(expression, locals);
    }
  }

  #binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>, locals: Locals): ShapeValue {
    const [first, second] = [this.#value(left, locals), this.#value(right, locals)];
    if (isKnown(first) && isKnown(second)) return evaluateBinary(operator, first, second);
    if (operator === 'add' && typeof second === 'number' && isLoaded(first)) return moved(first, second);
    if (operator === 'add' && typeof first === 'number' && isLoaded(second)) return moved(second, first);
    if (operator === 'subtract' && typeof second === 'number' && isLoaded(first)) return moved(first, -second);
    this.#lost(first);
    this.#lost(second);
    return undefined;
  }

  #stored(expression: Expression, locals: Locals): ShapeValue {
    const value = this.#value(expression, locals);
    return value instanceof Cursor ? this.#lost(value) : value;
  }

  /** A place in the debug log that goes into a computation is more than a place to write to. */
  #lost(value: ShapeValue): undefined {
    if (value instanceof Cursor) this.#usesDebugFreely = true;
    return undefined;
  }
}

type AccessStatement = Extract<Statement, { kind: 'load' | 'store' | 'atomic' | 'compareExchange' }>;
type Way = readonly [ending: Ending, locals: Locals, own: (number | undefined)[]];

/** Endings of two ways are joined to the one after which more is run. */
const ORDER: readonly Ending[] = ['next', 'break', 'finish', 'fault'];

const ENDS: Readonly<Record<number, SlotShape['end']>> = {
  [SlotStatus.DONE]: 'done',
  [SlotStatus.FAULT]: 'fault',
  [SlotStatus.EMPTY]: 'returned',
  [SlotStatus.PUBLISHED]: 'waits',
  [SlotStatus.CLAIMED]: 'waits',
  [SlotStatus.WAIT_IO]: 'waits',
  [SlotStatus.YIELD]: 'waits',
  [SlotStatus.REQUEUE]: 'waits',
};

/** The words of a slot as the host publishes it. */
export function publishedWords({ slot }: PlacedSlot): Uint32Array {
  const words = new Uint32Array(SLOT_WORDS);
  words[SlotWord.STATUS] = SlotStatus.PUBLISHED;
  words[SlotWord.OPCODE] = slot.opcode;
  words[SlotWord.TENANT] = slot.tenant;
  words[SlotWord.PRIORITY] = slot.priority;
  for (let index = 0; index < slot.args.length; index += 1) words[SlotWord.ARGUMENTS + index] = slot.args[index];
  return words;
}

/** Whether a value is what a step loaded, plus a constant. */
export function isLoaded(value: ShapeValue): value is LoadedValue {
  return typeof value === 'object';
}

function isKnown(value: ShapeValue): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function moved(value: LoadedValue, by: number): LoadedValue {
  const plus = (value.plus + by) >>> 0;
  return value instanceof Cursor ? new Cursor(value.step, plus, value.record) : { step: value.step, plus };
}

function sameValue(left: ShapeValue, right: ShapeValue): ShapeValue {
  if (left === right) return left;
  if (!isLoaded(left) || !isLoaded(right)) return undefined;
  return left.step === right.step && left.plus === right.plus ? left : undefined;
}

function wordOf(value: ShapeValue): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** By statement, whether the name that it binds occurs in the block that it is in: names live no longer. */
const usedStatements = new WeakMap<Statement, boolean>();

function isUsedIn(block: readonly Statement[], statement: AccessStatement): boolean {
  if (statement.kind === 'store') return false;
  const known = usedStatements.get(statement);
  if (known !== undefined) return known;
  const isUsed = block.some((each) => each !== statement && mentions(each, statement.name));
  usedStatements.set(statement, isUsed);
  return isUsed;
}

function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((each) => mentions(each, name));
  if (typeof node !== 'object' || node === null) return false;
  if ('kind' in node && node.kind === 'local' && 'name' in node && node.name === name) return true;
  return Object.values(node).some((each) => mentions(each, name));
}
