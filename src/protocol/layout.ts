/**
 * The megakernel protocol as constants: one place for every offset, so that no lowering can disagree with another.
 * `spec/protocol.md` has the same numbers as tables, and a test compares the two.
 */

/** Words of a ring slot, and where each field sits in it. */
export const SLOT_WORDS = 16;
export const ARGUMENT_COUNT = 12;
export const SlotWord = { STATUS: 0, OPCODE: 1, TENANT: 2, PRIORITY: 3, ARGUMENTS: 4 } as const;

/** The most slots a ring may have. */
export const MAX_SLOT_COUNT = 1_048_576;

export const SlotStatus = {
  EMPTY: 0,
  PUBLISHED: 1,
  CLAIMED: 2,
  DONE: 3,
  WAIT_IO: 4,
  YIELD: 5,
  REQUEUE: 6,
  FAULT: 7,
} as const;
export type SlotStatusName = keyof typeof SlotStatus;

export const Priority = { CRITICAL: 0, HIGH: 1, NORMAL: 2, LOW: 3, IDLE: 4 } as const;

/** Where things are in control memory. */
export const ControlWord = {
  SHUTDOWN: 0,
  DONE_COUNT: 1,
  TENANT_BASE: 2,
  TENANT_MASKS: 3,
  TENANT_QUOTAS: 32,
  TENANT_FAIRNESS: 64,
  METRICS: 96,
  EPOCH: 128,
  PRIORITY_OFFSETS: 129,
  STARVATION: 135,
  PRIORITY_FAIRNESS: 136,
  UNUSED: 141,
  OBSERVABLE_BASE: 160,
} as const;

export const TENANT_MASK_COUNT: number = ControlWord.TENANT_QUOTAS - ControlWord.TENANT_MASKS;
export const TENANT_ALLOWED = 0xffff_ffff;
export const INITIAL_TENANT_QUOTA = 1_000_000;
export const METRIC_COUNT = 32;
/** Control memory is never smaller than this. */
export const MIN_CONTROL_WORDS = 160;

/** The debug log: a cursor word, then records. */
export const DEBUG_RECORD_WORDS = 4;
export const DEBUG_RECORD_COUNT = 64;
export const DEBUG_RECORDS_START = 1;
export const DEBUG_WORDS: number = DEBUG_RECORDS_START + DEBUG_RECORD_COUNT * DEBUG_RECORD_WORDS;

export const Opcode = {
  NOP: 0,
  STORE_U32: 1,
  ATOMIC_ADD: 2,
  LOAD_U32: 3,
  COMPARE_SWAP: 4,
  MEMCPY: 5,
  DFA_STEP: 6,
  BATCH_FENCE: 7,
  LOAD_MISS: 0xfffd,
  PRINTF: 0xfffe,
  PACKED_SLOT: 0x8000_0001,
  SHUTDOWN: 0xffff_ffff,
} as const;
export type OpcodeName = keyof typeof Opcode;

/** At most this many inner opcodes of a PACKED_SLOT run. */
export const PACKED_MAX_OPCODES = 4;
/** An inner opcode reads this many argument words. */
export const PACKED_ARGUMENT_COUNT = 3;

/** Tenants are handed ranges of user opcodes from here up, each of `TENANT_OPCODE_RANGE`. */
export const TENANT_OPCODE_BASE = 0x4000_0000;
export const TENANT_OPCODE_RANGE: number = 1 << 20;

/** Whether the protocol keeps an opcode number for itself, so that a user cannot define it. */
export function isSystemOpcode(opcode: number): boolean {
  return opcode <= Opcode.BATCH_FENCE || (opcode >= 0xfff0 && opcode <= 0xffff) || opcode >= 0x8000_0000;
}

const nameByOpcode = new Map<number, OpcodeName>(
  (Object.entries(Opcode) as [OpcodeName, number][]).map(([name, code]) => [code, name]),
);

/** The protocol's name of an opcode, if it has one. */
export function opcodeName(opcode: number): OpcodeName | undefined {
  return nameByOpcode.get(opcode);
}

const nameByStatus = Object.keys(SlotStatus) as SlotStatusName[];

/** The protocol's name of a slot status, or `STATUS_n` for a number that it does not know. */
export function statusName(status: number): string {
  return nameByStatus[status] ?? `STATUS_${status}`;
}
