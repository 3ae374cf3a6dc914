/**
 * Coherence of one word: is there an order of the operations on it in which each finds what it was seen to find?
 *
 * A read-modify-write that found `from` and left `to` is an edge, a store is a jump to its value from wherever the word
 * was, and an order is a walk from the first value to the last that takes everything once. With jumps going through a
 * node of their own this is L. Euler's question (1736), answered in linear time by C. Hierholzer's walk (1873).
 */

/** Something that happened to a word. A load and a compare-exchange that failed leave what they found. */
export type WordOperation =
  | { readonly kind: 'store'; readonly value: number }
  | { readonly kind: 'change'; readonly from: number; readonly to: number };

export type CoherentOrder =
  | { readonly isCoherent: true; readonly order: readonly number[] }
  | { readonly isCoherent: false; readonly problem: CoherenceProblem };

/** Why there is no order. `operations` are those concerned. */
export type CoherenceProblem =
  /** More operations found the value than left it there; `found` and `left` count them, the first value as one left. */
  | {
      readonly kind: 'found too often';
      readonly value: number;
      readonly found: number;
      readonly left: number;
      readonly operations: readonly number[];
    }
  /** Nothing leaves the value that was seen last, or it is needed earlier. */
  | { readonly kind: 'last value'; readonly value: number; readonly operations: readonly number[] }
  /** These found values that nothing leads to. */
  | { readonly kind: 'out of reach'; readonly value: number; readonly operations: readonly number[] };

/**
 * An order of operations on one word, or the reason why there is none.
 *
 * @param first the value before all of them.
 * @param last the value after all of them; undefined if nobody saw it.
 */
export function coherentOrder(operations: readonly WordOperation[], first: number, last?: number): CoherentOrder {
  const surplus = surplusOf(operations, first);
  const short = [...surplus].find(([, count]) => count < 0);
  if (short !== undefined) return incoherent(foundTooOften(operations, first, short[0]));
  if (last !== undefined) return orderTo(operations, surplus, first, last);
  // Somewhere the walk ends; where nobody looked, any value that is left over will do.
  let problem: CoherentOrder | undefined;
  for (const [value, count] of surplus) {
    if (count < 1) continue;
    const found = orderTo(operations, surplus, first, value);
    if (found.isCoherent) return found;
    problem = found;
  }
  return problem ?? incoherent({ kind: 'last value', value: first, operations: [] });
}

/** By value, how often it is left behind less how often it is found. */
function surplusOf(operations: readonly WordOperation[], first: number): Map<number, number> {
  const surplus = new Map<number, number>([[first, 1]]);
  const count = (value: number, by: number) => surplus.set(value, (surplus.get(value) ?? 0) + by);
  for (const operation of operations) {
    if (operation.kind === 'store') count(operation.value, 1);
    else if (operation.from !== operation.to) {
      count(operation.from, -1);
      count(operation.to, 1);
    } else count(operation.from, 0);
  }
  return surplus;
}

function foundTooOften(operations: readonly WordOperation[], first: number, value: number): CoherenceProblem {
  const concerned: number[] = [];
  let [found, left] = [0, value === first ? 1 : 0];
  for (const [index, operation] of operations.entries()) {
    const leaves = (operation.kind === 'store' ? operation.value : operation.to) === value;
    const finds = operation.kind === 'change' && operation.from === value;
    if (leaves === finds) continue;
    if (finds) found += 1;
    else left += 1;
    concerned.push(index);
  }
  return { kind: 'found too often', value, found, left, operations: concerned };
}

function orderTo(
  operations: readonly WordOperation[],
  surplus: ReadonlyMap<number, number>,
  first: number,
  last: number,
): CoherentOrder {
  if ((surplus.get(last) ?? 0) < 1) {
    const concerned = operations.flatMap((operation, index) =>
      operation.kind === 'change' && operation.from === last ? [index] : [],
    );
    return incoherent({ kind: 'last value', value: last, operations: concerned });
  }
  const order = walk(operations, surplus, first, last);
  if (order.length === operations.length) return { isCoherent: true, order };
  const taken = new Set(order);
  const left = operations.flatMap((_, index) => (taken.has(index) ? [] : [index]));
  const finding = left.find((index) => operations[index].kind === 'change');
  // Stores alone are reached from anywhere, unless the first value has to stay the last.
  if (finding === undefined) return incoherent({ kind: 'last value', value: last, operations: left });
  const { from } = operations[finding] as Extract<WordOperation, { kind: 'change' }>;
  return incoherent({ kind: 'out of reach', value: from, operations: left });
}

function incoherent(problem: CoherenceProblem): CoherentOrder {
  return { isCoherent: false, problem };
}

/** The node that jumps go through. */
const JUMP = -1;
/** Going there is no operation. */
const LEAP = -1;

/** Hierholzer's walk. Degrees are balanced, so what it does not take is what it cannot reach. */
function walk(
  operations: readonly WordOperation[],
  surplus: ReadonlyMap<number, number>,
  first: number,
  last: number,
): number[] {
  const edges = new Map<number, { readonly to: number; readonly operation: number }[]>();
  const add = (from: number, to: number, operation: number) => {
    const list = edges.get(from);
    if (list === undefined) edges.set(from, [{ to, operation }]);
    else list.push({ to, operation });
  };
  for (const [value, count] of surplus) {
    for (let jump = value === last ? 1 : 0; jump < count; jump += 1) add(value, JUMP, LEAP);
  }
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === 'store') add(JUMP, operation.value, index);
    else add(operation.from, operation.to, index);
  }
  const path: { readonly node: number; readonly operation: number }[] = [{ node: first, operation: LEAP }];
  const order: number[] = [];
  while (path.length > 0) {
    const { node, operation } = path[path.length - 1];
    const next = edges.get(node)?.pop();
    if (next !== undefined) path.push({ node: next.to, operation: next.operation });
    else {
      path.pop();
      if (operation !== LEAP) order.push(operation);
    }
  }
  return order.reverse();
}
