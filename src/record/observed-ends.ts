import type { DrainTally } from '../backend/index.ts';
import type { EpochObservation } from '../observe/index.ts';
import { digestFaults } from './faults-digest.ts';

type ObservedEnds = Pick<EpochObservation, 'done' | 'faulted' | 'pending' | 'faultDigest' | 'faults'>;

/** How the slots of an epoch ended, as an observation stream keeps it. */
export function observedEnds({ done, faulted, pending, faults }: DrainTally): ObservedEnds {
  return {
    done,
    faulted,
    pending,
    faultDigest: digestFaults(faults),
    faults: faults.map(({ slotIndex, opcode, words }) => ({
      slotIndex,
      opcode,
      code: words[0],
      detail: [words[1]],
    })),
  };
}
