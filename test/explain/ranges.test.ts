import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyseEpoch } from '../../src/explain/analysis.ts';
import { replayOrder } from '../../src/explain/index.ts';
import type { SlotShape } from '../../src/explain/slot-shape.ts';
import { exhaustSerial, type Run, sample } from '../../src/explore/index.ts';
import {
  type Condition,
  defineKernel,
  type OpcodeDefinition,
  opcode,
  type RoutineBuilder,
  type Value,
  type Variable,
} from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../../src/scenario/index.ts';

const RUNS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 80);
const BASE = 162;
const WORDS = 12;
const CODE = 0x4000_0000;

/** Draws statements of a handler from a list of numbers, so that a failing one gets smaller. */
class RandomHandler {
  readonly #builder: RoutineBuilder;
  readonly #draws: readonly number[];
  readonly #values: Value[];
  readonly #variables: Variable[] = [];
  #at = 0;

  constructor(builder: RoutineBuilder, draws: readonly number[], first: Value) {
    this.#builder = builder;
    this.#draws = draws;
    this.#values = [first];
  }

  block(depth: number): void {
    const known = this.#values.length;
    const variables = this.#variables.length;
    for (let left = 1 + this.#draw(4); left > 0; left -= 1) this.#statement(depth);
    // Names live no longer than their block.
    this.#values.length = known;
    this.#variables.length = variables;
  }

  #statement(depth: number): void {
    const $ = this.#builder;
    switch (this.#draw(depth > 0 ? 11 : 6)) {
      case 0:
        return void this.#values.push($.load('control', this.#index()));
      case 1:
        return $.store('control', this.#index(), this.#value());
      case 2:
        return void this.#values.push($.atomicAdd('control', this.#index(), this.#draw(3)));
      case 3:
        return void this.#values.push($.let(this.#value()));
      case 4:
        return void this.#variables.push($.variable(this.#value()));
      case 5:
        if (this.#variables.length > 0) $.assign(this.#variable(), this.#value());
        return;
      case 6:
      case 7:
        return $.if(
          this.#condition(1),
          () => this.block(depth - 1),
          () => this.#draw(2) === 1 && this.block(depth - 1),
        );
      case 8:
        return $.if(this.#condition(0), () => (this.#draw(3) === 0 ? $.fault(3) : $.finish()));
      default:
        return $.loop({ from: this.#value(), below: this.#value(), atMost: 1 + this.#draw(3) }, (index) => {
          const known = this.#values.length;
          this.#values.push(index);
          this.block(depth - 1);
          if (this.#draw(2) === 1) $.if(this.#condition(0), () => $.break());
          this.#values.length = known;
        });
    }
  }

  /** Often a number that lies in the words that are looked at, or just outside of them. */
  #index(): Value {
    const value = this.#value();
    switch (this.#draw(5)) {
      case 0:
        return value;
      case 1:
        return value.plus(BASE);
      case 2:
        return value.remainder(WORDS).plus(BASE);
      case 3:
        return value.and(7).plus(BASE);
      default:
        return value.minimum(5).plus(BASE);
    }
  }

  #condition(depth: number): Condition {
    const [left, right] = [this.#value(), this.#value()];
    switch (this.#draw(depth > 0 ? 9 : 6)) {
      case 0:
        return left.isBelow(right);
      case 1:
        return left.isAtMost(this.#draw(9));
      case 2:
        return left.isAbove(right);
      case 3:
        return left.isAtLeast(this.#draw(9));
      case 4:
        return left.equals(this.#draw(6));
      case 5:
        return left.differsFrom(this.#draw(6));
      case 6:
        return this.#condition(depth - 1).and(this.#condition(depth - 1));
      case 7:
        return this.#condition(depth - 1).or(this.#condition(depth - 1));
      default:
        return this.#condition(depth - 1).not();
    }
  }

  #value(): Value {
    const value = this.#values[this.#draw(this.#values.length)];
    const other = this.#variables.length > 0 && this.#draw(2) === 1 ? this.#variable() : value;
    switch (this.#draw(16)) {
      case 0:
        return value.plus(this.#draw(4));
      case 1:
        return other.minus(this.#draw(4));
      case 2:
        return other.remainder(1 + this.#draw(7));
      case 3:
        return value.and(this.#draw(16));
      case 4:
        return value.minimum(other);
      case 5:
        return other.maximum(this.#draw(5));
      case 6:
        return value.shiftRight(this.#draw(32));
      case 7:
        return value.shiftLeft(this.#draw(3));
      case 8:
        return value.xor(other);
      case 9:
        return value.or(this.#draw(8));
      case 10:
        return value.dividedBy(other);
      case 11:
        return value.times(this.#draw(4));
      case 12:
        return value.isBelow(this.#draw(9)).select(value, this.#draw(9));
      case 13:
        return value.complement();
      default:
        return other;
    }
  }

  #variable(): Variable {
    return this.#variables[this.#draw(this.#variables.length)];
  }

  /** Of what is drawn after the last, always the first. */
  #draw(below: number): number {
    const drawn = this.#draws[this.#at] ?? 0;
    this.#at += 1;
    return below <= 1 ? 0 : drawn % below;
  }
}

function randomOpcode(draws: readonly number[], code: number): OpcodeDefinition {
  return opcode(`RANDOM_${code - CODE}`, code, ['first'], ($, first) => new RandomHandler($, draws, first).block(3));
}

/** Accesses of a run to shared memory that no step of their slot allows for. */
function strayAccesses(run: Run, shapes: readonly SlotShape[], written: ReadonlySet<number> | undefined): string[] {
  return run.trace().flatMap(({ record, memory, word, kind, routine }) => {
    if (memory !== 'control') return [];
    const { isOpaque, steps } = shapes[record];
    const wanted = kind === 'load' || kind === 'store' || kind === 'compareExchange' ? kind : 'modify';
    // Loads of what nobody writes are no steps.
    const isConstant = kind === 'load' && written !== undefined && !written.has(word);
    const isAllowed = steps.some((step) => step.kind === wanted && step.first <= word && word <= step.last);
    return isOpaque || isConstant || isAllowed ? [] : [`slot ${record}, ${routine}: ${kind} of ${word}`];
  });
}

const anyDraws = fc.array(fc.nat(10_000), { minLength: 4, maxLength: 60 });
const anyEpoch: fc.Arbitrary<Scenario> = fc
  .record({
    handlers: fc.tuple(anyDraws, anyDraws),
    slots: fc.array(fc.tuple(fc.nat(1), fc.nat(9)), { minLength: 1, maxLength: 4 }),
    first: fc.array(fc.oneof(fc.nat(9), fc.constant(0xffff_ffff)), { minLength: WORDS, maxLength: WORDS }),
  })
  .map(({ handlers, slots, first }) => {
    const opcodes = handlers.map((draws, index) => randomOpcode(draws, CODE + index));
    const kernel = defineKernel({ name: 'random', slotCount: 4, observableWords: 32, opcodes });
    const placed = slots.map(([index, argument], slotIndex) => ({
      slotIndex,
      slot: { opcode: CODE + index, tenant: 0, priority: Priority.NORMAL, args: [argument] },
    }));
    const scenario = scenarioOfSlots(kernel, placed);
    scenario.initial.set(first, BASE);
    return scenario;
  });

describe('what slots are told to reach', () => {
  it('is never less than what they do, in any order and any interleaving', () => {
    fc.assert(
      fc.property(anyEpoch, fc.nat(), (scenario, seed) => {
        const { shapes, written } = analyseEpoch(scenario);
        const stray: string[] = [];
        const look = (run: Run) => void stray.push(...strayAccesses(run, shapes, written));
        exhaustSerial(scenario, { maxRuns: 24 }, look);
        sample(scenario, { runs: 12, seed, memory: 'relaxed' }, look);
        expect(stray).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('nor where a branch says what an index is, at its very bounds', () => {
    const comparison = fc.constantFrom('isBelow', 'isAtMost', 'isAbove', 'isAtLeast', 'equals', 'differsFrom');
    const anyCase = fc.tuple(comparison, fc.nat(7), fc.nat(3), fc.boolean(), fc.nat(9));
    fc.assert(
      fc.property(anyCase, ([compare, bound, by, isNegated, loaded]) => {
        const branch = opcode('BRANCH', CODE, [], ($) => {
          const value = $.load('control', BASE);
          const condition = value.plus(by)[compare](bound);
          const mark = (to: number) => () => {
            $.if(value.isBelow(10), () => void $.atomicAdd('control', value.plus(BASE + to), 1));
          };
          $.if(isNegated ? condition.not() : condition, mark(1), mark(11));
          // What nobody writes is known, and not what this is about.
          $.store('control', BASE, 0);
        });
        const kernel = defineKernel({ name: 'branch', slotCount: 1, observableWords: 32, opcodes: [branch] });
        const slot = { opcode: CODE, tenant: 0, priority: Priority.NORMAL, args: [] };
        const scenario = scenarioOfSlots(kernel, [{ slotIndex: 0, slot }]);
        scenario.initial[BASE] = loaded;
        const { shapes, written } = analyseEpoch(scenario);
        exhaustSerial(scenario, { maxRuns: 1 }, (run) => {
          expect(strayAccesses(run, shapes, written)).toEqual([]);
        });
      }),
      { numRuns: RUNS * 2 },
    );
  });

  it('and how they end is what they were told to', () => {
    fc.assert(
      fc.property(anyEpoch, (scenario) => {
        const { shapes } = analyseEpoch(scenario);
        const { faults } = replayOrder(scenario, [...scenario.slots.keys()]);
        const ended = shapes.map((_, slot) => (faults.some(({ slotIndex }) => slotIndex === slot) ? 'fault' : 'done'));
        expect(shapes.map(({ end }, slot) => end ?? ended[slot])).toEqual(ended);
      }),
      { numRuns: RUNS },
    );
  });
});
