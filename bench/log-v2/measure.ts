/** All of the v2 log's benchmarks. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Measurement } from '../measurement.ts';
import { type AppendRun, BATCH_SIZES, type BatchRun, measureAppends, measureBatches, type Runs } from './appends.ts';
import type { Durability, Field, NotMeasured } from './contender.ts';
import { installPeers } from './install-peers.ts';
import { clockFloorNs } from './latency.ts';
import { ownContenders } from './own.ts';
import { peerField } from './peers.ts';
import { measureReading } from './reading.ts';

export interface LogV2Results {
  readonly rounds: number;
  /** What looking at the clock takes: times of single appends contain it. */
  readonly clockFloorNs: number;
  /** Safe when the process is killed, after every append. */
  readonly killed: readonly Runs<AppendRun>[];
  readonly notKilled: readonly NotMeasured[];
  /** Safe when the power fails, by the size of batches. */
  readonly power: readonly { readonly batchRecords: number; readonly runs: readonly Runs<BatchRun>[] }[];
  readonly notPower: readonly NotMeasured[];
  readonly reading: readonly Measurement[];
}

/** Measures everything, in folders of the system's own for temporary files. Some minutes, and one more to install the peers. */
export async function measureLogV2(rounds: number): Promise<LogV2Results> {
  installPeers();
  const reading = await inTemporaryFolder((folder) => measureReading(folder, rounds));
  const killed = fieldOf('killed');
  const killedRuns = await measureAppends(killed.contenders, rounds);
  const power = fieldOf('power');
  const powerRuns: { batchRecords: number; runs: Runs<BatchRun>[] }[] = [];
  for (const batchRecords of BATCH_SIZES) {
    powerRuns.push({ batchRecords, runs: await measureBatches(power.contenders, batchRecords, rounds) });
  }
  return {
    rounds,
    clockFloorNs: clockFloorNs(),
    killed: killedRuns,
    notKilled: killed.notMeasured,
    power: powerRuns,
    notPower: power.notMeasured,
    reading,
  };
}

function fieldOf(durability: Durability): Field {
  const { contenders, notMeasured } = peerField(durability);
  return { contenders: [...ownContenders(durability), ...contenders], notMeasured };
}

async function inTemporaryFolder<Result>(run: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    return await run(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
