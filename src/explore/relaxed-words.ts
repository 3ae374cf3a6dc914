/**
 * Contended words under relaxed atomics, as WGSL has them.
 *
 * A word is the list of all that was stored to it, in the order on which all lanes agree (its modification order). What
 * a lane has seen or stored of a word is the least that it will see of it from then on, and that is all: nothing orders
 * one word against another. So a load may return anything from there on; a store goes anywhere behind it, since others
 * may drain first; and a read-modify-write goes right behind what it reads, and nothing ever gets between the two. A
 * device barrier makes what its lane has seen the least that lanes see after barriers of their own, and the other way
 * round.
 *
 * These are the relaxed accesses and the sequentially consistent fences of C11 as repaired by O. Lahav, V. Vafeiadis,
 * J. Kang, C.-K. Hur and D. Dreyer, "Repairing sequential consistency in C/C++11", PLDI 2017, in an operational form with
 * views, after J. Kang et al., "A promising semantics for relaxed-memory concurrency", POPL 2017, without promises: a
 * lane takes its accesses in the order of its program, so that no load returns what a later store of its own lane made
 * possible (load buffering).
 */

import { StepCode, type StepLanes } from '../kernel/index.ts';
import { changedWord } from './modify.ts';

/** Everything that was stored to a word, oldest first. */
interface History {
  readonly values: number[];
  /** Numbers in the order in which stores were made, which is not where they went. */
  readonly ids: number[];
  /** Whether the entry is what a read-modify-write made of the one before. */
  readonly isUpdate: boolean[];
  /** Entry below which a lane sees nothing any more. */
  readonly seen: Uint32Array;
  /** The same for all lanes that have passed a barrier since. */
  fenced: number;
  /** Run for which it holds. */
  run: number;
}

export class RelaxedWords {
  readonly #words: Uint32Array;
  readonly #laneCount: number;
  readonly #histories = new Map<number, History>();
  /** Words with a history in this run. */
  readonly #touched: History[] = [];
  #run = 1;
  /** The number that the next store gets. */
  nextId = 1;

  constructor(words: Uint32Array, laneCount: number) {
    this.#words = words;
    this.#laneCount = laneCount;
  }

  /** Everything is seen by everybody: what is in memory is all there is. */
  reset(): void {
    this.#run += 1;
    this.nextId = 1;
    this.#touched.length = 0;
  }

  /** In how many ways a lane's access can come out. Option 0 is the newest. */
  options(lane: number, code: number, lanes: StepLanes): number {
    if (code === StepCode.BARRIER) return 1;
    const history = this.#history(lanes.address[lane]);
    let count = 0;
    for (let entry = history.values.length - 1; entry >= history.seen[lane]; entry -= 1) {
      if (isOption(history, entry, code, lanes.value[lane])) count += 1;
    }
    return count;
  }

  /** Whether an option of a lane's access reads something that was stored under that number or later. */
  readsSince(lane: number, code: number, option: number, id: number, lanes: StepLanes): boolean {
    const history = this.#history(lanes.address[lane]);
    return history.ids[this.#entryOf(history, lane, code, option, lanes)] >= id;
  }

  /** Takes an access. The value that it found goes to `received`; returns what it left. */
  perform(lane: number, code: number, option: number, lanes: StepLanes): number {
    const word = lanes.address[lane];
    const history = this.#history(word);
    const entry = this.#entryOf(history, lane, code, option, lanes);
    const found = history.values[entry];
    lanes.received[lane] = found;
    history.seen[lane] = entry;
    if (!writes(code, found, lanes.value[lane])) return found;
    const left = changedWord(code, found, lanes.value[lane], lanes.desired[lane]);
    this.#insert(history, entry + 1, left, code !== StepCode.STORE);
    history.seen[lane] = entry + 1;
    this.#words[word] = history.values[history.values.length - 1];
    return left;
  }

  /** A barrier of a lane. */
  barrier(lane: number): void {
    for (const history of this.#touched) {
      const seen = Math.max(history.seen[lane], history.fenced);
      history.seen[lane] = seen;
      history.fenced = seen;
    }
  }

  /** The entry that an option reads, or that a store goes behind. */
  #entryOf(history: History, lane: number, code: number, option: number, lanes: StepLanes): number {
    let left = option;
    for (let entry = history.values.length - 1; entry >= history.seen[lane]; entry -= 1) {
      if (!isOption(history, entry, code, lanes.value[lane])) continue;
      if (left === 0) return entry;
      left -= 1;
    }
    throw new RangeError(`an access has no option ${option}`);
  }

  #insert(history: History, position: number, value: number, isUpdate: boolean): void {
    history.values.splice(position, 0, value);
    history.ids.splice(position, 0, this.nextId);
    history.isUpdate.splice(position, 0, isUpdate);
    this.nextId += 1;
    for (let lane = 0; lane < this.#laneCount; lane += 1) {
      if (history.seen[lane] >= position) history.seen[lane] += 1;
    }
    if (history.fenced >= position) history.fenced += 1;
  }

  #history(word: number): History {
    const known = this.#histories.get(word);
    if (known?.run === this.#run) return known;
    const history = known ?? emptyHistory(this.#laneCount);
    this.#histories.set(word, history);
    history.values.length = 0;
    history.ids.length = 0;
    history.isUpdate.length = 0;
    history.values.push(this.#words[word]);
    history.ids.push(0);
    history.isUpdate.push(false);
    history.seen.fill(0);
    history.fenced = 0;
    history.run = this.#run;
    this.#touched.push(history);
    return history;
  }
}

function emptyHistory(laneCount: number): History {
  return { values: [], ids: [], isUpdate: [], seen: new Uint32Array(laneCount), fenced: 0, run: 0 };
}

/** Whether an access may read that entry, or, if it is a store, go right behind it. */
function isOption(history: History, entry: number, code: number, value: number): boolean {
  return !writes(code, history.values[entry], value) || history.isUpdate[entry + 1] !== true;
}

/** Whether an access that finds that value stores one. */
function writes(code: number, found: number, value: number): boolean {
  if (code === StepCode.LOAD) return false;
  return code !== StepCode.COMPARE_EXCHANGE || found === value;
}
