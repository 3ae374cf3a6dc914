/** Which change to the kernel makes an outcome impossible on the CPU model, by running all interleavings with it. */

import type { Explanation } from '../explain/index.ts';
import { exhaust, type MemoryModel } from '../explore/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { type Part, partOf, wordIndex } from './lane-table.ts';
import { type Repair, repaired, repairsOf } from './repairs.ts';
import type { Remedies } from './report.ts';

/** Runs a change may take. What takes more is left undecided. */
const RUNS_EACH = 5_000;
/** Changes that are tried one at a time, and then barriers two at a time: a message has two sides. */
const MAX_SINGLE = 24;
const MAX_PAIRS = 36;
/** More lanes than this have too many interleavings. */
const MAX_LANES = 4;

/**
 * Tries changes of the opcodes that an interleaved failure is about.
 *
 * @returns undefined if there is no such failure, it is too large, or the model does not show it by itself.
 */
export function findRemedies(scenario: Scenario, explanation: Explanation): Remedies | undefined {
  const part = partOf(scenario, explanation);
  const { witness, contradiction } = explanation;
  if (part === undefined || witness?.kind !== 'accesses' || contradiction === undefined) return undefined;
  if (part.slots.length < 2 || part.slots.length > MAX_LANES || contradiction.words.length === 0) return undefined;
  const wanted = contradiction.words.flatMap(({ word, seen }) => {
    const index = wordIndex(scenario, word);
    return index === undefined ? [] : [{ index, seen }];
  });
  const search = new RemedySearch(part, wanted, witness.memory);
  return search.shows(part.scenario) === 'yes' ? search.run() : undefined;
}

interface WantedWord {
  readonly index: number;
  readonly seen: number;
}

class RemedySearch {
  readonly #part: Part;
  readonly #wanted: readonly WantedWord[];
  readonly #memory: MemoryModel;
  #runs = 0;
  #tried = 0;
  #undecided = 0;

  constructor(part: Part, wanted: readonly WantedWord[], memory: MemoryModel) {
    this.#part = part;
    this.#wanted = wanted;
    this.#memory = memory;
  }

  run(): Remedies {
    const { kernel, slots } = this.#part.scenario;
    const opcodes = new Set(slots.map(({ slot }) => slot.opcode));
    const all = repairsOf(kernel, opcodes, slots.length + 1).slice(0, MAX_SINGLE);
    const working = all.filter((repair) => this.#helps([repair])).map(({ what }) => what);
    if (working.length === 0) {
      const helping = pairsOf(all.filter(({ kind }) => kind === 'barrier'))
        .slice(0, MAX_PAIRS)
        .filter((pair) => this.#helps(pair));
      working.push(...helping.map(([left, right]) => `${left.what}, together with ${right.what}`));
    }
    return { working, tried: this.#tried, undecided: this.#undecided, runs: this.#runs };
  }

  /** Whether a scenario can come out as it was seen. */
  shows(scenario: Scenario): 'yes' | 'no' | 'undecided' {
    let isSeen = false;
    const { complete, runs } = exhaust(
      scenario,
      { memory: this.#memory, maxRuns: RUNS_EACH, maxSteps: 2_000 },
      ({ outcome, isHung }) => {
        isSeen = !isHung && this.#wanted.every(({ index, seen }) => outcome.words[index] === seen);
        return isSeen;
      },
    );
    this.#runs += runs;
    if (isSeen) return 'yes';
    return complete ? 'no' : 'undecided';
  }

  #helps(repairs: readonly Repair[]): boolean {
    const { scenario } = this.#part;
    const kernel = repaired(scenario.kernel, repairs);
    if (kernel === undefined) return false;
    this.#tried += 1;
    const answer = this.shows({ ...scenario, kernel });
    if (answer === 'undecided') this.#undecided += 1;
    return answer === 'no';
  }
}

/** Pairs in different opcodes: two changes to one body would not fit together. */
function pairsOf(repairs: readonly Repair[]): (readonly [Repair, Repair])[] {
  return repairs.flatMap((left, index) =>
    repairs
      .slice(index + 1)
      .filter(({ opcode }) => opcode !== left.opcode)
      .map((right) => [left, right] as const),
  );
}
