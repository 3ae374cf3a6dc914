/** Questions about the shape of a kernel that more than one lowering asks. */

import { PACKED_ARGUMENT_COUNT, SLOT_WORDS } from '../protocol/index.ts';
import type { Expression, OpcodeDefinition, Statement } from './ir.ts';

/** Whether a packed slot may hold the opcode: it reads few enough arguments and dispatches nothing itself. */
export function canBeInner(definition: OpcodeDefinition): boolean {
  return definition.argumentNames.length <= PACKED_ARGUMENT_COUNT && !dispatches(definition.body);
}

function dispatches(statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    if (statement.kind === 'if') return dispatches(statement.whenTrue) || dispatches(statement.whenFalse);
    if (statement.kind === 'loop') return dispatches(statement.body);
    return statement.kind === 'dispatch';
  });
}

/** Constants were checked when the kernel was; the words of the own slot are there whatever the slot. */
export function isAlwaysInRange(memory: string, index: Expression): boolean {
  if (index.kind === 'constant') return true;
  if (memory !== 'ring') return false;
  if (isSlotBase(index)) return true;
  if (index.kind !== 'binary' || index.operator !== 'add' || index.right.kind !== 'constant') return false;
  return isSlotBase(index.left) && index.right.value < SLOT_WORDS;
}

function isSlotBase(expression: Expression): boolean {
  return expression.kind === 'local' && expression.name === 'slotBase';
}
