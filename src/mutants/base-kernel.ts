/** Sound kernels with the parts that mutants break, and the small races that show it. */

import { defineKernel, type Kernel, type KernelOptions, type OpcodeDefinition, type Value } from '../kernel/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';

/**
 * Words between two that a race calls by neighbouring numbers: far enough apart for lines of their own. COMPARE_SWAP
 * leaves its result so far behind the word that it is about, so row 1 holds the results of row 0.
 */
export const ROW_WORDS: number = ControlWord.OBSERVABLE_BASE;
/** Words side by side that a race has in each of its rows. */
export const COLUMNS = 4;
/** Races that fit beside each other. */
export const PLACES: number = ROW_WORDS / COLUMNS;

/** The first observable word belongs to BATCH_FENCE. */
const FIRST_WORD = ControlWord.OBSERVABLE_BASE + 1;

/** Where a race takes place: words that no other race of the same log uses, zero when it begins. */
export class Place {
  readonly index: number;

  /** @param index 0 … {@link PLACES} − 1. */
  constructor(index: number) {
    this.index = index;
  }

  word(row: number, column = 0): number {
    return FIRST_WORD + row * ROW_WORDS + this.index * COLUMNS + column;
  }
}

/** So many rows after a word, in the kernel. */
export function rowAfter(word: Value, rows: number | Value): Value {
  return typeof rows === 'number' ? word.plus(rows * ROW_WORDS) : word.plus(rows.times(ROW_WORDS));
}

/** Slots that get in each other's way, at a place. At most eleven arguments each: the last is the lot. */
export interface Race {
  readonly name: string;
  readonly slots: (place: Place) => readonly SlotRequest[];
  /** Whether all its slots have one lot, for defects that take more than one slot. Default false. */
  readonly sharesLot?: boolean;
}

/** A sound kernel. */
export interface BaseKernel {
  readonly name: string;
  /** One sentence about what it adds to the protocol's kernel; for the document. */
  readonly summary: string;
  /** Rows of a place that do not depend on the schedule. */
  readonly comparedRows: readonly number[];
  /** @param slotCount slots of its ring. */
  readonly kernel: (slotCount: number) => Kernel;
}

export interface BaseOptions {
  readonly name: string;
  readonly summary: string;
  /** Rows that its races use. */
  readonly rows: number;
  readonly opcodes?: readonly OpcodeDefinition[];
  /** Rows that depend on the schedule though nothing is wrong. */
  readonly ignoredRows?: readonly number[];
}

/** The protocol's kernel with opcodes of its own. */
export function baseKernel({ name, summary, rows, opcodes = [], ignoredRows = [] }: BaseOptions): BaseKernel {
  const regions: KernelOptions['regions'] = ignoredRows.map((row) => ({
    name: `row ${row}`,
    area: 'control',
    start: FIRST_WORD + row * ROW_WORDS,
    count: ROW_WORDS,
    equivalence: 'ignored',
  }));
  return {
    name,
    summary,
    comparedRows: Array.from({ length: rows }, (_, row) => row).filter((row) => !ignoredRows.includes(row)),
    kernel: (slotCount) => defineKernel({ name, slotCount, observableWords: 1 + rows * ROW_WORDS, opcodes, regions }),
  };
}
