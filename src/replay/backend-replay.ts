/** What a replay on one backend is asked for, and what it brings. */

import type { BackendFaultError, ProgramShape } from '../backend/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import type { Baseline, EpochReplay } from './epoch-counts.ts';
import type { ObservationSaver } from './observation-saver.ts';
import type { StressReport, StressRequest } from './stress-search.ts';

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
  /** For backends that replay whole programs by themselves: how they lay them out. Default: their own choice. */
  readonly shape?: ProgramShape;
  /** For those backends too: how they are pushed towards rare schedules. Default: not at all. */
  readonly stress?: StressRequest;
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
  /** What there is to say if the backend replayed the log by itself, in part or whole. */
  readonly onDevice: DeviceReplay | undefined;
}

/** How a backend replayed whole programs by itself. */
export interface DeviceReplay {
  readonly shape: ProgramShape;
  /** Replicas that it replayed so; the others were stepped from the host. */
  readonly replicas: number;
  /** Taking the log up. */
  readonly loadMs: number;
  /** Compiling what replays it, and replaying it, the answers included. */
  readonly runMs: number;
  /** How long the device itself was busy, where it can tell. */
  readonly deviceMs: number | undefined;
  readonly stress: StressReport | undefined;
}
