/** A session with its two files: the log and the observations beside it. */

import { ProcessBackend } from '../node/process-backend.ts';
import { makeWay, observationPathOf, refuseOccupied } from '../node/recording-files.ts';
import { ReplaceableFileStorage } from '../node/replaceable-file-storage.ts';
import { RingLog } from '../node/ring-log.ts';
import { VERSION } from '../node/version.ts';
import type { Backend } from '../src/backend/index.ts';
import { type Kernel, kernelToJson } from '../src/kernel/index.ts';
import type { LogRecord } from '../src/log/index.ts';
import { ObservationWriter } from '../src/observe/index.ts';
import { RecordingSession } from '../src/record/index.ts';

export class Recorder {
  readonly session: RecordingSession;
  readonly #files: FilesToBe;

  private constructor(session: RecordingSession, files: FilesToBe) {
    this.session = session;
    this.#files = files;
  }

  /**
   * Starts the backend, then makes both files. If the start fails, the folder is as it was; before the first slot is
   * published, both files are there under their own names.
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
    refuseOccupied(logPath, mayReplace);
    const files = new FilesToBe(logPath, capacity, mayReplace);
    const observations = (initialWords: Uint32Array) =>
      files.make(describeRun(backend, kernel, capacity), initialWords);
    const options = {
      log: files,
      observations,
      // A backend elsewhere leaves time while it runs.
      overlapsObservations: backend instanceof ProcessBackend,
      ...(kernel === undefined ? {} : { kernel }),
    };
    return new Recorder(await RecordingSession.start(backend, options), files);
  }

  /** Ends both files. What was recorded stays, whatever this throws. */
  close(): void {
    try {
      this.session.finish();
    } finally {
      this.#files.close();
    }
  }
}

/**
 * Both files of a recording, from before they exist: a session wants its log when it starts, and they must not replace
 * anything until the backend has shown that it works.
 */
class FilesToBe {
  readonly capacity: number;
  readonly #logPath: string;
  readonly #mayReplace: boolean;
  #made: { readonly log: RingLog; readonly observations: ObservationWriter } | undefined;

  constructor(logPath: string, capacity: number, mayReplace: boolean) {
    this.#logPath = logPath;
    this.capacity = capacity;
    this.#mayReplace = mayReplace;
  }

  /** Makes them. If that fails, what was there before is there again. */
  make(run: RunDescription, initialWords: Uint32Array): ObservationWriter {
    const old = makeWay(this.#logPath, this.#mayReplace);
    let log: RingLog | undefined;
    let storage: ReplaceableFileStorage | undefined;
    try {
      log = RingLog.open(this.#logPath, this.capacity);
      storage = ReplaceableFileStorage.open(observationPathOf(this.#logPath), 'create');
      const observations = ObservationWriter.create(storage, run, initialWords);
      old.discard();
      this.#made = { log, observations };
      return observations;
    } catch (error) {
      storage?.close();
      log?.close();
      old.putBack();
      throw error;
    }
  }

  appendMany(records: readonly LogRecord[]): void {
    if (this.#made === undefined) throw new Error('a slot was published before the session had started');
    this.#made.log.appendMany(records);
  }

  close(): void {
    if (this.#made === undefined) return;
    const { log, observations } = this.#made;
    try {
      observations.close();
    } finally {
      try {
        log.sync();
      } finally {
        log.close();
      }
    }
  }
}

type RunDescription = Parameters<typeof ObservationWriter.create>[1];

function describeRun(backend: Backend, kernel: Kernel | undefined, capacity: number): RunDescription {
  return {
    tool: `vrrl ${VERSION}`,
    createdAt: new Date().toISOString(),
    kernel: kernel === undefined ? null : kernelToJson(kernel),
    layout: backend.layout,
    backend: { name: backend.name },
    log: { capacity },
  };
}
