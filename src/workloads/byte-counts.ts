/** Counters for byte values in the observables, and what the host expects of them: shared by the workloads that count. */

import { ControlWord } from '../protocol/index.ts';
import { amountText, countText } from './batches.ts';

export const BYTE_VALUES = 256;
/** Word 160 is the fence's. */
export const FIRST_COUNTER: number = ControlWord.OBSERVABLE_BASE + 1;
/** Observable words that a kernel needs for `counters` of them. */
export function observableWordsFor(counters: number): number {
  return FIRST_COUNTER - ControlWord.OBSERVABLE_BASE + counters;
}

/** The control word that counts a byte value; with fewer counters than values, several values share one. */
export function counterOf(byte: number, counters: number = BYTE_VALUES): number {
  return FIRST_COUNTER + (byte % counters);
}

/** How often each counter should have been hit. */
export function expectedCounts(input: Uint8Array, counters: number = BYTE_VALUES): Uint32Array {
  const counts = new Uint32Array(counters);
  for (const byte of input) counts[byte % counters] += 1;
  return counts;
}

/** The counters as a snapshot has them. */
export function seenCounts(snapshot: Uint32Array, counters: number = BYTE_VALUES): Uint32Array {
  return snapshot.subarray(FIRST_COUNTER, FIRST_COUNTER + counters);
}

/** The first counter that is wrong, as a sentence, or undefined. */
export function checkCounts(snapshot: Uint32Array, input: Uint8Array): string | undefined {
  const expected = expectedCounts(input);
  const seen = seenCounts(snapshot);
  const wrong = expected.findIndex((count, byte) => seen[byte] !== count);
  if (wrong === -1) return undefined;
  return `byte ${byteText(wrong)} was counted ${amountText(seen[wrong], 'time')}, it is there ${amountText(expected[wrong], 'time')}`;
}

/** The most frequent values, for people. */
export function describeCounts(snapshot: Uint32Array): string[] {
  const counts = seenCounts(snapshot);
  const present = Array.from(counts.keys()).filter((byte) => counts[byte] > 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  present.sort((left, right) => counts[right] - counts[left] || left - right);
  const top = present.slice(0, MOST_FREQUENT).map((byte) => `${byteText(byte)} × ${countText(counts[byte])}`);
  return [
    `${amountText(total, 'byte')} counted, ${amountText(present.length, 'different value')}`,
    ...(top.length > 0 ? [`most frequent: ${top.join(', ')}`] : []),
  ];
}

const MOST_FREQUENT = 5;

function byteText(byte: number): string {
  const hexadecimal = `0x${byte.toString(16).padStart(2, '0')}`;
  const isPrintable = byte > 0x20 && byte < 0x7f;
  return isPrintable ? `${hexadecimal} "${String.fromCharCode(byte)}"` : hexadecimal;
}
