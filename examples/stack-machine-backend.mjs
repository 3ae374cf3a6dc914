// @ts-check
// A runtime of one's own behind vrrl's interface: no ring in memory, no control words, no opcodes of the protocol. Jobs
// are little programs for a machine with a stack; its results are sixteen registers and a journal.
//
// For `--backend examples/stack-machine-backend.mjs`. Nothing of vrrl is imported but types.

/** @import { Backend, DrainReport, Slot } from 'vrrl' */
/** @typedef {{ slotIndex: number, program: number[], next: number, stack: number[], problem?: string }} Job */

/** The only opcode that it knows: run the program in the arguments. An instruction is a word; 0 ends the program. */
export const RUN = 1;
/** Instructions from here up; below is a number to push. The low byte names a register. */
export const Instruction = { LOAD: 0x1000, STORE: 0x2000, ADD: 0x3000, NOTE: 0x4000 };

const REGISTER_COUNT = 16;
/** A cursor, then notes. */
const JOURNAL_WORDS = 1 + 64;

/** @implements {Backend} */
export class StackMachineBackend {
  name = 'stack-machine';
  slotCount = 16;
  /** @type {Backend['layout']} */
  layout = {
    areas: [
      { name: 'registers', words: REGISTER_COUNT },
      { name: 'journal', words: JOURNAL_WORDS },
    ],
    // Which job writes first is nobody's business: the same notes in another order are the same.
    regions: [
      { name: 'notes', area: 'journal', start: 1, count: JOURNAL_WORDS - 1, equivalence: 'multiset', usedWordsAt: 0 },
    ],
  };
  registers = new Uint32Array(REGISTER_COUNT);
  journal = new Uint32Array(JOURNAL_WORDS);
  /** @type {Job[]} */
  jobs = [];

  start() {
    this.registers.fill(0);
    this.journal.fill(0);
    this.jobs = [];
  }

  /** @param {number} slotIndex @param {Slot} slot */
  publish(slotIndex, slot) {
    // The slot is borrowed, so its arguments are copied.
    /** @type {Job} */
    const job = { slotIndex, program: Array.from(slot.args), next: 0, stack: [] };
    if (slot.opcode !== RUN) job.problem = `opcode ${slot.opcode} is not RUN`;
    this.jobs.push(job);
  }

  /** @returns {DrainReport} */
  drain() {
    const { jobs } = this;
    this.jobs = [];
    this.run(jobs);
    const failed = jobs.filter((job) => job.problem !== undefined);
    return { done: jobs.length - failed.length, pending: [], faults: failed.map(faultOf) };
  }

  /** @param {Uint32Array} snapshot */
  observe(snapshot) {
    snapshot.set(this.registers, 0);
    snapshot.set(this.journal, REGISTER_COUNT);
    this.journal.fill(0);
  }

  /** @param {Uint32Array} snapshot */
  restore(snapshot) {
    this.start();
    this.registers.set(snapshot.subarray(0, REGISTER_COUNT));
  }

  stop() {}

  // What is above is for vrrl, what is below is the runtime.

  /** One job after the other, each to its end. @param {Job[]} jobs */
  run(jobs) {
    for (const job of jobs) while (this.step(job));
  }

  /** Runs one instruction; false if the job has ended. @param {Job} job */
  step(job) {
    const instruction = job.program[job.next] ?? 0;
    if (instruction === 0 || job.problem !== undefined) return false;
    job.next += 1;
    const register = instruction & (REGISTER_COUNT - 1);
    if (instruction < Instruction.LOAD) job.stack.push(instruction);
    else if (instruction < Instruction.STORE) job.stack.push(this.registers[register]);
    else if (instruction < Instruction.ADD) this.registers[register] = pop(job);
    else if (instruction === Instruction.ADD) job.stack.push((pop(job) + pop(job)) >>> 0);
    else if (instruction === Instruction.NOTE) this.note(pop(job));
    else job.problem = `0x${instruction.toString(16)} is no instruction`;
    return true;
  }

  /** @param {number} word */
  note(word) {
    const cursor = this.journal[0];
    if (cursor < JOURNAL_WORDS - 1) this.journal[1 + cursor] = word;
    this.journal[0] = cursor + 1;
  }
}

/** @param {Job} job */
function pop(job) {
  const top = job.stack.pop();
  if (top === undefined) job.problem = 'the stack is empty';
  return top ?? 0;
}

/** @param {Job} job @returns {DrainReport['faults'][number]} */
function faultOf({ slotIndex, next, problem = '' }) {
  // Two words of one's own choice; faults with equal words count as the same fault.
  return { slotIndex, opcode: RUN, reason: 'RAISED', message: problem, words: [3, next] };
}

export default () => new StackMachineBackend();
