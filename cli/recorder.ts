/** A session with its two files: the log and the observations beside it. */

import { clearForRecording, observationPathOf } from '../node/recording-files.ts';
import { ReplaceableFileStorage } from '../node/replaceable-file-storage.ts';
import { RingLog } from '../node/ring-log.ts';
import { VERSION } from '../node/version.ts';
import type { Backend } from '../src/backend/index.ts';
import { type Kernel, kernelToJson } from '../src/kernel/index.ts';
import { ObservationWriter } from '../src/observe/index.ts';
import { RecordingSession } from '../src/record/index.ts';

export class Recorder {
  readonly session: RecordingSession;
  readonly #log: RingLog;
  readonly #observations: ObservationWriter | undefined;

  private constructor(session: RecordingSession, log: RingLog, observations: ObservationWriter | undefined) {
    this.session = session;
    this.#log = log;
    this.#observations = observations;
  }

  /**
   * Makes both files and starts the backend.
   *
   * @throws InputError if something is there already and may not be replaced.
   */
  static async create(
    logPath: string,
    backend: Backend,
    kernel: Kernel | undefined,
    capacity: number,
    mayReplace: boolean,
  ): Promise<Recorder> {
    clearForRecording(logPath, mayReplace);
    const log = RingLog.open(logPath, capacity);
    let storage: ReplaceableFileStorage | undefined;
    let writer: ObservationWriter | undefined;
    const observations = (initialWords: Uint32Array) => {
      storage = ReplaceableFileStorage.open(observationPathOf(logPath), 'create');
      writer = ObservationWriter.create(storage, describeRun(backend, kernel, capacity), initialWords);
      return writer;
    };
    try {
      const options = { log, observations, ...(kernel === undefined ? {} : { kernel }) };
      return new Recorder(await RecordingSession.start(backend, options), log, writer);
    } catch (error) {
      storage?.close();
      log.close();
      throw error;
    }
  }

  /** Ends both files. What was recorded stays, whatever this throws. */
  close(): void {
    try {
      this.#observations?.close();
    } finally {
      try {
        this.#log.sync();
      } finally {
        this.#log.close();
      }
    }
  }
}

function describeRun(
  backend: Backend,
  kernel: Kernel | undefined,
  capacity: number,
): Parameters<typeof ObservationWriter.create>[1] {
  return {
    tool: `vrrl ${VERSION}`,
    createdAt: new Date().toISOString(),
    kernel: kernel === undefined ? null : kernelToJson(kernel),
    layout: backend.layout,
    backend: { name: backend.name },
    log: { capacity },
  };
}
