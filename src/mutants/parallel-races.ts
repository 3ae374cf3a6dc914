/**
 * Many instances of a race in one epoch, for devices that have a lane for every slot.
 *
 * Slots beside each other are served by lanes in lockstep, between which nothing happens. So the slots of a race are put
 * far from each other: lane *v* of one role meets lane *v·P* mod *N* of the next, with P and N co-prime (R. Levine et
 * al., "MC Mutants", ASPLOS 2023). No placement is best for every defect and every device, so epochs take turns.
 */

import type { RandomWords } from '../base/random.ts';
import type { SlotRequest } from '../record/index.ts';
import { PLACES } from './base-kernel.ts';
import type { Mutant } from './catalogue.ts';
import { drawLongPauses, drawPauses, PAUSING, type RoleSlot } from './drawn-pauses.ts';
import { type PlacedRace, placeRaces } from './races.ts';

/**
 * How races of an epoch are laid out:
 * - `dense`: few, the slots of each beside each other. Often an epoch comes out as recorded, so that one that does not
 *   stands out.
 * - `spread`: many, their slots apart in most epochs. Each has another chance to meet.
 * - `lone`: one or two, with a dispatch to themselves and a workgroup a slot. A CPU that stands in for a device runs as
 *   many workgroups at once as it has cores; so those that run at once have to be of one race.
 */
export const LAYOUTS = ['dense', 'spread', 'lone'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Races of an epoch, at most. */
const RACES: Readonly<Record<Layout, number>> = { dense: 4, spread: 64, lone: 2 };
const MOST_SLOTS_OF_RACE = 4;
/** Lanes of a workgroup without stress. */
const LANES_TOGETHER = 16;
/**
 * - `next`: the slots of a race are in workgroups next to each other, which start at the same time;
 * - `apart`: in workgroups further from each other;
 * - `shuffled`: anywhere;
 * - `beside`: beside each other, in lockstep as a rule.
 */
const PLACEMENTS = ['next', 'apart', 'shuffled', 'beside'] as const;
type Placement = (typeof PLACEMENTS)[number];

/** Epochs of a log: every placement with every way of pausing. */
export const PARALLEL_EPOCHS: number = PLACEMENTS.length * PAUSING.length;
/** Slots of a ring that an epoch fits into, its fence too. */
export const PARALLEL_SLOTS: number = (RACES.spread + 1) * MOST_SLOTS_OF_RACE;
/** Blocks of places that a kernel needs. */
export const PARALLEL_BLOCKS: number = Math.ceil(RACES.spread / PLACES);

export interface ParallelEpoch {
  readonly races: readonly PlacedRace[];
  /** In the order of publishing, which is that of the lanes. */
  readonly slots: readonly SlotRequest[];
}

/** Epochs of one log: the same for all mutants of a race. Each is to begin with the memory of a fresh kernel. */
export function parallelEpochs(mutant: Mutant, layout: Layout, random: RandomWords): ParallelEpoch[] {
  const count = Math.min(RACES[layout], mutant.race.mostBeside ?? RACES[layout]);
  if (layout === 'lone') return loneEpochs(mutant, random);
  return Array.from({ length: PARALLEL_EPOCHS }, (_, epoch) => {
    const races = placeRaces(mutant, random, 0, count);
    const placement = layout === 'dense' ? 'beside' : PLACEMENTS[epoch % PLACEMENTS.length];
    const together = placement === 'next' || placement === 'apart' ? LANES_TOGETHER : 1;
    const pausing = PAUSING[Math.floor(epoch / PLACEMENTS.length)];
    const roles = inPlacement(races, placement, random);
    return { races, slots: drawPauses(roles, pausing, together, random) };
  });
}

/**
 * In half of the logs an epoch is one race. In the others it is two, and what pauses in either runs beside the others of
 * its race if two threads share the workgroups: in turns, as SwiftShader deals them out, or half each, as llvmpipe does.
 */
function loneEpochs(mutant: Mutant, random: RandomWords): ParallelEpoch[] {
  const count = 1 + random.below(RACES.lone);
  return Array.from({ length: PARALLEL_EPOCHS }, (_, epoch) => {
    const races = placeRaces(mutant, random, 0, count);
    const roles = shuffled([...races[0].slots.keys()], random);
    const [stopped, ...others] = roles;
    const slotsOf = (race: PlacedRace, ofRoles: readonly number[]) =>
      ofRoles.map((role) => ({ role, slot: race.slots[role] }));
    const halves = [slotsOf(races[0], [stopped]), slotsOf(races[0], others)];
    if (count === 2) {
      halves[0].push(...slotsOf(races[1], others));
      halves[1].push(...slotsOf(races[1], [stopped]));
    }
    const slots = epoch % 2 === 0 ? halves.flat() : inTurns(halves[0], halves[1]);
    return { races, slots: drawLongPauses(slots, roles, random) };
  });
}

/** One of the left, one of the right, and so on; what one has more of comes last. */
function inTurns<Item>(left: readonly Item[], right: readonly Item[]): Item[] {
  const length = Math.max(left.length, right.length);
  return Array.from({ length }, (_, index) => [
    ...left.slice(index, index + 1),
    ...right.slice(index, index + 1),
  ]).flat();
}

function inPlacement(races: readonly PlacedRace[], placement: Placement, random: RandomWords): RoleSlot[] {
  if (placement === 'apart') return rolesApart(races, random).flat();
  if (placement === 'next') return alternating(rolesApart(races, random));
  const slots = races.flatMap(({ slots: ofRace }) => ofRace.map((slot, role) => ({ slot, role })));
  return placement === 'shuffled' ? shuffled(slots, random) : slots;
}

/** The slots of each role; which race is where is a permutation of its own in each. */
function rolesApart(races: readonly PlacedRace[], random: RandomWords): RoleSlot[][] {
  const roles = shuffled([...races[0].slots.keys()], random);
  return roles.map((role) => {
    const factor = coprimeWith(races.length, random);
    const offset = random.below(races.length);
    return races.map((_, lane) => ({ role, slot: races[(lane * factor + offset) % races.length].slots[role] }));
  });
}

/** A workgroup of the first role, one of the next, and so on: the next of the first. */
function alternating(roles: readonly (readonly RoleSlot[])[]): RoleSlot[] {
  const slots: RoleSlot[] = [];
  for (let first = 0; first < roles[0].length; first += LANES_TOGETHER) {
    for (const role of roles) slots.push(...role.slice(first, first + LANES_TOGETHER));
  }
  return slots;
}

function coprimeWith(count: number, random: RandomWords): number {
  for (;;) {
    const factor = 1 + random.below(Math.max(1, count - 1));
    if (greatestCommonDivisor(factor, count) === 1) return factor;
  }
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}

function shuffled<Item>(items: readonly Item[], random: RandomWords): Item[] {
  const order = Uint32Array.from(items.keys());
  random.shuffle(order, order.length);
  return Array.from(order, (index) => items[index]);
}
