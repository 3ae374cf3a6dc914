/** Sound kernels with the parts that mutants break, and the small races that show it. */

import { defineKernel, type Kernel, type OpcodeDefinition, type Value } from '../kernel/index.ts';
import type { Region } from '../observe/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';

/**
 * Words between two that a race calls by neighbouring numbers: far enough apart for lines of their own. COMPARE_SWAP
 * leaves its result so far behind the word that it is about, so row 1 holds the results of row 0.
 */
export const ROW_WORDS: number = ControlWord.OBSERVABLE_BASE;
/** Words side by side that a race has in each of its rows. */
export const COLUMNS = 4;
/** Races that fit beside each other in one block of rows. A kernel may have more such blocks, one behind the other. */
export const PLACES: number = ROW_WORDS / COLUMNS;

/** The first observable word belongs to BATCH_FENCE. */
const FIRST_WORD = ControlWord.OBSERVABLE_BASE + 1;

/** Where a race takes place: words that no other race of the same log uses, zero when it begins. */
export class Place {
  readonly index: number;
  readonly #firstWord: number;

  /**
   * @param index 0 … {@link PLACES} − 1; more in a kernel with more blocks.
   * @param rows of a block; only places beyond the first block depend on it.
   */
  constructor(index: number, rows = 0) {
    this.index = index;
    this.#firstWord = blockStart(Math.floor(index / PLACES), rows) + (index % PLACES) * COLUMNS;
  }

  word(row: number, column = 0): number {
    return this.#firstWord + row * ROW_WORDS + column;
  }
}

function blockStart(block: number, rows: number): number {
  return FIRST_WORD + block * rows * ROW_WORDS;
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
  /** How many fit beside each other, if something else than their words has no room for more. */
  readonly mostBeside?: number;
}

/** A sound kernel. */
export interface BaseKernel {
  readonly name: string;
  /** One sentence about what it adds to the protocol's kernel; for the document. */
  readonly summary: string;
  /** Rows that a place has. */
  readonly rows: number;
  /** Rows of a place that do not depend on the schedule. */
  readonly comparedRows: readonly number[];
  /**
   * @param slotCount slots of its ring.
   * @param blocks of {@link PLACES} places each. Default 1.
   */
  readonly kernel: (slotCount: number, blocks?: number) => Kernel;
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
  const kernel = (slotCount: number, blocks = 1) => {
    const observableWords = 1 + blocks * rows * ROW_WORDS;
    const regions = Array.from({ length: blocks }, (_, block) => ignoredRegions(ignoredRows, block, rows)).flat();
    return defineKernel({ name, slotCount, observableWords, opcodes, regions });
  };
  const comparedRows = Array.from({ length: rows }, (_, row) => row).filter((row) => !ignoredRows.includes(row));
  return { name, summary, rows, comparedRows, kernel };
}

function ignoredRegions(ignoredRows: readonly number[], block: number, rows: number): Region[] {
  return ignoredRows.map((row) => ({
    name: block === 0 ? `row ${row}` : `row ${row} of block ${block}`,
    area: 'control',
    start: blockStart(block, rows) + row * ROW_WORDS,
    count: ROW_WORDS,
    equivalence: 'ignored',
  }));
}
