/** Schedule tokens: a run as a short text. `spec/schedule-token.md` says what is in one. */

import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase64, encodeBase64 } from '../base/base64.ts';
import { crc32c } from '../base/crc32c.ts';
import type { Scenario } from '../scenario/index.ts';
import { TokenError } from './errors.ts';
import type { MemoryModel } from './run.ts';
import type { Schedule } from './schedule.ts';

/** Goes up whenever the same decisions could mean another run: with the bytes, the lowering, or where lanes stop. */
export const TOKEN_VERSION = 1;

/** The most steps that a lane may be allowed, so that no token keeps anybody busy for ever. */
export const MAX_STEPS_LIMIT = 10_000_000;
/** The most decisions in a token. */
export const MAX_DECISIONS = 4_194_304;

const HASH_BYTES = 4;
const KERNEL_HASH_AT = 2;
const SCENARIO_HASH_AT: number = KERNEL_HASH_AT + HASH_BYTES;
const BODY_AT: number = SCENARIO_HASH_AT + HASH_BYTES;
const SUM_BYTES = 2;
const RELAXED_FLAG = 1;

/** What a token says. */
export interface TokenContent {
  readonly memory: MemoryModel;
  readonly maxSteps: number;
  readonly schedule: Schedule;
}

/** @returns the token of a run of that scenario. */
export function encodeToken(scenario: Scenario, { memory, maxSteps, schedule }: TokenContent): string {
  const bytes: number[] = [TOKEN_VERSION, memory === 'relaxed' ? RELAXED_FLAG : 0];
  bytes.push(...kernelHash(scenario), ...scenarioHash(scenario));
  pushNumber(bytes, maxSteps);
  pushLanes(bytes, schedule.lanes);
  pushOptions(bytes, schedule.options);
  const sum = crc32c(Uint8Array.from(bytes));
  bytes.push(sum & 0xff, (sum >>> 8) & 0xff);
  return textOf(Uint8Array.from(bytes));
}

function textOf(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * What a token says, once it is sure that it speaks of this scenario.
 *
 * @throws TokenError if it is damaged, of another version, or of another kernel or scenario.
 */
export function decodeToken(scenario: Scenario, token: string): TokenContent {
  const bytes = bytesOf(token.trim());
  if (bytes[0] !== TOKEN_VERSION) {
    throw new TokenError(
      `the token has version ${bytes[0]}, this is for version ${TOKEN_VERSION}`,
      'use the version of vrrl that made it, or explore once more.',
    );
  }
  checkHash(bytes, KERNEL_HASH_AT, kernelHash(scenario), 'kernel', 'the kernel that it was made with (--kernel)');
  checkHash(bytes, SCENARIO_HASH_AT, scenarioHash(scenario), 'set of slots or state', 'the same slots and epoch');
  const reader = new TokenReader(bytes, BODY_AT, bytes.length - SUM_BYTES);
  const maxSteps = reader.number();
  if (maxSteps < 1 || maxSteps > MAX_STEPS_LIMIT) throw damaged(`it allows a lane ${maxSteps} steps`);
  const lanes = readLanes(reader);
  const options = readOptions(reader);
  if (!reader.isAtEnd) throw damaged('it goes on after its end');
  if (bytes[1] > RELAXED_FLAG) throw damaged('it has flags that nobody knows');
  return { memory: bytes[1] === RELAXED_FLAG ? 'relaxed' : 'sequential', maxSteps, schedule: { lanes, options } };
}

function bytesOf(token: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]+$/.test(token)) throw damaged('it has characters that no token has');
  const bytes = decodeBase64(token.replaceAll('-', '+').replaceAll('_', '/'));
  if (bytes === undefined || bytes.length < BODY_AT + SUM_BYTES) throw damaged('it is too short');
  // The last character may have bits that no byte has.
  if (textOf(bytes) !== token) throw damaged('its last character is another');
  const sum = crc32c(bytes, 0, bytes.length - SUM_BYTES);
  if (bytes.at(-2) !== (sum & 0xff) || bytes.at(-1) !== ((sum >>> 8) & 0xff)) throw damaged('its sum is wrong');
  return bytes;
}

function checkHash(bytes: Uint8Array, at: number, expected: Uint8Array, what: string, use: string): void {
  if (expected.every((byte, index) => bytes[at + index] === byte)) return;
  throw new TokenError(`the token is of another ${what}`, `replay it with ${use}.`);
}

export function damaged(how: string): TokenError {
  return new TokenError(
    `the schedule token cannot be used: ${how}`,
    'copy the whole token, as vrrl explore printed it.',
  );
}

function kernelHash({ kernel }: Scenario): Uint8Array {
  return Uint8Array.from({ length: HASH_BYTES }, (_, index) =>
    Number.parseInt(kernel.identity.slice(2 * index, 2 * index + 2), 16),
  );
}

const scenarioHashes = new WeakMap<Scenario, Uint8Array>();

/** Over the state that it starts from, then every slot, then the batches. */
function scenarioHash(scenario: Scenario): Uint8Array {
  const known = scenarioHashes.get(scenario);
  if (known !== undefined) return known;
  const slots = scenario.slots.flatMap(({ slotIndex, slot }) => [
    slotIndex,
    slot.opcode,
    slot.tenant,
    slot.priority,
    // Arguments that are not there are zero.
    ...Array.from({ length: 12 }, (_, index) => slot.args[index] ?? 0),
  ]);
  const words = Uint32Array.from([...scenario.initial, scenario.slots.length, ...slots, ...scenario.batchEnds]);
  const hash = sha256(new Uint8Array(words.buffer)).slice(0, HASH_BYTES);
  scenarioHashes.set(scenario, hash);
  return hash;
}

/** Seven bits a byte, the lowest first; all but the last byte have the eighth bit set. */
function pushNumber(bytes: number[], value: number): void {
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  bytes.push(left);
}

/** Runs of one lane: twice its number, plus one and then the length less two if the run is longer than one step. */
function pushLanes(bytes: number[], lanes: readonly number[]): void {
  const runs: { lane: number; length: number }[] = [];
  for (const lane of lanes) {
    const newest = runs.at(-1);
    if (newest?.lane === lane) newest.length += 1;
    else runs.push({ lane, length: 1 });
  }
  pushNumber(bytes, runs.length);
  for (const { lane, length } of runs) {
    pushNumber(bytes, 2 * lane + (length > 1 ? 1 : 0));
    if (length > 1) pushNumber(bytes, length - 2);
  }
}

function readLanes(reader: TokenReader): number[] {
  const lanes: number[] = [];
  for (let runs = reader.number(); runs > 0; runs -= 1) {
    const head = reader.number();
    const length = head % 2 === 1 ? reader.number() + 2 : 1;
    if (lanes.length + length > MAX_DECISIONS) throw damaged('it is too long');
    for (let step = 0; step < length; step += 1) lanes.push(Math.floor(head / 2));
  }
  return lanes;
}

/** How many there are, then for each that is not zero how many zeros were before it, and it. */
function pushOptions(bytes: number[], options: readonly number[]): void {
  pushNumber(bytes, options.length);
  let zeros = 0;
  for (const option of options) {
    if (option === 0) zeros += 1;
    else {
      pushNumber(bytes, zeros);
      pushNumber(bytes, option);
      zeros = 0;
    }
  }
}

function readOptions(reader: TokenReader): number[] {
  const count = reader.number();
  if (count > MAX_DECISIONS) throw damaged('it is too long');
  const options = new Array<number>(count).fill(0);
  let next = 0;
  while (!reader.isAtEnd) {
    next += reader.number();
    if (next >= count) throw damaged('it has more options than it says');
    options[next] = reader.number();
    next += 1;
  }
  return options;
}

class TokenReader {
  readonly #bytes: Uint8Array;
  #next: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#end;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 0x80) {
      if (this.#next === this.#end) throw damaged('it ends too early');
      const byte = this.#bytes[this.#next];
      this.#next += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw damaged('it has a number that is too large');
  }
}
