/** A program on a runner: sent segment by segment, replayed there as often as asked. */

import {
  BackendFaultError,
  type LoadedProgram,
  type ProgramHead,
  type ProgramResult,
  type ProgramRunOptions,
  type ReplayProgram,
} from '../src/backend/index.ts';
import type { SlotFault } from '../src/kernel/index.ts';
import {
  decodeReplayed,
  decodeReplayProgress,
  encodeLoad,
  encodeReplay,
  encodeSegment,
  MAX_PROGRAM_REGIONS,
  MessageType,
  type ProgramFit,
  WireError,
  type WireFault,
} from '../src/wire/index.ts';
import type { RunnerProcess } from './runner-process.ts';

/** The runner that a program is for. */
export interface ProgramRunner {
  readonly runner: RunnerProcess;
  /** What errors call it. */
  readonly name: string;
  readonly maxPayloadBytes: number;
  readonly fit: ProgramFit;
  readonly explain: (fault: WireFault) => SlotFault;
}

/** Words of a segment. A long one would be copied at once, here and there; the runner joins short ones as it likes. */
const SEGMENT_WORDS = 2 ** 18;
/** Segments are cut by their slots and states, and a small one of what a runner takes leaves room for the rest. */
const SEGMENTS_PER_PAYLOAD = 16;
const EMPTY = new Uint8Array(0);

export class ProcessProgram implements LoadedProgram {
  readonly #on: ProgramRunner;
  readonly #head: ProgramHead;
  /** Why it cannot be run any more. */
  #gone: 'released' | 'replaced' | undefined;

  /**
   * Sends a program to a runner.
   *
   * @returns undefined if the runner cannot take it up.
   * @throws BackendFaultError if the runner failed, now or before.
   */
  static async load(program: ReplayProgram, on: ProgramRunner): Promise<ProcessProgram | undefined> {
    if (on.fit.layout.regions.length > MAX_PROGRAM_REGIONS) return undefined;
    try {
      const isLoaded = await send(program, on);
      return isLoaded ? new ProcessProgram(program.head, on) : undefined;
    } catch (error) {
      if (isDeclined(error) && on.runner.fault === undefined) return undefined;
      throw error;
    }
  }

  private constructor(head: ProgramHead, on: ProgramRunner) {
    this.#head = head;
    this.#on = on;
  }

  /** @throws BackendFaultError if the runner fails, with how far it was, or another program was loaded since. */
  async run({ onProgress, ...request }: ProgramRunOptions): Promise<ProgramResult> {
    const { runner, fit, explain } = this.#on;
    if (this.#gone !== undefined) throw this.#isGone(this.#gone);
    const context = { head: this.#head, fit, request };
    const progress = new ReplayProgress(onProgress);
    const replayed = await runner.ask(
      MessageType.REPLAY,
      encodeReplay(request),
      { [MessageType.REPLAYED]: (payload) => decodeReplayed(payload, context) },
      {
        onProgress: (payload) => progress.take(payload),
        evidence: () => ({ epochsRun: progress.epochsRun }),
      },
    );
    const captured = replayed.captured.map((outcome) => ({ ...outcome, faults: outcome.faults.map(explain) }));
    return { ...replayed, captured };
  }

  /** Does nothing if the runner has no memory of it, because it is not there any more or got another program. */
  async release(): Promise<void> {
    if (this.#gone !== undefined) return;
    this.#gone = 'released';
    if (this.#on.runner.fault === undefined) await unload(this.#on.runner);
  }

  /** The runner forgets it for another one. */
  replace(): void {
    this.#gone ??= 'replaced';
  }

  #isGone(how: string): BackendFaultError {
    return new BackendFaultError(this.#on.name, 'unavailable', `the program was ${how}`, 'load it again.');
  }
}

/** Whether all of it was sent; if not, an epoch of it is longer than a frame may be. */
async function send(program: ReplayProgram, { runner, fit, maxPayloadBytes }: ProgramRunner): Promise<boolean> {
  const words = Math.min(SEGMENT_WORDS, Math.floor(maxPayloadBytes / SEGMENTS_PER_PAYLOAD / 4));
  await runner.ask(MessageType.LOAD, encodeLoad(program.head), { [MessageType.DONE]: expectEmpty });
  for (const segment of program.segments(words)) {
    const payload = encodeSegment(segment, program.head, fit.layout.snapshotWords);
    if (payload.length > maxPayloadBytes) {
      await unload(runner);
      return false;
    }
    await runner.ask(MessageType.SEGMENT, payload, { [MessageType.DONE]: expectEmpty });
  }
  return true;
}

async function unload(runner: RunnerProcess): Promise<void> {
  await runner.ask(MessageType.UNLOAD, EMPTY, { [MessageType.DONE]: expectEmpty });
}

function isDeclined(error: unknown): boolean {
  return error instanceof BackendFaultError && error.kind === 'unavailable';
}

/** What PROGRESS told of a replay. */
class ReplayProgress {
  epochsRun = 0;
  readonly #onProgress: ProgramRunOptions['onProgress'];

  constructor(onProgress: ProgramRunOptions['onProgress']) {
    this.#onProgress = onProgress;
  }

  /** @throws WireError if the runner takes back what it said. */
  take(payload: Uint8Array): void {
    const { done } = decodeReplayProgress(payload);
    if (done < this.epochsRun) throw new WireError(`PROGRESS: ${done} epochs after ${this.epochsRun}`);
    this.epochsRun = done;
    this.#onProgress?.(done);
  }
}

/** DONE says no more than that. */
export function expectEmpty(payload: Uint8Array): void {
  if (payload.length !== 0) throw new WireError(`DONE has ${payload.length} bytes, expected none`);
}
