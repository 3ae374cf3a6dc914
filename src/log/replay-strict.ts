/** The reference's way to read a log: all or nothing. */

import type { Storage } from '../storage/index.ts';
import { RecordCollector } from './collect.ts';
import { HeaderMismatchError, recordMagicField, TruncatedBodyError } from './errors.ts';
import { printWord } from './header.ts';
import type { RecordColumns } from './records.ts';
import { RowReader, type RowVisitor } from './rows.ts';
import { EMPTY_MAGIC, logBytes, RECORD_MAGIC, RECORD_WORDS } from './v1-layout.ts';

/**
 * All records from the cursor on, around the end, up to the cursor; never-written ones are skipped.
 *
 * @throws HeaderMismatchError at the first record whose magic is neither 0 nor that of a record.
 * @throws TruncatedBodyError if the file is shorter than its capacity asks for.
 * @throws StorageError if the file cannot be read.
 */
export function readStrictly(storage: Storage, capacity: number, cursor: number): RecordColumns {
  const foundBytes = storage.size();
  if (foundBytes < logBytes(capacity)) throw new TruncatedBodyError(storage.label, logBytes(capacity), foundBytes);
  const collector = new RecordCollector(capacity);
  const collectStrictly: RowVisitor = (rows, count, position) => {
    checkMagics(rows, count, position, storage.label);
    collector.collect(rows, count, position);
  };
  const reader = new RowReader(storage, capacity);
  reader.visit(cursor, capacity, collectStrictly);
  reader.visit(0, cursor, collectStrictly);
  return collector.finish();
}

function checkMagics(rows: Int32Array, count: number, position: number, path: string): void {
  for (let row = 0; row < count; row += 1) {
    const magic = rows[row * RECORD_WORDS] >>> 0;
    if (magic === RECORD_MAGIC || magic === EMPTY_MAGIC) continue;
    const expected = `${printWord(RECORD_MAGIC)} or ${printWord(EMPTY_MAGIC)}`;
    throw new HeaderMismatchError(path, recordMagicField(position + row), printWord(magic), expected);
  }
}
