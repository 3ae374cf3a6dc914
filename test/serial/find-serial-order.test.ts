import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findSerialOrder, type SerialModel } from '../../src/serial/index.ts';
import { bruteForce, comesBefore, type Problem, problems, WordModel, type WordOperation } from './problems.ts';

const RUNS = Number(process.env['VRRL_SERIAL_RUNS'] ?? 6000);

describe('findSerialOrder', () => {
  it('finds an order exactly where trying everything does, and what it finds is one', () => {
    const found = { found: 0, none: 0, unknown: 0 };
    fc.assert(
      fc.property(problems, (problem) => {
        const result = findSerialOrder(new WordModel(problem), problem.options);
        found[result.verdict] += 1;
        expect(result.verdict).toBe(bruteForce(problem) ? 'found' : 'none');
        if (result.verdict === 'found') expectWitness(problem, result.order);
        else if (result.verdict === 'none') expectPrefix(problem, result.longest);
      }),
      { numRuns: RUNS },
    );
    // Otherwise it says little.
    expect(found.found).toBeGreaterThan(RUNS / 10);
    expect(found.none).toBeGreaterThan(RUNS / 10);
  });

  it('leaves the model as it was', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const model = new WordModel(problem);
        findSerialOrder(model, problem.options);
        expect(model.words).toEqual([0, 0]);
      }),
      { numRuns: 500 },
    );
  });

  it('gives up after as many nodes as it may visit, and never says then that there is no order', () => {
    fc.assert(
      fc.property(problems, fc.nat(12), (problem, maxNodes) => {
        const result = findSerialOrder(new WordModel(problem), { ...problem.options, maxNodes });
        expect(result.nodes).toBeLessThanOrEqual(maxNodes);
        if (result.verdict !== 'unknown') expect(result.verdict).toBe(bruteForce(problem) ? 'found' : 'none');
        else expectPrefix(problem, result.longest);
      }),
      { numRuns: 1500 },
    );
  });

  it('says how far it came', () => {
    const operations = [write(1), read(1), read(2), write(3)];
    const result = findSerialOrder(new WordModel({ operations, final: undefined }), {
      order: { pairs: [[0, 1], [1, 2], [2, 3]] }, // biome-ignore format: one line an example
    });
    expect(result).toMatchObject({ verdict: 'none', longest: [0, 1] });
  });

  it('has no order for pairs in a circle', () => {
    const problem = { operations: [write(1), write(2)], final: undefined };
    expect(findSerialOrder(new WordModel(problem), { order: { pairs: [[0, 1], [1, 0]] } }).verdict).toBe('none'); // biome-ignore format: one line an example
  });

  it('keeps an order by way of an operation that is left out', () => {
    // 0 before 1 before 2; 1 cannot happen; so 2 cannot come first.
    const operations = [write(1), { ...write(9), answer: 7 }, { ...write(2), answer: 0 }];
    const order = { pairs: [[0, 1], [1, 2]] as [number, number][] }; // biome-ignore format: one line an example
    const isOptional = (operation: number) => operation === 1;
    expect(findSerialOrder(new WordModel({ operations, final: undefined }), { order, isOptional }).verdict).toBe(
      'none',
    );
  });

  it('does not try one order of equals after the other', () => {
    const operations = Array.from({ length: 24 }, () => ({ ...write(1), kind: 'add' as const }));
    const final = [1, 0];
    const result = findSerialOrder(new WordModel({ operations, final }), { classOf: () => 0 });
    expect(result).toMatchObject({ verdict: 'none', nodes: 24 });
  });

  it('takes the later of two equals where it is too late for the other, and both may be left out', () => {
    // The read comes after the first of two writes would have returned, and before the second does.
    const operations = [write(1), write(1), { ...write(5), answer: 0 }, read(1)];
    const order = { call: [0, 0, 3, 4], return: [2, 9, 9, 9] };
    const result = findSerialOrder(new WordModel({ operations, final: undefined }), {
      order,
      isOptional: (operation) => operation < 2,
      classOf: (operation) => Math.max(1, operation),
    });
    expect(result).toMatchObject({ verdict: 'found', order: [2, 1, 3] });
  });

  it('visits a set of operations and a state once', () => {
    // Twelve operations that commute: whatever their order, a set of them leads to one state.
    const operations = Array.from({ length: 12 }, (_, each) => ({ ...write(each % 4), kind: 'add' as const }));
    const result = findSerialOrder(new WordModel({ operations, final: [0, 1] }));
    expect(result.verdict).toBe('none');
    // Every set is entered from at most twelve others.
    expect(result.nodes).toBeLessThanOrEqual(12 * 2 ** 12);
  });

  it('goes no deeper than it has to where the model sees no hope', () => {
    class Hopeless extends WordModel {
      isHopeless(): boolean {
        return this.words[0] !== 0;
      }
    }
    const operations = Array.from({ length: 30 }, (_, each) => write(1 + (each % 3)));
    const result = findSerialOrder(new Hopeless({ operations, final: undefined }));
    expect(result).toMatchObject({ verdict: 'none', nodes: 30 });
  });

  it('judges a long history that fits in as many nodes as it has operations', () => {
    const operations = Array.from({ length: 20_000 }, (_, each) => (each % 2 === 0 ? write(each) : read(each - 1)));
    const call = operations.map((_, each) => each);
    const result = findSerialOrder(new WordModel({ operations, final: undefined }), {
      order: { call, return: call.map((time) => time + 0.5) },
    });
    expect(result).toMatchObject({ verdict: 'found', nodes: 20_000, order: call });
  });

  it.each<[string, Parameters<typeof findSerialOrder>[1]]>([
    ['fewer calls than operations', { order: { call: [], return: [] } }],
    ['a return before its call', { order: { call: [2], return: [1] } }],
    ['a time that is no number', { order: { call: [Number.NaN], return: [1] } }],
    ['a pair beyond the operations', { order: { pairs: [[0, 1]] } }],
    ['a limit that is none', { maxNodes: -1 }],
  ])('refuses %s, and says what to do', (_, options) => {
    const model: SerialModel = new WordModel({ operations: [write(1)], final: undefined });
    expect(() => findSerialOrder(model, options)).toThrow(/ Fix: /);
  });
});

function write(value: number): WordOperation {
  return { kind: 'write', word: 0, value, answer: undefined };
}

function read(answer: number): WordOperation {
  return { kind: 'read', word: 0, value: 0, answer };
}

/** Applies it to a fresh model, and looks at the order as it was given. */
function expectWitness(problem: Problem, order: readonly number[]): void {
  const model = expectPrefix(problem, order);
  expect(model.isFinal()).toBe(true);
  const isMissing = (number: number) => !order.includes(number) && problem.options.isOptional?.(number) !== true;
  expect(problem.operations.findIndex((_, number) => isMissing(number))).toBe(-1);
}

function expectPrefix(problem: Problem, order: readonly number[]): WordModel {
  const model = new WordModel(problem);
  const before = comesBefore(problem);
  expect(new Set(order).size).toBe(order.length);
  order.forEach((number, place) => {
    expect(order.slice(0, place).some((earlier) => before(number, earlier))).toBe(false);
    expect(model.apply(number)).toBe(true);
  });
  return model;
}
