/**
 * What programs are made of, one thing at a time. No outcome depends on the schedule: slots that share a drain only add,
 * append, or store to words of their own.
 */

import { ControlWord, Opcode, TENANT_ALLOWED } from '../../../src/protocol/index.ts';
import type { SlotRequest } from '../../../src/record/index.ts';
import { inOrder, oneByOne, type PlacedOptions, type PlacedProgram, type PlacedSlot } from './placed-slots.ts';
import { BAG_WORDS, Code, SLOTS, TAG_WORDS, Word } from './scenario-kernel.ts';

export interface Scenario {
  readonly name: string;
  readonly program: PlacedProgram;
  readonly options?: Omit<PlacedOptions, 'kernel'>;
  /** Replayed without its observations. */
  readonly isLogOnly?: boolean;
}

const add = (amount: number, counter: number): SlotRequest => ({
  opcode: Opcode.ATOMIC_ADD,
  args: [amount, Word.COUNTERS + counter],
});
const store = (value: number, word: number): SlotRequest => ({ opcode: Opcode.STORE_U32, args: [value, word] });
const setMask = (tenant: number, mask: number) => store(mask, ControlWord.TENANT_MASKS + tenant);
const fence = (tag: number): SlotRequest => ({ opcode: Opcode.BATCH_FENCE, args: [0, tag] });
const print = (value: number): SlotRequest => ({ opcode: Opcode.PRINTF, args: [value, value + 1, value + 2] });
const put = (first: number, second: number): SlotRequest => ({
  opcode: Code.APPEND,
  args: [Word.BAG, BAG_WORDS, first, second],
});
const tag = (first: number, second: number): SlotRequest => ({
  opcode: Code.APPEND,
  args: [Word.TAGS, TAG_WORDS, first, second],
});
const keep = (value: number, counter: number): SlotRequest => ({
  opcode: Code.KEEP,
  args: [value, Word.COUNTERS + counter],
});
const sumOf = (counter: number, ...others: number[]): SlotRequest => ({
  opcode: Code.SUM,
  args: [Word.COUNTERS + counter, ...others],
});
const ticket = (word: number): SlotRequest => ({ opcode: Code.TICKET, args: [word] });
const giveUp = (code: number): SlotRequest => ({ opcode: Code.GIVE_UP, args: [code, Word.COUNTERS + 11] });
const outOfRange = (word = 0xffff_0000): SlotRequest => store(1, word);
const unheardOf: SlotRequest = { opcode: Code.NOBODY };
const forTenant = (tenant: number, slot: SlotRequest): SlotRequest => ({ ...slot, tenant });
const at = (slotIndex: number, slot: SlotRequest): PlacedSlot => ({ ...slot, slotIndex });

/** With a fence at its end, which counts EPOCH up: a log alone is cut by it. */
function fenced(program: PlacedProgram): PlacedProgram {
  return program.map((slots, epoch) => [...slots, at(0, fence(epoch))]);
}

/** Sound slots, as many as the ring has and some more. */
function soundEpoch(epoch: number, count = SLOTS + 5): PlacedSlot[] {
  const slots = Array.from({ length: count }, (_, index) =>
    index % 3 === 0 ? store(epoch * 100 + index, Word.CELLS + index) : add(index + 1, (index + epoch) % 8),
  );
  return inOrder(slots, SLOTS);
}

const sound = (count: number): PlacedProgram => Array.from({ length: count }, (_, epoch) => soundEpoch(epoch));

const faulty: PlacedProgram = [
  soundEpoch(0),
  // From the last slot to the first: what counts is the order of the slots, not of publishing.
  [at(9, giveUp(77)), at(5, outOfRange()), at(2, unheardOf), at(1, add(1, 0)), at(0, giveUp(78))],
  soundEpoch(2),
  // Over several batches, and more than are handed back.
  [0, 1, 2].flatMap((batch) => [
    at(3, giveUp(batch)),
    at(2, outOfRange(0xffff_0000 + batch)),
    at(batch, add(5, batch)),
  ]),
  inOrder(
    Array.from({ length: 15 }, (_, index) => giveUp(1_000 + index)),
    SLOTS,
  ),
  [at(4, add(1, 1)), at(4, add(1, 2))],
  soundEpoch(6),
];

const TENANT = 5;
const waiting: PlacedProgram = [
  soundEpoch(0),
  [at(0, setMask(TENANT, 0)), at(0, add(1, 0))],
  [at(7, forTenant(TENANT, add(100, 1))), at(3, forTenant(TENANT, add(200, 2))), at(0, add(1, 3))],
  // Several batches around those that wait.
  [at(0, add(1, 0)), at(1, add(2, 1)), at(0, add(3, 2)), at(1, add(4, 3)), at(0, store(9, Word.CELLS))],
  [at(12, forTenant(TENANT, add(400, 4))), at(2, add(1, 5))],
  [],
  // In the drain of the mask they may be served or not; in the next one they are.
  [at(0, setMask(TENANT, TENANT_ALLOWED)), at(0, add(1, 6)), at(0, add(1, 7))],
  soundEpoch(6),
  [at(7, forTenant(TENANT, add(1, 1))), at(3, forTenant(TENANT, giveUp(5)))],
  soundEpoch(8),
];

/** Faults in a slot that waited, between slots that wait on. */
const waitingFaults: PlacedProgram = [
  [at(0, setMask(TENANT, 0)), at(0, setMask(TENANT + 1, 0))],
  [at(4, forTenant(TENANT, giveUp(4))), at(6, forTenant(TENANT + 1, giveUp(6))), at(1, giveUp(1))],
  [at(0, setMask(TENANT, TENANT_ALLOWED)), at(0, add(1, 0)), at(4, add(1, 1))],
  [at(0, setMask(TENANT + 1, TENANT_ALLOWED)), at(0, add(1, 0))],
  soundEpoch(4),
];

/** Behind a fault, with a slot that waits: the next epoch starts from nobody knows what, the one after it from what was seen. */
const lostAndFound: PlacedProgram = [
  [at(0, setMask(TENANT, 0)), at(0, add(1, 0)), at(4, forTenant(TENANT, add(1, 1))), at(2, giveUp(3))],
  [at(0, setMask(TENANT, TENANT_ALLOWED)), at(0, add(1, 2))],
  soundEpoch(2),
  soundEpoch(3),
];

const batches: PlacedProgram = Array.from({ length: 5 }, (_, epoch) =>
  Array.from({ length: 12 + 6 * epoch }, (_, index) =>
    at((index * (epoch + 1)) % (3 + 3 * epoch), add(index + 1, index % 8)),
  ),
);

const records: PlacedProgram = [
  inOrder([put(1, 2), put(3, 4), put(1, 2), tag(5, 6), tag(7, 8), tag(5, 6), print(1), print(9), print(1)], SLOTS),
  inOrder([put(0, 0), tag(0, 0), tag(0, 0), print(0)], SLOTS),
  inOrder(
    Array.from({ length: SLOTS }, (_, index) => ticket(Word.IGNORED_ORDER + index)),
    SLOTS,
  ),
  inOrder([tag(7, 8), put(1, 2), print(5)], SLOTS),
];

const manyPrints = Array.from({ length: 70 }, (_, index) => print(3 * index));
/** More than fit, and no doubt about which. */
const manyPuts = oneByOne(Array.from({ length: BAG_WORDS / 2 + 3 }, (_, index) => put(index, 2 * index)));

const shutDown: PlacedProgram = [
  soundEpoch(0),
  [at(0, add(1, 1)), at(0, { opcode: Opcode.SHUTDOWN })],
  [at(3, add(1, 2)), at(4, store(1, Word.CELLS)), at(5, giveUp(1))],
  [at(6, add(1, 2))],
  [],
];

const kept: PlacedProgram = [0, 1, 2, 3].map((epoch) => [
  at(0, keep(7, 0)),
  at(1, keep(8, 1)),
  at(0, keep(9, 2)),
  at(2, add(epoch, 3)),
  at(1, keep(10, 4)),
]);

const long: PlacedProgram = [
  inOrder(
    Array.from({ length: 9 }, (_, index) =>
      sumOf(index % 4, ...Array.from({ length: 11 }, (_, at) => index * 50 + at)),
    ),
    SLOTS,
  ),
  oneByOne([sumOf(0, 1), keep(5, 1), sumOf(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77), keep(6, 1), sumOf(2)]),
  inOrder(
    [add(1, 1), { ...add(1, 2), priority: 0 }, { ...sumOf(3, 2 ** 31), priority: 4 }, forTenant(20, add(4, 4))],
    SLOTS,
  ),
  faulty[3],
  soundEpoch(4),
];

/** Somebody wrote over a slot that waits. */
const refused: PlacedProgram = [
  [at(0, setMask(TENANT, 0))],
  [at(3, forTenant(TENANT, add(1, 1))), at(0, add(1, 0))],
  [at(0, add(1, 0)), at(3, add(1, 2)), at(1, add(1, 3))],
  soundEpoch(3, 3),
  [at(0, add(1, 0))],
];

/** Each is replayed in every mode and shape, with stress and without. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'sound slots', program: sound(6) },
  { name: 'faults', program: faulty },
  { name: 'slots that wait', program: waiting },
  { name: 'slots that wait, and fault', program: waitingFaults },
  { name: 'a state that is lost and found', program: lostAndFound },
  { name: 'many batches', program: batches },
  { name: 'records', program: records },
  { name: 'overflow one by one', program: [manyPuts, soundEpoch(1), manyPuts.slice(0, 2)] },
  { name: 'shutdown', program: shutDown },
  { name: 'slots that store to themselves', program: kept },
  { name: 'slots of twelve arguments', program: long },
  { name: 'epochs without slots', program: [[], soundEpoch(0), [], [], soundEpoch(1)] },
  { name: 'one empty epoch', program: [[], [at(0, add(1, 1))]] },
  { name: 'lost epochs', program: sound(7), options: { unobserved: [2, 3, 5] } },
  { name: 'a wrapped log', program: sound(9), options: { capacity: 100 } },
  { name: 'a killed writer', program: sound(4), options: { unobserved: [3] } },
  { name: 'a slot that was not free', program: refused },
];

/** As another runtime would leave them. */
export const LOGS: readonly Scenario[] = [
  ...[sound(4), faulty, waiting, waitingFaults, batches, records, long, refused].map((program, index) => ({
    name: `log ${index}`,
    program: fenced(program),
    isLogOnly: true,
  })),
  { name: 'a wrapped log alone', program: fenced(sound(9)), options: { capacity: 100 }, isLogOnly: true },
  { name: 'overflow one by one, alone', program: fenced([manyPuts, soundEpoch(1)]), isLogOnly: true },
];

/** More records than fit: which are dropped is the schedule's choice. */
export const OVERFLOWING: PlacedProgram = [soundEpoch(0), inOrder(manyPrints, SLOTS), soundEpoch(2), soundEpoch(3)];

export const BAG_OVERFLOWING: PlacedProgram = [
  inOrder(
    Array.from({ length: SLOTS }, (_, index) => put(index, index)),
    SLOTS,
  ),
  soundEpoch(1),
];

/** Slots that come in an order, and show it: as many outcomes as there are orders. */
export const ORDERED: PlacedProgram = [0, 1, 2].map((epoch) =>
  inOrder([...Array.from({ length: SLOTS - 1 }, (_, index) => ticket(Word.ORDER + index)), add(epoch, 0)], SLOTS),
);

/** Additions in two accesses, all to one word, among sound slots. */
export const RACING: PlacedProgram = Array.from({ length: 4 }, (_, epoch) =>
  inOrder(
    Array.from({ length: SLOTS }, (_, index) =>
      index < 12 ? { opcode: Code.RACY_ADD, args: [1, Word.COUNTERS] } : add(epoch, 1 + (index % 4)),
    ),
    SLOTS,
  ),
);
