/** The litmus tests that tell memory models apart, each as two or more slots of a kernel. */

import { describe, expect, it } from 'vitest';
import { exhaust, type MemoryModel } from '../../src/explore/index.ts';
import { defineKernel, opcode, type RoutineBuilder } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';

const X = 160;
const Y = 161;
/** Where lane n keeps its results: words 170 + 4n and on. */
const RESULTS = 170;
const CODE = 0x4000_0000;

/** `W x 1` stores, `R x` loads, `A x 1` adds and keeps the value before, `F` is a barrier. */
type Program = readonly string[];

function write($: RoutineBuilder, program: Program, lane: number): void {
  const results: ReturnType<RoutineBuilder['load']>[] = [];
  for (const step of program) {
    const [what, name, value] = step.split(' ');
    const word = name === 'x' ? X : Y;
    if (what === 'F') $.barrier();
    if (what === 'W') $.store('control', word, Number(value));
    if (what === 'R') results.push($.load('control', word));
    if (what === 'A') results.push($.atomicAdd('control', word, Number(value)));
  }
  for (const [index, result] of results.entries()) $.store('control', RESULTS + 4 * lane + index, result);
}

/** Every outcome: results of the lanes in order, then x and y. */
function outcomes(memory: MemoryModel, programs: readonly Program[], reduction = true): Set<string> {
  const opcodes = programs.map((program, lane) =>
    opcode(`LANE_${lane}`, CODE + lane, [], ($) => write($, program, lane)),
  );
  const kernel = defineKernel({ name: 'litmus', slotCount: 4, observableWords: 32, opcodes });
  const slots = programs.map((_, slotIndex) => ({
    slotIndex,
    slot: { opcode: CODE + slotIndex, tenant: 0, priority: Priority.NORMAL, args: [] },
  }));
  const seen = new Set<string>();
  const { complete } = exhaust(scenarioOfSlots(kernel, slots), { memory, reduction }, ({ outcome }) => {
    const results = programs.flatMap((program, lane) =>
      program.filter((step) => /^[RA]/.test(step)).map((_, index) => outcome.words[RESULTS + 4 * lane + index]),
    );
    seen.add([...results, outcome.words[X], outcome.words[Y]].join(' '));
  });
  expect(complete).toBe(true);
  return seen;
}

interface Litmus {
  readonly name: string;
  readonly programs: readonly Program[];
  /** Results and the last values of x and y. */
  readonly weak: string;
}

const SHAPES: readonly Litmus[] = [
  {
    name: 'MP',
    programs: [
      ['W x 1', 'F', 'W y 1'],
      ['R y', 'F', 'R x'],
    ],
    weak: '1 0 1 1',
  },
  {
    name: 'SB',
    programs: [
      ['W x 1', 'F', 'R y'],
      ['W y 1', 'F', 'R x'],
    ],
    weak: '0 0 1 1',
  },
  {
    name: 'S',
    programs: [
      ['W x 2', 'F', 'W y 1'],
      ['R y', 'F', 'W x 1'],
    ],
    weak: '1 2 1',
  },
  {
    name: 'R',
    programs: [
      ['W x 1', 'F', 'W y 1'],
      ['W y 2', 'F', 'R x'],
    ],
    weak: '0 1 2',
  },
  {
    name: '2+2W',
    programs: [
      ['W x 1', 'F', 'W y 2'],
      ['W y 1', 'F', 'W x 2'],
    ],
    weak: '1 1',
  },
  {
    name: 'IRIW',
    programs: [['W x 1'], ['W y 1'], ['R x', 'F', 'R y'], ['R y', 'F', 'R x']],
    weak: '1 0 1 0 1 1',
  },
  {
    name: 'MP with a read-modify-write',
    programs: [
      ['W x 1', 'F', 'A y 1'],
      ['A y 0', 'F', 'R x'],
    ],
    weak: '0 1 0 1 1',
  },
];

const without = (programs: readonly Program[], lanes: readonly number[]) =>
  programs.map((program, lane) => (lanes.includes(lane) ? program.filter((step) => step !== 'F') : program));
const everyLane = [0, 1, 2, 3];

describe.each(SHAPES)('$name', ({ programs, weak }) => {
  it('cannot happen when every load returns the newest store', () => {
    expect(outcomes('sequential', without(programs, everyLane))).not.toContain(weak);
  });

  it('can happen with relaxed atomics', () => {
    expect(outcomes('relaxed', without(programs, everyLane))).toContain(weak);
  });

  it('cannot happen with a barrier in every lane', () => {
    expect(outcomes('relaxed', programs)).not.toContain(weak);
  });

  it('can happen if one lane has no barrier', () => {
    const lanes = programs.flatMap((program, lane) => (program.includes('F') ? [lane] : []));
    for (const lane of lanes) expect(outcomes('relaxed', without(programs, [lane]))).toContain(weak);
  });
});

describe('relaxed memory', () => {
  it('does not let a load return what its own later store made possible (load buffering)', () => {
    // WGSL allows it; see docs/exploring.md.
    expect(
      outcomes('relaxed', [
        ['R x', 'W y 1'],
        ['R y', 'W x 1'],
      ]),
    ).not.toContain('1 1 1 1');
  });

  it.each<[string, readonly Program[], string]>([
    ['CoRR: two loads of a word see it go forwards', [['W x 1'], ['R x', 'R x']], '1 0 1 0'],
    ['CoWR: a load sees its own store or a newer one', [['W x 1', 'R x'], ['W y 1']], '0 1 1'],
    ['CoRW: a load does not see its own later store', [['R x', 'W x 1'], ['W y 1']], '1 1 1'],
    [
      'CoWW: the later of two stores stays',
      [
        ['W x 1', 'W x 2'],
        ['W y 1', 'R x'],
      ],
      '2 1 1',
    ],
  ])('%s', (_name, programs, forbidden) => {
    expect(outcomes('relaxed', programs)).not.toContain(forbidden);
  });

  it('loses no read-modify-write', () => {
    const seen = outcomes('relaxed', [['A x 1', 'A x 1'], ['A x 1'], ['A x 1']]);
    expect([...seen].every((outcome) => outcome.endsWith(' 4 0'))).toBe(true);
  });

  it('is all of what sequential memory shows, and more', () => {
    for (const { programs } of SHAPES) {
      const relaxed = outcomes('relaxed', without(programs, everyLane));
      for (const outcome of outcomes('sequential', without(programs, everyLane))) expect(relaxed).toContain(outcome);
    }
  });

  it('comes out the same with and without reduction', () => {
    for (const { programs } of SHAPES.filter(({ name }) => name !== 'IRIW')) {
      expect(outcomes('relaxed', programs)).toEqual(outcomes('relaxed', programs, false));
    }
  });
});
