/**
 * Ties an epoch of an observation stream to the records of a log, which in v1 have no sequence number: a digest of the
 * records as they were logged. A log that was written by somebody else in between has other digests.
 */

import type { Slot } from '../backend/index.ts';
import type { RecordColumns } from '../log/index.ts';
import { addToSums, DIGEST_WORDS, type Digest, finishDigest } from '../observe/index.ts';

const RECORD_FIELDS = 10;

/** Slots that went out together: their records have one time. */
export interface RecordedBatch {
  readonly slots: readonly PlacedSlot[];
  readonly timestampNs: bigint;
  readonly epoch: number;
}

/** A slot and where in the ring it goes. */
export interface PlacedSlot {
  readonly slotIndex: number;
  readonly slot: Slot;
}

/** Collects records and gives their digest. */
export class RecordsDigest {
  readonly #words = new Uint32Array(RECORD_FIELDS);
  readonly #sums = new Uint32Array(DIGEST_WORDS);
  readonly #digest = new Uint32Array(DIGEST_WORDS);
  #count = 0;

  /** Adds the records of slots that went out together; the order counts. Of arguments those that a v1 record has. */
  addBatch({ slots, timestampNs, epoch }: RecordedBatch): void {
    const words = this.#words;
    words[0] = Number(timestampNs & 0xffff_ffffn);
    words[1] = Number(timestampNs >> 32n);
    words[9] = epoch;
    for (const { slotIndex, slot } of slots) {
      const { args } = slot;
      words[2] = slotIndex;
      words[3] = slot.tenant;
      words[4] = slot.opcode;
      for (let argument = 0; argument < 4; argument += 1) {
        words[5 + argument] = argument < args.length ? args[argument] : 0;
      }
      this.#addWords();
    }
  }

  /** Adds the record at `index` without making an object of it. */
  addFromColumns(columns: RecordColumns, index: number): void {
    const words = this.#words;
    words[0] = columns.timestampWords[2 * index];
    words[1] = columns.timestampWords[2 * index + 1];
    words[2] = columns.slotIndex[index];
    words[3] = columns.tenantId[index];
    words[4] = columns.opcode[index];
    for (let argument = 0; argument < 4; argument += 1) words[5 + argument] = columns.args[4 * index + argument];
    words[9] = columns.epoch[index];
    this.#addWords();
  }

  /** The digest of what was added since the last call. */
  take(): Digest {
    finishDigest(this.#sums[0], this.#sums[1], this.#count * RECORD_FIELDS, this.#digest, 0);
    this.#sums.fill(0);
    this.#count = 0;
    return [this.#digest[0], this.#digest[1]];
  }

  #addWords(): void {
    addToSums(this.#words, 0, RECORD_FIELDS, this.#count * RECORD_FIELDS, this.#sums, 0);
    this.#count += 1;
  }
}
