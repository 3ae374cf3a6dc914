/** Why an epoch came out as it did: an order of its slots that gives it, or the reason why there is none. */

export { type CoherenceProblem, type CoherentOrder, coherentOrder, type WordOperation } from './coherence.ts';
