/** Which words of the protocol slots may touch: what must not change while arguments get simpler. */

import type { Slot } from '../backend/index.ts';
import { type Footprint, footprintOf, type Kernel, type WordRange } from '../kernel/index.ts';
import { ControlWord } from '../protocol/index.ts';

/**
 * Whether a slot with other arguments may touch control words of the protocol that it did not before, or nothing but those. A
 * slot that counts something would be taken for one that shuts the ring down or closes an epoch: another failure with the
 * same name.
 */
export function straysIntoProtocol(kernel: Kernel, slotIndex: number, before: Slot, after: Slot): boolean {
  // Another tenant has another mask, and that is meant.
  const { tenant } = after;
  const old = footprintOf(kernel, { slotIndex, ...before, tenant }, wordOfFreshKernel);
  const present = footprintOf(kernel, { slotIndex, ...after }, wordOfFreshKernel);
  // Every lane adds to DONE_COUNT: a slot that stores there is told by what it does besides such additions.
  return (['reads', 'writes', 'others'] as const).some((kind) => {
    const isNew = (range: WordRange): boolean => !protocolRanges(old[kind]).some((other) => holds(other, range));
    return protocolRanges(present[kind]).some(isNew) || (hasOthers(old[kind]) && !hasOthers(present[kind]));
  });
}

/** Without the place of the masks a lane that looks for its tenant's might load anything. */
function wordOfFreshKernel(memory: string, index: number): number | undefined {
  return memory === 'control' && index === ControlWord.TENANT_BASE ? ControlWord.TENANT_MASKS : undefined;
}

/** Whether there are control words behind those of the protocol. */
function hasOthers(ranges: readonly WordRange[]): boolean {
  return ranges.some(({ memory, last }) => memory === 'control' && last >= ControlWord.OBSERVABLE_BASE);
}

/** The parts of ranges that are words of the protocol. Ranges of a footprint are joined where they touch. */
function protocolRanges(ranges: Footprint['reads']): WordRange[] {
  return ranges
    .filter(({ memory, first }) => memory === 'control' && first < ControlWord.OBSERVABLE_BASE)
    .map((range) => ({ ...range, last: Math.min(range.last, ControlWord.OBSERVABLE_BASE - 1) }));
}

function holds(outer: WordRange, inner: WordRange): boolean {
  return outer.first <= inner.first && outer.last >= inner.last;
}
