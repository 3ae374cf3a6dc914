/** What slots give when they run one after the other, in every order. */

import { DrainTally, ReferenceBackend } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots, type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';

/** Runs slots of one kernel whole, one after the other. */
export class SerialRunner {
  readonly kernel: Kernel;
  readonly layout: ResolvedLayout;
  readonly #backend: ReferenceBackend;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.#backend = new ReferenceBackend(kernel);
    this.layout = resolveLayout(this.#backend.layout);
  }

  /** What the slots give in that order. */
  run(initial: Uint32Array, slots: readonly PlacedSlot[]): ScenarioOutcome {
    const backend = this.#backend;
    const tally = new DrainTally();
    backend.restore(initial);
    for (const { slotIndex, slot } of slots) {
      backend.publish(slotIndex, slot);
      tally.add(backend.drain());
    }
    const words = new Uint32Array(this.layout.snapshotWords);
    backend.observe(words);
    return { words, done: tally.done, pending: tally.pending, faults: tally.faults };
  }

  /** The different outcomes of all orders, that of publishing first. For few slots: orders are as many as n factorial. */
  allOrders({ initial, slots }: Scenario): ScenarioOutcome[] {
    const outcomes: ScenarioOutcome[] = [];
    for (const order of permutations(slots)) {
      const outcome = this.run(initial, order);
      if (!outcomes.some((known) => sameOutcome(this.layout, known, outcome))) outcomes.push(outcome);
    }
    return outcomes;
  }
}

/** Whether two outcomes are the same as far as the layout compares them. */
export function sameOutcome(layout: ResolvedLayout, left: ScenarioOutcome, right: ScenarioOutcome): boolean {
  return sameEnds(left, right) && compareSnapshots(layout, left.words, right.words).equal;
}

/** Whether as many slots were done, waited and faulted. */
export function sameEnds(left: ScenarioOutcome, right: ScenarioOutcome): boolean {
  return left.done === right.done && left.pending === right.pending && left.faults.length === right.faults.length;
}

function* permutations<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  if (items.length <= 1) {
    yield items;
    return;
  }
  for (const [index, item] of items.entries()) {
    for (const rest of permutations(items.filter((_, other) => other !== index))) yield [item, ...rest];
  }
}
