/**
 * The automaton of A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic Search",
 * Communications of the ACM 18(6), 1975, with the failure function folded into the transitions: one look-up a byte.
 */

const BYTE_VALUES = 256;

export interface Automaton {
  readonly stateCount: number;
  /** The next state at `state * 256 + byte`. State 0 is the start. */
  readonly transitions: Uint32Array;
  /** Patterns that end in a state: `outputs` from `outputStarts[state]` to before `outputStarts[state + 1]`. */
  readonly outputStarts: Uint32Array;
  readonly outputs: Uint32Array;
  /** The most patterns that end in one state. */
  readonly mostOutputs: number;
}

/** @param patterns none of them empty. */
export function buildAutomaton(patterns: readonly Uint8Array[]): Automaton {
  const stateLimit = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
  const transitions = new Uint32Array(stateLimit * BYTE_VALUES);
  const outputsOf: number[][] = [[]];
  patterns.forEach((pattern, index) => {
    const state = growTrie(transitions, outputsOf, pattern);
    outputsOf[state].push(index);
  });
  foldFailures(transitions, outputsOf);
  const stateCount = outputsOf.length;
  const outputStarts = new Uint32Array(stateCount + 1);
  outputsOf.forEach((outputs, state) => {
    outputStarts[state + 1] = outputStarts[state] + outputs.length;
  });
  return {
    stateCount,
    transitions: transitions.slice(0, stateCount * BYTE_VALUES),
    outputStarts,
    outputs: Uint32Array.from(outputsOf.flat()),
    mostOutputs: outputsOf.reduce((most, outputs) => Math.max(most, outputs.length), 0),
  };
}

/** Adds the path of a pattern, one state a byte, and returns its last state. No edge leads to the start: 0 means none. */
function growTrie(transitions: Uint32Array, outputsOf: number[][], pattern: Uint8Array): number {
  let state = 0;
  for (const byte of pattern) {
    const edge = state * BYTE_VALUES + byte;
    if (transitions[edge] === 0) {
      transitions[edge] = outputsOf.length;
      outputsOf.push([]);
    }
    state = transitions[edge];
  }
  return state;
}

/** Breadth first: the failure state of a state is less deep, so it is complete when it is needed. */
function foldFailures(transitions: Uint32Array, outputsOf: number[][]): void {
  const failures = new Uint32Array(outputsOf.length);
  const queue = Array.from(transitions.subarray(0, BYTE_VALUES)).filter((state) => state !== 0);
  for (let next = 0; next < queue.length; next += 1) {
    const state = queue[next];
    const failure = failures[state];
    outputsOf[state].push(...outputsOf[failure]);
    for (let byte = 0; byte < BYTE_VALUES; byte += 1) {
      const edge = state * BYTE_VALUES + byte;
      const fallback = transitions[failure * BYTE_VALUES + byte];
      if (transitions[edge] === 0) transitions[edge] = fallback;
      else {
        failures[transitions[edge]] = fallback;
        queue.push(transitions[edge]);
      }
    }
  }
}
