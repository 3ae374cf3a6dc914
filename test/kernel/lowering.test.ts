import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateBinary } from '../../src/kernel/evaluate.ts';
import {
  type BinaryOperator,
  type Condition,
  defineKernel,
  type OpcodeDefinition,
  opcode,
  type RoutineBuilder,
  type Value,
} from '../../src/kernel/index.ts';
import { anyKernelCase } from './random-kernel.ts';
import { runCase, type Way } from './run-three-ways.ts';

const CODE = 0x4000_0000;
const FIRST_WORD = 160;

/** Control memory from the first observable word on, after one slot of a kernel whose opcode is this one. */
function wordsAfter(own: OpcodeDefinition, args: readonly number[], way: Way = 'serial'): number[] {
  const kernel = defineKernel({ name: 'k', slotCount: 1, opcodes: [own] });
  const slots = [{ opcode: CODE, tenant: 0, priority: 0, args }];
  return runCase(way, { kernel, firstWords: [], slots }).control.slice(FIRST_WORD);
}

function own(argumentNames: readonly string[], write: (routine: RoutineBuilder, ...args: Value[]) => void) {
  return opcode('OWN', CODE, argumentNames, write);
}

describe('the generated programs', () => {
  it('leave the words behind that the language says, in both dialects', () => {
    fc.assert(
      fc.property(anyKernelCase, (made) => {
        const expected = runCase('interpreter', made);
        expect(runCase('serial', made)).toEqual(expected);
        expect(runCase('shared', made)).toEqual(expected);
      }),
      { numRuns: 2_500 },
    );
  });

  it('stay within 32 bits and never divide by zero, whatever the operator', () => {
    const arithmetic: [BinaryOperator, (left: Value, right: Value) => Value][] = [
      ['add', (left, right) => left.plus(right)],
      ['subtract', (left, right) => left.minus(right)],
      ['multiply', (left, right) => left.times(right)],
      ['divide', (left, right) => left.dividedBy(right)],
      ['remainder', (left, right) => left.remainder(right)],
      ['and', (left, right) => left.and(right)],
      ['or', (left, right) => left.or(right)],
      ['xor', (left, right) => left.xor(right)],
      ['shiftLeft', (left, right) => left.shiftLeft(right)],
      ['shiftRight', (left, right) => left.shiftRight(right)],
      ['minimum', (left, right) => left.minimum(right)],
      ['maximum', (left, right) => left.maximum(right)],
    ];
    const comparisons: [BinaryOperator, (left: Value, right: Value) => Condition][] = [
      ['equal', (left, right) => left.equals(right)],
      ['notEqual', (left, right) => left.differsFrom(right)],
      ['below', (left, right) => left.isBelow(right)],
      ['atMost', (left, right) => left.isAtMost(right)],
      ['above', (left, right) => left.isAbove(right)],
      ['atLeast', (left, right) => left.isAtLeast(right)],
    ];
    const every = own(['left', 'right'], ($, left, right) => {
      let word = FIRST_WORD;
      for (const [, apply] of arithmetic) $.store('control', word++, apply(left, right));
      for (const [, apply] of comparisons) $.store('control', word++, apply(left, right).select(1, 0));
    });
    const operators = [...arithmetic, ...comparisons].map(([operator]) => operator);
    const anyWord = fc.oneof(
      fc.constantFrom(0, 1, 2, 31, 32, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );
    fc.assert(
      fc.property(anyWord, anyWord, (left, right) => {
        const evaluated = operators.map((operator) => Number(evaluateBinary(operator, left, right)));
        for (const way of ['interpreter', 'serial', 'shared'] as const) {
          expect(wordsAfter(every, [left, right], way).slice(0, operators.length)).toEqual(evaluated);
        }
      }),
    );
    expect(evaluateBinary('divide', 7, 0)).toBe(7);
    expect(evaluateBinary('remainder', 7, 0)).toBe(0);
    expect(evaluateBinary('shiftLeft', 1, 33)).toBe(2);
    expect(evaluateBinary('both', true, false)).toBe(false);
    expect(evaluateBinary('either', true, false)).toBe(true);
  });

  it('take what is added to a value for a value of its own', () => {
    const chained = own(['a', 'b'], ($, a, b) => {
      $.store('control', FIRST_WORD, a.minus(b).minus(b).dividedBy(b.minus(a)));
      $.store('control', FIRST_WORD + 1, a.complement().complement().equals(a).not().select(1, 2));
      $.store('control', FIRST_WORD + 2, a.isBelow(b).or(a.equals(3)).and(b.equals(9)).select(a, b).shiftLeft(1));
    });
    expect(wordsAfter(chained, [3, 5]).slice(0, 3)).toEqual([0x7fff_fffc, 2, 10]);
  });

  it('leave the innermost loop only', () => {
    const broken = own([], ($) => {
      $.loop({ below: 3, atMost: 3 }, (outer) => {
        $.loop({ below: 5, atMost: 5 }, (inner) => {
          $.if(inner.equals(outer), () => $.break());
          $.atomicAdd('control', FIRST_WORD, 1);
        });
        $.atomicAdd('control', FIRST_WORD + 1, 1);
      });
    });
    expect(wordsAfter(broken, []).slice(0, 2)).toEqual([0 + 1 + 2, 3]);
  });

  it('take a loop no further than its bound and its end, up to the last word there is', () => {
    const count = (from: number, below: number, atMost: number) =>
      wordsAfter(
        own(['from', 'below'], ($, first, end) => {
          $.loop({ from: first, below: end, atMost }, (index) => {
            $.atomicAdd('control', FIRST_WORD, 1);
            $.store('control', FIRST_WORD + 1, index);
          });
        }),
        [from, below],
      ).slice(0, 2);
    expect(count(0, 5, 3)).toEqual([3, 2]);
    expect(count(2, 5, 100)).toEqual([3, 4]);
    expect(count(5, 5, 100)).toEqual([0, 0]);
    expect(count(6, 5, 100)).toEqual([0, 0]);
    expect(count(0xffff_fffd, 0xffff_ffff, 0xffff_ffff)).toEqual([2, 0xffff_fffe]);
  });

  it('compute the ends of a loop once, before its first turn', () => {
    const growing = own([], ($) => {
      const end = $.variable(3);
      $.loop({ below: end, atMost: 10 }, () => {
        $.assign(end, end.plus(1));
        $.atomicAdd('control', FIRST_WORD, 1);
      });
    });
    expect(wordsAfter(growing, [])[0]).toBe(3);
  });

  it('end a handler with finish, and the turn goes on; end the turn with a fault', () => {
    const ending = own(['faults'], ($, faults) => {
      $.if(
        faults.equals(0),
        () => $.finish(),
        () => $.fault(7),
      );
      $.store('control', FIRST_WORD, 1);
    });
    const kernel = defineKernel({ name: 'k', slotCount: 1, opcodes: [ending] });
    const outcomeOf = (faults: number) => {
      const slots = [{ opcode: CODE, tenant: 0, priority: 0, args: [faults] }];
      const { ring, control, faults: words } = runCase('serial', { kernel, firstWords: [], slots });
      return {
        status: ring[0],
        done: control[1],
        stored: control[FIRST_WORD],
        reason: words[0] & 0xff,
        code: words[1],
      };
    };
    expect(outcomeOf(0)).toEqual({ status: 3, done: 1, stored: 0, reason: 0, code: 0 });
    expect(outcomeOf(1)).toEqual({ status: 7, done: 0, stored: 0, reason: 3, code: 7 });
  });

  it('hand back what a word was before, of whatever is done to it', () => {
    const before = own(['value'], ($, value) => {
      $.store('control', FIRST_WORD, 12);
      const results = [
        $.atomicAdd('control', FIRST_WORD, value),
        $.atomicSubtract('control', FIRST_WORD, 20),
        $.atomicAnd('control', FIRST_WORD, 0xff),
        $.atomicOr('control', FIRST_WORD, 0x100),
        $.atomicXor('control', FIRST_WORD, 0x1ff),
        $.atomicMinimum('control', FIRST_WORD, 3),
        $.atomicMaximum('control', FIRST_WORD, 50),
        $.atomicExchange('control', FIRST_WORD, 8),
        $.compareExchange('control', FIRST_WORD, 9, 1),
        $.compareExchange('control', FIRST_WORD, 8, 1),
      ];
      for (const [index, result] of results.entries()) $.store('control', FIRST_WORD + 1 + index, result);
    });
    const expected = [1, 12, 17, 0xffff_fffd, 0xfd, 0x1fd, 2, 2, 50, 8, 8];
    for (const way of ['interpreter', 'serial', 'shared'] as const) {
      expect(wordsAfter(before, [5], way).slice(0, 11)).toEqual(expected);
    }
  });
});
