/** Epochs of a kernel that is not ours, explained through a model of what a slot does, which its owner writes. */

import { InputError, VrrlError } from '../base/errors.ts';
import { compareSnapshots, type ResolvedLayout } from '../observe/index.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { findSerialOrder, type SerialModel } from '../serial/index.ts';
import type { Explanation } from './explanation.ts';

/** A slot as a model sees it. */
export interface ModelSlot {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly tenant: number;
  readonly priority: number;
  /** All twelve; those not given are zero. */
  readonly args: readonly number[];
}

/** What a whole slot does, by itself. */
export interface SlotModel {
  /**
   * Optional: makes of the words that were observed before an epoch the state that it starts from, such as a journal that
   * observing takes away.
   *
   * @param state the observed words, area after area; changed in place.
   */
  begin?(state: Uint32Array): void;
  /**
   * Does to the state what the slot does.
   *
   * @param state the observed words, area after area; changed in place.
   */
  apply(state: Uint32Array, slot: ModelSlot): void;
}

/** An epoch of anybody's kernel. */
export interface ModelledEpoch extends Pick<Scenario, 'slots' | 'batchEnds'> {
  readonly layout: ResolvedLayout;
  readonly initial: Uint32Array;
  readonly seen: Uint32Array;
}

/**
 * Looks for an order of whole slots that gives what was seen, by a model.
 *
 * @throws InputError if the model throws.
 */
export function explainByModel(model: SlotModel, epoch: ModelledEpoch, maxNodes: number): Explanation {
  const search = new StateModel(model, epoch);
  const batches = epoch.slots.map((_, slot) => epoch.batchEnds.findIndex((end) => slot < end));
  const order = { call: batches, return: batches.map((batch) => batch + 0.5) };
  const result = findSerialOrder(search, { order, maxNodes });
  const common = {
    holds: undefined,
    witness: undefined,
    contradiction: undefined,
    weakShape: undefined,
    slots: epoch.slots.map(({ slotIndex, slot }, index) => ({
      slot: index,
      slotIndex,
      batch: batches[index],
      text: `0x${slot.opcode.toString(16)}(${Array.from(slot.args).join(', ')})`,
      promisesAtomicity: false,
    })),
    brokenPromises: [],
    accesses: [],
    assumed: ['the model that was given says what a slot does, and each slot happens at once'],
    notKnown: [],
    nodes: result.nodes,
    runs: 0,
  };
  if (result.verdict === 'found') {
    const isPublishOrder = result.order.every((slot, index) => slot === index);
    return {
      ...common,
      verdict: 'serializable',
      violated: undefined,
      holds: 'slot-serial',
      summary: `legal by the model: the slots in the order ${result.order.join(', ')} give what was seen`,
      argument: [],
      witness: { kind: 'slots', order: result.order, isPublishOrder },
    };
  }
  const isImpossible = result.verdict === 'none';
  return {
    ...common,
    verdict: isImpossible ? 'unserializable' : 'unknown',
    violated: isImpossible ? 'slot-serial' : undefined,
    summary: isImpossible
      ? `by the model, no order of its ${epoch.slots.length} slots gives what was seen`
      : `no order was found among the ${result.nodes} states that were looked at`,
    argument: search.nearest(result.longest),
  };
}

class StateModel implements SerialModel {
  readonly operationCount: number;
  readonly #model: SlotModel;
  readonly #epoch: ModelledEpoch;
  readonly #slots: readonly ModelSlot[];
  readonly #states: Uint32Array[];

  constructor(model: SlotModel, epoch: ModelledEpoch) {
    this.#model = model;
    this.#epoch = epoch;
    this.#slots = epoch.slots.map(modelSlot);
    const initial = epoch.initial.slice();
    told(() => model.begin?.(initial), 'at the beginning of an epoch', 'let begin(state) change the state in place.');
    this.#states = [initial];
    this.operationCount = epoch.slots.length;
  }

  apply(operation: number): boolean {
    const state = this.#state().slice();
    const fix = 'let apply(state, slot) change the state in place for every slot of the log.';
    told(() => this.#model.apply(state, this.#slots[operation]), `at slot ${operation}`, fix);
    this.#states.push(state);
    return true;
  }

  undo(): void {
    this.#states.pop();
  }

  isFinal(): boolean {
    return compareSnapshots(this.#epoch.layout, this.#state(), this.#epoch.seen).differences.length === 0;
  }

  stateHash(): number {
    let hash = 0;
    for (const word of this.#state()) hash = Math.imul(hash ^ word, 0x0100_0193) ^ (hash >>> 15);
    return hash;
  }

  captureState(): unknown {
    // Nobody changes a state once it is pushed.
    return this.#state();
  }

  equalsState(captured: unknown): boolean {
    const state = captured as Uint32Array;
    return this.#state().every((word, index) => word === state[index]);
  }

  /** What an order that begins with the longest prefix gives, as sentences. */
  nearest(longest: readonly number[]): string[] {
    const { slots, layout, seen } = this.#epoch;
    const rest = [...slots.keys()].filter((slot) => !longest.includes(slot));
    this.#states.length = 1;
    for (const slot of [...longest, ...rest].sort((a, b) => this.#batchOf(a) - this.#batchOf(b))) this.apply(slot);
    const { differences } = compareSnapshots(layout, this.#state(), seen);
    const words = differences.flatMap((difference) => (difference.kind === 'words' ? difference.words : []));
    return words.slice(0, 4).map(({ name, expected, seen: value }) => {
      return `An order that was tried gives ${name} = ${expected}, and ${value} was seen.`;
    });
  }

  #batchOf(slot: number): number {
    return this.#epoch.batchEnds.findIndex((end) => slot < end);
  }

  #state(): Uint32Array {
    return this.#states[this.#states.length - 1];
  }
}

/** Calls a model; whatever it throws is told as its fault. */
function told(call: () => void, where: string, fix: string): void {
  try {
    call();
  } catch (cause) {
    if (cause instanceof VrrlError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`the model threw ${where}: ${reason}`, fix, { cause });
  }
}

function modelSlot({ slotIndex, slot }: PlacedSlot): ModelSlot {
  const args = Array.from({ length: ARGUMENT_COUNT }, (_, index) => slot.args[index] ?? 0);
  return { slotIndex, opcode: slot.opcode, tenant: slot.tenant, priority: slot.priority, args };
}
