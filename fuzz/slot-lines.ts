/** Feeds the slot lines reader damaged lines and plain noise, whole and in pieces. */

import { VrrlError } from '../src/base/errors.ts';
import { defineKernel, type Kernel } from '../src/kernel/index.ts';
import { type SlotLine, SlotLineReader } from '../src/record/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const MAX_NOISE_BYTES = 300;
const MAX_LINES = 8;
const kernel: Kernel = defineKernel({ name: 'fuzz', slotCount: 4 });

/** The reader: refuses only with errors of ours, reads the same however the bytes are cut, and lets only slots through. */
export const target: FuzzTarget = {
  name: 'slot-lines',
  once(random) {
    const bytes = random() % 8 === 0 ? makeNoise(random) : makeDamagedLines(random);
    const usedKernel = random() % 2 === 0 ? kernel : undefined;
    const whole = readAll([bytes.slice()], usedKernel);
    const pieces = readAll(cut(bytes, random), usedKernel);
    if (JSON.stringify(whole) !== JSON.stringify(pieces)) fail(bytes, 'it reads differently in pieces');
    for (const line of whole.lines) checkLine(line, bytes);
  },
};

interface Reading {
  readonly lines: readonly SlotLine[];
  /** What ended it early. */
  readonly error: string | undefined;
}

function readAll(chunks: readonly Uint8Array[], usedKernel: Kernel | undefined): Reading {
  const reader = new SlotLineReader(usedKernel);
  const lines: SlotLine[] = [];
  try {
    for (const chunk of chunks) {
      for (const line of reader.push(chunk)) lines.push(line);
      // The reader may keep nothing of a chunk, so what becomes of it afterwards must not matter.
      chunk.fill(0x58);
    }
    for (const line of reader.end()) lines.push(line);
    return { lines, error: undefined };
  } catch (error) {
    if (error instanceof VrrlError && error.message.includes(' Fix: ')) return { lines, error: error.message };
    throw error;
  }
}

function checkLine(line: SlotLine, bytes: Uint8Array): void {
  if (line.kind === 'end') {
    if (!isWord(line.tag) || typeof line.fence !== 'boolean') fail(bytes, 'an end that is none');
    return;
  }
  const { opcode, tenant = 0, priority = 0, args = [] } = line.slot;
  if (![opcode, tenant, priority, ...args].every(isWord)) fail(bytes, 'a slot with something that is no word');
  if (args.length > 12 || priority > 4) fail(bytes, 'a slot that the protocol does not allow');
}

function isWord(value: number): boolean {
  return value >>> 0 === value;
}

function fail(bytes: Uint8Array, what: string): never {
  const content = Buffer.from(bytes).toString('base64');
  throw new Error(`${what}. Fix: correct the reader; the input in base64 is ${content}`);
}

function makeNoise(random: Random): Uint8Array {
  return Uint8Array.from({ length: random() % MAX_NOISE_BYTES }, () => random());
}

const MEMBERS: readonly string[] = [
  'opcode',
  'tenant',
  'priority',
  'args',
  'end',
  'tag',
  'fence',
  '__proto__',
  'opcod',
];
const VALUES: readonly string[] = [
  '0',
  '1',
  '-0',
  '4294967295',
  '4294967296',
  '1e3',
  '1e999',
  '0.5',
  'null',
  'true',
  'false',
  '"batch"',
  '"ATOMIC_ADD"',
  '"ATOMIC_AD"',
  '"0x2"',
  '"constructor"',
  '[]',
  '[1,170]',
  '["0xffffffff",-1]',
  '[0,1,2,3,4,5,6,7,8,9,10,11]',
  '[0,1,2,3,4,5,6,7,8,9,10,11,12]',
  '{}',
  '"\\u0000"',
  '"é"',
];
const WHOLE_LINES: readonly string[] = [
  '{"opcode":"ATOMIC_ADD","tenant":0,"priority":2,"args":[1,170]}',
  '{"opcode":2,"args":["0x1",170]}',
  '{"end":"batch","tag":7}',
  '{"end":"batch"}',
  '# a comment',
  '',
  '  ',
  '[]',
  '"',
];

function makeDamagedLines(random: Random): Uint8Array {
  const lines = Array.from({ length: random() % MAX_LINES }, () => makeLine(random));
  const text = lines.map((line) => line + ['\n', '\r\n', '\n\n', ''][random() % 4]).join('');
  const bytes = new TextEncoder().encode(random() % 8 === 0 ? `\ufeff${text}` : text);
  for (let flips = random() % 4; flips > 1 && bytes.length > 0; flips -= 1) bytes[random() % bytes.length] = random();
  return bytes;
}

function makeLine(random: Random): string {
  if (random() % 2 === 0) return WHOLE_LINES[random() % WHOLE_LINES.length];
  const members = Array.from({ length: random() % 4 }, () => {
    return `"${MEMBERS[random() % MEMBERS.length]}":${VALUES[random() % VALUES.length]}`;
  });
  return `{${members.join(',')}}`;
}

function cut(bytes: Uint8Array, random: Random): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const length = random() % 12;
    pieces.push(bytes.slice(start, start + length));
    start += length;
  }
  return pieces;
}
