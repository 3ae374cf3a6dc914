/**
 * A scenario that runs one access at a time, under whoever says which lane is next.
 *
 * Lanes stop before accesses to contended words only; everything else they do commutes with what others do, so it is done
 * at once. A run is taken back by the list of words that it wrote, not by copying memory. The beginning of a run, up to
 * where every lane of the first batch stops for the first time, is the same in all runs and done once.
 */

import { KernelMachine } from '../backend/index.ts';
import { type Advance, bindSteps, FAULT_WORDS, type SlotFault, StepCode, type StepProgram } from '../kernel/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { Contention } from './contention.ts';
import { type FlatMemory, flatMemoryOf } from './flat-memory.ts';
import { type LaneWords, makeLanes } from './lanes.ts';
import { changedWord } from './modify.ts';
import { RelaxedWords } from './relaxed-words.ts';
import type { MemoryModel } from './run.ts';

/** Told of every access that is performed: who, and whether the scheduler had a say in when. */
export type AccessListener = (
  machine: StepMachine,
  lane: number,
  found: number,
  left: number,
  isContended: boolean,
) => void;

export interface MachineOptions {
  readonly memory: MemoryModel;
  /** Accesses and loop turns of a lane before the run counts as hung. */
  readonly maxSteps: number;
  /** Every access is a scheduling point, whether it matters or not; for tests of the choice. */
  readonly stopsEverywhere?: boolean;
  /** Called from the making of the machine on: the accesses at the beginning of a run are made then, and once. */
  readonly listener?: AccessListener;
}

/** What a run that begins starts from. */
interface Beginning {
  readonly image: Uint32Array;
  readonly laneWords: Uint32Array;
  readonly ready: Uint32Array;
  readonly isHung: boolean;
}

export class StepMachine {
  readonly scenario: Scenario;
  readonly memory: MemoryModel;
  readonly lanes: LaneWords;
  readonly flat: FlatMemory;
  /** All writable words: ring, control, debug, faults. */
  readonly words: Uint32Array;
  /** Records whose lanes have not ended, in the order of publishing; the first `readyCount` count. */
  readonly ready: Uint32Array;
  readyCount = 0;
  /** A lane took more steps than are allowed, or the host would wait for a slot for ever: the run is over. */
  isHung = false;
  /** Index into `scenario.batchEnds` of the batch that runs. */
  batch = 0;
  /** Scheduled accesses of this run. */
  steps = 0;
  /** Accesses of this run, those that needed no decision too, but for the ones at the beginning that all runs share. */
  accesses = 0;
  /** Step code of each site. */
  readonly codes: Uint8Array;
  readonly program: StepProgram;
  readonly #machine: KernelMachine;
  readonly #advance: Advance;
  readonly #options: MachineOptions;
  readonly #contention: Contention;
  readonly #contendedBySet = new Map<string, Uint32Array>();
  /** 1 for words at which lanes stop. */
  readonly #isContended: Uint8Array;
  #contended: Uint32Array = new Uint32Array(0);
  readonly #relaxed: RelaxedWords | undefined;
  /** Record that was published last into each slot of the ring. */
  readonly #recordOf: Uint32Array;
  #dirty = new Uint32Array(256);
  #dirtyCount = 0;
  #done = 0;
  #faults: SlotFault[] = [];
  readonly #beginning: Beginning;

  constructor(scenario: Scenario, program: StepProgram, options: MachineOptions) {
    const { kernel, slots } = scenario;
    this.scenario = scenario;
    this.program = program;
    this.memory = options.memory;
    this.#options = options;
    this.flat = flatMemoryOf(kernel);
    this.words = new Uint32Array(this.flat.wordCount);
    this.#machine = new KernelMachine(kernel, this.words.buffer);
    this.lanes = makeLanes(scenario, program.localWords);
    this.codes = Uint8Array.from(program.sites, ({ code }) => code);
    this.ready = new Uint32Array(slots.length);
    this.#recordOf = new Uint32Array(kernel.slotCount);
    this.#isContended = new Uint8Array(this.flat.wordCount);
    this.#contention = Contention.of(scenario, this.flat);
    this.#relaxed = options.memory === 'relaxed' ? new RelaxedWords(this.words, slots.length) : undefined;
    const tables = Object.fromEntries(kernel.tables.map((table) => [table.name, table.words]));
    this.#advance = bindSteps(program, {
      lanes: this.lanes,
      tables,
      raised: (lane, reason, detail) => this.#raised(lane, reason, detail),
    });
    this.#beginning = this.#begin();
  }

  /** Back to where every lane of the first batch stops for the first time. */
  reset(): void {
    const { image, laneWords, ready, isHung } = this.#beginning;
    const { words } = this;
    const dirty = this.#dirty;
    for (let next = this.#dirtyCount - 1; next >= 0; next -= 1) {
      const word = dirty[next];
      words[word] = image[word];
    }
    this.#dirtyCount = 0;
    this.lanes.words.set(laneWords);
    this.ready.set(ready);
    this.readyCount = ready.length;
    this.isHung = isHung;
    this.steps = 0;
    this.accesses = 0;
    this.#done = 0;
    if (this.#faults.length > 0) this.#faults = [];
    if (this.batch > 0) {
      this.batch = 0;
      this.#contend();
    }
    this.#outstand(this.scenario.batchEnds[0] ?? 0);
    this.#relaxed?.reset();
  }

  /** What a lane is about to do: a step code. */
  codeOf(lane: number): number {
    return this.codes[this.lanes.site[lane]];
  }

  /** In how many ways a ready lane's access can come out; always at least one. */
  options(lane: number): number {
    return this.#relaxed === undefined ? 1 : this.#relaxed.options(lane, this.codeOf(lane), this.lanes);
  }

  /** The contended words under the relaxed model; undefined under the sequential one. */
  get relaxed(): RelaxedWords | undefined {
    return this.#relaxed;
  }

  /** Takes the access that a ready lane is about to make, and runs it to its next one. */
  step(lane: number, option = 0): void {
    this.steps += 1;
    this.#spend(lane);
    const code = this.codeOf(lane);
    if (this.#relaxed === undefined || code === StepCode.BARRIER) this.#perform(lane, code, true);
    else this.#performRelaxed(lane, code, option);
    if (code === StepCode.BARRIER) this.#relaxed?.barrier(lane);
    this.#runOn(lane);
  }

  /** When no lane is ready: takes stock and publishes the next batch. False if that was the last one. */
  nextBatch(): boolean {
    if (this.isHung) return false;
    this.#collect();
    if (this.batch + 1 >= this.scenario.batchEnds.length) return false;
    this.batch += 1;
    this.#startBatch();
    return !this.isHung;
  }

  /** How the run came out; words are borrowed until the next run begins. Only once it is over. */
  outcome(): ScenarioOutcome {
    const { controlStart, faultsStart } = this.flat;
    return {
      words: this.words.subarray(controlStart, faultsStart),
      done: this.#done,
      pending: this.#machine.outstandingCount,
      faults: this.#faults,
    };
  }

  /** Whether two lanes can disturb each other at a flat word, as far as the batch that runs is concerned. */
  isContended(word: number): boolean {
    return this.#isContended[word] === 1;
  }

  /** From the very start. */
  #begin(): Beginning {
    this.#machine.restore(this.scenario.initial);
    this.#startBatch();
    this.#dirtyCount = 0;
    return {
      image: this.words.slice(),
      laneWords: this.lanes.words.slice(),
      ready: this.ready.slice(0, this.readyCount),
      isHung: this.isHung,
    };
  }

  #startBatch(): void {
    const { batchEnds, slots } = this.scenario;
    const first = this.batch === 0 ? 0 : batchEnds[this.batch - 1];
    const end = batchEnds[this.batch] ?? 0;
    for (let record = first; record < end; record += 1) {
      const { slotIndex, slot } = slots[record];
      if (!this.#isFree(slotIndex)) {
        this.isHung = true;
        return;
      }
      for (let word = 0; word < SLOT_WORDS; word += 1) this.#touch(slotIndex * SLOT_WORDS + word);
      this.#machine.publish(slotIndex, slot);
      this.#recordOf[slotIndex] = record;
    }
    this.#contend();
    this.#startLanes();
  }

  #isFree(slotIndex: number): boolean {
    const status = this.words[slotIndex * SLOT_WORDS + SlotWord.STATUS];
    return status === SlotStatus.EMPTY || status === SlotStatus.DONE;
  }

  #startLanes(): void {
    const { outstanding, outstandingCount } = this.#machine;
    const { position, budget, locals } = this.lanes;
    const { localWords } = this.program;
    this.readyCount = 0;
    for (let next = 0; next < outstandingCount; next += 1) {
      const lane = this.#recordOf[outstanding[next]];
      position[lane] = 0;
      budget[lane] = this.#options.maxSteps;
      locals.fill(0, lane * localWords, (lane + 1) * localWords);
      this.ready[this.readyCount] = lane;
      this.readyCount += 1;
    }
    for (const lane of this.ready.slice(0, this.readyCount)) this.#runOn(lane);
  }

  /** Makes the host wait for the records of the first batch. */
  #outstand(count: number): void {
    const { outstanding } = this.#machine;
    for (let record = 0; record < count; record += 1) {
      const { slotIndex } = this.scenario.slots[record];
      outstanding[record] = slotIndex;
      this.#recordOf[slotIndex] = record;
    }
    this.#machine.outstandingCount = count;
  }

  /** Finds out at which words the lanes of this batch stop. */
  #contend(): void {
    const { outstanding, outstandingCount } = this.#machine;
    for (const word of this.#contended) this.#isContended[word] = 0;
    const records =
      this.batch === 0
        ? Array.from({ length: this.scenario.batchEnds[0] ?? 0 }, (_, record) => record)
        : Array.from(outstanding.subarray(0, outstandingCount), (slotIndex) => this.#recordOf[slotIndex]);
    const key = records.join();
    const contended = this.#contendedBySet.get(key) ?? this.#findContended(records);
    this.#contendedBySet.set(key, contended);
    this.#contended = contended;
    for (const word of contended) this.#isContended[word] = 1;
    this.#relaxed?.reset();
  }

  #findContended(records: readonly number[]): Uint32Array {
    if (!this.#options.stopsEverywhere) return this.#contention.contendedWords(records);
    return Uint32Array.from({ length: this.flat.faultsStart }, (_, word) => word);
  }

  /** Advances a lane up to its next access to a contended word, or to its end. */
  #runOn(lane: number): void {
    const { site, address } = this.lanes;
    for (;;) {
      this.#advance(lane);
      const code = this.codes[site[lane]];
      if (code <= StepCode.HUNG) {
        if (code === StepCode.HUNG) this.#hang();
        else this.#end(lane);
        return;
      }
      if (code === StepCode.BARRIER) {
        if (this.#relaxed !== undefined) return;
      } else if (this.#isContended[address[lane]] === 1) return;
      else this.#perform(lane, code, false);
      this.#spend(lane);
      if (this.isHung) return;
    }
  }

  #spend(lane: number): void {
    this.accesses += 1;
    const { budget } = this.lanes;
    if (budget[lane] === 0) this.#hang();
    else budget[lane] -= 1;
  }

  #hang(): void {
    this.isHung = true;
    this.readyCount = 0;
  }

  #end(lane: number): void {
    const { ready } = this;
    let kept = 0;
    for (let next = 0; next < this.readyCount; next += 1) {
      const other = ready[next];
      if (other !== lane) {
        ready[kept] = other;
        kept += 1;
      }
    }
    this.readyCount = kept;
  }

  #perform(lane: number, code: number, isContended: boolean): void {
    if (code === StepCode.BARRIER) return;
    const { address, value, desired, received } = this.lanes;
    const { words } = this;
    const word = address[lane];
    const found = words[word];
    received[lane] = found;
    if (code !== StepCode.LOAD) {
      const left = changedWord(code, found, value[lane], desired[lane]);
      if (left !== found) {
        this.#touch(word);
        words[word] = left;
      }
    }
    this.#options.listener?.(this, lane, found, words[word], isContended);
  }

  #performRelaxed(lane: number, code: number, option: number): void {
    const { address } = this.lanes;
    const relaxed = this.#relaxed!;
    this.#touch(address[lane]);
    const left = relaxed.perform(lane, code, option, this.lanes);
    this.#options.listener?.(this, lane, this.lanes.received[lane], left, true);
  }

  #touch(word: number): void {
    if (this.#dirtyCount === this.#dirty.length) {
      const grown = new Uint32Array(2 * this.#dirtyCount);
      grown.set(this.#dirty);
      this.#dirty = grown;
    }
    this.#dirty[this.#dirtyCount] = word;
    this.#dirtyCount += 1;
  }

  #raised(lane: number, reason: number, detail: number): void {
    const first = this.#touchFault(this.lanes.slotBase[lane] / SLOT_WORDS);
    this.words[first] = reason;
    this.words[first + 1] = detail;
  }

  /** Notes that what tells of a fault may change: its words, and the status, since a faulted slot is handed back EMPTY. */
  #touchFault(slotIndex: number): number {
    const first = this.flat.faultsStart + slotIndex * FAULT_WORDS;
    this.#touch(slotIndex * SLOT_WORDS + SlotWord.STATUS);
    for (let word = first; word < first + FAULT_WORDS; word += 1) this.#touch(word);
    return first;
  }

  #collect(): void {
    const { outstanding, outstandingCount } = this.#machine;
    for (let next = 0; next < outstandingCount; next += 1) {
      const status = outstanding[next] * SLOT_WORDS + SlotWord.STATUS;
      if (this.words[status] === SlotStatus.FAULT) this.#touchFault(outstanding[next]);
    }
    const report = this.#machine.collect();
    this.#done += report.done;
    for (const fault of report.faults) this.#faults.push(fault);
  }
}
