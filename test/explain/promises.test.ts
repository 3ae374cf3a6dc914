import { describe, expect, it } from 'vitest';
import { type Explanation, explain } from '../../src/explain/index.ts';
import { exhaust } from '../../src/explore/index.ts';
import {
  defineKernel,
  type Expression,
  finishKernel,
  type Kernel,
  opcode,
  type Statement,
} from '../../src/kernel/index.ts';
import { MUTANTS, mutate } from '../../src/mutants/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../../src/scenario/index.ts';
import { Racy, racyKernel } from './random-epochs.ts';

const [FLAG, RESULT] = [162, 163];
const WATCH = 0x4000_0000;
const STORE_FROM = 0x4000_0001;

/** @param promisesAtomicity what WATCH promises; STORE_FROM never does. */
function watchingKernel(promisesAtomicity: boolean): Kernel {
  return defineKernel({
    name: 'watching',
    slotCount: 8,
    opcodes: [
      opcode(
        'WATCH',
        WATCH,
        [],
        ($) => {
          const flag = $.load('control', FLAG);
          $.store('control', RESULT, $.load('control', ControlWord.DONE_COUNT).times(10).plus(flag));
        },
        { promisesAtomicity },
      ),
      // Where it stores is not known beforehand, so that its lane may meet others at any word.
      opcode('STORE_FROM', STORE_FROM, ['pointer', 'value'], ($, pointer, value) => {
        $.store('control', $.load('control', pointer).remainder(4).plus(FLAG), value);
      }),
    ],
  });
}

function epoch(kernel: Kernel, ...slots: readonly (readonly [opcode: number, ...args: number[]])[]): Scenario {
  return scenarioOfSlots(
    kernel,
    slots.map(([code, ...args], slotIndex) => ({
      slotIndex,
      slot: { opcode: code, tenant: 0, priority: Priority.NORMAL, args },
    })),
  );
}

/** What is said of each outcome that interleavings have, by what a word is in the end. */
function explainedByWord(scenario: Scenario, word: number): Map<number, Explanation> {
  const explained = new Map<number, Explanation>();
  exhaust(scenario, { maxRuns: 1_000 }, ({ outcome }) => {
    const value = outcome.words[word];
    if (!explained.has(value)) explained.set(value, explain(scenario, { ...outcome, words: outcome.words.slice() }));
    return false;
  });
  return explained;
}

describe('the promise to happen at once', () => {
  it('is the opcode’s: others may see its store before its lane has counted the slot as done', () => {
    const scenario = epoch(watchingKernel(false), [WATCH], [Opcode.STORE_U32, 1, FLAG]);
    const explained = explainedByWord(scenario, RESULT);
    // Nothing, the store and the count, and one without the other: these two no order of slots gives.
    expect([...explained.keys()].sort((left, right) => left - right)).toEqual([0, 1, 10, 11]);
    for (const [value, { verdict, violated, brokenPromises, summary }] of explained) {
      expect({ value, verdict, brokenPromises }).toEqual({ value, verdict: 'serializable', brokenPromises: [] });
      if (value === 0 || value === 11) expect(violated).toBeUndefined();
      else expect(summary).toContain('accesses of WATCH came in between others');
    }
  });

  it('holds for an opcode that sees the store and not the count, and not for one that others come in between of', () => {
    const scenario = epoch(watchingKernel(true), [WATCH], [Opcode.STORE_U32, 1, FLAG]);
    const explained = explainedByWord(scenario, RESULT);
    expect(explained.get(1)).toMatchObject({ verdict: 'serializable', violated: 'slot-serial', brokenPromises: [] });
    expect(explained.get(1)?.summary).toContain('what lanes do around their opcodes');
    expect(explained.get(1)?.argument.join(' ')).not.toContain('never promised');
    expect(explained.get(10)).toMatchObject({ verdict: 'unserializable', brokenPromises: ['WATCH'] });
  });

  it('is not broken by slots that are done in another order than their opcodes came in', () => {
    const scenario = epoch(
      watchingKernel(true),
      [STORE_FROM, FLAG, 0],
      [Opcode.STORE_U32, 1, FLAG],
      [Opcode.STORE_U32, 0, RESULT],
    );
    const explained = explainedByWord(scenario, FLAG);
    expect([...explained.keys()].sort()).toEqual([0, 1]);
    // The store comes between the load and the store of the first slot, which is counted as done before it or after.
    expect(explained.get(0)).toMatchObject({ verdict: 'serializable', violated: 'slot-serial', brokenPromises: [] });
  });

  it('is broken where lanes count what is done in two accesses, and a count is lost', () => {
    const mutant = MUTANTS.find(({ name }) => name === 'done count not atomic');
    const kernel = mutant && mutate(mutant, watchingKernel(false));
    if (kernel === undefined) throw new Error('no such mutant');
    const scenario = epoch(kernel, [Opcode.STORE_U32, 1, FLAG], [Opcode.STORE_U32, 1, RESULT]);
    const explained = explainedByWord(scenario, ControlWord.DONE_COUNT);
    expect(explained.get(1)).toMatchObject({ verdict: 'unserializable', brokenPromises: ['STORE_U32'] });
    expect(explained.get(2)).toMatchObject({ verdict: 'serializable', violated: undefined });
  });

  it('is not said to be kept or broken where not all schedules could be looked at, of which some give what was seen', () => {
    const scenario = epoch(
      racyKernel,
      // It may store to the word by which lanes are told whether their tenant may run, so that they meet there too.
      [Opcode.COMPARE_SWAP, ControlWord.TENANT_BASE, 0, 0],
      [Racy.SWAP, FLAG, FLAG],
      [Racy.GUARD, FLAG, 0],
      [Racy.SWAP, FLAG, FLAG],
    );
    const explained = explainedByWord(scenario, FLAG);
    expect(explained.get(1)).toMatchObject({
      verdict: 'unknown',
      violated: 'slot-serial',
      witness: { kind: 'accesses' },
    });
    expect(explained.get(1)?.summary).toContain('orders of their accesses do, of which it is not known');
  });

  it.each(['WATCH first', 'SET first'])('holds where it is not told what slots access, %s', (first) => {
    const [set, watch] = [0x4000_0002, 0x4000_0003];
    const [other, times] = [FLAG + 3, FLAG + 4];
    const atomically = { promisesAtomicity: true };
    // Loops for as long as memory says: too long to be followed.
    const kernel = defineKernel({
      name: 'opaque',
      slotCount: 8,
      opcodes: [
        opcode(
          'SET',
          set,
          [],
          ($) => {
            const below = $.load('control', times);
            $.loop({ below, atMost: 100_000 }, () => $.store('control', other, 1));
            $.store('control', FLAG, 1);
            $.store('control', times, below);
          },
          atomically,
        ),
        opcode(
          'WATCH',
          watch,
          [],
          ($) => {
            $.loop({ below: $.load('control', times), atMost: 100_000 }, () => $.store('control', other, 1));
            const flag = $.load('control', FLAG);
            $.store('control', RESULT, $.load('control', ControlWord.DONE_COUNT).times(10).plus(flag));
          },
          atomically,
        ),
      ],
    });
    const slots = first === 'SET first' ? ([[set], [watch]] as const) : ([[watch], [set]] as const);
    const explained = explainedByWord(epoch(kernel, ...slots), RESULT);
    expect([...explained.keys()]).toContain(1);
    expect(explained.get(1)?.verdict).not.toBe('unserializable');
  });

  it('is the opcode’s in a turn that calls a name of its own argumentBase', () => {
    const kernel = withTurn(watchingKernel(true), (dispatch) => [
      { kind: 'let', name: 'argumentBase', value: dispatch.argumentBase },
      { ...dispatch, argumentBase: { kind: 'local', name: 'argumentBase' } },
    ]);
    const explained = explainedByWord(epoch(kernel, [WATCH], [Opcode.STORE_U32, 1, FLAG]), RESULT);
    expect(explained.get(1)).toMatchObject({ verdict: 'serializable', brokenPromises: [] });
    expect(explained.get(10)).toMatchObject({ verdict: 'unserializable', brokenPromises: ['WATCH'] });
  });

  it('leaves alone two loads of a turn with another between them, whether or not anybody stores to that', () => {
    const load = (name: string, word: number): Statement => {
      return { kind: 'load', name, memory: 'control', index: { kind: 'constant', value: word }, access: 'atomic' };
    };
    const [difference, other] = [FLAG + 8, FLAG + 4];
    const kernel = withTurn(watchingKernel(true), (dispatch) => [
      load('before', FLAG),
      load('between', other),
      load('after', FLAG),
      {
        kind: 'store',
        memory: 'control',
        index: binary('add', { kind: 'constant', value: difference }, { kind: 'local', name: 'slotIndex' }),
        value: binary('subtract', { kind: 'local', name: 'after' }, { kind: 'local', name: 'before' }),
        access: 'atomic',
      },
      dispatch,
    ]);
    const two = [[Opcode.NOP], [Opcode.STORE_U32, 1, FLAG]] as const;
    for (const slots of [two, [...two, [Opcode.STORE_U32, 0, other] as const]]) {
      const explained = explainedByWord(epoch(kernel, ...slots), difference);
      expect(explained.get(1)).toMatchObject({ verdict: 'serializable', violated: 'slot-serial', brokenPromises: [] });
    }
  });
});

type Dispatch = Extract<Statement, { kind: 'dispatch' }>;

/** A kernel with something else where its turn dispatches. */
function withTurn(kernel: Kernel, write: (dispatch: Dispatch) => readonly Statement[]): Kernel {
  const { identity: _, ...definition } = kernel;
  const turn = kernel.turn.flatMap((statement) => (statement.kind === 'dispatch' ? write(statement) : [statement]));
  return finishKernel({ ...definition, turn });
}

function binary(operator: 'add' | 'subtract', left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}
