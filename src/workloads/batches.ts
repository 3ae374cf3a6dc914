/** Cutting an input into epochs, the same way for every workload. */

import { InputError } from '../base/errors.ts';
import { isWord } from '../base/words.ts';
import { MAX_SLOT_COUNT } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import type { SlotBatch, WorkloadOptions } from './workload.ts';

const DEFAULT_SLOT_COUNT = 64;

/** The options that shape epochs, checked. */
export interface RingOptions {
  readonly slotCount: number;
  readonly seed: number;
  /** Slots of a batch: the ring without the one that the fence takes, so that an epoch is drained only at its end. */
  readonly batchSlots: number;
  readonly maxEpochs: number;
}

/**
 * @param leastSlotCount the smallest ring that the workload can do with.
 * @throws InputError that names the option.
 */
export function ringOptionsOf(options: WorkloadOptions, leastSlotCount = 2): RingOptions {
  const { slotCount = DEFAULT_SLOT_COUNT, seed = 0, maxEpochs = Number.POSITIVE_INFINITY } = options;
  if (!Number.isInteger(slotCount) || slotCount < leastSlotCount || slotCount > MAX_SLOT_COUNT) {
    throw new InputError(
      `slotCount is ${slotCount}, expected a whole number from ${leastSlotCount} to ${MAX_SLOT_COUNT}`,
      'leave --slot-count out, or give it such a number.',
    );
  }
  if (!isWord(seed)) {
    throw new InputError(`seed is ${seed}, expected a whole number from 0 to 4294967295`, 'give such a number.');
  }
  if (maxEpochs !== Number.POSITIVE_INFINITY && (!Number.isInteger(maxEpochs) || maxEpochs < 1)) {
    throw new InputError(`maxEpochs is ${maxEpochs}, expected a whole number from 1`, 'leave it out, or allow one.');
  }
  return { slotCount, seed, batchSlots: slotCount - 1, maxEpochs };
}

/** How much of an input is taken. */
export interface Extent {
  readonly taken: number;
  readonly total: number;
}

/**
 * What `maxEpochs` leaves of an input.
 *
 * @param total items of the input, of which an epoch takes `perEpoch`.
 * @param ownEpochs those that the workload needs besides.
 */
export function extentOf(total: number, perEpoch: number, options: RingOptions, ownEpochs = 0): Extent {
  const inputEpochs = Math.max(1, options.maxEpochs - ownEpochs);
  return { taken: Math.min(total, inputEpochs * perEpoch), total };
}

/** A line for people if the input was cut short, else none. */
export function describeCut({ taken, total }: Extent, item: string): string[] {
  if (taken === total) return [];
  return [`cut short: ${countText(taken)} of ${amountText(total, item)} fit into the epochs allowed`];
}

/** Numbers its epochs from 0 and tags each with its number, so that a reader of the log finds it again. */
export function* numberedBatches(batches: Iterable<readonly SlotRequest[]>): Generator<SlotBatch> {
  let tag = 0;
  for (const slots of batches) {
    yield { slots, tag };
    tag = (tag + 1) >>> 0;
  }
}

/** Cuts slots into batches; the last one may be shorter, and nothing gives no batch. */
export function* batchesOf(slots: Iterable<SlotRequest>, batchSlots: number): Generator<readonly SlotRequest[]> {
  let batch: SlotRequest[] = [];
  for (const slot of slots) {
    batch.push(slot);
    if (batch.length < batchSlots) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** A count with what it counts: `1 byte`, `2,000 bytes`. */
export function amountText(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A count as people read it, the same in every locale. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
