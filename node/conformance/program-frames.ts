/** A check of what only the frames of programs show: requests out of turn, segments that cannot be, PROGRESS. */

import {
  LONG_SLOT_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ReplayProgram,
  signatureWords,
} from '../../src/backend/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import {
  decodeFailure,
  decodeReplayed,
  decodeReplayProgress,
  encodeLoad,
  encodeReplay,
  encodeSegment,
  type Failure,
  type Frame,
  MAX_PROGRAM_REGIONS,
  MessageType,
  messageName,
  PROGRAMS_FEATURE,
  SegmentWord,
} from '../../src/wire/index.ts';
import { Skipped, Violation } from './check.ts';
import { programOfEpochs } from './epochs-program.ts';
import type { RawRunner } from './raw-runner.ts';
import type { RunnerSubject } from './runner-checks.ts';

const EPOCHS = 4;
const REPLICAS = 2;
const NOTHING = new Uint8Array(0);
const REQUEST = { mode: 'chained', replicas: REPLICAS } as const;

export async function readsPrograms({ raw, hello, ready, probes }: RunnerSubject): Promise<string> {
  if (!ready.features.includes(PROGRAMS_FEATURE)) throw new Skipped(`its features have no "${PROGRAMS_FEATURE}"`);
  const layout = resolveLayout(ready.layout);
  if (layout.regions.length > MAX_PROGRAM_REGIONS) throw new Skipped('it has more regions than programs can have');
  await raw.begin(hello);
  const slot = { slotIndex: 0, ...probes.slots[0] };
  const epoch = { batches: [[slot]], flags: ProgramEpochFlag.REPLAYABLE };
  const state = await raw.exchange(MessageType.OBSERVE, MessageType.WORDS);
  const fresh = new Uint32Array(state.slice().buffer);
  const epochs = Array.from({ length: EPOCHS }, (_, index) => (index === 0 ? { ...epoch, state: fresh } : epoch));
  const program = programOfEpochs(epochs, { slotWords: LONG_SLOT_WORDS, signatureWords: signatureWords(layout) });
  const segments = [...program.segments(1)].map((each) => encodeSegment(each, program.head, layout.snapshotWords));

  await expectDeclined(raw, MessageType.REPLAY, encodeReplay(REQUEST), 'a REPLAY without a program');
  await expectDeclined(raw, MessageType.SEGMENT, segments[0], 'a SEGMENT without a LOAD');
  await sendProgram(raw, program, segments);
  const replayed = await raw.exchange(MessageType.REPLAY, MessageType.REPLAYED, encodeReplay(REQUEST));
  const fit = { slotCount: ready.slotCount, layout };
  const { totals } = decodeReplayed(replayed, { head: program.head, fit, request: REQUEST });
  expectProgress(raw.progress, EPOCHS * REPLICAS);
  await raw.exchange(MessageType.UNLOAD, MessageType.DONE);
  await expectDeclined(raw, MessageType.REPLAY, encodeReplay(REQUEST), 'a REPLAY after UNLOAD');
  await raw.exchange(MessageType.START, MessageType.DONE);
  return `${EPOCHS} segments, ${totals.length} totals, ${raw.progress.length} of PROGRESS; refuses what cannot be`;
}

/** Segment by segment, after each a few that cannot be, which must not have been taken. */
async function sendProgram(raw: RawRunner, { head }: ReplayProgram, segments: readonly Uint8Array[]): Promise<void> {
  await expectTaken(raw, MessageType.LOAD, encodeLoad(head));
  for (const [index, segment] of segments.entries()) {
    for (const [what, damaged] of damagedSegments(segment)) {
      await expectDeclined(raw, MessageType.SEGMENT, damaged, `a SEGMENT ${what}`);
    }
    if (index === 1) await expectDeclined(raw, MessageType.REPLAY, encodeReplay(REQUEST), 'a REPLAY of half a program');
    await expectTaken(raw, MessageType.SEGMENT, segment);
  }
}

function damagedSegments(segment: Uint8Array): [what: string, payload: Uint8Array][] {
  const withWord = (index: number, value: number) => {
    const words = new Uint32Array(segment.slice().buffer);
    words[index] = value;
    return new Uint8Array(words.buffer);
  };
  const inEpoch = (word: number) => SegmentWord.EPOCHS + word;
  return [
    ['that ends early', segment.subarray(0, segment.length - 4)],
    ['without anything', NOTHING],
    ['whose slotCount is a lie', withWord(SegmentWord.SLOT_COUNT, 0xffff_ffff)],
    ['with an epoch out of turn', withWord(inEpoch(ProgramEpochWord.INDEX), 7)],
    ['whose batches lie beyond it', withWord(inEpoch(ProgramEpochWord.END_BATCH), 2)],
    ['with a state that it has not', withWord(inEpoch(ProgramEpochWord.STATE), 5)],
  ];
}

async function expectDeclined(raw: RawRunner, type: number, payload: Uint8Array, what: string): Promise<void> {
  raw.send(type, payload);
  const failure = failureIn(await raw.next(what));
  if (failure?.usable === true) return;
  const seen = failure === undefined ? 'not answered with FAILED' : 'answered with FAILED, and not usable after it';
  throw new Violation(`${what} is ${seen}`, 'answer with FAILED, usable true, and forget nothing.');
}

async function expectTaken(raw: RawRunner, type: number, payload: Uint8Array): Promise<void> {
  raw.send(type, payload);
  const answer = await raw.next(messageName(type));
  if (answer?.type === MessageType.DONE) return;
  const failure = failureIn(answer);
  if (failure?.usable === true && failure.kind === 'unavailable')
    throw new Skipped('it does not take up such a program');
  const seen = failure?.message ?? (answer === undefined ? 'the end of the process' : messageName(answer.type));
  throw new Violation(`the answer to ${messageName(type)} is ${seen}`, 'answer with DONE.');
}

function failureIn(answer: Frame | undefined): Failure | undefined {
  return answer?.type === MessageType.FAILED ? decodeFailure(answer.payload) : undefined;
}

/** @throws Violation if it runs backwards, or says more than there is to do. */
function expectProgress(payloads: readonly Uint8Array[], epochs: number): void {
  let before = 0;
  for (const payload of payloads) {
    const { done, total } = decodeReplayProgress(payload);
    if (done < before) throw new Violation(`PROGRESS says ${done} epochs after ${before}`, 'count epochs, and go on.');
    if (done > epochs || (total > 0 && done > total)) {
      throw new Violation(
        `PROGRESS says ${done} of ${total} epochs, and there are ${epochs}`,
        'count each epoch once.',
      );
    }
    before = done;
  }
}
