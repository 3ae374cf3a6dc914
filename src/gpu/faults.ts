import type { FaultExplainer, SlotFault } from '../kernel/index.ts';

/** Words of a fault as shaders report it: slot index, opcode, and the fault's two words. */
export const REPORTED_FAULT_WORDS = 4;

/** Explains the fault that such words begin with. */
export function explainReported(explain: FaultExplainer, words: Uint32Array): SlotFault {
  const [slotIndex, opcode, first, second] = words;
  return explain(slotIndex, opcode, [first, second]);
}
