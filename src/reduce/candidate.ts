/** What is made smaller: a few epochs of slots, and the state that the first of them starts from. */

import type { StressSettings } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import { freshSnapshot, type Scenario } from '../scenario/index.ts';

/** Slots that run between two observations. */
export interface EpochSlots {
  /** In publish order. */
  readonly slots: readonly PlacedSlot[];
  /** Slots are published up to each of these, then drained; the last is `slots.length`. */
  readonly batchEnds: readonly number[];
}

/** Plain data that nobody changes: every step of a reduction makes a new one. */
export interface LogCandidate {
  /** Undefined for slots of a runtime whose kernel vrrl does not know. */
  readonly kernel: Kernel | undefined;
  /** Slots of the ring. */
  readonly slotCount: number;
  /** The snapshot that it starts from; undefined for a backend that was just started. */
  readonly initial: Uint32Array | undefined;
  /** Run one after the other, each in the memory that the one before left. */
  readonly epochs: readonly EpochSlots[];
  /** How a device is pushed towards rare schedules; undefined: not at all. */
  readonly stress: StressSettings | undefined;
}

/** How many slots a candidate publishes. */
export function slotCountOf({ epochs }: LogCandidate): number {
  return epochs.reduce((sum, { slots }) => sum + slots.length, 0);
}

/** A slot, and where it belongs. */
export interface SlotPlace {
  readonly epoch: number;
  readonly batch: number;
  readonly placed: PlacedSlot;
}

/** All slots of a candidate as one list. */
export function placesOf({ epochs }: LogCandidate): SlotPlace[] {
  const places: SlotPlace[] = [];
  for (const [epoch, { slots, batchEnds }] of epochs.entries()) {
    let batch = 0;
    for (const [index, placed] of slots.entries()) {
      while (index >= batchEnds[batch]) batch += 1;
      places.push({ epoch, batch, placed });
    }
  }
  return places;
}

/** The same candidate with some of its slots: batches and epochs without any are gone. `places` are in publish order. */
export function withPlaces(candidate: LogCandidate, places: readonly SlotPlace[]): LogCandidate {
  const epochs: { slots: PlacedSlot[]; batchEnds: number[] }[] = [];
  let last: SlotPlace | undefined;
  for (const place of places) {
    if (place.epoch !== last?.epoch) epochs.push({ slots: [], batchEnds: [0] });
    const { slots, batchEnds } = epochs[epochs.length - 1];
    if (place.epoch === last?.epoch && place.batch !== last.batch) batchEnds.push(slots.length);
    slots.push(place.placed);
    batchEnds[batchEnds.length - 1] = slots.length;
    last = place;
  }
  return { ...candidate, epochs };
}

/** A candidate of one epoch as a scenario; undefined if it is not one, or its kernel is not known. */
export function scenarioOf({ kernel, initial, epochs }: LogCandidate): Scenario | undefined {
  if (kernel === undefined || epochs.length !== 1) return undefined;
  return { kernel, initial: initial ?? freshSnapshot(kernel), ...epochs[0] };
}

/** A scenario as a candidate. One that starts as a fresh kernel does says so. */
export function candidateOf({ kernel, initial, slots, batchEnds }: Scenario): LogCandidate {
  const fresh = freshSnapshot(kernel);
  const isFresh = fresh.every((word, index) => word === initial[index]);
  return {
    kernel,
    slotCount: kernel.slotCount,
    initial: isFresh ? undefined : initial,
    epochs: [{ slots, batchEnds }],
    stress: undefined,
  };
}
