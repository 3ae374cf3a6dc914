// @ts-check
// What a job of stack-machine-backend.mjs does, for `vrrl explain`, which knows nothing of that machine: the words that are
// observed, and how one whole job changes them. No lanes, no schedule; from this vrrl tells whether *some* order of the jobs
// gives what was seen.
//
// For `--model examples/stack-machine-model.mjs`.

import { Instruction } from './stack-machine-backend.mjs';

/** The observed words: sixteen registers, then the journal, a cursor and notes. */
const REGISTER_COUNT = 16;
const CURSOR = REGISTER_COUNT;

/** An epoch begins with an empty journal: whoever observed the one before took the notes away. @param {Uint32Array} state */
export function begin(state) {
  state.fill(0, CURSOR);
}

/** Runs a job to its end. @param {Uint32Array} state @param {{ args: readonly number[] }} slot */
export function apply(state, { args }) {
  /** @type {number[]} */
  const stack = [];
  const pop = () => stack.pop() ?? 0;
  for (const instruction of args) {
    const register = instruction & (REGISTER_COUNT - 1);
    if (instruction === 0) return;
    if (instruction < Instruction.LOAD) stack.push(instruction);
    else if (instruction < Instruction.STORE) stack.push(state[register]);
    else if (instruction < Instruction.ADD) state[register] = pop();
    else if (instruction === Instruction.ADD) stack.push((pop() + pop()) >>> 0);
    else {
      state[CURSOR + 1 + state[CURSOR]] = pop();
      state[CURSOR] += 1;
    }
  }
}
