/** Where what is in the buffers of a program: what the shaders and the host have to agree on. */

import { REPORTED_FAULT_WORDS } from './faults.ts';

/** Words of the uniform buffer, in order. */
export const PARAMETERS = [
  /** The first replica of this wave, and how many there are in it. */
  'firstReplica',
  'replicaCount',
  /** Replicas of the whole run. */
  'allReplicas',
  /** Memories that lie end to end: replicas (chained), or tasks that run at once (isolated). */
  'instanceCount',
  /** Epochs of the segment (chained), or tasks (isolated): this dispatch does these. */
  'first',
  'end',
  /** Epochs of the segment. */
  'epochCount',
  /** Where batch ends and expectations begin in the plan. */
  'batchEndsAt',
  'expectationsAt',
  /** Where captured outcomes begin in the results, and how many there is room for. */
  'capturedAt',
  'capturedLimit',
  /** A sum of {@link RunOption}s. */
  'options',
  /** Wide shape: workgroups that serve one instance. */
  'groupsOfInstance',
  /** Stress, see `StressName`; the seed changes with each round of replicas. */
  'seed',
  'shuffleLanes',
  'shuffleGroups',
  'meetTurns',
  'warmUpTurns',
  'stressGroups',
  'stressTurns',
  'stressPattern',
  'stressStride',
  'stressLines',
  /** The scratch area of the stress: behind all instances. */
  'scratchAt',
] as const;

export type Parameters = Readonly<Record<(typeof PARAMETERS)[number], number>>;

export const RunOption = {
  /** Nothing was recorded: an outcome with faults is compared with nothing. */
  FAULTS_UNCOMPARED: 1,
  /** Wide shape: every epoch starts from its own state, and tasks are (replica, epoch). */
  ISOLATED: 2,
} as const;

/** Words before the totals in the results: how many outcomes were captured. */
export const RESULTS_HEAD_WORDS = 1;

/** Words of a captured outcome before its signature, and where each is. */
export const CapturedWord = { EPOCH: 0, REPLICA: 1, RELATION: 2, DONE: 3, FAULTED: 4, PENDING: 5, FAULTS: 6 } as const;
export const MAX_CAPTURED_FAULTS = 4;
export const FAULT_LIST_WORDS: number = REPORTED_FAULT_WORDS * MAX_CAPTURED_FAULTS;
export const CAPTURED_HEAD_WORDS: number = CapturedWord.FAULTS + FAULT_LIST_WORDS;

export const Relation = { SAME: 0, DIFFERENT: 1, UNDECIDED: 2, NO_EXPECTATION: 3, REFUSED: 4 } as const;

/** Words that a replica keeps between dispatches: its flags, and how many slots wait. */
export const REPLICA_WORDS = 2;
export const ReplicaFlag = { KNOWN: 1, DIVERGED: 2, COMPARED: 4, ENDED: 8 } as const;

/** Wide shape: what an instance keeps between dispatches. */
export const InstanceWord = {
  PHASE: 0,
  /** The epoch of the segment, or the task. */
  INDEX: 1,
  /** The batch that is published, and its records. */
  BATCH: 2,
  FIRST: 3,
  END: 4,
  /** How many slots waited before it. */
  WAITING: 5,
  /** The epoch's tally up to that batch. */
  DONE: 6,
  FAULT_COUNT: 7,
  FAULT_SUM_LOW: 8,
  FAULT_SUM_HIGH: 9,
  /** Lanes that have come to the meeting before the batch. */
  MET: 10,
  FAULT_LIST: 11,
} as const;
export const INSTANCE_STATE_WORDS: number = InstanceWord.FAULT_LIST + FAULT_LIST_WORDS;

export const InstancePhase = { BEGIN: 0, SERVED: 1, OVER: 2 } as const;

/** WGSL for a word of the epoch whose entry in the plan begins at `entry`. */
export function epochWord(word: number): string {
  return `plan[entry + ${word}u]`;
}
