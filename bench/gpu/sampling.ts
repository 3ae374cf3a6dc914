/** Takes samples of a group of rows in turns, so that what slows the machine down for a while slows all of them. */

import type { GpuRow } from './report.ts';
import { nameOf, type RowGroup, type RowPlan } from './rows.ts';

/** One way of doing the work of a row, set up on the device. */
export interface Contender {
  /** What it took to lay the log down on the device, if that was done once for all samples. */
  readonly uploadMs?: number;
  sample(): Promise<Sample>;
  release(): void | Promise<void>;
}

export interface Sample {
  readonly ms: number;
  readonly deviceMs?: number | undefined;
  readonly uploadMs?: number | undefined;
  readonly epochReplays: number;
  readonly differing: number;
}

/** A GPU that had nothing to do is slow to start; so each group begins with this much work that is not counted. */
const WARM_UP_MS = 250;

/** A row while it is measured. */
class RowInProgress {
  readonly plan: RowPlan;
  readonly #group: RowGroup;
  readonly #samples: Sample[] = [];
  #contender: Contender | undefined;
  #last: Sample | undefined;
  #problem: string | undefined;

  constructor(plan: RowPlan, group: RowGroup) {
    this.plan = plan;
    this.#group = group;
  }

  setUp(make: (plan: RowPlan) => Promise<Contender>): Promise<void> {
    return this.#during(async () => {
      this.#contender = await make(this.plan);
    });
  }

  /** What goes wrong with one row is no reason to lose the others. */
  take(isCounted: boolean): Promise<void> {
    return this.#during(async () => {
      this.#last = await this.#contender?.sample();
      if (isCounted && this.#last !== undefined) this.#samples.push(this.#last);
    });
  }

  release(): Promise<void> {
    return this.#during(() => this.#contender?.release());
  }

  finish(): GpuRow {
    const once = this.#contender?.uploadMs;
    return {
      name: nameOf(this.plan),
      group: this.#group.name,
      ...this.plan,
      samplesMs: this.#samples.map(({ ms }) => rounded(ms)),
      deviceMs: this.#samples.flatMap(({ deviceMs }) => deviceMs ?? []).map(rounded),
      uploadMs: (once === undefined ? this.#samples.flatMap(({ uploadMs }) => uploadMs ?? []) : [once]).map(rounded),
      epochReplays: this.#last?.epochReplays ?? 0,
      differing: this.#last?.differing ?? 0,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  async #during(work: () => void | Promise<void>): Promise<void> {
    if (this.#problem !== undefined) return;
    try {
      await work();
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }
}

/** To tenths of a microsecond: what is behind them is noise. */
function rounded(ms: number): number {
  return Number(ms.toFixed(4));
}

export async function sampleGroup(
  group: RowGroup,
  make: (plan: RowPlan) => Promise<Contender>,
  rounds: number,
): Promise<GpuRow[]> {
  const rows = group.rows.map((plan) => new RowInProgress(plan, group));
  for (const row of rows) await row.setUp(make);
  const begin = performance.now();
  do for (const row of rows) await row.take(false);
  while (performance.now() - begin < WARM_UP_MS && rows.length > 0);
  for (let round = 0; round < rounds; round += 1) for (const row of rows) await row.take(true);
  for (const row of rows) await row.release();
  return rows.map((row) => row.finish());
}
