/** What a kernel consists of, as plain data, and the questions that everybody asks of it. */

import type { ObservationLayout, Region } from '../observe/index.ts';
import { DEBUG_WORDS, SLOT_WORDS } from '../protocol/index.ts';
import type { OpcodeDefinition, Statement, Table } from './ir.ts';

/** Everything about a kernel that has a meaning. Plain data; `Kernel` is this, checked and with an identity. */
export interface KernelDefinition {
  readonly name: string;
  /** Slots in the ring, and lanes: lane *i* owns slot *i*. */
  readonly slotCount: number;
  /** Words of control memory, at least 160. */
  readonly controlWords: number;
  /** Tenants allowed at the start: 0 … tenantCount − 1. */
  readonly tenantCount: number;
  readonly tables: readonly Table[];
  /** What a lane does with its slot in one turn. */
  readonly turn: readonly Statement[];
  readonly opcodes: readonly OpcodeDefinition[];
  /** Which words are compared how. What no region covers is compared exactly. */
  readonly regions: readonly Region[];
}

/** A checked kernel. `identity` is 64 hexadecimal digits that change whenever its meaning does. */
export interface Kernel extends KernelDefinition {
  readonly identity: string;
}

/** A stretch of memory that a kernel can name. */
export interface Memory {
  readonly name: string;
  readonly words: number;
  readonly readOnly: boolean;
}

/** Every memory that statements may name. */
export function memoriesOf(kernel: KernelDefinition): readonly Memory[] {
  return [
    { name: 'ring', words: kernel.slotCount * SLOT_WORDS, readOnly: false },
    { name: 'control', words: kernel.controlWords, readOnly: false },
    { name: 'debug', words: DEBUG_WORDS, readOnly: false },
    ...kernel.tables.map((table) => ({ name: table.name, words: table.words.length, readOnly: true })),
  ];
}

/** What a backend that runs this kernel hands over: control memory, then the debug log. */
export function observationLayoutOf(kernel: KernelDefinition): ObservationLayout {
  return {
    areas: [
      { name: 'control', words: kernel.controlWords },
      { name: 'debug', words: DEBUG_WORDS },
    ],
    regions: kernel.regions,
  };
}

/** The opcode of that number, if the kernel has it. */
export function findOpcode(kernel: KernelDefinition, code: number): OpcodeDefinition | undefined {
  return kernel.opcodes.find((definition) => definition.code === code);
}
