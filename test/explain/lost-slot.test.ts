import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
// The pieces of the room that are compared with brute force are no part of its face.
import { analyseEpoch } from '../../src/explain/analysis.ts';
import { Budget } from '../../src/explain/budget.ts';
import { explain } from '../../src/explain/index.ts';
import { findLostSlot } from '../../src/explain/lost-slot.ts';
import { questionOf } from '../../src/explain/question.ts';
import { SlotMachine } from '../../src/explain/slot-machine.ts';
import { replayToken } from '../../src/explore/index.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';
import { replayed } from './random-epochs.ts';

/** More random epochs with VRRL_EXPLAIN_RUNS. */
const RUNS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 300);
const FIRST = 161;
const SIGN = 0x8000_0000;

/** Two words as a model of the test has them; an opcode changes them in place. */
type Marks = [number, number];
interface MarkOpcode {
  readonly code: number;
  readonly apply: (marks: Marks, value: number, at: 0 | 1) => void;
}

const racy = { promisesAtomicity: true };
const Mark = {
  RAISE: 0x4000_0000,
  LOWER: 0x4000_0001,
  ATOMIC_RAISE: 0x4000_0002,
  ATOMIC_LOWER: 0x4000_0003,
  OTHER_VALUE: 0x4000_0004,
  SIGNED_RAISE: 0x4000_0005,
  RAISE_BOTH: 0x4000_0006,
  RAISE_BY_NEXT: 0x4000_0007,
  SET_ONCE: 0x4000_0008,
  BUMP: 0x4000_0009,
  QUIET_RAISE: 0x4000_000a,
} as const;

const kernel = defineKernel({
  name: 'marks',
  slotCount: 256,
  opcodes: [
    opcode(
      'RAISE',
      Mark.RAISE,
      ['value', 'word'],
      ($, value, word) => {
        $.if($.load('control', word).isBelow(value), () => $.store('control', word, value));
      },
      racy,
    ),
    opcode(
      'LOWER',
      Mark.LOWER,
      ['value', 'word'],
      ($, value, word) => {
        $.if($.load('control', word).isAbove(value), () => $.store('control', word, value));
      },
      racy,
    ),
    opcode('ATOMIC_RAISE', Mark.ATOMIC_RAISE, ['value', 'word'], ($, value, word) => {
      $.atomicMaximum('control', word, value);
    }),
    opcode('ATOMIC_LOWER', Mark.ATOMIC_LOWER, ['value', 'word'], ($, value, word) => {
      $.atomicMinimum('control', word, value);
    }),
    // Another value than the one that was compared: it may lower the word.
    opcode(
      'OTHER_VALUE',
      Mark.OTHER_VALUE,
      ['value', 'word'],
      ($, value, word) => {
        $.if($.load('control', word).isBelow(value), () => $.store('control', word, value.dividedBy(2)));
      },
      racy,
    ),
    opcode(
      'SIGNED_RAISE',
      Mark.SIGNED_RAISE,
      ['value', 'word'],
      ($, value, word) => {
        const isBelow = $.load('control', word).xor(SIGN).isBelow(value.xor(SIGN));
        $.if(isBelow, () => $.store('control', word, value));
      },
      racy,
    ),
    opcode(
      'RAISE_BOTH',
      Mark.RAISE_BOTH,
      ['value'],
      ($, value) => {
        const both = $.load('control', FIRST)
          .isBelow(value)
          .and($.load('control', FIRST + 1).isBelow(value));
        $.if(both, () => {
          $.store('control', FIRST, value);
          $.store('control', FIRST + 1, value);
        });
      },
      racy,
    ),
    // What it leaves depends on the other word.
    opcode(
      'RAISE_BY_NEXT',
      Mark.RAISE_BY_NEXT,
      ['value'],
      ($, value) => {
        $.store('control', FIRST, $.load('control', FIRST + 1).maximum(value));
      },
      racy,
    ),
    opcode('SET_ONCE', Mark.SET_ONCE, ['value', 'word'], ($, value, word) => {
      $.compareExchange('control', word, 0, value);
    }),
    opcode(
      'BUMP',
      Mark.BUMP,
      ['value', 'word'],
      ($, value, word) => {
        $.store('control', word, $.load('control', word).plus(value));
      },
      racy,
    ),
    opcode('QUIET_RAISE', Mark.QUIET_RAISE, ['value', 'word'], ($, value, word) => {
      $.if($.load('control', word).isBelow(value), () => $.store('control', word, value));
    }),
  ],
});

const raise: MarkOpcode['apply'] = (marks, value, at) => {
  marks[at] = Math.max(marks[at], value);
};
const lower: MarkOpcode['apply'] = (marks, value, at) => {
  marks[at] = Math.min(marks[at], value);
};
const MODEL: readonly MarkOpcode[] = [
  { code: Mark.RAISE, apply: raise },
  { code: Mark.ATOMIC_RAISE, apply: raise },
  { code: Mark.QUIET_RAISE, apply: raise },
  { code: Mark.LOWER, apply: lower },
  { code: Mark.ATOMIC_LOWER, apply: lower },
  {
    code: Mark.OTHER_VALUE,
    apply: (marks, value, at) => {
      if (marks[at] < value) marks[at] = Math.floor(value / 2);
    },
  },
  {
    code: Mark.SIGNED_RAISE,
    apply: (marks, value, at) => {
      if ((marks[at] | 0) < (value | 0)) marks[at] = value;
    },
  },
  {
    code: Mark.RAISE_BOTH,
    apply: (marks, value) => {
      if (marks[0] < value && marks[1] < value) marks.fill(value);
    },
  },
  {
    code: Mark.RAISE_BY_NEXT,
    apply: (marks, value) => {
      marks[0] = Math.max(marks[1], value);
    },
  },
  {
    code: Mark.SET_ONCE,
    apply: (marks, value, at) => {
      if (marks[at] === 0) marks[at] = value;
    },
  },
  {
    code: Mark.BUMP,
    apply: (marks, value, at) => {
      marks[at] = (marks[at] + value) >>> 0;
    },
  },
];

interface MarkSlot {
  readonly code: number;
  readonly value: number;
  readonly at: 0 | 1;
}

/** All that some order of slots makes of two words, told by the model: by slots that have run, the words there may be. */
function possibleEnds(slots: readonly MarkSlot[], initial: Marks): Set<string> {
  let states = new Map<string, readonly [ran: number, marks: Marks]>([['0', [0, initial]]]);
  for (let turn = 0; turn < slots.length; turn += 1) {
    const next = new Map<string, readonly [number, Marks]>();
    for (const [ran, marks] of states.values()) {
      for (const [index, { code, value, at }] of slots.entries()) {
        if (ran & (1 << index)) continue;
        const after: Marks = [...marks];
        MODEL.find((each) => each.code === code)?.apply(after, value, at);
        next.set(`${ran | (1 << index)} ${after}`, [ran | (1 << index), after]);
      }
    }
    states = next;
  }
  return new Set([...states.values()].map(([, marks]) => String(marks)));
}

function scenarioOf(slots: readonly MarkSlot[], initial: Marks): Scenario {
  const placed = slots.map(({ code, value, at }, slotIndex) => ({
    slotIndex,
    slot: { opcode: code, tenant: 0, priority: Priority.NORMAL, args: [value, FIRST + at] },
  }));
  const memory = freshSnapshot(kernel);
  memory.set(initial, FIRST);
  return scenarioOfSlots(kernel, placed, memory);
}

/** What the order of publishing gives, with other marks in place of those. */
function seenAs(scenario: Scenario, marks: Marks): ScenarioOutcome {
  const outcome = replayed(scenario, [...scenario.slots.keys()]);
  if (outcome === undefined) throw new Error('the slots do not run');
  const words = outcome.words.slice();
  words.set(marks, FIRST);
  return { ...outcome, words };
}

function lostOf(scenario: Scenario, outcome: ScenarioOutcome) {
  const analysis = analyseEpoch(scenario);
  const machine = new SlotMachine(kernel, scenario.slots);
  return analysis.components.map((component) =>
    findLostSlot(questionOf(analysis, outcome, component), machine, new Budget(1_000_000, 1_000)),
  );
}

const value = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(SIGN, SIGN + 1, 0xffff_ffff));
const markSlot = (codes: readonly number[]): fc.Arbitrary<MarkSlot> =>
  fc.record({ code: fc.constantFrom(...codes), value, at: fc.constantFrom(0 as const, 1 as const) });
const marks: fc.Arbitrary<Marks> = fc.tuple(value, value);
/** Of one kind mostly, so that words have one direction as often as not. */
const families = fc.constantFrom<readonly number[]>(
  [Mark.RAISE, Mark.ATOMIC_RAISE],
  [Mark.LOWER, Mark.ATOMIC_LOWER],
  [Mark.SIGNED_RAISE],
  [Mark.RAISE, Mark.RAISE, Mark.RAISE, Mark.OTHER_VALUE],
  [Mark.RAISE, Mark.RAISE, Mark.RAISE_BOTH],
  [Mark.RAISE, Mark.RAISE_BY_NEXT],
  [Mark.SET_ONCE, Mark.SET_ONCE, Mark.RAISE],
  [Mark.RAISE, Mark.BUMP],
  MODEL.map(({ code }) => code),
);
const slotsOf = (minLength: number, maxLength: number) =>
  families.chain((codes) => fc.array(markSlot(codes), { minLength, maxLength }));

describe('a slot is lost', () => {
  it('only where no order of slots gives what was seen, and of those that are told none does', () => {
    let told = 0;
    fc.assert(
      fc.property(slotsOf(1, 6), marks, marks, (slots, initial, seen) => {
        const scenario = scenarioOf(slots, initial);
        for (const lost of lostOf(scenario, seenAs(scenario, seen))) {
          if (lost === undefined) continue;
          told += 1;
          const [word] = lost.question.askedWords;
          const endsOf = (some: readonly MarkSlot[]) =>
            [...possibleEnds(some, initial)].map((text) => Number(text.split(',')[word - FIRST]));
          expect(endsOf(slots)).not.toContain(seen[word - FIRST]);
          expect(endsOf(lost.question.slots.map((slot) => slots[slot]))).not.toContain(seen[word - FIRST]);
        }
      }),
      { numRuns: RUNS },
    );
    expect(told).toBeGreaterThan(RUNS / 10);
  });

  it('wherever slots only raise a word, or only lower it, and it is not the extreme', () => {
    const family = fc.constantFrom([Mark.RAISE, Mark.ATOMIC_RAISE, Mark.RAISE], [Mark.LOWER]);
    const case_ = family.chain((codes) => fc.array(markSlot(codes), { minLength: 1, maxLength: 40 }));
    fc.assert(
      fc.property(case_, marks, marks, (slots, initial, seen) => {
        // Words that are only ever raised in one access each are told by their totals.
        fc.pre(slots.some(({ code }) => code === Mark.RAISE || code === Mark.LOWER));
        const scenario = scenarioOf(slots, initial);
        const end: Marks = [...initial];
        for (const { code, value: by, at } of slots) MODEL.find((each) => each.code === code)?.apply(end, by, at);
        const { verdict, violated } = explain(scenario, seenAs(scenario, seen), { maxRuns: 20 });
        const isEnd = String(end) === String(seen);
        expect({ verdict: verdict === 'unknown', isEnd: violated === undefined }).toEqual({ verdict: false, isEnd });
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});

describe('explained with more slots than are searched at once', () => {
  it('as the model of every order says', () => {
    fc.assert(
      fc.property(slotsOf(8, 9), marks, marks, fc.nat(), fc.boolean(), (slots, initial, any, which, isPossible) => {
        const scenario = scenarioOf(slots, initial);
        const ends = possibleEnds(slots, initial);
        const seen = isPossible ? ([...ends][which % ends.size].split(',').map(Number) as Marks) : any;
        const { verdict, violated, witness } = explain(scenario, seenAs(scenario, seen), { maxRuns: 50 });
        const isEnd = ends.has(String(seen));
        expect(violated === undefined).toBe(isEnd);
        expect(witness?.kind === 'slots').toBe(isEnd);
        if (isEnd) expect(verdict).toBe('serializable');
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});

describe('a mark that was lost among many', () => {
  const many = (code: number) =>
    Array.from({ length: 200 }, (_, slot) => ({ code, value: (slot * 7_919) % 1_000, at: (slot % 2) as 0 | 1 }));

  it('is told by two slots, with the schedule that lost it', () => {
    const slots = many(Mark.RAISE);
    const scenario = scenarioOf(slots, [0, 0]);
    const sound = replayed(scenario, [...scenario.slots.keys()]);
    const seen: Marks = [448, sound?.words[FIRST + 1] ?? 0];
    const told = explain(scenario, seenAs(scenario, seen));
    expect(told).toMatchObject({ verdict: 'unserializable', violated: 'slot-serial', brokenPromises: ['RAISE'] });
    expect(told.holds).toBe('access-serial');
    expect(told.contradiction).toMatchObject({ shape: 'torn', isMinimal: true, words: [{ seen: 448, nearest: 984 }] });
    expect(told.slots.map(({ text }) => text).sort()).toEqual([`RAISE(448, ${FIRST})`, `RAISE(984, ${FIRST})`]);
    expect(told.argument.join(' ')).toContain('none makes it smaller');
    if (told.witness?.kind !== 'accesses') throw new Error('no schedule');
    // The slots of the schedule by themselves, where they were in the ring.
    const placed = told.witness.slots.map((slot) => scenario.slots[slot]);
    const part = { ...scenario, slots: placed, batchEnds: [placed.length] };
    expect(replayToken(part, told.witness.token).outcome.words[FIRST]).toBe(448);
  });

  it('is legal if the slots promised nothing', () => {
    const scenario = scenarioOf(many(Mark.QUIET_RAISE), [0, 0]);
    const sound = replayed(scenario, [...scenario.slots.keys()]);
    const { verdict, violated, contradiction } = explain(
      scenario,
      seenAs(scenario, [448, sound?.words[FIRST + 1] ?? 0]),
    );
    expect({ verdict, violated }).toEqual({ verdict: 'serializable', violated: 'slot-serial' });
    expect(contradiction?.slots).toHaveLength(2);
  });

  it('is nobody’s fault if a slot that promised nothing may have lowered it in between', () => {
    const slots: MarkSlot[] = [
      { code: Mark.ATOMIC_RAISE, value: 984, at: 0 },
      { code: Mark.ATOMIC_RAISE, value: 448, at: 0 },
      { code: Mark.QUIET_RAISE, value: 300, at: 0 },
      ...Array.from({ length: 7 }, () => ({ code: Mark.ATOMIC_RAISE, value: 100, at: 0 as const })),
    ];
    const scenario = scenarioOf(slots, [0, 0]);
    const { verdict, violated } = explain(scenario, seenAs(scenario, [448, 0]), { maxRuns: 200 });
    expect(violated).toBe('slot-serial');
    expect(verdict).not.toBe('unserializable');
  });
});
