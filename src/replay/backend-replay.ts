/** What a replay on one backend is asked for, and what it brings. */

import type { BackendFaultError } from '../backend/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import type { Baseline, EpochReplay } from './epoch-counts.ts';
import type { ObservationSaver } from './observation-saver.ts';

export type ReplayMode = 'chained' | 'isolated';

export interface ReplayOptions {
  /** Default chained. */
  readonly mode?: ReplayMode;
  /** Default 1. */
  readonly replicas?: number;
  /** Bytes of snapshots to keep for explaining differences. Default 64 MiB. */
  readonly keptSnapshotBytes?: number;
  /** Keeps what the first replica shows; that replica then goes on after a divergence. */
  readonly saver?: ObservationSaver;
  /** Where nothing was recorded: what the backend before was compared with, from its `BackendReplay`. */
  readonly baseline?: Baseline;
  /** Called now and then with what is done of what there is to do. */
  readonly onProgress?: (replicasDone: number, replicas: number, epochsRun: number) => void;
}

/** Everything that replaying on one backend brought. */
export interface BackendReplay {
  readonly backend: string;
  readonly mode: ReplayMode;
  /** Replicas asked for. */
  readonly replicas: number;
  /** Replicas that ran to their end. */
  readonly replicasRun: number;
  /** Of these, replicas with at least one epoch that there was something to compare with. */
  readonly replicasCompared: number;
  /** Of these, replicas with at least one epoch that differs from what it was compared with. */
  readonly replicasDiverged: number;
  readonly epochs: readonly EpochReplay[];
  /** Epochs run, over all replicas. */
  readonly epochsRun: number;
  readonly layout: ResolvedLayout;
  /** Where nothing was recorded: the first outcomes, which the next backend's replicas are to be compared with too. */
  readonly baseline: Baseline;
  /** What the backend failed with, if it did. What was counted before stands. */
  readonly fault: BackendFaultError | undefined;
  readonly elapsedMs: number;
}
