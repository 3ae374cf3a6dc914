import { DEBUG_RECORD_COUNT, Opcode } from '../../protocol/index.ts';
import { type BaseKernel, baseKernel, type Race, ROW_WORDS } from '../base-kernel.ts';
import { packedSlot } from './packed-slot.ts';

/** The kernel of the protocol, as it stands. */
export const builtIn: BaseKernel = baseKernel({
  name: 'built-in',
  summary: 'The kernel of the protocol, as it stands.',
  rows: 4,
});

/** As {@link builtIn}, for slots whose compare-swaps may succeed in any order. */
export const builtInSwaps: BaseKernel = baseKernel({
  name: 'built-in, swaps in any order',
  summary: 'The same; which of two rivals a COMPARE_SWAP tells that it was first is not compared.',
  rows: 4,
  ignoredRows: [1],
});

const add = (amount: number, word: number) => ({ opcode: Opcode.ATOMIC_ADD, args: [amount, word] });
const store = (value: number, word: number) => ({ opcode: Opcode.STORE_U32, args: [value, word] });
const swap = (word: number, expected: number, desired: number) => ({
  opcode: Opcode.COMPARE_SWAP,
  args: [word, expected, desired],
});
const copy = (from: number, to: number, words: number) => ({ opcode: Opcode.MEMCPY, args: [from, to, words] });
const load = (word: number, result: number) => ({
  opcode: Opcode.LOAD_U32,
  args: [word, result - ROW_WORDS],
});
const print = (first: number, second: number) => ({ opcode: Opcode.PRINTF, args: [7, first, second] });

export const additions: Race = {
  name: 'three slots add to one word',
  slots: (place) => [1, 2, 4].map((amount) => add(amount, place.word(0))),
};

export const swapAndAdd: Race = {
  name: 'a COMPARE_SWAP and an ATOMIC_ADD on one word',
  slots: (place) => [swap(place.word(0), 0, 1), add(1, place.word(0))],
};

export const mismatch: Race = {
  name: 'a COMPARE_SWAP that expects what is not there, beside an ATOMIC_ADD elsewhere',
  slots: (place) => [swap(place.word(0), 5, 9), add(1, place.word(2))],
};

export const storeAndLoad: Race = {
  name: 'a STORE_U32 and a LOAD_U32 on one word',
  slots: (place) => [store(0x1234_5678, place.word(0)), load(place.word(0), place.word(2))],
};

export const copyToNeighbour: Race = {
  name: 'a packed STORE_U32 and MEMCPY onto itself, a word further on',
  slots: (place) => [
    packedSlot([store(7, place.word(0)), copy(place.word(0), place.word(0, 1), 3)]),
    packedSlot([store(9, place.word(2)), copy(place.word(2), place.word(2, 1), 3)]),
  ],
};

export const copyBesideStore: Race = {
  name: 'a MEMCPY of three words, and a STORE_U32 to the fourth',
  slots: (place) => [store(7, place.word(0, 3)), copy(place.word(0), place.word(2), 3)],
};

export const prints: Race = {
  name: 'three PRINTFs',
  mostBeside: Math.floor(DEBUG_RECORD_COUNT / 3),
  slots: (place) => [1, 2, 3].map((number) => print(place.index, number)),
};

export const packedAdditions: Race = {
  name: 'two packed slots, an ATOMIC_ADD each',
  slots: (place) => [packedSlot([add(1, place.word(0))]), packedSlot([add(2, place.word(0))])],
};

export const packedSwaps: Race = {
  name: 'two packed slots that compare and swap one word, then add to another',
  slots: (place) => {
    const slot = packedSlot([swap(place.word(0), 0, 1), add(1, place.word(2))]);
    return [slot, slot];
  },
};
