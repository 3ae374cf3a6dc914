/** What an explanation may spend: one count for all its searches, so that it takes about as long whatever they are. */

/** A search sets up its model before the first state; words that orders may differ in make it take longer. */
const WORDS_A_UNIT = 64;
/** Statements of a handler that take about as long as everything else about a state. */
const STATEMENTS_A_UNIT = 64;
/** What an interleaving takes besides its accesses. */
const UNITS_A_RUN = 8;

/**
 * Counted in units of about the time that a state of a serial order of short slots takes. Counts and no clock, so the
 * answer is the same everywhere.
 */
export class Budget {
  nodes = 0;
  runs = 0;
  #unitsLeft: number;
  #runsLeft: number;

  constructor(units: number, runs: number) {
    this.#unitsLeft = units;
    this.#runsLeft = runs;
  }

  get unitsLeft(): number {
    return this.#unitsLeft;
  }

  get runsLeft(): number {
    return this.#runsLeft;
  }

  get isSpent(): boolean {
    return this.#unitsLeft <= 0;
  }

  /** How many states there may be that take so many units each. */
  nodesFor(unitsANode: number): number {
    return Math.max(0, Math.floor(this.#unitsLeft / unitsANode));
  }

  spendNodes(nodes: number, unitsANode: number): void {
    this.nodes += nodes;
    this.#spend(nodes * unitsANode);
  }

  /** A search over so many words begins. */
  spendSearch(words: number): void {
    this.#spend(words / WORDS_A_UNIT);
  }

  /** An interleaving was run. */
  spendRun(accesses: number): void {
    this.runs += 1;
    this.#runsLeft -= 1;
    this.#spend(UNITS_A_RUN + accesses);
  }

  #spend(units: number): void {
    this.#unitsLeft = Math.max(0, this.#unitsLeft - units);
  }
}

/** The units that a state takes whose slot has so many statements and may write so many words. */
export function unitsOfState(statements: number, words: number): number {
  return 1 + statements / STATEMENTS_A_UNIT + words / WORDS_A_UNIT;
}
