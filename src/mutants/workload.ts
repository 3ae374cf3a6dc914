/** Races as slots and as scenarios, with their lots. */

import type { Kernel } from '../kernel/index.ts';
import { Priority } from '../protocol/index.ts';
import type { PlacedSlot, SlotRequest } from '../record/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { Place, type Race } from './base-kernel.ts';
import { LOT_ARGUMENT } from './rewrite/rare.ts';

/** The slots of a race at a place, with their lots. */
export function slotsOfRace(race: Race, place: Place, drawLot: () => number): SlotRequest[] {
  const shared = drawLot();
  return race.slots(place).map(({ args = [], ...slot }) => {
    const withLot = [...args, ...new Array<number>(LOT_ARGUMENT - args.length).fill(0)];
    return { ...slot, args: [...withLot, race.sharesLot === true ? shared : drawLot()] };
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
export function scenarioOfRace(kernel: Kernel, race: Race, drawLot: () => number, initial: Uint32Array): Scenario {
  const slots = placedSlots(slotsOfRace(race, new Place(0), drawLot));
  return { kernel, initial, slots, batchEnds: [slots.length] };
}
