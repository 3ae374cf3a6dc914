/**
 * Whatever runs slots.
 *
 * This is the interface to implement for a runtime of one's own: five methods get it recorded, replayed, diffed and
 * rated. `restore` adds isolated replay. A method may return a promise; one that does not is called without waiting, so
 * that a backend in this thread pays nothing for those that are elsewhere.
 */

import type { SlotFault } from '../kernel/index.ts';
import type { ObservationLayout } from '../observe/index.ts';
import type { LoadedProgram, ReplayProgram } from './replay-program.ts';

export type Awaitable<T> = T | Promise<T>;

/** What the host writes into a slot, but for its status. */
export interface Slot {
  readonly opcode: number;
  readonly tenant: number;
  /** 0 critical … 4 idle. */
  readonly priority: number;
  /** At most 12 words; those not given are zero. */
  readonly args: ArrayLike<number>;
}

/** How the slots ended that were published since the last report. */
export interface DrainReport {
  /** Slots that are DONE. */
  readonly done: number;
  /** The slots that are still there because the kernel does not serve them, such as a disabled tenant's. */
  readonly pending: readonly number[];
  /** Slots that the kernel gave up, each with its reason. */
  readonly faults: readonly SlotFault[];
}

export interface Backend {
  /** What reports call it: `reference`, `threads`, `my-runtime`. */
  readonly name: string;
  /** How many slots its ring has. */
  readonly slotCount: number;
  /** What `observe` hands over. */
  readonly layout: ObservationLayout;
  /**
   * The word of the snapshot that holds the device's EPOCH. Without it the host counts the epochs itself.
   */
  readonly epochWord?: number;

  /** A fresh kernel: empty ring, initial memory. Called before each replica, and on a running backend too. */
  start(): Awaitable<void>;
  /**
   * Writes a slot, its status last. The slot is borrowed: what is needed of it has to be copied before returning.
   *
   * @throws PublishError if the slot is not free or not acceptable.
   */
  publish(slotIndex: number, slot: Slot): Awaitable<void>;
  /** Runs until every published slot that the kernel serves has ended. */
  drain(): Awaitable<DrainReport>;
  /**
   * Copies the observed words into `snapshot`, area after area. Called once when an epoch has drained; what the host
   * takes away at that point, such as the records of a debug log, is gone from the device afterwards.
   */
  observe(snapshot: Uint32Array): Awaitable<void>;
  /**
   * {@link drain}, then {@link observe}, in one go: for backends that have a long way to go and would go it twice. Both are
   * done even if what `drain` says makes the caller lose interest.
   */
  drainAndObserve?(snapshot: Uint32Array): Awaitable<DrainReport>;
  /** Sets the observed words, and empties the ring. Backends that have it can start an epoch from a recorded state. */
  restore?(snapshot: Uint32Array): Awaitable<void>;
  /**
   * Takes up a whole program, to replay it by itself; undefined if it cannot do that with this one. Called on a running
   * backend; what was published before is of no interest any more.
   */
  load?(program: ReplayProgram): Promise<LoadedProgram | undefined>;
  /** Ends it and gives everything back. Idempotent. */
  stop(): Awaitable<void>;
}

/** Makes fresh backends. What it makes belongs to the caller, who stops it. */
export type BackendFactory = () => Awaitable<Backend>;

/** Waits only if there is something to wait for: a promise costs a turn of the loop even when it is settled. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
