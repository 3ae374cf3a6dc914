/** Numbers of the opcodes of base kernels. A kernel has few of them, so bases may use the same. */

import { TENANT_OPCODE_BASE } from '../../protocol/index.ts';

export const FIRST_OPCODE: number = TENANT_OPCODE_BASE + 0x100;
export const SECOND_OPCODE: number = FIRST_OPCODE + 1;
export const THIRD_OPCODE: number = FIRST_OPCODE + 2;
export const FOURTH_OPCODE: number = FIRST_OPCODE + 3;

/** Opcodes of base kernels seem to happen at once: that is what their mutants break. */
export const ATOMIC = { promisesAtomicity: true };
