/** A backend on a device that is watched: each of its answers may be that the device is gone. */

import type {
  Backend,
  DrainReport,
  LoadedProgram,
  ProgramResult,
  ProgramRunOptions,
  ReplayProgram,
  Slot,
} from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import type { GpuBackend } from '../../src/gpu/index.ts';
import type { ObservationLayout } from '../../src/observe/index.ts';
import { type AdapterReport, adapterName } from './adapter-report.ts';
import type { DeviceWatch } from './device-watch.ts';

export class WatchedBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord: number;
  readonly #backend: GpuBackend;
  readonly #watch: DeviceWatch;
  readonly #adapter: AdapterReport;

  constructor(backend: GpuBackend, watch: DeviceWatch, adapter: AdapterReport) {
    this.name = backend.name;
    this.slotCount = backend.slotCount;
    this.layout = backend.layout;
    this.epochWord = backend.epochWord;
    this.#backend = backend;
    this.#watch = watch;
    this.#adapter = adapter;
  }

  start(): Promise<void> {
    return this.#watch.duringSetup(() => this.#backend.start());
  }

  publish(slotIndex: number, slot: Slot): void {
    this.#watch.check();
    this.#backend.publish(slotIndex, slot);
  }

  drain(): Promise<DrainReport> {
    return this.#watch.during(() => this.#backend.drain());
  }

  observe(snapshot: Uint32Array): void {
    this.#watch.check();
    this.#backend.observe(snapshot);
  }

  restore(snapshot: Uint32Array): void {
    this.#watch.check();
    this.#backend.restore(snapshot);
  }

  async load(program: ReplayProgram): Promise<LoadedProgram | undefined> {
    const loaded = await this.#watch.duringSetup(() => this.#backend.load(program));
    return loaded === undefined ? undefined : new WatchedProgram(loaded, this.#watch, this.#adapter);
  }

  /** Also when the device is gone: there is nothing to give back then. */
  stop(): void {
    if (this.#watch.fault === undefined) this.#backend.stop();
  }
}

class WatchedProgram implements LoadedProgram {
  readonly #program: LoadedProgram;
  readonly #watch: DeviceWatch;
  readonly #adapter: AdapterReport;

  constructor(program: LoadedProgram, watch: DeviceWatch, adapter: AdapterReport) {
    this.#program = program;
    this.#watch = watch;
    this.#adapter = adapter;
  }

  async run(options: ProgramRunOptions): Promise<ProgramResult> {
    const { loopLimit } = this.#adapter;
    // A resident replay is one long loop, and where the driver leaves it nobody could say.
    if (loopLimit !== null && options.shape === 'resident') throw leavesLoops(adapterName(this.#adapter), loopLimit);
    return await this.#watch.duringSetup(() => this.#program.run(options));
  }

  async release(): Promise<void> {
    if (this.#watch.fault === undefined) await this.#program.release();
  }
}

function leavesLoops(adapter: string, turns: number): InputError {
  const what = `${adapter} has a lane leave its loops after ${turns} turns, which a resident replay does not survive`;
  return new InputError(what, 'replay wide, or name another adapter with --adapter.');
}
