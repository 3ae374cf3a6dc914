/**
 * What a slot does, told from the kernel before anything runs: its accesses in order, as far as they are known.
 *
 * The handler is run with its arguments known. A word that no slot of the epoch can write is known too; everything else
 * that is loaded is a name, so that "stores what it loaded, plus one" can be said. A branch on something that is not known
 * goes both ways, and what is in it is conditional. Of what is not known it is kept between which numbers it lies, so that
 * an index that was loaded and then looked at reaches a range of words and not all of them.
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
import { hull, type Interval, single } from './interval.ts';
import { Cursor, Locals } from './shape-locals.ts';
import { WholeRuns } from './whole-runs.ts';

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
  /** The words `first` … `last` are all that it may reach; both are `word` where that is known. */
  readonly first: number;
  readonly last: number;
  /** What is stored, or the operand; of a compare-exchange what is desired. */
  readonly value: ShapeValue;
  readonly expected: ShapeValue;
  /** Of a `modify`; `exchange` is none of those that commute. */
  readonly operation: CommutingOperation | 'exchange' | undefined;
  /** Whether the slot does anything with the value that was there before. */
  readonly isValueUsed: boolean;
  /** Whether it may not happen at all. */
  readonly isConditional: boolean;
  /** What of the slot it belongs to: see {@link WholeRuns}. */
  readonly run: number;
  /** Whether that is what its opcode does. */
  readonly isOfOpcode: boolean;
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
  /** Statements that were looked at, a turn of a loop counted as one: about what running it takes. */
  readonly statements: number;
}

/** The value of a word of the snapshot that stays what it is throughout the epoch; undefined if it may not. */
export type ConstantWords = (word: number) => number | undefined;

/** Statements looked at for one slot unless somebody says otherwise; beyond, it may touch everything. */
const MAX_STATEMENTS = 50_000;
const LAST_CURSOR = DEBUG_WORDS - DEBUG_RECORDS_START - DEBUG_RECORD_WORDS;

/** The shape of a slot. */
export function shapeOf(
  kernel: Kernel,
  placed: PlacedSlot,
  constants: ConstantWords,
  maxStatements: number = MAX_STATEMENTS,
): SlotShape {
  return new ShapeWalk(kernel, placed, constants, maxStatements).run();
}

/** Turns of a loop of which it is not known how many there are; beyond, the slot may touch everything. */
const MAX_UNSURE_TURNS = 4_096;
/** Words that are looked at to tell between which numbers one of them lies. */
const MAX_SCANNED_WORDS = 4_096;

/** What all walks of a kernel look up, made once a kernel. */
interface KernelMemory {
  readonly memoryWords: ReadonlyMap<string, number>;
  readonly tables: ReadonlyMap<string, Uint32Array>;
}

const memories = new WeakMap<Kernel, KernelMemory>();

function memoryOf(kernel: Kernel): KernelMemory {
  const known = memories.get(kernel) ?? {
    memoryWords: new Map(memoriesOf(kernel).map(({ name, words }) => [name, words])),
    tables: new Map(kernel.tables.map(({ name, words }) => [name, words])),
  };
  memories.set(kernel, known);
  return known;
}

type Ending = 'next' | 'break' | 'finish' | 'fault';
/** The slot's own words as they stand. */
type OwnWords = (number | undefined)[];

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
  readonly #runs = new WholeRuns();
  /** Handlers that this is in. */
  #depth = 0;
  #own: OwnWords;
  /** How things stood where the innermost loop may have been left, and where the handler may have been. */
  #breaks: (readonly [Locals, OwnWords])[] = [];
  #finishes: OwnWords[] = [];
  readonly #endings = new Set<number | undefined>();
  /** Branches on something unknown that this is in. */
  #unknownBranches = 0;
  #mayHaveBroken = false;
  #mayHaveFinished = false;
  #mayHaveFaulted = false;
  #isOpaque = false;
  #usesDebugFreely = false;
  #readsOtherSlots = false;
  readonly #maxStatements: number;
  #statements = 0;

  constructor(kernel: Kernel, placed: PlacedSlot, constants: ConstantWords, maxStatements: number) {
    this.#maxStatements = maxStatements;
    this.#kernel = kernel;
    this.#constants = constants;
    this.#slotBase = placed.slotIndex * SLOT_WORDS;
    const { memoryWords, tables } = memoryOf(kernel);
    this.#memoryWords = memoryWords;
    this.#tables = tables;
    this.#own = Array.from(publishedWords(placed));
  }

  run(): SlotShape {
    const locals = this.#newLocals([
      ['slotIndex', this.#slotBase / SLOT_WORDS],
      ['slotBase', this.#slotBase],
    ]);
    this.#block(this.#kernel.turn, locals);
    this.#endings.add(this.#own[SlotWord.STATUS]);
    const isOpaque = this.#isOpaque || this.#statements > this.#maxStatements;
    const only = this.#endings.size === 1 && !isOpaque ? [...this.#endings][0] : undefined;
    return {
      steps: this.#steps,
      records: this.#records,
      end: only === undefined ? undefined : ENDS[only],
      mayWait: isOpaque || [...this.#endings].some((status) => status === undefined || ENDS[status] === 'waits'),
      isOpaque,
      usesDebugFreely: this.#usesDebugFreely,
      readsOtherSlots: this.#readsOtherSlots,
      statements: this.#statements,
    };
  }

  #newLocals(parameters: readonly (readonly [string, number])[]): Locals {
    return new Locals(() => {
      this.#usesDebugFreely = true;
    }, parameters);
  }

  get #isConditional(): boolean {
    return this.#unknownBranches > 0 || this.#mayHaveBroken || this.#mayHaveFinished || this.#mayHaveFaulted;
  }

  #block(statements: readonly Statement[], locals: Locals): Ending {
    for (const statement of statements) {
      this.#statements += 1;
      if (this.#statements > this.#maxStatements) return 'finish';
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
        locals.assign(statement.name, statement.value);
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
    const [then, otherwise] = [locals.copy(), locals.copy()];
    then.narrow(statement.condition, true);
    otherwise.narrow(statement.condition, false);
    const own = [...this.#own];
    this.#unknownBranches += 1;
    const thenEnding = this.#block(statement.whenTrue, then);
    const thenOwn = this.#own;
    this.#own = own;
    const otherwiseEnding = this.#block(statement.whenFalse, otherwise);
    this.#unknownBranches -= 1;
    return this.#join(locals, [thenEnding, then, thenOwn], [otherwiseEnding, otherwise, this.#own]);
  }

  #join(locals: Locals, left: Way, right: Way): Ending {
    const [goesOn, leaves] = ORDER.indexOf(left[0]) <= ORDER.indexOf(right[0]) ? [left, right] : [right, left];
    if (goesOn[0] !== leaves[0]) {
      this.#mayLeave(leaves);
      this.#own = goesOn[2];
      locals.becomes(goesOn[1]);
      return goesOn[0];
    }
    this.#own = eitherOwn(left[2], right[2]);
    locals.becomesEither(left[1], right[1]);
    return goesOn[0];
  }

  /** Keeps how things stand where the slot may go another way than the one that is followed. */
  #mayLeave([ending, locals, own]: Way): void {
    if (ending === 'break') {
      this.#mayHaveBroken = true;
      this.#breaks.push([locals, own]);
    }
    if (ending === 'fault') this.#mayHaveFaulted = true;
    if (ending !== 'finish') return;
    this.#mayHaveFinished = true;
    // A turn that may have ended here ended with the status that the slot had.
    if (this.#depth > 0) this.#finishes.push(own);
    else this.#endings.add(own[SlotWord.STATUS]);
  }

  /** A record is dropped where the log is full; whoever asks says so, once and for the whole log. */
  #condition({ condition, whenFalse }: Extract<Statement, { kind: 'if' }>, locals: Locals): ShapeValue {
    if (condition.kind === 'binary' && condition.operator === 'atMost' && whenFalse.length === 0) {
      const left = locals.value(condition.left);
      if (left instanceof Cursor && locals.value(condition.right) === LAST_CURSOR) return true;
    }
    return locals.value(condition);
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, locals: Locals): Ending {
    const [from, below] = [statement.from, statement.below].map((expression) => locals.interval(expression));
    const turns = Math.min(statement.atMost, Math.max(0, below.high - from.low));
    const isSure = from.low === from.high && below.low === below.high;
    if (!isSure && turns > MAX_UNSURE_TURNS) {
      this.#isOpaque = true;
      return 'next';
    }
    const [mayHaveBroken, breaks] = [this.#mayHaveBroken, this.#breaks];
    this.#breaks = [];
    const ending = this.#turnsOf(statement, locals, { from, below, turns });
    const left = this.#breaks;
    [this.#mayHaveBroken, this.#breaks] = [mayHaveBroken, breaks];
    return this.#afterLoop(ending, locals, left);
  }

  #turnsOf(
    { name, body }: Extract<Statement, { kind: 'loop' }>,
    locals: Locals,
    { from, below, turns }: { readonly from: Interval; readonly below: Interval; readonly turns: number },
  ): Ending {
    for (let turn = 0; turn < turns && this.#statements <= this.#maxStatements; turn += 1) {
      this.#statements += 1;
      if (from.high + turn >= below.low) this.#mayLeave(['break', locals.copy(), [...this.#own]]);
      const counter = { low: from.low + turn, high: Math.min(from.high + turn, below.high - 1) };
      locals.set(name, counter.low === counter.high ? counter.low : undefined, counter);
      const ending = this.#block(body, locals);
      if (ending !== 'next') return ending;
    }
    return 'next';
  }

  /** Joins the ways in which a loop may have been left. */
  #afterLoop(ending: Ending, locals: Locals, left: readonly (readonly [Locals, OwnWords])[]): Ending {
    const ways = [...left];
    if (ending === 'finish' || ending === 'fault') {
      const [way] = ways.splice(0, 1);
      if (way === undefined) return ending;
      this.#mayLeave([ending, locals.copy(), this.#own]);
      locals.becomes(way[0]);
      this.#own = way[1];
    }
    for (const [other, own] of ways) {
      locals.becomesEither(locals, other);
      this.#own = eitherOwn(this.#own, own);
    }
    return 'next';
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, locals: Locals): Ending {
    const code = locals.value(statement.opcode);
    const argumentBase = locals.value(statement.argumentBase);
    if (typeof code !== 'number' || typeof argumentBase !== 'number') {
      this.#isOpaque = true;
      return 'next';
    }
    const definition = findOpcode(this.#kernel, code);
    if (definition === undefined || (statement.inner && !canBeInner(definition))) return this.#fault();
    return this.#handler(definition, argumentBase);
  }

  #handler(definition: OpcodeDefinition, argumentBase: number): Ending {
    const [mayHaveFinished, finishes] = [this.#mayHaveFinished, this.#finishes];
    this.#finishes = [];
    const locals = this.#newLocals([
      ['slotBase', this.#slotBase],
      ['argumentBase', argumentBase],
    ]);
    this.#depth += 1;
    const ending = this.#block(definition.body, locals);
    this.#depth -= 1;
    const ways = this.#finishes;
    [this.#mayHaveFinished, this.#finishes] = [mayHaveFinished, finishes];
    if (ending === 'fault') {
      const [way] = ways.splice(0, 1);
      if (way === undefined) return 'fault';
      this.#mayHaveFaulted = true;
      this.#own = way;
    }
    for (const own of ways) this.#own = eitherOwn(this.#own, own);
    return 'next';
  }

  #access(statement: AccessStatement, locals: Locals, block: readonly Statement[]): Ending {
    const value = locals.value(statement.index);
    const reach = typeof value === 'number' ? single(value) : locals.interval(statement.index);
    const index = reach.low === reach.high ? reach.low : value;
    const words = this.#memoryWords.get(statement.memory) ?? 0;
    if (reach.low >= words) return this.#fault();
    const isBounded = reach.high < words || value instanceof Cursor;
    const within = { low: reach.low, high: Math.min(reach.high, words - 1) };
    // Only what is in bounds goes on, so what is said of the index is true of the accesses after it, too.
    if (!isBounded) locals.bound(statement.index, words);
    if (statement.memory === 'ring') this.#ringAccess(statement, index, within, locals);
    else if (statement.memory === 'control' || statement.memory === 'debug') {
      this.#sharedAccess(statement, index, within, locals, isUsedIn(block, statement));
    } else if (statement.kind === 'load') {
      const table = this.#tables.get(statement.memory);
      const interval = rangeOf(within, (word) => table?.[word]);
      locals.set(statement.name, interval?.low === interval?.high ? interval?.low : undefined, interval);
    }
    if (!isBounded) {
      this.#mayHaveFaulted = true;
      this.#endings.add(SlotStatus.FAULT);
    }
    return 'next';
  }

  /** The slot's own words are known: nobody else stores to them while it has its turn. */
  #ringAccess(statement: AccessStatement, index: ShapeValue, within: Interval, locals: Locals): void {
    const offset = typeof index === 'number' ? index - this.#slotBase : -1;
    if (offset < 0 || offset >= SLOT_WORDS) {
      const isOwn = within.low >= this.#slotBase && within.high < this.#slotBase + SLOT_WORDS;
      if (!isOwn || statement.kind !== 'load') this.#readsOtherSlots = true;
      if (statement.kind !== 'store') locals.set(statement.name, undefined);
      return;
    }
    const before = this.#own[offset];
    if (statement.kind !== 'store') locals.set(statement.name, before);
    if (statement.kind === 'load') return;
    if (statement.kind === 'compareExchange') {
      const expected = locals.value(statement.expected);
      if (typeof expected !== 'number' || before === undefined) this.#own[offset] = undefined;
      else if (before === expected) this.#own[offset] = wordOf(locals.value(statement.desired));
      return;
    }
    const value = wordOf(locals.value(statement.value));
    if (statement.kind === 'store' || statement.operation === 'exchange') this.#own[offset] = value;
    else if (before === undefined || value === undefined) this.#own[offset] = undefined;
    else this.#own[offset] = evaluateBinary(statement.operation, before, value) as number;
  }

  #sharedAccess(
    statement: AccessStatement,
    index: ShapeValue,
    within: Interval,
    locals: Locals,
    isValueUsed: boolean,
  ): void {
    const start = statement.memory === 'debug' ? this.#kernel.controlWords : 0;
    const word = typeof index === 'number' ? start + index : undefined;
    const run = this.#runs.next({ isTurn: this.#depth === 0, place: word });
    if (statement.memory === 'debug' && this.#prints(statement, index, locals)) return;
    const [first, last] = [start + within.low, start + within.high];
    if (statement.memory === 'debug') this.#usesDebugFreely = true;
    if (statement.kind === 'load') {
      const constant = rangeOf({ low: first, high: last }, this.#constants);
      const known = constant?.low === constant?.high ? constant?.low : undefined;
      if (constant !== undefined) return locals.set(statement.name, known, constant);
    }
    const { value, expected, operation } = this.#operandsOf(statement, locals);
    if (statement.kind !== 'store') locals.set(statement.name, { step: this.#steps.length, plus: 0 });
    const kind = statement.kind === 'atomic' ? 'modify' : statement.kind;
    const isConditional = this.#isConditional;
    const [place, isOfOpcode] = [{ word, first, last }, this.#depth > 0];
    this.#steps.push({ kind, ...place, value, expected, operation, isValueUsed, isConditional, run, isOfOpcode });
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
      if (locals.value(statement.value) !== DEBUG_RECORD_WORDS) return false;
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

  #stored(expression: Expression, locals: Locals): ShapeValue {
    const value = locals.value(expression);
    return value instanceof Cursor ? locals.lost(value) : value;
  }
}

type AccessStatement = Extract<Statement, { kind: 'load' | 'store' | 'atomic' | 'compareExchange' }>;
type Way = readonly [ending: Ending, locals: Locals, own: OwnWords];

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

/** Whether a step may reach a word. */
export function mayReach({ first, last }: SlotStep, word: number): boolean {
  return first <= word && word <= last;
}

/** Words that a step may reach, as far as they are in a set. */
export function reachedOf({ first, last }: SlotStep, words: ReadonlySet<number>): number[] {
  if (last - first >= words.size) return [...words].filter((word) => first <= word && word <= last);
  const reached: number[] = [];
  for (let word = first; word <= last; word += 1) if (words.has(word)) reached.push(word);
  return reached;
}

function eitherOwn(left: OwnWords, right: OwnWords): OwnWords {
  return left.map((word, index) => (word === right[index] ? word : undefined));
}

/** Between which numbers the words of a range lie; undefined if one of them is not known. */
function rangeOf({ low, high }: Interval, wordAt: (word: number) => number | undefined): Interval | undefined {
  if (high - low >= MAX_SCANNED_WORDS) return undefined;
  let range: Interval | undefined;
  for (let word = low; word <= high; word += 1) {
    const value = wordAt(word);
    if (value === undefined) return undefined;
    range = range === undefined ? single(value) : hull(range, single(value));
  }
  return range;
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
