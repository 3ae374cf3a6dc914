/** Measures everything that needs a device in this process, and says on standard error how far it is. */

import { spawnSync } from 'node:child_process';
import { VERSION } from '../../node/version.ts';
import type { ProgramShape } from '../../src/backend/index.ts';
import { loadAverage, machineFacts } from '../machine.ts';
import { summarise } from '../measurement.ts';
import { LogShelf } from './logs.ts';
import { type MeasuredDevice, openDevice } from './open-device.ts';
import { Peers } from './peers.ts';
import { Replays } from './replays.ts';
import { BENCHMARK, type BenchOptions, type GpuReport, type GpuRow, SCHEMA_VERSION } from './report.ts';
import { nameOf, type RowPlan, rowGroups } from './rows.ts';
import { type Contender, sampleGroup } from './sampling.ts';
import { measureSoundness, soundnessName } from './soundness.ts';

const SOUND_EPOCHS = 1_000;

export async function measureGpu(options: BenchOptions, command: string): Promise<GpuReport> {
  const loadBefore = loadAverage();
  const opened = await openDevice();
  note(`${opened.adapter.description} (${opened.runtime})`);
  const bench = new GpuBench(opened, options);
  const rows = await bench.rows();
  const sound = await bench.soundness();
  const { device, errors, ...facts } = opened;
  return {
    schemaVersion: SCHEMA_VERSION,
    benchmark: BENCHMARK,
    date: new Date().toISOString().slice(0, 10),
    command,
    vrrl: VERSION,
    ...facts,
    driver: nvidiaDriver(),
    machine: { ...machineFacts(), loadAverage: { before: loadBefore, after: loadAverage() } },
    options,
    peakProcessBytes: process.resourceUsage().maxRSS * 1_024,
    deviceErrors: errors,
    rows,
    sound,
    memory: [],
  };
}

export function note(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

class GpuBench {
  readonly #loopLimit: number | null;
  readonly #options: BenchOptions;
  readonly #peers: Peers;
  readonly #replays: Replays;
  readonly #logs = new LogShelf();

  constructor({ device, adapter }: MeasuredDevice, options: BenchOptions) {
    this.#loopLimit = adapter.loopLimit;
    this.#options = options;
    this.#peers = new Peers(device);
    this.#replays = new Replays(device);
  }

  async rows(): Promise<GpuRow[]> {
    const all: GpuRow[] = [];
    for (const group of rowGroups(this.#options)) {
      const wanted = group.rows.filter((row) => this.#isWanted(nameOf(row)));
      const rows = await sampleGroup({ ...group, rows: wanted }, (row) => this.#contender(row), this.#options.rounds);
      for (const row of rows) note(summaryOf(row));
      all.push(...rows);
    }
    this.#logs.clear();
    return all;
  }

  async soundness(): Promise<GpuReport['sound']> {
    const epochs = Math.max(1, Math.round(SOUND_EPOCHS / this.#options.shorter));
    const log = await this.#logs.get({ epochs, slotsOfEpoch: 64, log: 'varied' });
    const { soundEpochReplays } = this.#options;
    const isWanted = (name: string) => this.#isWanted(name);
    const rows = await measureSoundness(this.#replays, log, soundEpochReplays, isWanted, (shape) =>
      this.#defect(shape),
    );
    for (const { shape, epochReplays, differing, problem } of rows) {
      note(`${soundnessName(shape)}: ${problem ?? `${epochReplays} epoch-replays, ${differing} differ`}`);
    }
    return rows;
  }

  async #contender(row: RowPlan): Promise<Contender> {
    const defect = this.#defect(row.shape);
    if (defect !== undefined) throw new Error(defect);
    const log = await this.#logs.get(row);
    switch (row.kind) {
      case 'bare':
        return this.#peers.bareKernel(row, log);
      case 'naive':
        return this.#peers.naiveLoop(row, log);
      case 'replay':
        return this.#replays.loaded(row, log);
      case 'whole':
        return this.#replays.whole(row, log);
    }
  }

  /** A resident run is one long loop, and where the driver leaves it nobody could say. */
  #defect(shape: ProgramShape): string | undefined {
    if (this.#loopLimit === null || shape !== 'resident') return undefined;
    return `the driver has a lane leave its loops after ${this.#loopLimit} turns`;
  }

  #isWanted(name: string): boolean {
    return name.includes(this.#options.only);
  }
}

function summaryOf({ name, samplesMs, epochReplays, differing, problem }: GpuRow): string {
  if (problem !== undefined) return `${name}: ${problem}`;
  const { median } = summarise(samplesMs);
  const rate = ((epochReplays / median) * 1e3).toPrecision(4);
  return `${name}: ${median.toFixed(2)} ms, ${rate} epoch-replays/s, ${differing} differ`;
}

/** What NVIDIA's own tool says, where it is: a driver tells Vulkan its version, and not always which card it is. */
function nvidiaDriver(): string | null {
  const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  return status === 0 ? stdout.trim().replaceAll('\n', '; ') : null;
}
