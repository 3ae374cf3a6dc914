/** Runs a workload to its end, as `vrrl record` does, and keeps every snapshot. */

import type { Backend } from '../../src/backend/index.ts';
import { RecordingSession } from '../../src/record/index.ts';
import type { WorkloadPlan } from '../../src/workloads/index.ts';

export interface PlanRun {
  /** A copy for each epoch. */
  readonly snapshots: readonly Uint32Array[];
  /** What was seen last: at the start, if there was no epoch. */
  readonly last: Uint32Array;
  readonly faultCount: number;
  readonly pendingCount: number;
  /** Slots published, fences included. */
  readonly recordCount: number;
}

/** The backend is started, not stopped. */
export async function runPlan(plan: WorkloadPlan, backend: Backend): Promise<PlanRun> {
  const session = await RecordingSession.start(backend, { kernel: plan.kernel });
  const snapshots: Uint32Array[] = [];
  let faultCount = 0;
  let pendingCount = 0;
  for (const { slots, tag } of plan.epochs()) {
    await session.publish(slots);
    const { snapshot, faults, pending } = await session.endEpoch({ tag });
    snapshots.push(snapshot.slice());
    faultCount += faults.length;
    pendingCount += pending;
  }
  const { recordCount } = session;
  return { snapshots, last: session.snapshot.slice(), faultCount, pendingCount, recordCount };
}
