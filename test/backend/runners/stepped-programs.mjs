// Lets a backend replay programs by stepping them itself: what a device does in one go, slowly and in plain words.
//
// Handed in are the functions that it needs, so that it works with the sources and with what was built of them.

const Epoch = { INDEX: 0, FIRST_SLOT: 1, FIRST_BATCH: 2, END_BATCH: 3, FLAGS: 4, EXPECTATION: 5, STATE: 6 };
const Flag = { REPLAYABLE: 1, JUDGED: 2, SAMPLED: 4 };
const Total = { RUN: 0, SAME: 1, DIFFERENT: 2, UNDECIDED: 3, REFUSED: 4, UNREACHED: 5, FAULTED: 6, CAPTURED: 7 };
const RELATION_TOTALS = { same: Total.SAME, different: Total.DIFFERENT, undecided: Total.UNDECIDED };
const NONE = 0xffffffff;

/** The backend with `load`; `tools` has digestSnapshot, digestFaults, resolveLayout, hasOverflowed. */
export function withPrograms(backend, tools) {
  const layout = tools.resolveLayout(backend.layout);
  // The backend's own methods, which are on its prototype and have private fields: bound one by one.
  const wrapped = {
    name: backend.name,
    slotCount: backend.slotCount,
    layout: backend.layout,
    epochWord: backend.epochWord,
    start: () => backend.start(),
    publish: (slotIndex, slot) => backend.publish(slotIndex, slot),
    drain: () => backend.drain(),
    observe: (snapshot) => backend.observe(snapshot),
    restore: (snapshot) => backend.restore(snapshot),
    stop: () => backend.stop(),
    load: async (program) => new SteppedProgram(backend, program, layout, tools),
  };
  return wrapped;
}

class SteppedProgram {
  constructor(backend, program, layout, tools) {
    Object.assign(this, { backend, program, layout, tools });
  }

  async run(options) {
    const { replicas, firstReplica = 0, mode, onProgress } = options;
    this.options = options;
    this.totals = new Uint32Array(8 * this.program.head.epochCount);
    this.captured = [];
    let [compared, diverged, epochsRun] = [0, 0, 0];
    for (let replica = firstReplica; replica < firstReplica + replicas; replica += 1) {
      const state = { isKnown: false, compared: false, diverged: false };
      await this.backend.start();
      for (const segment of this.program.segments(64)) {
        for (let index = 0; index < segment.epochCount; index += 1) {
          if (mode === 'isolated') state.isKnown = false;
          if (!(mode === 'chained' && state.diverged)) await this.epoch(segment, index, replica, state);
          epochsRun += 1;
          onProgress?.(epochsRun);
        }
      }
      compared += state.compared ? 1 : 0;
      diverged += state.diverged ? 1 : 0;
    }
    const { totals, captured } = this;
    const counts = { replicasRun: replicas, replicasCompared: compared, replicasDiverged: diverged };
    return { totals, captured, ...counts, shape: options.shape ?? 'wide', deviceMs: 1.5 };
  }

  release() {
    this.program = undefined;
  }

  async epoch(segment, index, replica, state) {
    const word = (at) => segment.epochs[8 * index + at];
    const number = word(Epoch.INDEX);
    if (!(await this.enter(segment, word(Epoch.STATE), number, state))) return;
    state.isKnown = false;
    if ((word(Epoch.FLAGS) & Flag.REPLAYABLE) === 0) return;
    const tally = await this.drainAll(segment, word);
    if (tally === undefined) return this.count(number, Total.REFUSED);
    const snapshot = new Uint32Array(this.layout.snapshotWords);
    await this.backend.observe(snapshot);
    const signature = this.sign(snapshot, tally);
    const relation = this.relate(segment, word(Epoch.EXPECTATION), signature, snapshot, tally);
    this.count(number, Total.RUN);
    if (relation in RELATION_TOTALS) this.count(number, RELATION_TOTALS[relation]);
    if (tally.faults.length > 0) this.count(number, Total.FAULTED);
    state.compared ||= relation in RELATION_TOTALS;
    const isSample = (word(Epoch.FLAGS) & Flag.SAMPLED) !== 0 && number % this.options.replicas === replica;
    this.capture({ number, replica, relation, isSample, tally, signature, snapshot });
    if (relation === 'different' && (word(Epoch.FLAGS) & Flag.JUDGED) !== 0) state.diverged = true;
    state.isKnown = relation !== 'different' && tally.faults.length === 0;
  }

  async enter(segment, stateIndex, number, state) {
    if (state.isKnown) return true;
    if (stateIndex === NONE) {
      this.count(number, Total.UNREACHED);
      return false;
    }
    const { snapshotWords } = this.layout;
    await this.backend.restore(segment.states.subarray(stateIndex * snapshotWords, (stateIndex + 1) * snapshotWords));
    return true;
  }

  async drainAll(segment, word) {
    const { slotWords } = this.program.head;
    const tally = { done: 0, pending: [], faults: [] };
    let slot = word(Epoch.FIRST_SLOT);
    for (let batch = word(Epoch.FIRST_BATCH); batch < word(Epoch.END_BATCH); batch += 1) {
      for (; slot < segment.batchEnds[batch]; slot += 1) {
        const [slotIndex, opcode, tenant, priority, ...args] = segment.slots.subarray(
          slot * slotWords,
          (slot + 1) * slotWords,
        );
        try {
          await this.backend.publish(slotIndex, { opcode, tenant, priority, args });
        } catch (error) {
          if (error.code !== 'VRRL_PUBLISH') throw error;
          return undefined;
        }
      }
      const { done, pending, faults } = await this.backend.drain();
      tally.done += done;
      tally.pending = pending;
      tally.faults.push(...faults);
    }
    return tally;
  }

  sign(snapshot, { done, pending, faults }) {
    const signature = new Uint32Array(this.program.head.signatureWords);
    this.tools.digestSnapshot(this.layout, snapshot, signature);
    const tallyAt = 2 * this.layout.regions.length;
    signature.set([done, faults.length, pending.length, ...this.tools.digestFaults(faults)], tallyAt);
    return signature;
  }

  relate(segment, expectation, signature, snapshot, { faults }) {
    if (expectation === NONE || (this.options.expectationsAreReplays && faults.length > 0)) return 'no expectation';
    const at = expectation * (1 + signature.length);
    const isOpen = (region) =>
      region < this.layout.regions.length &&
      (((segment.expectations[at] >>> region) & 1) === 1 ||
        this.tools.hasOverflowed(this.layout.regions[region], snapshot));
    let relation = 'same';
    for (const [index, value] of signature.entries()) {
      if (value === segment.expectations[at + 1 + index]) continue;
      if (!isOpen(Math.floor(index / 2))) return 'different';
      relation = 'undecided';
    }
    return relation;
  }

  capture({ number, replica, relation, isSample, tally, signature, snapshot }) {
    const { done, pending, faults } = tally;
    const isOdd = relation === 'different' || relation === 'undecided';
    const isUnexpectedFault = relation === 'no expectation' && faults.length > 0;
    if (!isOdd && !isUnexpectedFault && !isSample) return;
    if (this.captured.filter(({ epoch }) => epoch === number).length >= 16) return;
    this.count(number, Total.CAPTURED);
    const counts = { done, faulted: faults.length, pending: pending.length };
    this.captured.push({
      epoch: number,
      replica,
      relation,
      ...counts,
      faults: faults.slice(0, 4),
      signature,
      snapshot,
    });
  }

  count(epoch, total) {
    this.totals[8 * epoch + total] += 1;
  }
}
