/** Small random problems for the search, and the same question answered by trying everything. */

import fc from 'fast-check';
import type { SerialModel, SerialSearchOptions } from '../../src/serial/index.ts';

/** An operation on one of two words; what it answered is the word before it, where somebody saw that. */
export interface WordOperation {
  readonly kind: 'read' | 'write' | 'add' | 'swap';
  readonly word: 0 | 1;
  readonly value: number;
  readonly answer: number | undefined;
}

export interface Problem {
  readonly operations: readonly WordOperation[];
  readonly final: readonly number[] | undefined;
  readonly options: SerialSearchOptions;
}

/** Two words, and operations on them. */
export class WordModel implements SerialModel {
  readonly operationCount: number;
  readonly words: number[] = [0, 0];
  readonly #operations: readonly WordOperation[];
  readonly #final: readonly number[] | undefined;
  readonly #undone: number[] = [];

  constructor({ operations, final }: Pick<Problem, 'operations' | 'final'>) {
    this.operationCount = operations.length;
    this.#operations = operations;
    this.#final = final;
  }

  apply(number: number): boolean {
    const { word, answer } = this.#operations[number];
    if (answer !== undefined && answer !== this.words[word]) return false;
    this.#undone.push(this.words[word]);
    this.words[word] = after(this.#operations[number], this.words[word]);
    return true;
  }

  undo(number: number): void {
    this.words[this.#operations[number].word] = this.#undone.pop()!;
  }

  isFinal(): boolean {
    return this.#final === undefined || this.#final.every((value, word) => value === this.words[word]);
  }

  /** Bad on purpose: most states have the same. */
  stateHash(): number {
    return this.words[0] & 1;
  }

  captureState(): unknown {
    return [...this.words];
  }

  equalsState(captured: unknown): boolean {
    return Array.isArray(captured) && captured.every((value, word) => value === this.words[word]);
  }

  changesNothing(number: number): boolean {
    return this.#operations[number].kind === 'read';
  }
}

function after({ kind, value }: WordOperation, before: number): number {
  if (kind === 'write') return value;
  if (kind === 'add') return (before + value) % 4;
  return kind === 'swap' && before === value ? (value + 1) % 4 : before;
}

/** Whether `first` has to come before `second`, asked of the order as it was given. */
export type ComesBefore = (first: number, second: number) => boolean;

/** Tries every order, and every choice of operations that are left out. */
export function bruteForce(problem: Problem): boolean {
  const { operations, options } = problem;
  const model = new WordModel(problem);
  const before = comesBefore(problem);
  const applied = new Set<number>();
  const extend = (): boolean => {
    const missing = operations.findIndex((_, each) => !applied.has(each) && options.isOptional?.(each) !== true);
    if (missing === -1 && model.isFinal()) return true;
    return operations.some((_, each) => {
      const isLate = [...applied].some((other) => before(each, other)) || before(each, each);
      const waits = operations.some((_, other) => {
        return !applied.has(other) && options.isOptional?.(other) !== true && before(other, each);
      });
      if (applied.has(each) || isLate || waits || !model.apply(each)) return false;
      applied.add(each);
      const found = extend();
      applied.delete(each);
      model.undo(each);
      return found;
    });
  };
  return extend();
}

export function comesBefore({ operations, options }: Problem): ComesBefore {
  const { order } = options;
  if (order === undefined) return () => false;
  if ('call' in order) return (first, second) => order.return[first] < order.call[second];
  const closed = operations.map(() => operations.map(() => false));
  for (const [first, second] of order.pairs) closed[first][second] = true;
  for (let between = 0; between < operations.length; between += 1) {
    for (const row of closed) {
      if (!row[between]) continue;
      closed[between].forEach((follows, each) => {
        row[each] = row[each] || follows;
      });
    }
  }
  return (first, second) => closed[first][second];
}

const operation = fc.record({
  kind: fc.constantFrom('read', 'write', 'add', 'swap'),
  word: fc.constantFrom(0, 1),
  value: fc.nat(3),
  answer: fc.option(fc.nat(3), { nil: undefined, freq: 2 }),
}) as fc.Arbitrary<WordOperation>;

/** Problems of up to seven operations: about half of them have an order. */
export const problems: fc.Arbitrary<Problem> = fc
  .array(operation, { maxLength: 7 })
  .chain((operations) => {
    const each = <Value>(value: fc.Arbitrary<Value>) =>
      fc.array(value, { minLength: operations.length, maxLength: operations.length });
    const number = fc.nat(Math.max(0, operations.length - 1));
    return fc.record({
      operations: fc.constant(operations),
      calls: each(fc.nat(12)),
      lengths: each(fc.oneof(fc.nat(8), fc.constant(Infinity))),
      pairs:
        operations.length === 0
          ? fc.constant<[number, number][]>([])
          : fc.array(fc.tuple(number, number), { maxLength: 5 }),
      optional: each(fc.boolean()),
      preference: fc.option(each(fc.nat(9)), { nil: undefined }),
      final: fc.option(fc.tuple(fc.nat(3), fc.nat(3)), { nil: undefined }),
      orderKind: fc.constantFrom('none', 'intervals', 'pairs'),
      hasOptional: fc.boolean(),
      hasClasses: fc.boolean(),
      /** Played through in a random order first, so that many answers fit. */
      played: fc.boolean(),
    });
  })
  .map((drawn) => {
    const operations = drawn.played ? play(drawn.operations) : drawn.operations;
    const order = orderOf(drawn);
    return {
      operations,
      final: drawn.final,
      options: {
        order,
        isOptional: drawn.hasOptional ? (each) => drawn.optional[each] : undefined,
        classOf: drawn.hasClasses ? classesOf({ operations, final: undefined, options: { order } }) : undefined,
        preference: drawn.preference,
      },
    };
  });

function orderOf(drawn: {
  readonly orderKind: string;
  readonly calls: number[];
  readonly lengths: number[];
  readonly pairs: [number, number][];
}): SerialSearchOptions['order'] {
  if (drawn.orderKind === 'none') return undefined;
  if (drawn.orderKind === 'pairs') return { pairs: drawn.pairs };
  return { call: drawn.calls, return: drawn.calls.map((call, each) => call + drawn.lengths[each]) };
}

/** Gives operations the answers that they have in one order. */
function play(operations: readonly WordOperation[]): WordOperation[] {
  const model = new WordModel({
    operations: operations.map((each) => ({ ...each, answer: undefined })),
    final: undefined,
  });
  const answered = [...operations];
  const order = operations
    .map((_, each) => each)
    .sort((left, right) => operations[left].value - operations[right].value);
  for (const each of order) {
    const answer = operations[each].answer === undefined ? undefined : model.words[operations[each].word];
    answered[each] = { ...operations[each], answer };
    model.apply(each);
  }
  return answered;
}

/** The first of the operations that do the same as this one and have the same place in the order. */
function classesOf(problem: Problem): (number: number) => number {
  const { operations, options } = problem;
  const before = comesBefore(problem);
  const place = (number: number) =>
    JSON.stringify([
      operations[number],
      operations.map((_, other) => [before(number, other), before(other, number)]),
      options.order !== undefined && 'call' in options.order && options.order.return[number] === Infinity,
    ]);
  const keys = operations.map((_, number) => place(number));
  return (number) => keys.indexOf(keys[number]);
}
