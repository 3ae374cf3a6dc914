/**
 * Which words a slot may touch, told from the kernel alone.
 *
 * The handler is run with its arguments known and memory unknown: an index computed from arguments is exact, one that
 * depends on what was loaded may be any word of its memory, and a branch on something unknown goes both ways. The answer
 * is an upper bound, which is what blaming somebody takes: a slot that is not listed cannot have done it. Hence nothing
 * is taken as known that another lane could change, not even the slot's own words if the kernel stores to the ring.
 */

import { SLOT_WORDS, SlotWord } from '../protocol/index.ts';
import { type KernelDefinition, memoriesOf } from './definition.ts';
import { evaluateBinary } from './evaluate.ts';
import type { AtomicOperation, Expression, OpcodeDefinition, Statement } from './ir.ts';
import { canBeInner } from './structure.ts';
import { usedNames } from './used-names.ts';

/** Words `first` … `last` of a memory. */
export interface WordRange {
  readonly memory: string;
  readonly first: number;
  readonly last: number;
}

export interface Footprint {
  readonly reads: readonly WordRange[];
  /** Read-modify-writes are in both. */
  readonly writes: readonly WordRange[];
  /**
   * Read-modify-writes of which nothing but the word depends on the old value, by operation: those of one operation may
   * be taken in any order. `subtract` counts as `add`. They are among the reads and the writes, too.
   */
  readonly folds: readonly FoldRange[];
  /** Words that are reached by an access which is no fold. */
  readonly others: readonly WordRange[];
}

/** Words that one commuting operation reaches. */
export interface FoldRange extends WordRange {
  readonly operation: AtomicOperation;
}

/** What a footprint needs to know of a slot. */
export interface FootprintSlot {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly tenant: number;
  readonly args: ArrayLike<number>;
}

/** Loops longer than this are summed up instead of followed. */
const MAX_FOLLOWED_TURNS = 4_096;
/** Statements looked at for one slot; beyond, everything may be touched. */
const MAX_STEPS = 200_000;

/** What a word of control memory or of the debug log is known to hold whenever a lane looks at it, if it is known. */
export type KnownWord = (memory: string, index: number) => number | undefined;

/**
 * The words that serving a slot may read and write, its own slot's words included.
 *
 * @param knownWord words that no lane changes, where the caller knows them: what is loaded from them is followed.
 */
export function footprintOf(
  kernel: KernelDefinition,
  slot: FootprintSlot,
  knownWord: KnownWord = () => undefined,
): Footprint {
  const walk = new FootprintWalk(kernel, slot, knownWord);
  return walk.run();
}

/** Whether a list of ranges has a word. */
export function touches(ranges: readonly WordRange[], memory: string, word: number): boolean {
  return ranges.some((range) => range.memory === memory && word >= range.first && word <= range.last);
}

/** A number or a truth value that is known, or undefined for one that is not. */
type Known = number | boolean | undefined;

class FootprintWalk {
  readonly #kernel: KernelDefinition;
  readonly #slotBase: number;
  /** The slot's words as far as the host knows them and no lane changes them. */
  readonly #ownWords: readonly (number | undefined)[];
  readonly #memoryWords: ReadonlyMap<string, number>;
  readonly #tables: ReadonlyMap<string, Uint32Array>;
  readonly #reads = new RangeSet();
  readonly #writes = new RangeSet();
  readonly #others = new RangeSet();
  readonly #folds = new Map<AtomicOperation, RangeSet>();
  /** Names of the routine being walked whose values matter. */
  #used: ReadonlySet<string>;
  readonly #knownWord: KnownWord;
  #steps = 0;

  constructor(kernel: KernelDefinition, slot: FootprintSlot, knownWord: KnownWord) {
    this.#kernel = kernel;
    this.#knownWord = knownWord;
    this.#slotBase = slot.slotIndex * SLOT_WORDS;
    this.#ownWords = knownWords(kernel, slot);
    this.#memoryWords = new Map(memoriesOf(kernel).map((memory) => [memory.name, memory.words]));
    this.#tables = new Map(kernel.tables.map((table) => [table.name, table.words]));
    this.#used = usedNamesOf(kernel.turn);
  }

  run(): Footprint {
    const parameters = new Map<string, Known>([
      ['slotIndex', this.#slotBase / SLOT_WORDS],
      ['slotBase', this.#slotBase],
    ]);
    this.#block(this.#kernel.turn, parameters);
    // Where a fault shows, whether or not the turn names it.
    this.#touch(this.#writes, 'ring', this.#slotBase + SlotWord.STATUS);
    this.#touch(this.#others, 'ring', this.#slotBase + SlotWord.STATUS);
    if (this.#steps > MAX_STEPS) this.#everything();
    const folds = [...this.#folds].flatMap(([operation, set]) =>
      set.ranges().map((range) => ({ ...range, operation })),
    );
    return { reads: this.#reads.ranges(), writes: this.#writes.ranges(), folds, others: this.#others.ranges() };
  }

  /**
   * Walks statements; false if what follows them cannot be reached. A `break` or `finish` under an unknown condition is
   * taken as not happening, which can only add words.
   */
  #block(statements: readonly Statement[], locals: Map<string, Known>): boolean {
    for (const statement of statements) {
      this.#steps += 1;
      if (this.#steps > MAX_STEPS) return false;
      if (!this.#statement(statement, locals)) return false;
    }
    return true;
  }

  #statement(statement: Statement, locals: Map<string, Known>): boolean {
    switch (statement.kind) {
      case 'let':
      case 'variable':
      case 'assign':
        locals.set(statement.name, this.#value(statement.value, locals));
        return true;
      case 'load':
        locals.set(statement.name, this.#load(statement.memory, this.#value(statement.index, locals)));
        return true;
      case 'store': {
        const index = this.#value(statement.index, locals);
        this.#touch(this.#writes, statement.memory, index);
        this.#touch(this.#others, statement.memory, index);
        return true;
      }
      case 'atomic':
      case 'compareExchange': {
        const index = this.#value(statement.index, locals);
        this.#touch(this.#reads, statement.memory, index);
        this.#touch(this.#writes, statement.memory, index);
        this.#touch(this.#foldOf(statement) ?? this.#others, statement.memory, index);
        locals.set(statement.name, undefined);
        return true;
      }
      case 'if':
        return this.#branch(statement, locals);
      case 'loop':
        return this.#loop(statement, locals);
      case 'dispatch':
        return this.#dispatch(statement, locals);
      case 'barrier':
        return true;
      case 'break':
      case 'finish':
      case 'fault':
        return false;
    }
  }

  #branch(statement: Extract<Statement, { kind: 'if' }>, locals: Map<string, Known>): boolean {
    const condition = this.#value(statement.condition, locals);
    if (condition === true) return this.#block(statement.whenTrue, locals);
    if (condition === false) return this.#block(statement.whenFalse, locals);
    const then = new Map(locals);
    const otherwise = new Map(locals);
    const thenGoesOn = this.#block(statement.whenTrue, then);
    const otherwiseGoesOn = this.#block(statement.whenFalse, otherwise);
    if (!thenGoesOn && !otherwiseGoesOn) return false;
    for (const name of locals.keys()) {
      const left = thenGoesOn ? then.get(name) : otherwise.get(name);
      const right = otherwiseGoesOn ? otherwise.get(name) : then.get(name);
      locals.set(name, left === right ? left : undefined);
    }
    return true;
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, locals: Map<string, Known>): boolean {
    const from = this.#value(statement.from, locals);
    const below = this.#value(statement.below, locals);
    const turns =
      typeof from === 'number' && typeof below === 'number' ? Math.max(0, below - from) : Number.POSITIVE_INFINITY;
    const bounded = Math.min(turns, statement.atMost);
    if (typeof from === 'number' && bounded <= MAX_FOLLOWED_TURNS && !changesAnything(statement.body)) {
      for (let turn = 0; turn < bounded && this.#steps <= MAX_STEPS; turn += 1) {
        // Counted here too, because a body may be empty.
        this.#steps += 1;
        locals.set(statement.name, from + turn);
        this.#block(statement.body, locals);
      }
      // An end that is not known may come after any of these turns.
      if (below === undefined) forgetAssigned(statement.body, locals);
      return true;
    }
    // Summed up: whatever the loop assigns, and its counter, may be anything.
    forgetAssigned(statement.body, locals);
    locals.set(statement.name, undefined);
    this.#block(statement.body, locals);
    forgetAssigned(statement.body, locals);
    return true;
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>, locals: Map<string, Known>): boolean {
    const opcode = this.#value(statement.opcode, locals);
    const argumentBase = this.#value(statement.argumentBase, locals);
    const candidates = this.#kernel.opcodes.filter((definition) => !statement.inner || canBeInner(definition));
    const chosen = opcode === undefined ? candidates : candidates.filter((definition) => definition.code === opcode);
    for (const definition of chosen) this.#handler(definition, argumentBase);
    return chosen.length > 0;
  }

  #handler(definition: OpcodeDefinition, argumentBase: Known): void {
    const outer = this.#used;
    this.#used = usedNamesOf(definition.body);
    this.#block(
      definition.body,
      new Map<string, Known>([
        ['slotBase', this.#slotBase],
        ['argumentBase', argumentBase],
      ]),
    );
    this.#used = outer;
  }

  /** Where a read-modify-write is noted if it is a fold. */
  #foldOf(statement: Extract<Statement, { kind: 'atomic' | 'compareExchange' }>): RangeSet | undefined {
    const isFold = statement.kind === 'atomic' && statement.operation !== 'exchange' && !this.#used.has(statement.name);
    if (!isFold) return undefined;
    const operation = statement.operation === 'subtract' ? 'add' : statement.operation;
    const known = this.#folds.get(operation);
    if (known !== undefined) return known;
    const made = new RangeSet();
    this.#folds.set(operation, made);
    return made;
  }

  #load(memory: string, index: Known): Known {
    this.#touch(this.#reads, memory, index);
    this.#touch(this.#others, memory, index);
    if (typeof index !== 'number') return undefined;
    const table = this.#tables.get(memory);
    if (table !== undefined) return table[index];
    return memory === 'ring' ? this.#ownWords[index - this.#slotBase] : this.#knownWord(memory, index);
  }

  #touch(ranges: RangeSet, memory: string, index: Known): void {
    const words = this.#memoryWords.get(memory) ?? 0;
    if (typeof index !== 'number') ranges.add(memory, 0, words - 1);
    else if (index < words) ranges.add(memory, index, index);
  }

  #everything(): void {
    for (const [memory, words] of this.#memoryWords) {
      this.#reads.add(memory, 0, words - 1);
      this.#writes.add(memory, 0, words - 1);
      this.#others.add(memory, 0, words - 1);
    }
  }

  #value(expression: Expression, locals: ReadonlyMap<string, Known>): Known {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'local':
        return locals.get(expression.name);
      case 'complement': {
        const operand = this.#value(expression.operand, locals);
        return typeof operand === 'number' ? ~operand >>> 0 : undefined;
      }
      case 'not': {
        const operand = this.#value(expression.operand, locals);
        return typeof operand === 'boolean' ? !operand : undefined;
      }
      case 'select': {
        const condition = this.#value(expression.condition, locals);
        if (condition === undefined) return undefined;
        return this.#value(condition === true ? expression.whenTrue : expression.whenFalse, locals);
      }
      case 'binary': {
        const left = this.#value(expression.left, locals);
        const right = this.#value(expression.right, locals);
        return left === undefined || right === undefined ? undefined : evaluateBinary(expression.operator, left, right);
      }
    }
  }
}

/** Found once a routine. */
const usedNamesOfRoutine = new WeakMap<readonly Statement[], ReadonlySet<string>>();

function usedNamesOf(body: readonly Statement[]): ReadonlySet<string> {
  const known = usedNamesOfRoutine.get(body) ?? usedNames(body);
  usedNamesOfRoutine.set(body, known);
  return known;
}

/** What a load of the slot's own words gives; undefined for the status, the priority, and what the kernel may change. */
function knownWords(kernel: KernelDefinition, slot: FootprintSlot): (number | undefined)[] {
  const words = new Uint32Array(SLOT_WORDS);
  words[SlotWord.OPCODE] = slot.opcode;
  words[SlotWord.TENANT] = slot.tenant;
  words.set(Array.from(slot.args).slice(0, SLOT_WORDS - SlotWord.ARGUMENTS), SlotWord.ARGUMENTS);
  const changeable = changeableWords(kernel);
  return Array.from(words, (word, offset) => {
    const isUnknown = offset === SlotWord.STATUS || offset === SlotWord.PRIORITY;
    return isUnknown || changeable === 'any' || changeable.has(offset) ? undefined : word;
  });
}

/** Offsets into a slot that lanes may store to in their own slots, or `any` if they may store anywhere in the ring. */
type ChangeableWords = ReadonlySet<number> | 'any';

/** Found once a kernel: footprints are asked for slot by slot. */
const changeableWordsOf = new WeakMap<KernelDefinition, ChangeableWords>();

function changeableWords(kernel: KernelDefinition): ChangeableWords {
  const known = changeableWordsOf.get(kernel);
  if (known !== undefined) return known;
  const offsets = [kernel.turn, ...kernel.opcodes.map((definition) => definition.body)].flatMap(storedRingOffsets);
  const found: ChangeableWords = offsets.includes(undefined) ? 'any' : new Set(offsets as number[]);
  changeableWordsOf.set(kernel, found);
  return found;
}

/** Where statements store to the ring, as offsets into the own slot; undefined for a store that may go elsewhere. */
function storedRingOffsets(statements: readonly Statement[]): (number | undefined)[] {
  return statements.flatMap((statement) => {
    if (statement.kind === 'if') return [statement.whenTrue, statement.whenFalse].flatMap(storedRingOffsets);
    if (statement.kind === 'loop') return storedRingOffsets(statement.body);
    if (!('memory' in statement) || statement.kind === 'load' || statement.memory !== 'ring') return [];
    return [ownOffset(statement.index)];
  });
}

/** How far behind the start of the own slot an index is, if that can be told from its form. */
function ownOffset(index: Expression): number | undefined {
  if (index.kind === 'local') return index.name === 'slotBase' ? 0 : undefined;
  if (index.kind !== 'binary' || index.operator !== 'add' || index.right.kind !== 'constant') return undefined;
  const isOwn = index.left.kind === 'local' && index.left.name === 'slotBase' && index.right.value < SLOT_WORDS;
  return isOwn ? index.right.value : undefined;
}

/** Whether a loop's turns cannot be followed one by one because an end of the loop depends on what is loaded. */
function changesAnything(statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    if (statement.kind === 'if') return changesAnything(statement.whenTrue) || changesAnything(statement.whenFalse);
    return statement.kind === 'break';
  });
}

function forgetAssigned(statements: readonly Statement[], locals: Map<string, Known>): void {
  for (const statement of statements) {
    if (statement.kind === 'assign') locals.set(statement.name, undefined);
    else if (statement.kind === 'loop') forgetAssigned(statement.body, locals);
    else if (statement.kind === 'if') {
      forgetAssigned(statement.whenTrue, locals);
      forgetAssigned(statement.whenFalse, locals);
    }
  }
}

/** Word ranges, joined where they touch. */
class RangeSet {
  readonly #byMemory = new Map<string, { first: number; last: number }[]>();

  add(memory: string, first: number, last: number): void {
    const ranges = this.#byMemory.get(memory) ?? [];
    const newest = ranges.at(-1);
    // Loops walk upwards, so the newest range is nearly always the one to grow.
    if (newest !== undefined && first <= newest.last + 1 && last >= newest.first) {
      newest.first = Math.min(newest.first, first);
      newest.last = Math.max(newest.last, last);
    } else ranges.push({ first, last });
    this.#byMemory.set(memory, ranges);
  }

  ranges(): WordRange[] {
    return [...this.#byMemory].flatMap(([memory, ranges]) => {
      ranges.sort((left, right) => left.first - right.first);
      const joined: { first: number; last: number }[] = [];
      for (const range of ranges) {
        const before = joined.at(-1);
        if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
        else joined.push({ ...range });
      }
      return joined.map(({ first, last }) => ({ memory, first, last }));
    });
  }
}
