/** A kernel for everything that a whole program has to get right, small enough for drivers without a GPU. */

import {
  builtinOpcodes,
  finishKernel,
  type Kernel,
  type OpcodeDefinition,
  opcode,
  plainTurn,
  type Value,
} from '../../../src/kernel/index.ts';
import type { Region } from '../../../src/observe/index.ts';
import { ARGUMENT_COUNT, DEBUG_WORDS, Opcode, SlotWord } from '../../../src/protocol/index.ts';

export const Code = {
  APPEND: 0x4000_0000,
  KEEP: 0x4000_0001,
  SUM: 0x4000_0002,
  TICKET: 0x4000_0003,
  RACY_ADD: 0x4000_0004,
  GIVE_UP: 0x4000_0005,
  /** Of no handler. */
  NOBODY: 0x4fff_ffff,
} as const;

/** Words of control memory, by what slots do with them. */
export const Word = {
  /** The fence's. */
  TAG: 160,
  COUNTERS: 161,
  CELLS: 176,
  /** The cursor; records of two words follow. */
  BAG: 208,
  TAGS: 240,
  TURN: 272,
  /** Who came when: compared, and not. */
  ORDER: 273,
  IGNORED_ORDER: 290,
} as const;
const CONTROL_WORDS = 306;
export const COUNTERS = 12;
export const BAG_WORDS = 24;
export const TAG_WORDS = 16;
export const SLOTS = 16;
/** Which argument KEEP keeps something in: no short slot of a program has it. */
const KEPT_ARGUMENT = 9;
const THINKING_TURNS = 24;

/** A record of two words, behind a cursor that says how many are in use. Dropped if there is no room. */
const append = opcode(
  'APPEND',
  Code.APPEND,
  ['cursor', 'capacity', 'first', 'second'],
  ($, cursor, capacity, first, second) => {
    const used = $.atomicAdd('control', cursor, 2, 'used');
    $.if(used.plus(2).isAtMost(capacity), () => {
      $.store('control', cursor.plus(used).plus(1), first);
      $.store('control', cursor.plus(used).plus(2), second);
    });
  },
);

/** Stores to its own arguments, and shows what it found there: zero, whoever had the slot before. */
const keep = opcode('KEEP', Code.KEEP, ['value', 'word'], ($, value, word) => {
  const place = $.parameter('slotBase').plus(SlotWord.ARGUMENTS + KEPT_ARGUMENT);
  const found = $.loadPlain('ring', place, 'found');
  $.atomicAdd('control', word, found.plus(1));
  $.store('ring', place, value);
  $.store('ring', $.parameter('slotBase').plus(SlotWord.ARGUMENTS), value.complement());
});

const ALL_ARGUMENTS: readonly string[] = Array.from({ length: ARGUMENT_COUNT }, (_, index) => `argument${index}`);

/** Every argument counts, each for something else. */
const sum = opcode('SUM', Code.SUM, ALL_ARGUMENTS, ($, word, ...others) => {
  const weigh = (total: Value, other: Value, index: number) => total.plus(other.times(2 * index + 3));
  $.atomicAdd('control', word, others.reduce(weigh, $.let(0, 'nothing')));
});

const ticket = opcode('TICKET', Code.TICKET, ['word'], ($, word) => {
  $.store('control', word, $.atomicAdd('control', Word.TURN, 1, 'turn'));
});

const racyAdd = opcode('RACY_ADD', Code.RACY_ADD, ['amount', 'word'], ($, amount, word) => {
  const before = $.load('control', word);
  // Time for somebody else to come between.
  $.loop({ below: THINKING_TURNS, atMost: THINKING_TURNS }, () => void $.load('control', Word.TAG));
  $.store('control', word, before.plus(amount));
});

const giveUp = opcode('GIVE_UP', Code.GIVE_UP, ['code', 'word'], ($, code, word) => {
  $.atomicAdd('control', word, 1);
  $.fault(code);
});

const BUILT_IN = new Set<number>([
  Opcode.STORE_U32,
  Opcode.ATOMIC_ADD,
  Opcode.BATCH_FENCE,
  Opcode.PRINTF,
  Opcode.SHUTDOWN,
]);

const REGIONS: readonly Region[] = [
  { name: 'bag', area: 'control', start: Word.BAG + 1, count: BAG_WORDS, ...recordsBehind(Word.BAG, 'multiset') },
  { name: 'tags', area: 'control', start: Word.TAGS + 1, count: TAG_WORDS, ...recordsBehind(Word.TAGS, 'set') },
  { name: 'order', area: 'control', start: Word.IGNORED_ORDER, count: SLOTS, equivalence: 'ignored' },
  {
    name: 'printf records',
    area: 'debug',
    start: 1,
    count: DEBUG_WORDS - 1,
    equivalence: 'multiset',
    recordWords: 4,
    usedWordsAt: 0,
  },
];

function recordsBehind(
  usedWordsAt: number,
  equivalence: 'multiset' | 'set',
): Pick<Region, 'equivalence' | 'recordWords' | 'usedWordsAt'> {
  return { equivalence, recordWords: 2, usedWordsAt };
}

export const scenarioKernel: Kernel = finishKernel({
  name: 'scenario',
  slotCount: SLOTS,
  controlWords: CONTROL_WORDS,
  tenantCount: 29,
  tables: [],
  regions: REGIONS,
  turn: plainTurn(),
  opcodes: [
    ...builtinOpcodes().filter(({ code }) => BUILT_IN.has(code)),
    append,
    keep,
    sum,
    ticket,
    racyAdd,
    giveUp,
  ] satisfies readonly OpcodeDefinition[],
});

/** The kernel without the opcodes that slots do not ask for: a driver without a GPU compiles it in a fraction of the time. */
export function withOpcodes(kernel: Kernel, codes: ReadonlySet<number>): Kernel {
  const { identity: _, ...definition } = kernel;
  return finishKernel({ ...definition, opcodes: kernel.opcodes.filter(({ code }) => codes.has(code)) });
}
