/**
 * The kernel that the protocol describes, in the same language as everybody else's: the turn of a lane and the built-in
 * opcodes. LOAD_MISS needs a host that serves reads and DFA_STEP is a number without a handler; neither is here, and a
 * slot that asks for one is reported as faulted.
 */

import {
  ARGUMENT_COUNT,
  ControlWord,
  METRIC_COUNT,
  Opcode,
  PACKED_ARGUMENT_COUNT,
  PACKED_MAX_OPCODES,
  SlotStatus,
  SlotWord,
} from '../protocol/index.ts';
import { RoutineBuilder, type Value } from './builder.ts';
import { type OpcodeDefinition, type Statement, TURN_PARAMETERS } from './ir.ts';
import { writeOpcode } from './opcode.ts';

/** One lane's turn in the plain kernel, where lane *i* owns slot *i*. */
export function plainTurn(): readonly Statement[] {
  const $ = new RoutineBuilder(TURN_PARAMETERS);
  const slotBase = $.parameter('slotBase');
  const statusIndex = slotBase.plus(SlotWord.STATUS);

  const shutdown = $.load('control', ControlWord.SHUTDOWN, 'shutdown');
  $.if(shutdown.differsFrom(0), () => $.finish());
  const status = $.load('ring', statusIndex, 'status');
  $.if(status.differsFrom(SlotStatus.PUBLISHED), () => $.finish());

  const tenant = $.loadPlain('ring', slotBase.plus(SlotWord.TENANT), 'tenant');
  const tenantBase = $.load('control', ControlWord.TENANT_BASE, 'tenantBase');
  const mask = $.load('control', tenantBase.plus(tenant), 'mask');
  // A disabled tenant's work stays PUBLISHED, so that the host can see it.
  $.if(mask.equals(0), () => $.finish());

  const seen = $.compareExchange('ring', statusIndex, SlotStatus.PUBLISHED, SlotStatus.CLAIMED, 'seen');
  $.if(seen.differsFrom(SlotStatus.PUBLISHED), () => $.finish());

  const opcode = $.loadPlain('ring', slotBase.plus(SlotWord.OPCODE), 'opcode');
  countExecution($, opcode);
  $.dispatch(opcode, slotBase.plus(SlotWord.ARGUMENTS));
  $.atomicAdd('control', ControlWord.DONE_COUNT, 1, 'doneBefore');
  $.store('ring', statusIndex, SlotStatus.DONE);
  return $.statements;
}

const ONE_ACCESS = { promisesAtomicity: true };
/** What takes several accesses promises nothing, as in the protocol. */
const SEVERAL_ACCESSES = { promisesAtomicity: false };

/** The opcodes of the protocol that a kernel can run by itself. */
export function builtinOpcodes(): readonly OpcodeDefinition[] {
  return [
    writeOpcode('NOP', Opcode.NOP, [], () => {}, ONE_ACCESS),
    writeOpcode(
      'STORE_U32',
      Opcode.STORE_U32,
      ['value', 'word'],
      ($, value, word) => $.store('control', word, value),
      ONE_ACCESS,
    ),
    writeOpcode(
      'ATOMIC_ADD',
      Opcode.ATOMIC_ADD,
      ['amount', 'word'],
      ($, amount, word) => void $.atomicAdd('control', word, amount),
      ONE_ACCESS,
    ),
    writeOpcode('LOAD_U32', Opcode.LOAD_U32, ['word', 'result'], writeLoad, SEVERAL_ACCESSES),
    writeOpcode(
      'COMPARE_SWAP',
      Opcode.COMPARE_SWAP,
      ['word', 'expected', 'desired'],
      writeCompareSwap,
      SEVERAL_ACCESSES,
    ),
    writeOpcode('MEMCPY', Opcode.MEMCPY, ['from', 'to', 'words'], writeMemcpy, SEVERAL_ACCESSES),
    writeOpcode('BATCH_FENCE', Opcode.BATCH_FENCE, ['itemCount', 'tag'], writeBatchFence, SEVERAL_ACCESSES),
    writeOpcode('PRINTF', Opcode.PRINTF, ['format', 'first', 'second'], writePrintf, SEVERAL_ACCESSES),
    writeOpcode('PACKED_SLOT', Opcode.PACKED_SLOT, PACKED_ARGUMENT_NAMES, writePackedSlot, {
      ...SEVERAL_ACCESSES,
      loadsArguments: false,
    }),
    writeOpcode(
      'SHUTDOWN',
      Opcode.SHUTDOWN,
      [],
      ($) => void $.atomicExchange('control', ControlWord.SHUTDOWN, 1),
      ONE_ACCESS,
    ),
  ];
}

function countExecution($: RoutineBuilder, opcode: Value): void {
  $.if(opcode.isBelow(METRIC_COUNT), () => {
    $.atomicAdd('control', opcode.plus(ControlWord.METRICS), 1, 'executionsBefore');
  });
}

function writeLoad($: RoutineBuilder, ...[word, result]: Value[]): void {
  const loaded = $.load('control', word);
  $.store('control', result.plus(ControlWord.OBSERVABLE_BASE), loaded);
}

function writeCompareSwap($: RoutineBuilder, ...[word, expected, desired]: Value[]): void {
  const before = $.compareExchange('control', word, expected, desired);
  $.store('control', word.plus(ControlWord.OBSERVABLE_BASE), before);
}

function writeMemcpy($: RoutineBuilder, ...[from, to, words]: Value[]): void {
  $.loop({ below: words, atMost: 0xffff_ffff }, (index) => {
    const copied = $.load('control', from.plus(index), 'copied');
    $.store('control', to.plus(index), copied);
  });
}

function writeBatchFence($: RoutineBuilder, ...[, tag]: Value[]): void {
  $.atomicAdd('control', ControlWord.EPOCH, 1, 'epochBefore');
  $.store('control', ControlWord.OBSERVABLE_BASE, tag);
}

function writePrintf($: RoutineBuilder, ...[format, first, second]: Value[]): void {
  $.printf(format, first, second, $.parameter('slotBase'));
}

const PACKED_ARGUMENT_NAMES: readonly string[] = Array.from(
  { length: ARGUMENT_COUNT },
  (_, index) => `payload${index}`,
);

/**
 * Byte 0 of the payload counts the inner opcodes, byte 1 the argument words; then a pair of bytes each, opcode and
 * argument offset; then, from the next whole word on, the arguments that the offsets count from.
 */
function writePackedSlot($: RoutineBuilder): void {
  const argumentBase = $.parameter('argumentBase');
  const header = $.loadPlain('ring', argumentBase, 'header');
  const count = $.let(header.and(0xff).minimum(PACKED_MAX_OPCODES), 'count');
  const metadataWords = $.let(
    count
      .times(2)
      .plus(2 + 3)
      .shiftRight(2),
    'metadataWords',
  );
  $.loop({ below: count, atMost: PACKED_MAX_OPCODES }, (index) => {
    const pairByte = $.let(index.times(2).plus(2), 'pairByte');
    // A pair never straddles two words, because it begins at an even byte.
    const pairWord = $.loadPlain('ring', argumentBase.plus(pairByte.shiftRight(2)), 'pairWord');
    const pair = $.let(pairWord.shiftRight(pairByte.and(3).shiftLeft(3)), 'pair');
    const opcode = $.let(pair.and(0xff), 'opcode');
    const offset = $.let(metadataWords.plus(pair.shiftRight(8).and(0xff)), 'offset');
    $.if(offset.plus(PACKED_ARGUMENT_COUNT).isAtMost(ARGUMENT_COUNT), () => {
      countExecution($, opcode);
      $.dispatch(opcode, argumentBase.plus(offset), { inner: true });
    });
  });
}
