/** A serial order, really run: nothing is shown that was only reasoned. */

import { BackendFaultError, PublishError, ReferenceBackend } from '../backend/index.ts';
import { type Kernel, observationLayoutOf } from '../kernel/index.ts';
import { compareSnapshots, type ResolvedLayout, resolveLayout, type SnapshotComparison } from '../observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import type { EpochAnalysis } from './analysis.ts';

/** Made once a kernel: compiling takes longer than running a small epoch a hundred times. */
const references = new WeakMap<Kernel, ReferenceBackend>();

function referenceOf(kernel: Kernel): ReferenceBackend {
  const known = references.get(kernel);
  if (known !== undefined) {
    known.start();
    return known;
  }
  const made = new ReferenceBackend(kernel);
  references.set(kernel, made);
  return made;
}

/** Runs the slots of each batch in the order given on the reference. */
export function replayOrder(scenario: Scenario, order: readonly number[]): ScenarioOutcome {
  const { kernel, slots, batchEnds } = scenario;
  const backend = referenceOf(kernel);
  backend.restore(scenario.initial);
  const faults: ScenarioOutcome['faults'][number][] = [];
  let [done, pending, begin] = [0, 0, 0];
  for (const end of batchEnds) {
    for (const slot of order.slice(begin, end)) backend.publish(slots[slot].slotIndex, slots[slot].slot);
    const report = backend.drain();
    done += report.done;
    pending = report.pending.length;
    faults.push(...report.faults);
    begin = end;
  }
  const words = new Uint32Array(scenario.initial.length);
  backend.observe(words);
  return { words, done, pending, faults };
}

/** How an outcome compares with another of the same scenario. */
export interface OutcomeComparison {
  readonly isSame: boolean;
  /** They differ in nothing but records that an overflow dropped, of which nobody knows which. */
  readonly isUnknown: boolean;
  readonly words: SnapshotComparison;
}

/** Compares outcomes under the equivalences of the kernel's regions. */
export function compareOutcomes(
  layout: ResolvedLayout,
  expected: ScenarioOutcome,
  seen: ScenarioOutcome,
): OutcomeComparison {
  const words = compareSnapshots(layout, expected.words, seen.words);
  const sameEnds =
    expected.done === seen.done &&
    expected.pending === seen.pending &&
    expected.faults.length === seen.faults.length &&
    (expected.faults.length === 0 || faultText(expected.faults) === faultText(seen.faults));
  const differs = words.differences.length > 0 || !sameEnds;
  return { isSame: !differs, isUnknown: !differs && words.unknown.length > 0, words };
}

function faultText(faults: ScenarioOutcome['faults']): string {
  return faults
    .map(({ slotIndex, opcode, words }) => `${slotIndex}:${opcode}:${words.join(':')}`)
    .sort()
    .join(' ');
}

const layouts = new WeakMap<Kernel, ResolvedLayout>();

/** What a kernel's observations look like; worked out once a kernel. */
export function layoutOf(kernel: Kernel): ResolvedLayout {
  const known = layouts.get(kernel) ?? resolveLayout(observationLayoutOf(kernel));
  layouts.set(kernel, known);
  return known;
}

/**
 * Whether the slots give, in the order of publishing, what was seen. Most epochs need no more explaining than this, and it
 * takes one serial run and a comparison.
 */
export function isGivenByPublishing(scenario: Scenario, outcome: ScenarioOutcome): boolean {
  try {
    const given = replayOrder(scenario, [...scenario.slots.keys()]);
    return compareOutcomes(layoutOf(scenario.kernel), given, outcome).isSame;
  } catch (error) {
    if (error instanceof PublishError || error instanceof BackendFaultError) return false;
    throw error;
  }
}

/** Witnesses of components, each in the order of its batches, as one order of all slots. */
export function joinOrders({ scenario, batchOf }: EpochAnalysis, orders: readonly (readonly number[])[]): number[] {
  const ordered = orders.flat();
  const placed = new Set(ordered);
  for (const slot of scenario.slots.keys()) if (!placed.has(slot)) ordered.push(slot);
  // Sorting is stable: within a batch everything stays as its component has it.
  return ordered.sort((left, right) => batchOf[left] - batchOf[right]);
}
