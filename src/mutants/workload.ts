/** Races as slots and as scenarios, with their salts. */

import type { Kernel } from '../kernel/index.ts';
import { Priority } from '../protocol/index.ts';
import type { PlacedSlot, SlotRequest } from '../record/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { Place, type Race } from './base-kernel.ts';
import { SALT_ARGUMENT } from './rewrite/rare.ts';

/** The slots of a race at a place, salted. */
export function slotsOfRace(race: Race, place: Place, drawSalt: () => number): SlotRequest[] {
  const shared = drawSalt();
  return race.slots(place).map(({ args = [], ...slot }) => {
    const salted = [...args, ...new Array<number>(SALT_ARGUMENT - args.length).fill(0)];
    return { ...slot, args: [...salted, race.sharesSalt === true ? shared : drawSalt()] };
  });
}

/** Slots as a host publishes them into an empty ring. */
export function placedSlots(slots: readonly SlotRequest[]): PlacedSlot[] {
  return slots.map(({ opcode, tenant = 0, priority = Priority.NORMAL, args = [] }, slotIndex) => ({
    slotIndex,
    slot: { opcode, tenant, priority, args },
  }));
}

/**
 * A race by itself.
 *
 * @param initial the memory of a fresh kernel.
 */
export function scenarioOfRace(kernel: Kernel, race: Race, drawSalt: () => number, initial: Uint32Array): Scenario {
  const slots = placedSlots(slotsOfRace(race, new Place(0), drawSalt));
  return { kernel, initial, slots, batchEnds: [slots.length] };
}
