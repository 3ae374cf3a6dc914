/** Slots that faulted, as DRAINED and REPLAYED carry them. */

import { WORD_BYTES } from '../base/words.ts';
import type { WordReader } from './word-reader.ts';

export interface WireFault {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly words: readonly [number, number];
  /** A sentence without a full stop; empty where the host knows the kernel and can explain the words. */
  readonly text: string;
}

const HEAD_WORDS = 5;

/** All of them, end to end. */
export function encodeFaults(faults: readonly WireFault[]): Uint8Array {
  const texts = faults.map(({ text }) => new TextEncoder().encode(text));
  const textWords = texts.reduce((sum, text) => sum + Math.ceil(text.length / WORD_BYTES), 0);
  const words = new Uint32Array(HEAD_WORDS * faults.length + textWords);
  const bytes = new Uint8Array(words.buffer);
  let at = 0;
  for (const [index, fault] of faults.entries()) {
    words.set([fault.slotIndex, fault.opcode, ...fault.words, texts[index].length], at);
    at += HEAD_WORDS;
    bytes.set(texts[index], at * WORD_BYTES);
    at += Math.ceil(texts[index].length / WORD_BYTES);
  }
  return bytes;
}

/** @throws WireError if there are not so many. */
export function readFaults(words: WordReader, count: number): WireFault[] {
  const faults: WireFault[] = [];
  // Pushed one by one: a count that lies must not allocate what it announces.
  for (let index = 0; index < count; index += 1) {
    const [slotIndex, opcode, first, second, textBytes] = words.take(HEAD_WORDS, 'faults');
    faults.push({ slotIndex, opcode, words: [first, second], text: words.text(textBytes) });
  }
  return faults;
}
