/** Which accesses can be taken in either order with the same effect, when every load returns the newest store. */

import { READ_MODIFY_WRITES, StepCode } from '../kernel/index.ts';
import { isFold, placeOf } from './meetings.ts';
import type { TracedAccess } from './run.ts';
import type { StepMachine } from './step-machine.ts';

/** What matters of an access for that. */
export interface Access {
  readonly lane: number;
  readonly word: number;
  /** What it does there: accesses of one class above zero commute with each other; class 0 with nothing. */
  readonly commutingClass: number;
}

const LOAD_CLASS = 1;
const FIRST_FOLD_CLASS = 2;
const EXCHANGE = StepCode.FIRST_READ_MODIFY_WRITE + READ_MODIFY_WRITES.indexOf('exchange');
const ADD = StepCode.FIRST_READ_MODIFY_WRITE + READ_MODIFY_WRITES.indexOf('add');
const SUBTRACT = StepCode.FIRST_READ_MODIFY_WRITE + READ_MODIFY_WRITES.indexOf('subtract');

/** The access that a ready lane is about to make. */
export function pendingAccess(machine: StepMachine, lane: number): Access {
  const site = machine.program.sites[machine.lanes.site[lane]];
  return { lane, word: machine.lanes.address[lane], commutingClass: commutingClass(site) };
}

/** The class of what a site does, see {@link Access}. */
export function commutingClass({ code, usesOldValue }: StepMachine['program']['sites'][number]): number {
  if (code === StepCode.LOAD) return LOAD_CLASS;
  // Read-modify-writes of one operation that nobody reads the old value of, such as counting.
  if (code < StepCode.FIRST_READ_MODIFY_WRITE || code === EXCHANGE || usesOldValue) return 0;
  return FIRST_FOLD_CLASS + (code === SUBTRACT ? ADD : code);
}

/** Whether two accesses of different lanes can change places. */
export function commute(left: Access, right: Access): boolean {
  if (left.word !== right.word) return true;
  return left.commutingClass !== 0 && left.commutingClass === right.commutingClass;
}

/** The same of accesses that were made. */
export function tracedCommute(left: TracedAccess, right: TracedAccess): boolean {
  if (placeOf(left) !== placeOf(right)) return true;
  if (left.stored === undefined && right.stored === undefined) return true;
  return isFold(left) && isFold(right) && foldOf(left) === foldOf(right);
}

function foldOf({ kind }: TracedAccess): TracedAccess['kind'] {
  return kind === 'subtract' ? 'add' : kind;
}
