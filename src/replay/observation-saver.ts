/** Writes what a replay shows into an observation stream, so that two replays can be compared with each other later. */

import type { Backend, DrainTally } from '../backend/index.ts';
import { type ObservationMetadata, ObservationWriter } from '../observe/index.ts';
import { observedEnds, RecordsDigest } from '../record/index.ts';
import type { Storage } from '../storage/index.ts';
import type { PlannedEpoch, ReplayPlan } from './plan.ts';

/** Keeps the epochs of one replica. The stream begins with the first epoch that was run. */
export class ObservationSaver {
  readonly #open: () => Storage;
  readonly #metadata: Pick<ObservationMetadata, 'tool' | 'kernel'>;
  readonly #recordsDigest = new RecordsDigest();
  #writer: ObservationWriter | undefined;

  /** @param open makes the empty storage that the stream goes to; called once there is something to write. */
  constructor(open: () => Storage, metadata: Pick<ObservationMetadata, 'tool' | 'kernel'>) {
    this.#open = open;
    this.#metadata = metadata;
  }

  /** Tells the state that the first epoch starts from; later calls change nothing. */
  begin(backend: Backend, initialWords: Uint32Array): void {
    if (this.#writer !== undefined) return;
    const metadata = { ...this.#metadata, layout: backend.layout, backend: { name: backend.name } };
    this.#writer = ObservationWriter.create(this.#open(), metadata, initialWords);
  }

  /** Appends what was seen when an epoch had drained. */
  append(plan: ReplayPlan, epoch: PlannedEpoch, snapshot: Uint32Array, tally: DrainTally): void {
    for (let record = epoch.firstRecord; record < epoch.endRecord; record += 1) {
      this.#recordsDigest.addFromColumns(plan.columns, record);
    }
    this.#writer?.appendEpoch({
      ordinal: epoch.ordinal,
      deviceEpoch: epoch.deviceEpoch,
      firstRecord: epoch.firstSequence,
      recordCount: epoch.endRecord - epoch.firstRecord,
      ...observedEnds(tally),
      recordsDigest: this.#recordsDigest.take(),
      words: snapshot,
    });
  }

  /** Ends the stream. Idempotent. */
  close(): void {
    this.#writer?.close();
  }
}
