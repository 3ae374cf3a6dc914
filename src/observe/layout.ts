/**
 * What is observed when an epoch has drained, and when two observations count as equal.
 *
 * A backend hands over a *snapshot*: the words of one or more named areas (control memory, the debug log) end to end.
 * Regions cut the snapshot into pieces, each with an equivalence of its own. Nothing is ever left out by accident: words
 * that no region claims form exact regions named after their area.
 */

/** A stretch of the snapshot that prints under one name: word 42 of `control` is `control[42]`. */
export interface Area {
  readonly name: string;
  readonly words: number;
}

/**
 * How two observations of a region are compared.
 *
 * - `exact`: word by word.
 * - `ignored`: not at all. For words that the kernel allows to depend on the schedule.
 * - `multiset`: as records whose order means nothing, but whose number does.
 * - `set`: as records whose order and number of copies mean nothing.
 */
export type Equivalence = 'exact' | 'ignored' | 'multiset' | 'set';

/** A stretch of one area with an equivalence. */
export interface Region {
  readonly name: string;
  readonly area: string;
  /** First word, counted within the area. */
  readonly start: number;
  /** Words. For `multiset` and `set` a whole number of records. */
  readonly count: number;
  readonly equivalence: Equivalence;
  /** Words of a record; `multiset` and `set` only. Defaults to 1. */
  readonly recordWords?: number;
  /**
   * The word of the same area that tells how many *words* of the region are in use, for regions filled through a
   * cursor; `multiset` and `set` only. A cursor beyond `count` means that records were dropped, and which ones depends
   * on the schedule: such a region cannot be judged.
   */
  readonly usedWordsAt?: number;
}

/** The areas of a snapshot, in order, and its regions. */
export interface ObservationLayout {
  readonly areas: readonly Area[];
  readonly regions: readonly Region[];
}
