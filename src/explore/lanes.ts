/** The state of all lanes of a scenario in one array, so that a run begins with one copy. */

import type { StepLanes } from '../kernel/index.ts';
import { SLOT_WORDS } from '../protocol/index.ts';
import type { Scenario } from '../scenario/index.ts';

const FIELDS = ['position', 'site', 'address', 'value', 'desired', 'received', 'budget', 'slotBase'] as const;

/** The lanes of a scenario, one a record, and all their words in `words`. */
export interface LaneWords extends StepLanes {
  readonly words: Uint32Array;
}

export function makeLanes({ slots }: Scenario, localWords: number): LaneWords {
  const count = slots.length;
  const words = new Uint32Array(count * (FIELDS.length + localWords));
  const field = (name: (typeof FIELDS)[number]) => {
    const first = FIELDS.indexOf(name) * count;
    return words.subarray(first, first + count);
  };
  const slotBase = field('slotBase');
  for (const [record, { slotIndex }] of slots.entries()) slotBase[record] = slotIndex * SLOT_WORDS;
  return {
    words,
    position: field('position'),
    site: field('site'),
    address: field('address'),
    value: field('value'),
    desired: field('desired'),
    received: field('received'),
    budget: field('budget'),
    slotBase,
    locals: words.subarray(FIELDS.length * count),
  };
}
