/** Runs a candidate once on a backend, slot by slot. */

import { type Awaitable, type Backend, DrainTally, isPromise, PublishError } from '../backend/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';
import type { EpochSlots, LogCandidate } from './candidate.ts';

/**
 * Runs all epochs of a candidate and returns what was seen after each. The backend has been started.
 *
 * @throws PublishError if a slot is refused.
 * @throws BackendFaultError if the backend fails.
 */
export async function runCandidate(
  backend: Backend,
  snapshotWords: number,
  { initial, epochs }: LogCandidate,
): Promise<ScenarioOutcome[]> {
  if (initial === undefined) await settled(backend.start());
  else await settled(backend.restore?.(initial));
  const outcomes: ScenarioOutcome[] = [];
  for (const epoch of epochs) outcomes.push(await runEpoch(backend, snapshotWords, epoch));
  return outcomes;
}

async function runEpoch(
  backend: Backend,
  snapshotWords: number,
  { slots, batchEnds }: EpochSlots,
): Promise<ScenarioOutcome> {
  const tally = new DrainTally();
  const words = new Uint32Array(snapshotWords);
  let next = 0;
  for (const end of batchEnds) {
    for (; next < end; next += 1) {
      const { slotIndex, slot } = slots[next];
      if (slotIndex >= backend.slotCount) throw beyondRing(slotIndex, backend);
      const publishing = backend.publish(slotIndex, slot);
      if (isPromise(publishing)) await publishing;
    }
    if (end === slots.length && backend.drainAndObserve !== undefined) break;
    const draining = backend.drain();
    tally.add(isPromise(draining) ? await draining : draining);
  }
  if (backend.drainAndObserve !== undefined) tally.add(await backend.drainAndObserve(words));
  else await settled(backend.observe(words));
  return { words, done: tally.done, pending: tally.pending, faults: tally.faults };
}

/** Waits only if there is something to wait for. */
function settled(result: Awaitable<void> | undefined): Awaitable<void> {
  return result !== undefined && isPromise(result) ? result : undefined;
}

/** @throws PublishError if a slot is beyond the ring. */
export function refuseBeyondRing(backend: Backend, { epochs }: LogCandidate): void {
  for (const { slots } of epochs) {
    const beyond = slots.find(({ slotIndex }) => slotIndex >= backend.slotCount);
    if (beyond !== undefined) throw beyondRing(beyond.slotIndex, backend);
  }
}

function beyondRing(slotIndex: number, { slotCount }: Backend): PublishError {
  return new PublishError(
    `slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`,
    'use a backend with at least that many.',
  );
}
