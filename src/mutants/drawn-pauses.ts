/** Where the slots of an epoch pause, and how long. */

import type { RandomWords } from '../base/random.ts';
import type { SlotRequest } from '../record/index.ts';
import { MOST_PAUSE_TURNS, PAUSE_ARGUMENT, pauseArgument } from './rewrite/pauses.ts';

/**
 * - `none`: nobody pauses.
 * - `some`, `all`: every other slot or every slot, before any access.
 * - `preempted`: one role of the race pauses at one of its accesses, for so long that all others run meanwhile, one after
 *   the other in an order that is drawn. Most defects of schedules show with few preemptions: M. Musuvathi and S. Qadeer,
 *   "Iterative context bounding for systematic testing of multithreaded programs" (PLDI 2007).
 */
export const PAUSING = [
  'none',
  'preempted',
  'some',
  'preempted',
  'all',
  'preempted',
  'preempted',
  'preempted',
] as const;
export type Pausing = (typeof PAUSING)[number];

/** In hundredths of the slots, where each draws by itself. */
const SHARES = { none: 0, some: 50, all: 100 } as const;
const FEWEST_STEP_BITS = 3;
const STEP_BITS_BELOW = 12;
/** A long pause is the longest, half of it, or a quarter. */
const LONG_BITS = 3;
/** At the beginning of a routine. */
const FIRST_ACCESS = 0;

/** A slot, and the how-many-th of its race it is. */
export interface RoleSlot {
  readonly slot: SlotRequest;
  readonly role: number;
}

/** @param together so many consecutive slots pause alike: their lanes are in lockstep. */
export function drawPauses(
  slots: readonly RoleSlot[],
  pausing: Pausing,
  together: number,
  random: RandomWords,
): SlotRequest[] {
  if (pausing === 'preempted') {
    const pauses = preemption(Math.max(...slots.map(({ role }) => role)) + 1, random);
    return slots.map(({ slot, role }) => pausingSlot(slot, pauses[role]));
  }
  let pause = 0;
  return slots.map(({ slot }, position) => {
    if (position % together === 0) pause = random.below(100) < SHARES[pausing] ? drawnPause(random) : 0;
    return pausingSlot(slot, pause);
  });
}

/**
 * A pause for each role: the first one that is drawn gets as far as its pause, then the others begin one after the other,
 * a step apart; it goes on a step after the last. How long a step takes no device has in common with another.
 */
function preemption(roles: number, random: RandomWords): number[] {
  const order = Uint32Array.from({ length: roles }, (_, role) => role);
  random.shuffle(order, order.length);
  const step = 2 ** (FEWEST_STEP_BITS + random.below(STEP_BITS_BELOW - FEWEST_STEP_BITS));
  const pauses = new Array<number>(roles).fill(0);
  for (const [rank, role] of order.entries()) {
    pauses[role] = rank === 0 ? pauseArgument(random.next(), roles * step) : pauseArgument(FIRST_ACCESS, rank * step);
  }
  return pauses;
}

/**
 * The first of the roles stops at one of its accesses for about as long as a slot can. The others begin at once or, every
 * other time, one after the other: threads that share the workgroups of a dispatch begin tens of microseconds apart.
 */
export function drawLongPauses(
  slots: readonly RoleSlot[],
  roles: readonly number[],
  random: RandomWords,
): SlotRequest[] {
  const turns = MOST_PAUSE_TURNS >> random.below(LONG_BITS);
  const step = random.below(2) * Math.floor(turns / 2 / roles.length);
  const pauses = new Array<number>(roles.length).fill(0);
  for (const [rank, role] of roles.entries()) {
    pauses[role] = rank === 0 ? pauseArgument(random.next(), turns) : pauseArgument(FIRST_ACCESS, rank * step);
  }
  return slots.map(({ slot, role }) => pausingSlot(slot, pauses[role]));
}

/** Powers of two: what counts is the order of magnitude. */
function drawnPause(random: RandomWords): number {
  return pauseArgument(random.next(), 2 ** (1 + random.below(Math.log2(MOST_PAUSE_TURNS))));
}

function pausingSlot(slot: SlotRequest, pause: number): SlotRequest {
  const args = [...(slot.args ?? [])];
  args[PAUSE_ARGUMENT] = pause;
  return { ...slot, args };
}
