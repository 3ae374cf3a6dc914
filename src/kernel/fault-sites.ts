/**
 * Faults: what a lane reports instead of doing something that the kernel does not define.
 *
 * A fault is two words a slot: the reason and the site in one, a detail in the other. Sites are counted over the
 * statements of the kernel, not over a lowering's output, so that every backend reports the same fault in the same words.
 */

import { type KernelDefinition, memoriesOf } from './definition.ts';
import type { Statement } from './ir.ts';

export const FAULT_WORDS = 2;

export const FaultReason = {
  /** An access beyond its memory; the detail is the index. */
  OUT_OF_RANGE: 1,
  /** No handler for an opcode; the detail is the opcode. */
  NO_HANDLER: 2,
  /** A `fault` statement; the detail is its code. */
  RAISED: 3,
} as const;
export type FaultReasonName = keyof typeof FaultReason;

/** Where in the kernel a fault can happen. */
export interface FaultSite {
  /** `turn`, or the name of an opcode. */
  readonly routine: string;
  /** The memory accessed, if it is an access. */
  readonly memory: string | undefined;
}

/** A fault as people read it. */
export interface SlotFault {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly reason: FaultReasonName | 'UNKNOWN';
  /** One sentence without a full stop, such as `STORE_U32 reached control[5000], which has 1024 words`. */
  readonly message: string;
  /** The two words, as every backend reports them. */
  readonly words: readonly [number, number];
}

/** The first word of a fault. */
export function faultWord(reason: number, site: number): number {
  return (reason | (site << 8)) >>> 0;
}

/** Every statement that can fault, numbered in the order in which the kernel is written down. */
export class FaultSites {
  readonly #sites: FaultSite[] = [];
  readonly #numbers = new Map<Statement, number>();

  constructor(kernel: KernelDefinition) {
    this.#collect('turn', kernel.turn);
    for (const definition of kernel.opcodes) this.#collect(definition.name, definition.body);
  }

  /** The number of a statement's site. */
  numberOf(statement: Statement): number {
    const number = this.#numbers.get(statement);
    if (number === undefined) throw new RangeError('the statement is not one of this kernel');
    return number;
  }

  at(number: number): FaultSite | undefined {
    return this.#sites[number];
  }

  #collect(routine: string, statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.kind === 'if') {
        this.#collect(routine, statement.whenTrue);
        this.#collect(routine, statement.whenFalse);
      } else if (statement.kind === 'loop') {
        this.#collect(routine, statement.body);
      } else if ('memory' in statement || statement.kind === 'dispatch' || statement.kind === 'fault') {
        this.#numbers.set(statement, this.#sites.length);
        this.#sites.push({ routine, memory: 'memory' in statement ? statement.memory : undefined });
      }
    }
  }
}

function explainFault(
  sites: FaultSites,
  memoryWords: (name: string) => number | undefined,
  slotIndex: number,
  opcode: number,
  words: readonly [number, number],
): SlotFault {
  const [first, detail] = words;
  const site = sites.at(first >>> 8);
  const routine = site?.routine ?? 'an unknown place';
  switch (first & 0xff) {
    case FaultReason.OUT_OF_RANGE: {
      const memory = site?.memory ?? 'memory';
      const message = `${routine} reached ${memory}[${detail}], which has ${memoryWords(memory) ?? 'fewer'} words`;
      return { slotIndex, opcode, reason: 'OUT_OF_RANGE', message, words };
    }
    case FaultReason.NO_HANDLER: {
      const message = `${routine} found no handler for opcode 0x${detail.toString(16)}`;
      return { slotIndex, opcode, reason: 'NO_HANDLER', message, words };
    }
    case FaultReason.RAISED:
      return { slotIndex, opcode, reason: 'RAISED', message: `${routine} raised fault ${detail}`, words };
    default:
      return { slotIndex, opcode, reason: 'UNKNOWN', message: `fault words ${first} and ${detail}`, words };
  }
}

/** Explains the two words of a fault of a slot. */
export type FaultExplainer = (slotIndex: number, opcode: number, words: readonly [number, number]) => SlotFault;

/** Explains faults of a kernel; what that takes is looked up once, not once a fault. */
export function faultExplainer(kernel: KernelDefinition): FaultExplainer {
  const sites = new FaultSites(kernel);
  const memoryWords = new Map(memoriesOf(kernel).map(({ name, words }) => [name, words]));
  return (slotIndex, opcode, words) => explainFault(sites, (name) => memoryWords.get(name), slotIndex, opcode, words);
}
