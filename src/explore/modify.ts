/** What an access leaves in its word. */

import { READ_MODIFY_WRITES, StepCode } from '../kernel/index.ts';

const FIRST = StepCode.FIRST_READ_MODIFY_WRITE;
const ADD = FIRST + READ_MODIFY_WRITES.indexOf('add');
const SUBTRACT = FIRST + READ_MODIFY_WRITES.indexOf('subtract');
const AND = FIRST + READ_MODIFY_WRITES.indexOf('and');
const OR = FIRST + READ_MODIFY_WRITES.indexOf('or');
const XOR = FIRST + READ_MODIFY_WRITES.indexOf('xor');
const MINIMUM = FIRST + READ_MODIFY_WRITES.indexOf('minimum');
const MAXIMUM = FIRST + READ_MODIFY_WRITES.indexOf('maximum');
const EXCHANGE = FIRST + READ_MODIFY_WRITES.indexOf('exchange');

/** The word after an access that finds `found` there. */
export function changedWord(code: number, found: number, value: number, desired: number): number {
  switch (code) {
    case StepCode.STORE:
    case EXCHANGE:
      return value;
    case StepCode.COMPARE_EXCHANGE:
      return found === value ? desired : found;
    case ADD:
      return (found + value) >>> 0;
    case SUBTRACT:
      return (found - value) >>> 0;
    case AND:
      return (found & value) >>> 0;
    case OR:
      return (found | value) >>> 0;
    case XOR:
      return (found ^ value) >>> 0;
    case MINIMUM:
      return Math.min(found, value);
    case MAXIMUM:
      return Math.max(found, value);
    default:
      return found;
  }
}
