import { describe, expect, it } from 'vitest';
import { type Explanation, explain, replayOrder } from '../../src/explain/index.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import { type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';

const [X, Y, FIRST, SECOND] = [170, 171, 172, 173];
const WRITE_WRITE = 0x4000_0000;
const READ_READ = 0x4000_0001;
const WRITE_READ = 0x4000_0002;
const PAIR = 0x4000_0003;
const TURN = 0x4000_0004;
const READ_WRITE = 0x4000_0005;
const TWO_VALUES = 0x4000_0006;

const kernel = defineKernel({
  name: 'shapes',
  slotCount: 8,
  opcodes: [
    opcode('WRITE_WRITE', WRITE_WRITE, ['first', 'second'], ($, first, second) => {
      $.store('control', first, 1);
      $.store('control', second, 1);
    }),
    opcode('READ_READ', READ_READ, ['first', 'second'], ($, first, second) => {
      const one = $.load('control', first);
      const other = $.load('control', second);
      $.store('control', FIRST, one);
      $.store('control', SECOND, other);
    }),
    opcode('WRITE_READ', WRITE_READ, ['written', 'value', 'read', 'result'], ($, written, value, read, result) => {
      $.store('control', written, value);
      $.store('control', result, $.load('control', read));
    }),
    opcode('READ_WRITE', READ_WRITE, ['read', 'written', 'value', 'result'], ($, read, written, value, result) => {
      const found = $.load('control', read);
      $.store('control', written, value);
      $.store('control', result, found);
    }),
    opcode('TWO_VALUES', TWO_VALUES, ['first', 'one', 'second', 'other'], ($, first, one, second, other) => {
      $.store('control', first, one);
      $.store('control', second, other);
    }),
    opcode('TURN', TURN, ['taken', 'result'], ($, taken, result) => {
      $.store('control', result, $.compareExchange('control', X, 0, taken));
    }),
    opcode(
      'PAIR',
      PAIR,
      ['value'],
      ($, value) => {
        $.store('control', X, value);
        $.store('control', Y, value);
      },
      { promisesAtomicity: true },
    ),
  ],
});

function epoch(...slots: readonly (readonly [opcode: number, ...args: number[]])[]): Scenario {
  return scenarioOfSlots(
    kernel,
    slots.map(([code, ...args], slotIndex) => ({
      slotIndex,
      slot: { opcode: code, tenant: 0, priority: Priority.NORMAL, args },
    })),
  );
}

/** What was seen: what the order of publishing gives, but for some words. */
function seen(scenario: Scenario, words: Readonly<Record<number, number>>): ScenarioOutcome {
  const outcome = replayOrder(scenario, [...scenario.slots.keys()]);
  for (const [word, value] of Object.entries(words)) outcome.words[Number(word)] = value;
  return outcome;
}

function explained(scenario: Scenario, words: Readonly<Record<number, number>>): Explanation {
  return explain(scenario, seen(scenario, words));
}

describe('shapes that people know by name', () => {
  it('message passing: the flag is seen, and what it stands for is not', () => {
    const scenario = epoch([WRITE_WRITE, X, Y], [READ_READ, Y, X]);
    expect(explained(scenario, { [FIRST]: 1, [SECOND]: 0 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'access-serial',
      holds: 'weak',
      weakShape: 'message passing',
    });
  });

  it('store buffering: each misses the store of the other', () => {
    const scenario = epoch([WRITE_READ, X, 1, Y, FIRST], [WRITE_READ, Y, 1, X, SECOND]);
    expect(explained(scenario, { [FIRST]: 0, [SECOND]: 0 })).toMatchObject({
      violated: 'access-serial',
      holds: 'weak',
      weakShape: 'store buffering',
    });
  });

  it('load buffering: each sees the store that the other makes after it looked', () => {
    const scenario = epoch([READ_WRITE, X, Y, 1, FIRST], [READ_WRITE, Y, X, 1, SECOND]);
    expect(explained(scenario, { [FIRST]: 1, [SECOND]: 1 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'access-serial',
      holds: 'weak',
      weakShape: 'load buffering',
    });
  });

  it('nothing out of thin air: a store of what was loaded is never before the load', () => {
    const scenario = epoch([Opcode.MEMCPY, X, Y, 1], [Opcode.MEMCPY, Y, X, 1]);
    expect(explained(scenario, { [X]: 7, [Y]: 7 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'weak',
      holds: 'coherence',
      weakShape: undefined,
    });
  });

  it('S: what came before the store that was seen outlives what came after the load', () => {
    const scenario = epoch([TWO_VALUES, X, 2, Y, 1], [READ_WRITE, Y, X, 1, FIRST]);
    expect(explained(scenario, { [X]: 2, [FIRST]: 1 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'access-serial',
      holds: 'weak',
      weakShape: 'S',
    });
  });

  it('R: the later store won, and what came before the earlier one was not seen', () => {
    const scenario = epoch([TWO_VALUES, X, 1, Y, 1], [WRITE_READ, Y, 2, X, FIRST]);
    expect(explained(scenario, { [Y]: 2, [FIRST]: 0 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'access-serial',
      holds: 'weak',
      weakShape: 'R',
    });
  });

  it('2+2W: of each pair of stores the first one won', () => {
    const scenario = epoch([TWO_VALUES, X, 1, Y, 2], [TWO_VALUES, Y, 1, X, 2]);
    expect(explained(scenario, { [X]: 1, [Y]: 1 })).toMatchObject({
      verdict: 'unserializable',
      violated: 'access-serial',
      holds: 'weak',
      weakShape: '2+2W',
    });
  });

  it('a torn pair breaks a promise, and both orders are told', () => {
    const { verdict, brokenPromises, argument, accesses } = explained(epoch([PAIR, 1], [PAIR, 2]), { [X]: 1, [Y]: 2 });
    expect({ verdict, brokenPromises }).toEqual({ verdict: 'unserializable', brokenPromises: ['PAIR'] });
    expect(argument).toContain('S2 cannot come after S1, because then control[170] would be 2, and 1 was seen.');
    expect(argument).toContain('S1 cannot come after S2, because then control[171] would be 1, and 2 was seen.');
    expect(argument).toContain('There is no other order: a contradiction.');
    expect(accesses.map(({ slot, word }) => `${slot} ${word}`)).toHaveLength(4);
  });

  it('two that took the same turn: a word that is not coherent', () => {
    const scenario = epoch([TURN, 5, FIRST], [TURN, 6, SECOND]);
    const { summary, argument, violated } = explained(scenario, { [X]: 6, [FIRST]: 0, [SECOND]: 0 });
    expect(violated).toBe('coherence');
    expect(summary).toBe('control[170] is not coherent: 2 found 0 and changed it, and it was left there once');
    expect(argument[0]).toBe('Slot 0 and slot 1 each found 0 in control[170] and put something else there.');
  });

  it('a compare-exchange that answered late is legal where it promises nothing', () => {
    const scenario = epoch([Opcode.COMPARE_SWAP, X, 0, 5], [Opcode.COMPARE_SWAP, X, 0, 6]);
    expect(explained(scenario, { [X]: 6, [X + 160]: 0 })).toMatchObject({
      verdict: 'serializable',
      violated: 'slot-serial',
      holds: 'access-serial',
    });
  });

  it('a value that nobody wrote', () => {
    expect(explained(epoch([Opcode.STORE_U32, 3, X]), { [X]: 4 })).toMatchObject({
      violated: 'provenance',
      summary: 'control[170] holds 4, which nobody wrote last: what its slots store is 3',
    });
    expect(explained(epoch([Opcode.NOP]), { [X]: 4 })).toMatchObject({
      violated: 'provenance',
      summary: 'control[170] holds 4, which nobody wrote: it held 0, and no slot writes there',
    });
  });

  it('a slot that was counted twice', () => {
    const scenario = epoch([Opcode.NOP], [Opcode.NOP]);
    expect(explained(scenario, { [ControlWord.DONE_COUNT]: 3 })).toMatchObject({ violated: 'coherence' });
    expect(explain(scenario, { ...seen(scenario, {}), done: 3 })).toMatchObject({ violated: 'provenance' });
  });

  it('leaves out of a contradiction what has nothing to do with it', () => {
    const others = Array.from({ length: 4 }, (_, index) => [Opcode.LOAD_U32, X, 20 + index] as const);
    const scenario = epoch([PAIR, 1], ...others, [PAIR, 2]);
    const { contradiction } = explained(scenario, { [X]: 1, [Y]: 2, 180: 0, 181: 0, 182: 0, 183: 0 });
    expect(contradiction).toMatchObject({ slots: [0, 5], isMinimal: true });
    expect(contradiction?.words.map(({ word }) => word)).toEqual(['control[170]', 'control[171]']);
  });

  it('gives up by count, and says so', () => {
    const scenario = epoch([PAIR, 1], [PAIR, 2], [PAIR, 3]);
    const last = seen(scenario, { [X]: 1, [Y]: 1 });
    const summary = 'for 3 slots that share words, no order was found among those tried';
    expect(explain(scenario, last, { maxNodes: 0 })).toMatchObject({ verdict: 'unknown', summary, nodes: 0 });
    expect(explain(scenario, last)).toMatchObject({ verdict: 'serializable' });
  });

  it('says once of several groups of slots that it gave up', () => {
    const write = (word: number, value: number, result: number) => [WRITE_READ, word, value, word, result] as const;
    const [one, other] = [write(X, 1, 174), write(X, 2, 175)];
    const scenario = epoch(one, other, write(Y, 1, 176), write(Y, 2, 177), write(Y, 3, 178));
    const { summary, notKnown } = explain(scenario, seen(scenario, { [X]: 1, [Y]: 1 }), { maxNodes: 0 });
    const expected = 'for 2 groups of slots that share words, of up to 3 slots, no order was found among those tried';
    expect({ summary, notKnown }).toEqual({ summary: expected, notKnown: [expected] });
  });
});
