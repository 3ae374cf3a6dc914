/** Random sessions, recorded twice: into one log, and into a set. */

import fc from 'fast-check';
import { createFlightLogFile } from '../../node/flight-log-file.ts';
import { RotatingLog } from '../../node/rotating-log.ts';
import { type Backend, layoutOf, ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, kernelToJson } from '../../src/kernel/index.ts';
import { FLIGHT_RECORD_BYTES } from '../../src/log-v2/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { JournalObservations, planJournal, RecordingSession, type SlotRequest } from '../../src/record/index.ts';
import { answeringLater, tickingClock } from '../replay/recordings.ts';

export interface Session {
  readonly recordsPerLog: number;
  /** Of each epoch, the slots of every call of `publish`; a fence comes after them. */
  readonly epochs: readonly (readonly (readonly SlotRequest[])[])[];
  /** Slots that are published and never seen to drain. */
  readonly tail: readonly SlotRequest[];
  /** The backend answers with promises, and observations are written while it runs. */
  readonly isLate: boolean;
}

const CAPACITY = 1_000;
const kernel: Kernel = defineKernel({ name: 'rotated', slotCount: 8 });

/** Sessions whose epochs all have room in a log. */
export function sessions(): fc.Arbitrary<Session> {
  const slot = fc.record({
    opcode: fc.constant(Opcode.ATOMIC_ADD),
    priority: fc.oneof({ weight: 5, arbitrary: fc.constant(2) }, fc.nat(3)),
    args: fc.tuple(fc.nat(9), fc.integer({ min: 165, max: 168 }), fc.constant(0), fc.constant(0), fc.nat(1)),
  });
  const calls = fc.array(fc.array(slot, { maxLength: 12 }), { maxLength: 3 });
  return fc
    .record({
      epochs: fc.array(calls, { minLength: 1, maxLength: 14 }),
      tail: fc.array(slot, { maxLength: 3 }),
      more: fc.nat(30),
      isLate: fc.boolean(),
    })
    .map(({ epochs, tail, more, isLate }) => {
      const largest = Math.max(tail.length, ...epochs.map((epoch) => epoch.flat().length + 1));
      return { epochs, tail, isLate, recordsPerLog: largest + more };
    });
}

/** Records a session into one log and into a set, with the same clock. */
export async function recordBoth(
  session: Session,
  paths: { readonly one: string; readonly set: string },
): Promise<void> {
  await recordOne(session, paths.one);
  await recordSet(session, paths.set);
}

function backendOf({ isLate }: Session): Backend {
  const backend = new ReferenceBackend(kernel);
  return isLate ? answeringLater(backend) : backend;
}

function metadataOf(backend: Backend) {
  return { tool: 'test', createdAt: '2026-01-01', kernel: kernelToJson(kernel), layout: backend.layout };
}

function journalOf(backend: Backend, records: number) {
  return planJournal(layoutOf(backend), records * FLIGHT_RECORD_BYTES, backend.slotCount, { askedBytes: 0 });
}

async function recordOne(session: Session, path: string): Promise<void> {
  const backend = backendOf(session);
  const { keyframeInterval } = journalOf(backend, CAPACITY);
  const { log } = createFlightLogFile(path, {
    capacity: CAPACITY,
    journalBytes: 1 << 20,
    metadata: metadataOf(backend),
  });
  let observations: JournalObservations | undefined;
  const running = await RecordingSession.start(backend, {
    kernel,
    log,
    clock: tickingClock(),
    overlapsObservations: session.isLate,
    observations: (words) => {
      observations = new JournalObservations(log, layoutOf(backend), words, keyframeInterval);
      return observations;
    },
  });
  await play(session, running);
  observations?.end();
  log.close();
}

/** The journal is as small as it can be, so that it often is what is full first. */
export async function recordSet(session: Session, path: string, onEpoch?: () => void): Promise<void> {
  const backend = backendOf(session);
  const { recordsPerLog } = session;
  const options = { recordsPerLog, layout: layoutOf(backend), metadata: metadataOf(backend) };
  const made: RotatingLog[] = [];
  const logOf = () => made[0];
  const running = await RecordingSession.start(backend, {
    kernel,
    log: logOf,
    clock: tickingClock(),
    overlapsObservations: session.isLate,
    observations: (words) => {
      made.push(new RotatingLog(path, words, { ...options, journal: journalOf(backend, recordsPerLog) }));
      return logOf();
    },
  });
  logOf().attach(running);
  try {
    await play(session, running, onEpoch);
  } finally {
    logOf().close();
  }
}

async function play({ epochs, tail }: Session, running: RecordingSession, onEpoch?: () => void): Promise<void> {
  for (const [tag, calls] of epochs.entries()) {
    for (const slots of calls) await running.publish(slots);
    await running.endEpoch({ tag });
    onEpoch?.();
  }
  await running.publish(tail);
  running.finish();
}
