/** Checks of what only a runner in a process can get wrong: versions, frames, refusals, its end. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Slot } from '../../src/backend/index.ts';
import { compareSnapshots, resolveLayout } from '../../src/observe/index.ts';
import {
  decodeFailure,
  decodeRefused,
  decodeWords,
  encodeFrame,
  encodeFrameHeader,
  encodeHello,
  type Hello,
  MessageType,
  messageName,
  type Ready,
  RunPayload,
  readyVersion,
  WIRE_VERSION,
} from '../../src/wire/index.ts';
import { type Check, Skipped, Violation } from './check.ts';
import { readsPrograms } from './program-frames.ts';
import type { RawRunner } from './raw-runner.ts';
import type { Probes } from './subject.ts';

export interface RunnerSubject {
  /** Fresh, and not greeted yet. */
  readonly raw: RawRunner;
  readonly hello: Hello;
  readonly ready: Ready;
  readonly probes: Probes;
}

export const RUNNER_CHECKS: readonly Check<RunnerSubject>[] = [
  { name: 'version', attempt: namesItsVersion },
  { name: 'refusal', attempt: refusesAllOfARun },
  { name: 'pieces', attempt: readsFramesInPieces },
  { name: 'order', attempt: answersInOrder },
  { name: 'unknown-request', attempt: survivesTheUnknown },
  { name: 'long-frame', attempt: refusesLongFrames },
  { name: 'program-frames', attempt: readsPrograms },
  { name: 'stop', attempt: stops },
  { name: 'closed-input', attempt: endsWithItsInput },
];

/** A request of nobody's, so that no runner can know it. */
const UNKNOWN_TYPE = 0xffff_fffe;

async function namesItsVersion({ raw, hello }: RunnerSubject): Promise<string> {
  const asked = WIRE_VERSION + 1;
  raw.send(MessageType.HELLO, encodeHello({ ...hello, version: asked }));
  const answer = await raw.next(`HELLO of version ${asked}`);
  const fix = 'answer READY with the version that the runner speaks, whatever the host asks for.';
  if (answer?.type === MessageType.FAILED) {
    return `refuses version ${asked}: ${decodeFailure(answer.payload).message}`;
  }
  if (answer?.type !== MessageType.READY) {
    const seen = answer === undefined ? 'it ends' : `it answers ${messageName(answer.type)}`;
    throw new Violation(`greeted by version ${asked}, ${seen}`, fix);
  }
  const version = readyVersion(answer.payload);
  if (version === WIRE_VERSION) return `says ${version} to a host of version ${asked}`;
  throw new Violation(`it says version ${version} to a host of version ${asked}`, fix);
}

async function refusesAllOfARun({ raw, hello, ready, probes }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  const layout = resolveLayout(ready.layout);
  const observe = async () => {
    const words = new Uint32Array(layout.snapshotWords);
    decodeWords(await raw.exchange(MessageType.OBSERVE, MessageType.WORDS), words, 'WORDS');
    return words;
  };
  const before = await observe();
  for (const [slotIndex, what] of [
    [ready.slotCount, 'beyond the ring'],
    [0, 'that stands twice'],
  ] as const) {
    const run = runOf([0, slotIndex], probes.slots[0]);
    const { position } = decodeRefused(await raw.exchange(MessageType.RUN, MessageType.REFUSED, run));
    if (position === 0 && !probes.arePromised) throw new Skipped('it refuses opcode 0 and names no probes');
    if (position !== 1) {
      throw new Violation(`of a slot ${what} it says that it is slot ${position} of the RUN`, 'count from 0: it is 1.');
    }
    if (!compareSnapshots(layout, before, await observe()).equal) {
      const fix = 'look at all slots before the first one runs.';
      throw new Violation(`a RUN with a slot ${what} was refused, and part of it ran`, fix);
    }
  }
  await raw.exchange(MessageType.RUN, MessageType.DRAINED, runOf([0], probes.slots[0]));
  return 'a RUN with a bad slot is refused, and leaves no trace';
}

function runOf(slotIndexes: readonly number[], probe: Slot): Uint8Array {
  const run = new RunPayload();
  for (const slotIndex of slotIndexes) run.add(slotIndex, probe);
  return run.bytes();
}

/** Each byte is a write of its own, far enough apart to be a read of its own. */
async function readsFramesInPieces({ raw, hello, probes }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  const frames = [encodeFrame(MessageType.RUN, runOf([0], probes.slots[0])), encodeFrame(MessageType.OBSERVE)];
  const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
  for (const byte of bytes) {
    raw.child.write(Uint8Array.of(byte));
    await sleep(1);
  }
  const ran = await raw.next('RUN, sent byte by byte,');
  if (ran?.type !== MessageType.REFUSED || probes.arePromised) expectType(ran?.type, MessageType.DRAINED);
  await raw.expect(MessageType.WORDS, 'OBSERVE, sent byte by byte,');
  return `${bytes.length} bytes, one at a time`;
}

async function answersInOrder({ raw, hello }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  const requests = [MessageType.OBSERVE, MessageType.START, MessageType.OBSERVE, MessageType.START];
  raw.child.write(Uint8Array.from(requests.flatMap((type) => [...encodeFrame(type)])));
  for (const request of requests) {
    const answer = request === MessageType.START ? MessageType.DONE : MessageType.WORDS;
    await raw.expect(answer, `${messageName(request)}, sent together with others,`);
  }
  return `${requests.length} requests in one write, answered in order`;
}

function expectType(seen: number | undefined, type: number): void {
  if (seen === type) return;
  const what = seen === undefined ? 'the process ends' : `the answer is ${messageName(seen)}`;
  throw new Violation(`${what} where ${messageName(type)} was due`, 'read whole frames, however they come.');
}

async function survivesTheUnknown({ raw, hello }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  raw.send(UNKNOWN_TYPE, new Uint8Array(12));
  const answer = await raw.next('a request of an unknown type');
  if (answer === undefined) return 'ends';
  if (answer.type !== MessageType.FAILED) {
    throw new Violation(`an unknown request is answered with ${messageName(answer.type)}`, 'answer with FAILED.');
  }
  if (decodeFailure(answer.payload).usable !== true) return 'answers FAILED, and is not usable after it';
  await raw.exchange(MessageType.START, MessageType.DONE);
  return 'answers FAILED, and goes on';
}

async function refusesLongFrames({ raw, hello, ready }: RunnerSubject): Promise<string> {
  const length = ready.maxPayloadBytes + 1;
  if (length > 0xffff_ffff) throw new Skipped('it takes frames of any length');
  await raw.begin(hello);
  raw.child.write(encodeFrameHeader(MessageType.RUN, length));
  const answer = await raw.next(`the header of a frame of ${length} bytes, one more than it takes,`);
  if (answer === undefined) return `ends at a frame of ${length} bytes`;
  if (answer.type === MessageType.FAILED) return `answers FAILED to a frame of ${length} bytes`;
  throw new Violation(`a frame of ${length} bytes is answered with ${messageName(answer.type)}`, 'refuse it.');
}

async function stops({ raw, hello }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  await raw.exchange(MessageType.STOP, MessageType.DONE);
  return raw.expectEnd('STOP');
}

async function endsWithItsInput({ raw, hello }: RunnerSubject): Promise<string> {
  await raw.begin(hello);
  raw.child.closeInput();
  return raw.expectEnd('its input ended');
}
