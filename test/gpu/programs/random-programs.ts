/**
 * Random programs for the scenario kernel. Everything in them is drawn freely, then settled so that no outcome depends on
 * the schedule: in one drain slots add, append, or store to a word of their own, and masks change in drains of their own.
 */

import fc from 'fast-check';
import { ReferenceBackend } from '../../../src/backend/index.ts';
import { RandomWords } from '../../../src/base/random.ts';
import { ControlWord, Opcode, TENANT_ALLOWED } from '../../../src/protocol/index.ts';
import type { SlotRequest } from '../../../src/record/index.ts';
import type { KernelCase } from '../../kernel/random-kernel.ts';
import { oneByOne, type PlacedOptions, type PlacedProgram, type PlacedSlot } from './placed-slots.ts';
import { BAG_WORDS, COUNTERS, Code, SLOTS, TAG_WORDS, Word } from './scenario-kernel.ts';

interface Choice {
  readonly kind: keyof typeof KINDS;
  /** Slot 0 begins every batch, so that it is one. */
  readonly slotIndex: number;
  readonly tenant: number;
  readonly counter: number;
  readonly first: number;
  readonly second: number;
}

type Kind = (choice: Choice) => SlotRequest;

const KINDS = {
  add: ({ first, counter }) => ({ opcode: Opcode.ATOMIC_ADD, args: [first, Word.COUNTERS + counter] }),
  store: ({ first, slotIndex }) => ({ opcode: Opcode.STORE_U32, args: [first, Word.CELLS + slotIndex] }),
  print: ({ first, second }) => ({ opcode: Opcode.PRINTF, args: [first, second, first % 3] }),
  put: ({ first, second }) => ({ opcode: Code.APPEND, args: [Word.BAG, BAG_WORDS, first % 4, second] }),
  tag: ({ first, second }) => ({ opcode: Code.APPEND, args: [Word.TAGS, TAG_WORDS, first % 2, second % 2] }),
  keep: ({ first, counter }) => ({ opcode: Code.KEEP, args: [first, Word.COUNTERS + counter] }),
  sum: ({ first, second, counter }) => ({
    opcode: Code.SUM,
    args: [Word.COUNTERS + counter, first, 0, second, first, 1, second],
  }),
  ticket: ({ slotIndex }) => ({ opcode: Code.TICKET, args: [Word.IGNORED_ORDER + slotIndex] }),
  giveUp: ({ first, counter }) => ({ opcode: Code.GIVE_UP, args: [first, Word.COUNTERS + counter] }),
  outOfRange: ({ first }) => ({ opcode: Opcode.STORE_U32, args: [1, 0x8000_0000 + (first >>> 1)] }),
  nobody: ({ first }) => ({ opcode: Code.NOBODY, args: [first] }),
} satisfies Record<string, Kind>;

/** What may be given up in an epoch with faults is a smaller part of them, or hardly any epoch would be judged. */
const SOUND: readonly Choice['kind'][] = ['add', 'store', 'print', 'put', 'tag', 'keep', 'sum', 'ticket'];
const FAULTY: readonly Choice['kind'][] = ['giveUp', 'outOfRange', 'nobody'];

const word = fc.oneof(fc.nat(5), fc.nat(0xffff_ffff));
const choiceOf = (kinds: readonly Choice['kind'][]): fc.Arbitrary<Choice> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    slotIndex: fc.integer({ min: 1, max: SLOTS - 1 }),
    tenant: fc.nat(3),
    counter: fc.nat(COUNTERS - 1),
    first: word,
    second: word,
  });

/** A batch, and what becomes of a tenant's mask before it. */
interface BatchChoice {
  readonly slots: readonly Choice[];
  readonly mask: { readonly tenant: number; readonly isAllowed: boolean } | undefined;
}

const batchOf = (kinds: readonly Choice['kind'][]): fc.Arbitrary<BatchChoice> =>
  fc.record({
    slots: fc.array(choiceOf(kinds), { maxLength: 14, size: 'max' }),
    mask: fc.option(fc.record({ tenant: fc.integer({ min: 1, max: 3 }), isAllowed: fc.boolean() }), {
      freq: 4,
      nil: undefined,
    }),
  });

const epoch = fc.oneof(
  { weight: 4, arbitrary: fc.array(batchOf(SOUND), { maxLength: 4, size: 'max' }) },
  { weight: 1, arbitrary: fc.array(batchOf([...SOUND, ...FAULTY]), { maxLength: 3, size: 'max' }) },
);

/** Programs with up to eight epochs. */
const anyScenarioProgram: fc.Arbitrary<PlacedProgram> = fc
  .array(epoch, { minLength: 1, maxLength: 8, size: 'max' })
  .map((epochs) => {
    const settling = new Settling();
    return epochs.map((batches) => settling.epoch(batches));
  });

/** A program, and what happened to its recording. */
export interface RandomRecording extends Omit<PlacedOptions, 'kernel'> {
  readonly program: PlacedProgram;
  readonly isLogOnly: boolean;
}

/** Some without their observations, some with lost ones, some that are longer than their log. */
export const anyRecording: fc.Arbitrary<RandomRecording> = fc.record({
  program: anyScenarioProgram,
  isLogOnly: fc.boolean(),
  unobserved: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(fc.nat(7), { maxLength: 3 })),
  capacity: fc.constantFrom(4_096, 4_096, 60),
});

/** Takes out whatever would depend on the schedule. */
class Settling {
  /** The tenants of slots that wait. */
  readonly #waiting = new Map<number, number>();
  readonly #disabled = new Set<number>();
  /** How often there is room for it, of what there is not always. */
  readonly #left: Partial<Record<Choice['kind'], number>> = { put: BAG_WORDS / 2, tag: TAG_WORDS / 2 };

  epoch(batches: readonly BatchChoice[]): PlacedSlot[] {
    // The debug log has room for 64, and those that waited may come late.
    this.#left.print = 40;
    return batches.flatMap((batch) => [...this.#mask(batch), ...this.#batch(batch)]);
  }

  /** In a drain of its own. Slots that it lets go are served there or in the next one. */
  #mask({ mask }: BatchChoice): PlacedSlot[] {
    if (mask === undefined) return [];
    const { tenant, isAllowed } = mask;
    if (isAllowed) this.#letGo(tenant);
    else this.#disabled.add(tenant);
    const args = [isAllowed ? TENANT_ALLOWED : 0, ControlWord.TENANT_MASKS + tenant];
    return oneByOne([
      { opcode: Opcode.STORE_U32, args },
      { opcode: Opcode.ATOMIC_ADD, args: [1, Word.COUNTERS] },
    ]);
  }

  #letGo(tenant: number): void {
    this.#disabled.delete(tenant);
    for (const [slotIndex, whose] of this.#waiting) if (whose === tenant) this.#waiting.delete(slotIndex);
  }

  #batch({ slots }: BatchChoice): PlacedSlot[] {
    const placed = new Map<number, PlacedSlot>();
    placed.set(0, { slotIndex: 0, opcode: Opcode.ATOMIC_ADD, args: [slots.length, Word.COUNTERS] });
    for (const choice of slots) {
      const { kind, slotIndex, tenant } = choice;
      const isDisabled = this.#disabled.has(tenant);
      // Of faults it counts in which drain they are, and of two that are let go nobody can say.
      const isOut = placed.has(slotIndex) || this.#waiting.has(slotIndex) || (isDisabled && FAULTY.includes(kind));
      if (isOut || !this.#takeRoom(kind)) continue;
      placed.set(slotIndex, { ...KINDS[kind](choice), slotIndex, tenant });
      if (isDisabled) this.#waiting.set(slotIndex, tenant);
    }
    return [...placed.values()];
  }

  #takeRoom(kind: Choice['kind']): boolean {
    const left = this.#left[kind];
    if (left === undefined) return true;
    this.#left[kind] = left - 1;
    return left > 0;
  }
}

const KERNEL_EPOCHS = 6;

/**
 * A program for a random kernel, about which nobody knows anything: a slot at a time, each of them alone in its drain. Ends
 * with a slot that stays in the ring, which would take its turns beside others.
 */
export function programFor({ kernel, slots }: KernelCase, seed: number): PlacedProgram {
  const random = new RandomWords(seed);
  const reference = new ReferenceBackend(kernel);
  const program: PlacedSlot[][] = [];
  for (let epoch = 0; epoch < KERNEL_EPOCHS; epoch += 1) {
    const slotIndex = random.below(kernel.slotCount);
    const requests = Array.from({ length: 1 + random.below(4) }, () => {
      const { opcode, tenant, priority, args } = slots[random.below(slots.length)];
      const changed = Array.from(args, (argument) => (random.below(3) === 0 ? random.next() : argument));
      return { opcode, tenant, priority, args: changed };
    });
    for (const [index, request] of requests.entries()) {
      reference.publish(slotIndex, request);
      if (reference.drain().pending.length === 0) continue;
      program.push(oneByOne(requests.slice(0, index + 1), slotIndex), []);
      return program;
    }
    program.push(oneByOne(requests, slotIndex));
  }
  return program;
}
