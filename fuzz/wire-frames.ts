/** Feeds the reader of frames and the decoders of answers streams that were cut, damaged, forged, and plain noise. */

import { VrrlError } from '../src/base/errors.ts';
import {
  decodeDrained,
  decodeFailure,
  decodeProgress,
  decodeReady,
  decodeRefused,
  decodeRun,
  encodeDrained,
  encodeFrame,
  type Frame,
  FrameReader,
  MessageType,
} from '../src/wire/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const MAX_PAYLOAD_BYTES = 4_096;

/** The reader may refuse a stream, but only with an error of ours; what is intact comes back as it was. */
export const target: FuzzTarget = {
  name: 'wire-frames',
  once(random) {
    const frames = Array.from({ length: random() % 6 }, () => makeFrame(random));
    const stream = Uint8Array.from(frames.flatMap(({ type, payload }) => [...encodeFrame(type, payload)]));
    const isDamaged = random() % 2 === 0;
    if (isDamaged) damage(stream, random);
    const read = readInPieces(stream, random);
    if (!isDamaged) expectSame(frames, read);
    for (const { payload } of read) decodeAll(payload);
  },
};

function makeFrame(random: Random): Frame {
  const type = random() % 16;
  if (random() % 2 === 0) return { type, payload: noise(random, random() % 200) };
  const words = Array.from({ length: random() % 8 }, random);
  const text = String.fromCharCode(...noise(random, random() % 20));
  const faults = words.map((slotIndex) => ({ slotIndex, opcode: random(), words: [1, 2] as const, text }));
  return { type: MessageType.DRAINED, payload: encodeDrained({ done: random(), pending: words, faults }) };
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, random);
}

function damage(stream: Uint8Array, random: Random): void {
  for (let count = random() % 4; count > 0 && stream.length > 0; count -= 1)
    stream[random() % stream.length] = random();
}

function readInPieces(stream: Uint8Array, random: Random): Frame[] {
  const reader = new FrameReader(MAX_PAYLOAD_BYTES);
  const read: Frame[] = [];
  refusable(() => {
    for (let at = 0; at < stream.length; ) {
      const length = 1 + (random() % 64);
      reader.push(stream.subarray(at, at + length));
      at += length;
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) read.push(frame);
    }
  });
  return read;
}

function expectSame(frames: readonly Frame[], read: readonly Frame[]): void {
  const plain = (list: readonly Frame[]) => JSON.stringify(list.map(({ type, payload }) => [type, [...payload]]));
  if (plain(frames) !== plain(read)) throw new Error(`${plain(frames)} is read as ${plain(read)}`);
}

function decodeAll(payload: Uint8Array): void {
  for (const decode of [decodeDrained, decodeRefused, decodeRun, decodeReady, decodeFailure, decodeProgress]) {
    refusable(() => decode(payload));
  }
}

function refusable(attempt: () => unknown): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
  }
}
