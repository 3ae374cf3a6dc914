import type { SlotFault } from '../kernel/index.ts';
import { DIGEST_WORDS, type Digest, digestWords } from '../observe/index.ts';

/** The digest of an epoch's faults in the order of their slots; (0, 0) if there are none. */
export function digestFaults(faults: readonly SlotFault[]): Digest {
  if (faults.length === 0) return [0, 0];
  const words = new Uint32Array(faults.length * 4);
  faults.forEach((fault, index) => {
    words.set([fault.slotIndex, fault.opcode, ...fault.words], index * 4);
  });
  const digest = new Uint32Array(DIGEST_WORDS);
  digestWords(words, 0, words.length, digest, 0);
  return [digest[0], digest[1]];
}
