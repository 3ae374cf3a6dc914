/** What an explanation consists of: plain data, for programs as for people. */

/** From the weakest demand to the strongest; what is coherent but not sequentially consistent is `weak`. */
export const LEVELS = ['provenance', 'coherence', 'weak', 'access-serial', 'slot-serial'] as const;
export type Level = (typeof LEVELS)[number];

export type ExplainVerdict = 'serializable' | 'unserializable' | 'unknown';

/** An access of a slot, as it happened in the witness. */
export interface AccessRow {
  /** Number of the slot in the scenario. */
  readonly slot: number;
  readonly kind: string;
  /** Such as `control[42]`. */
  readonly word: string;
  readonly read: number | undefined;
  readonly written: number | undefined;
}

/** Something that was really run, and gave what was seen. */
export type Witness =
  /** Slots one after the other: numbers of the scenario's slots. */
  | { readonly kind: 'slots'; readonly order: readonly number[]; readonly isPublishOrder: boolean }
  /** Single accesses of some slots by themselves, by the token of a schedule of these. */
  | {
      readonly kind: 'accesses';
      readonly memory: 'sequential' | 'relaxed';
      readonly token: string;
      readonly slots: readonly number[];
    };

export interface ConcernedWord {
  readonly word: string;
  readonly initial: number;
  readonly seen: number;
  /** What the nearest serial order gives, where there was one to try. */
  readonly nearest: number | undefined;
}

/** Why it cannot be: slots that give what was seen of some words in no order. */
export interface Contradiction {
  readonly shape: ContradictionShape;
  readonly slots: readonly number[];
  readonly words: readonly ConcernedWord[];
  /** Whether no slot and no word of it can be left out. */
  readonly isMinimal: boolean;
  /** Slots in the serial order that comes nearest, if orders were tried. */
  readonly nearestOrder: readonly number[] | undefined;
}

export type ContradictionShape =
  | 'value from nowhere'
  | 'slot count'
  | 'fault'
  | 'records'
  | 'lost update'
  | 'wrong total'
  | 'incoherent word'
  | 'stale compare-exchange'
  | 'torn'
  | 'no order';

/** A slot as people read it. */
export interface SlotText {
  /** Number in the scenario. */
  readonly slot: number;
  readonly slotIndex: number;
  readonly batch: number;
  /** `MEMCPY(170, 180, 2)`. */
  readonly text: string;
  /** Whether its opcode promises that all of it happens at once. */
  readonly promisesAtomicity: boolean;
}

export interface Explanation {
  readonly verdict: ExplainVerdict;
  /** The weakest demand that what was seen does not meet. */
  readonly violated: Level | undefined;
  /** The strongest demand that it meets, with its witness. */
  readonly holds: Level | undefined;
  /** One line without a full stop. */
  readonly summary: string;
  /** The argument, a sentence each. */
  readonly argument: readonly string[];
  readonly witness: Witness | undefined;
  readonly contradiction: Contradiction | undefined;
  /** What a cycle of relaxed accesses is called, such as `message passing`; undefined if it has no name or there is none. */
  readonly weakShape: string | undefined;
  /** The slots that the explanation is about; all of them if it is about all. */
  readonly slots: readonly SlotText[];
  /** Of these, opcodes that promised to happen at once and did not. */
  readonly brokenPromises: readonly string[];
  /** Their accesses in the witness, or in the nearest serial order. */
  readonly accesses: readonly AccessRow[];
  readonly assumed: readonly string[];
  readonly notKnown: readonly string[];
  /** States of serial orders that were looked at. */
  readonly nodes: number;
  /** Interleavings of single accesses that were run. */
  readonly runs: number;
}
