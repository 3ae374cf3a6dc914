/**
 * Replays a plan on a backend, as often as asked, and counts what came out of each epoch.
 *
 * *Chained* carries the memory from epoch to epoch, as the original did; a replica ends at its first divergence, because
 * whatever follows may be its echo. *Isolated* starts every epoch from its recorded state, so that every epoch of every
 * replica is an observation of its own.
 */

import { asBackendFault, type Backend, type BackendFaultError } from '../backend/index.ts';
import type { BackendReplay, ReplayOptions } from './backend-replay.ts';
import { countsFor } from './epoch-counts.ts';
import type { ReplayPlan } from './plan.ts';
import { ReplayRun } from './replay-run.ts';

/**
 * Replays on one backend. The backend is started, and stopped at the end whatever happens; if it fails, the failure is in
 * the result.
 *
 * @throws InputError if the backend cannot do what the mode asks, or does not observe what was recorded.
 */
export async function replayOn(
  plan: ReplayPlan,
  backend: Backend,
  options: ReplayOptions = {},
): Promise<BackendReplay> {
  let replay: BackendReplay;
  try {
    replay = await new ReplayRun(plan, backend, options).run();
  } catch (error) {
    // Whatever stopping brings, this is the error that counts.
    await stop(backend);
    throw error;
  }
  const stopFault = await stop(backend);
  return { ...replay, fault: replay.fault ?? stopFault };
}

/** Stops a backend, and says what it failed with if it did. */
async function stop(backend: Backend): Promise<BackendFaultError | undefined> {
  try {
    await backend.stop();
    return undefined;
  } catch (error) {
    return asBackendFault(error, backend.name);
  }
}

/**
 * What a backend that could not even be made has to say: nothing about any epoch.
 *
 * @param like a replay of the same plan, for what was asked.
 */
export function replayThatNeverRan(
  plan: ReplayPlan,
  { mode, replicas, layout }: BackendReplay,
  fault: BackendFaultError,
): BackendReplay {
  return {
    backend: fault.backend,
    mode,
    replicas,
    replicasRun: 0,
    replicasCompared: 0,
    replicasDiverged: 0,
    epochs: countsFor(plan.epochs, () => undefined, undefined),
    epochsRun: 0,
    layout,
    baseline: [],
    fault,
    elapsedMs: 0,
    onDevice: undefined,
  };
}
