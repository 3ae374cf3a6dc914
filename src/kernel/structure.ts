/** Questions about the shape of a kernel that more than one lowering asks. */

import { PACKED_ARGUMENT_COUNT, SLOT_WORDS, SlotWord } from '../protocol/index.ts';
import type { KernelDefinition } from './definition.ts';
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

/** The words of a slot that a record with so many arguments holds: opcode, tenant, and those arguments. */
function isRecorded(index: Expression, argumentCount: number): boolean {
  if (index.kind === 'local') return index.name === 'slotBase' || (index.name === 'argumentBase' && argumentCount > 0);
  if (index.kind !== 'binary' || index.operator !== 'add' || index.right.kind !== 'constant') return false;
  if (index.left.kind !== 'local') return false;
  const { name } = index.left;
  const offset = index.right.value;
  if (name === 'argumentBase') return offset < argumentCount;
  if (name !== 'slotBase') return false;
  return offset < SlotWord.PRIORITY || (offset >= SlotWord.ARGUMENTS && offset < SlotWord.ARGUMENTS + argumentCount);
}

/**
 * Whether statements load no words of a slot but those that a record with so many arguments holds, as far as their text
 * tells: an index that is computed may be any.
 */
export function readsOnlyRecorded(statements: readonly Statement[], argumentCount: number): boolean {
  return statements.every((statement) => {
    if (statement.kind === 'if') {
      return (
        readsOnlyRecorded(statement.whenTrue, argumentCount) && readsOnlyRecorded(statement.whenFalse, argumentCount)
      );
    }
    if (statement.kind === 'loop') return readsOnlyRecorded(statement.body, argumentCount);
    return statement.kind !== 'load' || statement.memory !== 'ring' || isRecorded(statement.index, argumentCount);
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

/**
 * Whether no lane stores to another lane's slot, as far as the text of the kernel tells: then nobody but the host and the
 * lane that owns a slot can change it.
 */
export function touchesOwnSlotOnly(kernel: KernelDefinition): boolean {
  return storesToRing(kernel, (index) => index.kind !== 'constant' && isAlwaysInRange('ring', index));
}

/** Whether lanes store to no word of a slot but its status, as far as the text of the kernel tells. */
export function storesToStatusOnly(kernel: KernelDefinition): boolean {
  return storesToRing(kernel, (index) => ownSlotWord(index) === SlotWord.STATUS);
}

/** Which word of the own slot an index is, if it is written as one. */
function ownSlotWord(index: Expression): number | undefined {
  if (isSlotBase(index)) return 0;
  if (index.kind !== 'binary' || index.operator !== 'add' || index.right.kind !== 'constant') return undefined;
  return isSlotBase(index.left) ? index.right.value : undefined;
}

/** Whether every store to the ring has an index of that kind. */
function storesToRing(kernel: KernelDefinition, isAllowed: (index: Expression) => boolean): boolean {
  const isFine = (statements: readonly Statement[]): boolean =>
    statements.every((statement) => {
      switch (statement.kind) {
        case 'if':
          return isFine(statement.whenTrue) && isFine(statement.whenFalse);
        case 'loop':
          return isFine(statement.body);
        case 'store':
        case 'atomic':
        case 'compareExchange':
          return statement.memory !== 'ring' || isAllowed(statement.index);
        default:
          return true;
      }
    });
  return [kernel.turn, ...kernel.opcodes.map(({ body }) => body)].every(isFine);
}
