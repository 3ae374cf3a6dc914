import { explainFault, FaultSites, type Kernel, memoriesOf, type SlotFault } from '../kernel/index.ts';

/** Explains a fault as a shader reports it: slot index, opcode, and the fault's two words. */
export type FaultExplainer = (words: Uint32Array) => SlotFault;

/** Explains faults of a kernel; what that takes is looked up once. */
export function faultExplainer(kernel: Kernel): FaultExplainer {
  const sites = new FaultSites(kernel);
  const memoryWords = new Map(memoriesOf(kernel).map(({ name, words }) => [name, words]));
  return ([slotIndex, opcode, first, second]) =>
    explainFault(sites, (name) => memoryWords.get(name), slotIndex, opcode, [first, second]);
}
