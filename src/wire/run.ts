/** RUN and its answers, DRAINED and REFUSED. */

import { WORD_BYTES } from '../base/words.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';
import { WireError } from './errors.ts';
import { encodeFaults, readFaults, type WireFault } from './faults.ts';
import { decodeText, WordReader } from './word-reader.ts';

/** A slot as RUN carries it. */
export interface SlotToRun {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly tenant: number;
  readonly priority: number;
  readonly args: ArrayLike<number>;
}

/** Where in a slot's words what is. */
export const RunWord = { SLOT_INDEX: 0, OPCODE: 1, TENANT: 2, PRIORITY: 3, ARGUMENTS: 4 } as const;
export const RUN_SLOT_WORDS: number = RunWord.ARGUMENTS + ARGUMENT_COUNT;

/** How long a RUN of so many slots is. */
export function runPayloadBytes(slotCount: number): number {
  return WORD_BYTES * (1 + slotCount * RUN_SLOT_WORDS);
}

/** A RUN that is being made, slot by slot, in a buffer that is used again. */
export class RunPayload {
  count = 0;
  #words: Uint32Array<ArrayBuffer> = new Uint32Array(1 + 16 * RUN_SLOT_WORDS);

  clear(): void {
    this.count = 0;
  }

  /** Copies a slot of at most 12 arguments; those not given are zero. */
  add(slotIndex: number, { opcode, tenant, priority, args }: Omit<SlotToRun, 'slotIndex'>): void {
    const base = 1 + this.count * RUN_SLOT_WORDS;
    if (base + RUN_SLOT_WORDS > this.#words.length) this.#grow();
    const words = this.#words;
    words[base + RunWord.SLOT_INDEX] = slotIndex;
    words[base + RunWord.OPCODE] = opcode;
    words[base + RunWord.TENANT] = tenant;
    words[base + RunWord.PRIORITY] = priority;
    const arguments_ = base + RunWord.ARGUMENTS;
    for (let index = 0; index < args.length; index += 1) words[arguments_ + index] = args[index];
    words.fill(0, arguments_ + args.length, arguments_ + ARGUMENT_COUNT);
    this.count += 1;
  }

  /** The slot index of the slot added as the `position`-th, from 0. */
  slotIndexAt(position: number): number {
    return this.#words[1 + position * RUN_SLOT_WORDS + RunWord.SLOT_INDEX];
  }

  /** The payload so far: a view, good until the next `add`. */
  bytes(): Uint8Array {
    this.#words[0] = this.count;
    return new Uint8Array(this.#words.buffer, 0, runPayloadBytes(this.count));
  }

  #grow(): void {
    const grown = new Uint32Array((this.#words.length - 1) * 2 + 1);
    grown.set(this.#words);
    this.#words = grown;
  }
}

/** @throws WireError if the payload is not as long as its count says. */
export function decodeRun(payload: Uint8Array): SlotToRun[] {
  const words = new WordReader(payload, 'RUN');
  const count = words.next('count');
  if (payload.length !== runPayloadBytes(count)) {
    throw new WireError(`RUN: ${count} slots take ${runPayloadBytes(count)} bytes, it has ${payload.length}`);
  }
  return Array.from({ length: count }, () => {
    const [slotIndex, opcode, tenant, priority, ...args] = words.take(RUN_SLOT_WORDS, 'slots');
    return { slotIndex, opcode, tenant, priority, args };
  });
}

export interface Drained {
  readonly done: number;
  readonly pending: readonly number[];
  readonly faults: readonly WireFault[];
}

export function encodeDrained({ done, pending, faults }: Drained): Uint8Array {
  const ended = encodeFaults(faults);
  const payload = new Uint8Array((3 + pending.length) * WORD_BYTES + ended.length);
  const words = new Uint32Array(payload.buffer, 0, 3 + pending.length);
  words[0] = done;
  words[1] = pending.length;
  words.set(pending, 2);
  words[2 + pending.length] = faults.length;
  payload.set(ended, words.byteLength);
  return payload;
}

/** @throws WireError if a count reaches beyond the payload, or something is left behind the last fault. */
export function decodeDrained(payload: Uint8Array): Drained {
  const words = new WordReader(payload, 'DRAINED');
  const done = words.next('done');
  const pending = words.take(words.next('pendingCount'), 'pending');
  const faults = readFaults(words, words.next('faultCount'));
  words.expectEnd();
  return { done, pending, faults };
}

/** Why a RUN was not taken. */
export interface Refused {
  /** Which slot of the RUN, counted from 0. */
  readonly position: number;
  readonly text: string;
}

export function encodeRefused({ position, text }: Refused): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const payload = new Uint8Array(WORD_BYTES + encoded.length);
  new DataView(payload.buffer).setUint32(0, position, true);
  payload.set(encoded, WORD_BYTES);
  return payload;
}

/** @throws WireError if it has no position. */
export function decodeRefused(payload: Uint8Array): Refused {
  const position = new WordReader(payload, 'REFUSED').next('position');
  return { position, text: decodeText(payload.subarray(WORD_BYTES)) };
}
