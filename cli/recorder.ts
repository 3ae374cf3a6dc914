/** A session with the files that it records into. */

import { createFlightLogFile } from '../node/flight-log-file.ts';
import { ProcessBackend } from '../node/process-backend.ts';
import { makeWay, observationPathOf, refuseOccupied } from '../node/recording-files.ts';
import { ReplaceableFileStorage } from '../node/replaceable-file-storage.ts';
import { RingLog } from '../node/ring-log.ts';
import { RotatingLog } from '../node/rotating-log.ts';
import { VERSION } from '../node/version.ts';
import { type Backend, layoutOf } from '../src/backend/index.ts';
import { type Kernel, kernelIdentity, kernelToJson } from '../src/kernel/index.ts';
import { FLIGHT_RECORD_BYTES, type FlightMetadata } from '../src/log-v2/index.ts';
import { type ObservationMetadata, ObservationWriter, type ResolvedLayout } from '../src/observe/index.ts';
import {
  JournalObservations,
  type JournalPlan,
  type ObservationSink,
  planJournal,
  RecordingSession,
  type RecordSink,
} from '../src/record/index.ts';

/** How a recording is kept. */
export interface RecorderOptions {
  /** v2 keeps all of it in one file; v1 is what the reference writes, with observations in a file beside it. */
  readonly format: LogFormat;
  /** Records that the log keeps before the newest overwrites the oldest. */
  readonly capacity: number;
  /** Replace a recording that is there already. */
  readonly mayReplace?: boolean;
  /** Of the journal of a v2 log; as large as its records by default. */
  readonly journalBytes?: number | undefined;
  /** Make a set of v2 logs that have room for `capacity` records each, and keep the newest of them, or all. */
  readonly rotation?: { readonly keep?: number | undefined } | undefined;
}

export const LOG_FORMATS = ['v2', 'v1'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Both parts of a recording that is being made. */
interface OpenRecording {
  readonly records: RecordSink;
  readonly observations: ObservationSink;
  /** Told of the session, before its first record. */
  attach?(session: RecordingSession): void;
  /** Ends both. */
  close(): void;
}

export class Recorder {
  readonly session: RecordingSession;
  readonly #files: FilesToBe;

  private constructor(session: RecordingSession, files: FilesToBe) {
    this.session = session;
    this.#files = files;
  }

  /**
   * Starts the backend, then makes the files. If the start fails, the folder is as it was; before the first slot is
   * published, all files are there under their own names.
   *
   * @throws InputError if something is there already and may not be replaced.
   */
  static async create(
    logPath: string,
    backend: Backend,
    kernel: Kernel | undefined,
    options: RecorderOptions,
  ): Promise<Recorder> {
    refuseOccupied(logPath, options.mayReplace === true);
    const files = new FilesToBe(logPath, backend, kernel, options);
    const sessionOptions = {
      log: () => files.records,
      observations: (initialWords: Uint32Array) => files.make(initialWords),
      // A backend elsewhere leaves time while it runs.
      overlapsObservations: backend instanceof ProcessBackend,
      ...(kernel === undefined ? {} : { kernel }),
    };
    const session = await RecordingSession.start(backend, sessionOptions);
    files.attach(session);
    return new Recorder(session, files);
  }

  /** Ends the recording. What was recorded stays, whatever this throws. */
  close(): void {
    try {
      this.session.finish();
    } finally {
      this.#files.close();
    }
  }
}

/**
 * The files of a recording, from before they exist: a session wants its log when it starts, and they must not replace
 * anything until the backend has shown that it works.
 */
class FilesToBe {
  readonly #logPath: string;
  readonly #backend: Backend;
  readonly #kernel: Kernel | undefined;
  readonly #options: RecorderOptions;
  #made: OpenRecording | undefined;

  constructor(logPath: string, backend: Backend, kernel: Kernel | undefined, options: RecorderOptions) {
    this.#logPath = logPath;
    this.#backend = backend;
    this.#kernel = kernel;
    this.#options = options;
  }

  /** Makes them. If that fails, what was there before is there again. */
  make(initialWords: Uint32Array): ObservationSink {
    const old = makeWay(this.#logPath, this.#options.mayReplace === true);
    try {
      this.#made = this.#makeLog(initialWords);
    } catch (error) {
      old.putBack();
      throw error;
    }
    old.discard();
    return this.#made.observations;
  }

  /** Where records go, once they are made. */
  get records(): RecordSink {
    if (this.#made === undefined) throw new Error('a slot was published before the session had started');
    return this.#made.records;
  }

  attach(session: RecordingSession): void {
    this.#made?.attach?.(session);
  }

  close(): void {
    this.#made?.close();
  }

  #makeLog(initialWords: Uint32Array): OpenRecording {
    const { format, rotation } = this.#options;
    if (format === 'v1') return this.#makeRingLog(initialWords);
    return rotation === undefined ? this.#makeFlightLog(initialWords) : this.#makeSet(initialWords, rotation.keep);
  }

  #makeSet(initialWords: Uint32Array, keep: number | undefined): OpenRecording {
    const layout = layoutOf(this.#backend);
    const metadata = describeFlight(this.#backend, this.#kernel);
    const journal = this.#planJournal(layout);
    const options = { recordsPerLog: this.#options.capacity, keep, layout, journal, metadata };
    const log = new RotatingLog(this.#logPath, initialWords, options);
    return {
      records: log,
      observations: log,
      attach: (session) => log.attach(session),
      close: () => log.close(),
    };
  }

  #planJournal(layout: ResolvedLayout): JournalPlan {
    const { capacity, journalBytes: askedBytes } = this.#options;
    return planJournal(layout, capacity * FLIGHT_RECORD_BYTES, this.#backend.slotCount, { askedBytes });
  }

  #makeFlightLog(initialWords: Uint32Array): OpenRecording {
    const { capacity } = this.#options;
    const layout = layoutOf(this.#backend);
    const journal = this.#planJournal(layout);
    const { journalBytes } = journal;
    const metadata = describeFlight(this.#backend, this.#kernel);
    const { log } = createFlightLogFile(this.#logPath, { capacity, journalBytes, metadata });
    try {
      const observations = new JournalObservations(log, layout, initialWords, journal.keyframeInterval);
      return {
        records: log,
        observations,
        close() {
          try {
            observations.end();
          } finally {
            log.close();
          }
        },
      };
    } catch (error) {
      log.close();
      throw error;
    }
  }

  #makeRingLog(initialWords: Uint32Array): OpenRecording {
    const log = RingLog.open(this.#logPath, this.#options.capacity);
    let storage: ReplaceableFileStorage | undefined;
    try {
      storage = ReplaceableFileStorage.open(observationPathOf(this.#logPath), 'create');
      const description = describeRun(this.#backend, this.#kernel, this.#options.capacity);
      const observations = ObservationWriter.create(storage, description, initialWords);
      return {
        records: log,
        observations,
        close() {
          try {
            observations.close();
          } finally {
            try {
              log.sync();
            } finally {
              log.close();
            }
          }
        },
      };
    } catch (error) {
      storage?.close();
      log.close();
      throw error;
    }
  }
}

function describeRun(backend: Backend, kernel: Kernel | undefined, capacity: number): ObservationMetadata {
  return {
    tool: `vrrl ${VERSION}`,
    createdAt: new Date().toISOString(),
    kernel: kernel === undefined ? null : kernelToJson(kernel),
    layout: backend.layout,
    backend: { name: backend.name },
    log: { capacity },
  };
}

function describeFlight(backend: Backend, kernel: Kernel | undefined): FlightMetadata {
  return {
    tool: `vrrl ${VERSION}`,
    createdAt: new Date().toISOString(),
    ...(kernel === undefined ? {} : describeKernel(kernel)),
    layout: backend.layout,
    backend: describeBackend(backend),
  };
}

function describeKernel(kernel: Kernel): Pick<FlightMetadata, 'kernel' | 'kernelHash' | 'opcodeNames'> {
  const names = kernel.opcodes.map(({ code, name }) => [code, name] as const);
  return {
    kernel: kernelToJson(kernel),
    kernelHash: kernelIdentity(kernel),
    opcodeNames: Object.fromEntries(names),
  };
}

/** With what it runs on, as far as it says so. */
function describeBackend(backend: Backend): {
  readonly name: string;
  readonly device?: Readonly<Record<string, string>>;
} {
  const { name } = backend;
  return backend instanceof ProcessBackend ? { name, device: backend.ready.device } : { name };
}
