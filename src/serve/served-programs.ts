/** Programs on a runner: taken up segment by segment, handed to the backend when they are complete. */

import type { LoadedProgram, ProgramHead, ReplayProgram } from '../backend/index.ts';
import { decodeLoad, decodeReplay, encodeReplayed, type Frame, MessageType, type ProgramFit } from '../wire/index.ts';
import { ArrivingProgram } from './arriving-program.ts';
import { declined } from './failures.ts';
import type { ProgressReport } from './outlet.ts';
import { DONE, type ServedBackend } from './served-backend.ts';

export class ServedPrograms {
  readonly #served: ServedBackend;
  readonly #fit: ProgramFit;
  #arriving: ArrivingProgram | undefined;
  #loaded: { readonly program: LoadedProgram; readonly head: ProgramHead } | undefined;

  constructor(served: ServedBackend) {
    this.#served = served;
    this.#fit = { slotCount: served.backend.slotCount, layout: served.layout };
  }

  /** Forgets the program before, whichever state it is in. */
  async load(payload: Uint8Array): Promise<Frame> {
    const head = decodeLoad(payload, this.#fit);
    await this.unload();
    this.#arriving = new ArrivingProgram(head, this.#fit);
    return this.#takeUp(this.#arriving);
  }

  async add(payload: Uint8Array): Promise<Frame> {
    if (this.#arriving === undefined) return declined('protocol', 'SEGMENT came without a LOAD', 'send LOAD first.');
    this.#arriving.add(payload);
    return this.#takeUp(this.#arriving);
  }

  async replay(payload: Uint8Array, progress: ProgressReport): Promise<Frame> {
    if (this.#loaded === undefined) return declined('protocol', 'no program is loaded', 'send all of a program first.');
    const request = decodeReplay(payload);
    if (request.mode === 'isolated' && this.#served.backend.restore === undefined) {
      return declined('unavailable', 'it cannot restore a state, so nothing can be isolated', 'replay chained.');
    }
    const { program, head } = this.#loaded;
    const total = head.epochCount * request.replicas;
    const result = await program.run({ ...request, onProgress: (done) => progress.report({ done, total }) });
    await progress.finish();
    const captured = result.captured.map((outcome) => ({
      ...outcome,
      faults: outcome.faults.map((fault) => this.#served.wireFault(fault)),
    }));
    return { type: MessageType.REPLAYED, payload: encodeReplayed({ ...result, captured }) };
  }

  async unload(): Promise<Frame> {
    const loaded = this.#loaded;
    this.#arriving = undefined;
    this.#loaded = undefined;
    await loaded?.program.release();
    return DONE;
  }

  /** Hands the program to the backend once it is complete, and keeps nothing of it: what the backend needs it has. */
  async #takeUp(arriving: ArrivingProgram): Promise<Frame> {
    if (!arriving.isComplete) return DONE;
    this.#arriving = undefined;
    const program = await this.#load(arriving.program());
    if (program === undefined) {
      const fix = 'step it; the answer is no fault.';
      return declined('unavailable', 'it cannot replay this program by itself', fix);
    }
    this.#loaded = { program, head: arriving.head };
    return DONE;
  }

  async #load(program: ReplayProgram): Promise<LoadedProgram | undefined> {
    return this.#served.backend.load?.(program);
  }
}
