/** Recordings that never touch a disk: what benchmarks, soaks and tuning replay. */

import type { Backend } from '../backend/index.ts';
import { type Kernel, kernelToJson } from '../kernel/index.ts';
import { RingLog, scanLogBytes } from '../log/index.ts';
import { ObservationReader, ObservationWriter } from '../observe/index.ts';
import { recordedRingLog } from '../reading/index.ts';
import { RecordingSession, type SlotRequest } from '../record/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import type { Recording } from './plan.ts';

export interface MemoryRecordingOptions {
  /** Records that the log keeps. */
  readonly capacity: number;
  /** What the recording says that it was made by. */
  readonly tool: string;
}

/** An epoch of slots, without its fence. */
export interface SlotsOfEpoch {
  readonly slots: Iterable<SlotRequest>;
  /** Default 0. */
  readonly tag?: number;
}

/** Records epochs on a backend, as a session does, with log and observations in memory. The backend is started, not stopped. */
export async function recordInMemory(
  backend: Backend,
  kernel: Kernel,
  epochs: Iterable<SlotsOfEpoch>,
  { capacity, tool }: MemoryRecordingOptions,
): Promise<Recording> {
  const log = new MemoryStorage();
  const stream = new MemoryStorage();
  const { layout, name } = backend;
  const metadata = { tool, kernel: kernelToJson(kernel), layout, backend: { name }, log: { capacity } };
  let writer: ObservationWriter | undefined;
  const session = await RecordingSession.start(backend, {
    kernel,
    log: RingLog.open(log, capacity),
    observations: (words) => {
      writer = ObservationWriter.create(stream, metadata, words);
      return writer;
    },
  });
  for (const { slots, tag = 0 } of epochs) {
    await session.publish(slots);
    await session.endEpoch({ tag });
  }
  writer?.close();
  const observations = ObservationReader.open(new MemoryStorage(stream.toBytes()));
  return { log: recordedRingLog(scanLogBytes(log.toBytes())), observations };
}
