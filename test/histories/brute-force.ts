/** Histories judged by trying everything, with models of their own that share nothing with those of src/histories. */

import fc from 'fast-check';

export interface Line {
  readonly process: number;
  readonly call: number;
  readonly return: number | null;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: Readonly<Record<string, unknown>> | null;
}

type State = Map<string, unknown>;
/** What an operation answers, doing to the state what it does. */
type Run = (state: State, input: Line['input']) => Record<string, unknown>;

const register: Record<string, Run> = {
  read: (state) => ({ value: state.get('it') ?? null }),
  write: (state, { value }) => {
    state.set('it', value);
    return {};
  },
};

/** By model and operation. */
const RUNS: Readonly<Record<string, Readonly<Record<string, Run>>>> = {
  register,
  'cas-register': {
    ...register,
    cas: (state, { from, to }) => {
      const ok = (state.get('it') ?? null) === from;
      if (ok) state.set('it', to);
      return { ok };
    },
  },
  counter: {
    add: (state, { value }) => {
      const old = Number(state.get('it') ?? 0);
      state.set('it', old + Number(value));
      return { old, value: old + Number(value) };
    },
    read: (state) => ({ value: state.get('it') ?? 0 }),
  },
  kv: {
    get: (state, { key }) => ({ value: state.get(String(key)) ?? null }),
    put: (state, { key, value }) => {
      state.set(String(key), value);
      return {};
    },
    append: (state, { key, value }) => {
      state.set(String(key), `${state.get(String(key)) ?? ''}${value}`);
      return {};
    },
  },
  bank: {
    transfer: (state, { from, to, amount }) => {
      const ok = Number(state.get(String(from))) >= Number(amount);
      if (ok) {
        state.set(String(from), Number(state.get(String(from))) - Number(amount));
        state.set(String(to), Number(state.get(String(to))) + Number(amount));
      }
      return { ok };
    },
    read: (state) => ({ value: Object.fromEntries(state) }),
  },
};

export const MODEL_NAMES = ['register', 'cas-register', 'counter', 'kv', 'bank'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];
export const INITIAL_BALANCES = { a: 3, b: 1 };

export function initialState(model: ModelName): State {
  return new Map(model === 'bank' ? Object.entries(INITIAL_BALANCES) : []);
}

export function isPending(line: Line): boolean {
  return line.return === null || line.output === null;
}

/** Whether an operation, run now, does what it was seen to do; the state is changed if so. */
export function fits(model: ModelName, state: State, line: Line): boolean {
  const run = RUNS[model][String(line.input['op'])];
  if (isPending(line)) {
    run(state, line.input);
    return true;
  }
  const after = new Map(state);
  const answer = run(after, line.input);
  const agrees = Object.entries(line.output ?? {}).every(([member, seen]) => {
    return JSON.stringify(sorted(answer[member])) === JSON.stringify(sorted(seen));
  });
  if (agrees) for (const [name, value] of after) state.set(name, value);
  return agrees;
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Whether any order of any choice of the pending operations, with all others, is as it was seen. */
export function hasOrder(model: ModelName, lines: readonly Line[]): boolean {
  const extend = (state: State, left: readonly Line[]): boolean => {
    const missing = left.filter((line) => !isPending(line));
    if (missing.length === 0) return true;
    const firstReturn = Math.min(...missing.map((line) => Number(line.return)));
    return left.some((line) => {
      if (line.call > firstReturn) return false;
      const next = new Map(state);
      return (
        fits(model, next, line) &&
        extend(
          next,
          left.filter((other) => other !== line),
        )
      );
    });
  };
  return extend(initialState(model), lines);
}

const small = fc.nat(2);
const INPUTS: Readonly<Record<ModelName, fc.Arbitrary<Record<string, unknown>>>> = {
  register: fc.oneof(fc.constant({ op: 'read' }), fc.record({ op: fc.constant('write'), value: small })),
  'cas-register': fc.oneof(
    fc.constant({ op: 'read' }),
    fc.record({ op: fc.constant('write'), value: small }),
    fc.record({ op: fc.constant('cas'), from: fc.oneof(small, fc.constant(null)), to: small }),
  ),
  counter: fc.oneof(
    fc.constant({ op: 'read' }),
    fc.record({ op: fc.constant('add'), value: fc.integer({ min: -1, max: 2 }) }),
  ),
  kv: fc.oneof(
    fc.record({ op: fc.constant('get'), key: fc.constantFrom('x', 1) }),
    fc.record({ op: fc.constant('put'), key: fc.constantFrom('x', 1), value: fc.constantFrom('', 'p') }),
    fc.record({ op: fc.constant('append'), key: fc.constantFrom('x', 1), value: fc.constantFrom('q', 'r') }),
  ),
  bank: fc.oneof(
    fc.constant({ op: 'read' }),
    fc.record({
      op: fc.constant('transfer'),
      from: fc.constantFrom('a', 'b'),
      to: fc.constantFrom('a', 'b'),
      amount: fc.nat(4),
    }),
  ),
};

interface Drawn {
  readonly input: Record<string, unknown>;
  readonly call: number;
  readonly length: number;
  readonly isPending: boolean;
  readonly isAnswerLost: boolean;
  readonly isWrong: boolean;
}

/**
 * Histories that a sound server could have made, in a part of which an answer or two is another one's. Operations happen
 * at their calls, and are answered by somebody who saw the state a little later.
 */
export function histories(model: ModelName, maxLength = 7): fc.Arbitrary<Line[]> {
  const drawn: fc.Arbitrary<Drawn> = fc.record({
    input: INPUTS[model],
    call: fc.nat(14),
    length: fc.nat(8),
    isPending: fc.nat(3).map((number) => number === 0),
    isAnswerLost: fc.nat(9).map((number) => number === 0),
    isWrong: fc.nat(2).map((number) => number === 0),
  });
  return fc
    .record({ drawn: fc.array(drawn, { minLength: 3, maxLength, size: 'max' }), pending: fc.nat(3) })
    .map(({ drawn, pending }) => {
      const state = initialState(model);
      const lines = Array.from(drawn.keys());
      lines.sort((left, right) => moment(drawn[left]) - moment(drawn[right]));
      const outputs: (Record<string, unknown> | null)[] = [];
      for (const each of lines) {
        const run = RUNS[model][String(drawn[each].input['op'])];
        // Wrong: from a copy that was at the start all the time.
        outputs[each] = run(drawn[each].isWrong ? initialState(model) : state, drawn[each].input);
      }
      return drawn.map(({ input, call, length, isAnswerLost }, each): Line => {
        const isOpen = drawn[each].isPending && each % 4 < pending + 1;
        const output = input['op'] === 'add' && call % 2 === 0 ? {} : outputs[each];
        return {
          process: each,
          call,
          return: isOpen ? null : call + length,
          input,
          output: isAnswerLost ? null : output,
        };
      });
    });
}

/** When it happens: somewhere between its call and its return. */
function moment({ call, length }: Drawn): number {
  return call + (length * ((call * 7) % 5)) / 5;
}

export function asJsonLines(model: ModelName, lines: readonly Line[]): string {
  const first = model === 'bank' ? [{ initial: INITIAL_BALANCES }] : [];
  return [...first, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
}
