/** A v1 log whose header is gone, made readable again: its capacity is in the file's length, its cursor in the records. */

import { ReheadedStorage, type Storage } from '../storage/index.ts';
import { scanLog } from './decode.ts';
import { cursorBytes, newHeader } from './header.ts';
import type { RecordColumns } from './records.ts';
import { HEADER_BYTES, HEADER_LAYOUT, MAX_CAPACITY, RECORD_BYTES } from './v1-layout.ts';

/** A log with a header that says what is left to be known. */
export interface RebuiltRingLog {
  /** To be read as the log: the file, with another header. */
  readonly storage: Storage;
  /** What nobody can tell any more, in words. */
  readonly unknown: readonly string[];
}

/**
 * Makes a header for a file that lacks one. Nothing is written.
 *
 * @returns undefined if nothing in the file has the magic of a record where one may be.
 * @throws StorageError if the file cannot be read.
 */
export function rebuildRingLog(storage: Storage): RebuiltRingLog | undefined {
  const capacity = Math.min(MAX_CAPACITY, Math.ceil((storage.size() - HEADER_BYTES) / RECORD_BYTES));
  if (capacity < 1) return undefined;
  const { columns, loss } = scanLog(new ReheadedStorage(storage, headerOf(capacity, 0)));
  // Any bytes can pass for damaged records; a log is what has more of the other kind.
  if (columns.length === 0 || columns.length < loss.damaged) return undefined;
  const cursor = cursorAfter(columns, capacity);
  return {
    storage: new ReheadedStorage(storage, headerOf(capacity, cursor)),
    unknown: ['where its last record is, but for the times of the records', 'whether the file was longer'],
  };
}

/** Behind the newest record: where the times go back the furthest, or where nothing follows. */
function cursorAfter({ length, position, timestampNs }: RecordColumns, capacity: number): number {
  const order = Array.from({ length }, (_, index) => index).sort((left, right) => position[left] - position[right]);
  let [newest, furthest] = [order[length - 1], 0n];
  // Nothing was ever written behind it, so the times go back for another reason, if they do.
  if (position[newest] < capacity - 1) return position[newest] + 1;
  for (let index = 1; index < length; index += 1) {
    const back = timestampNs[order[index - 1]] - timestampNs[order[index]];
    if (back > furthest) [newest, furthest] = [order[index - 1], back];
  }
  return (position[newest] + 1) % capacity;
}

function headerOf(capacity: number, cursor: number): Uint8Array {
  const header = newHeader(capacity);
  header.set(cursorBytes(cursor), HEADER_LAYOUT.cursor.offset);
  return header;
}
