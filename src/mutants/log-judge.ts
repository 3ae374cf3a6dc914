/** Judges what a replay of races came to, epoch by epoch. */

import { compareSnapshots } from '../observe/index.ts';
import type { BackendReplay, EpochReplay, Outcome } from '../replay/index.ts';
import type { BaseKernel } from './base-kernel.ts';
import type { Objections, Oracle } from './oracles.ts';
import { PlaceJudge } from './races.ts';
import type { RacesLog, RecordedEpoch } from './races-log.ts';
import { isOfTheKernel, type RacesRun } from './races-run.ts';
import type { Rarity } from './rewrite/site.ts';
import type { ObjectionCounts } from './score.ts';
import { SerialRunner } from './serial-outcomes.ts';

export class LogJudge {
  readonly #sound: SerialRunner;
  readonly #soundPlaces: PlaceJudge;
  readonly #ownPlaces: PlaceJudge;

  constructor(base: BaseKernel, { sound, kernel }: RacesRun, rarity: Rarity | undefined) {
    this.#sound = new SerialRunner(sound);
    this.#soundPlaces = new PlaceJudge(base, this.#sound, rarity);
    this.#ownPlaces = new PlaceJudge(base, new SerialRunner(kernel), rarity);
  }

  /**
   * Counts what was objected to.
   *
   * @returns runs that differ from the recording in nobody knows what: their words did not come back.
   * @throws BackendFaultError if the backend failed in another way than a kernel can make it fail.
   */
  count(log: RacesLog, { epochs, fault }: BackendReplay, counts: ObjectionCounts, atMs: number): number {
    let unseen = 0;
    for (const epoch of epochs) unseen += this.#countEpoch(log.epochs[epoch.epoch.index], epoch, counts, atMs);
    if (fault !== undefined) {
      if (!isOfTheKernel(fault)) throw fault;
      counts.add(STOPPED, atMs);
    }
    return unseen;
  }

  #countEpoch(recorded: RecordedEpoch, replay: EpochReplay, counts: ObjectionCounts, atMs: number): number {
    const { outcomes, unlistedCount, replicas, replicasDiffering } = replay;
    let listed = 0;
    let differing = 0;
    for (const outcome of outcomes) {
      const objections = this.#objections(outcome, recorded, replay);
      counts.add(objections, atMs, outcome.count);
      listed += outcome.count;
      if (objections.has('diff')) differing += outcome.count;
    }
    // What was only counted differs from the recording somewhere; its words were not kept.
    const unseen = Math.max(0, Math.min(unlistedCount, replicasDiffering - differing));
    counts.add(DIFFERS, atMs, unseen);
    counts.add(NOTHING, atMs, replicas - listed - unseen);
    return unseen;
  }

  #objections(
    { snapshot, tally, faults }: Outcome,
    { words, races }: RecordedEpoch,
    { epoch }: EpochReplay,
  ): Objections {
    const objections = new Set<Oracle>();
    if (snapshot !== undefined && words !== undefined) {
      if (!compareSnapshots(this.#sound.layout, words, snapshot).equal) objections.add('diff');
      const isSerial = (judge: PlaceJudge) => races.every((race) => judge.isSerial(race, snapshot));
      if (!isSerial(this.#soundPlaces)) objections.add('level');
      if (!isSerial(this.#ownPlaces)) objections.add('self');
    }
    if (tally.faulted > 0 || faults.length > 0) objections.add('watchdog');
    if (tally.done !== epoch.endRecord - epoch.firstRecord || tally.pending > 0) objections.add('ends');
    return objections;
  }
}

const DIFFERS: Objections = new Set(['diff']);
const STOPPED: Objections = new Set(['watchdog']);
const NOTHING: Objections = new Set();
