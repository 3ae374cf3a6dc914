/** Reading a full log, every checksum verified, and making one ready to be appended to, against v1's reader, which verifies nothing. */

import fs from 'node:fs';
import path from 'node:path';
import { FileStorage } from '../../node/file-storage.ts';
import { createFlightLogFile, openFlightLogFile } from '../../node/flight-log-file.ts';
import { RingLog } from '../../node/ring-log.ts';
import { scanLog } from '../../src/log/index.ts';
import { scanFlightLog } from '../../src/log-v2/index.ts';
import { type Measurement, sampleInTurn, type WaitingContender } from '../measurement.ts';
import { bodies, bodyStart, shortBodies, v1RecordOf } from './records.ts';

const RECORDS = 1_048_576;
/** The oldest record is in the middle of the file. */
const APPENDED = RECORDS + RECORDS / 2;
const BATCH_RECORDS = 4_096;

/** The row that the others are held against. */
export const READING_YARDSTICK = 'v1: scan, nothing verified';
export const VERIFIED_SCAN = 'v2: scan of the same, every checksum and link verified';
export const RECOVERY = 'v2: open for writing, mapped: all of it verified';

/** In milliseconds, on files in `folder`. */
export function measureReading(folder: string, rounds: number): Promise<Measurement[]> {
  const v1 = writeV1(path.join(folder, 'full-v1.vrrl'));
  const v2 = writeV2(path.join(folder, 'full-v2.vrrl'), shortBodies);
  const wide = writeV2(path.join(folder, 'full-wide-v2.vrrl'), bodies);
  const timed = (name: string, run: () => (() => void) | undefined): WaitingContender => ({
    name,
    unit: 'ms',
    sample: () => {
      const start = performance.now();
      const finish = run();
      const milliseconds = performance.now() - start;
      finish?.();
      return milliseconds;
    },
  });
  return sampleInTurn(
    [
      timed(READING_YARDSTICK, () => scanV1(v1)),
      timed(VERIFIED_SCAN, () => scanV2(v2)),
      timed('v2: scan of slots that use all words', () => scanV2(wide)),
      timed(RECOVERY, () => recover(v2, 'mapped')),
      timed('v2: open for writing, plain: all of it verified', () => recover(v2, 'plain')),
    ],
    rounds,
  );
}

function writeV1(file: string): string {
  const log = RingLog.open(file, RECORDS);
  for (let index = 0; index < APPENDED; index += BATCH_RECORDS) {
    log.appendMany(Array.from({ length: BATCH_RECORDS }, (_, each) => v1RecordOf(index + each)));
  }
  log.close();
  return file;
}

/** As a writer leaves it that was killed. */
function writeV2(file: string, of: Uint32Array): string {
  const made = `${file}.made`;
  const { log } = createFlightLogFile(made, { capacity: RECORDS, metadata: { tool: 'bench' } });
  for (let index = 0; index < APPENDED; index += 1) log.appendWords(of, bodyStart(index));
  fs.copyFileSync(made, file);
  log.close();
  fs.rmSync(made);
  return file;
}

function scanV1(file: string): undefined {
  const storage = FileStorage.open(file, 'read');
  expectAll(scanLog(storage).columns.length);
  storage.close();
}

function scanV2(file: string): undefined {
  const storage = FileStorage.open(file, 'read');
  expectAll(scanFlightLog(storage).columns.length);
  storage.close();
}

/** Closing, which syncs, is not part of it. */
function recover(file: string, access: 'mapped' | 'plain'): () => void {
  const { log } = openFlightLogFile(file, {}, { access });
  expectAll(log.nextSequence - 1 - (APPENDED - RECORDS));
  return () => log.close();
}

function expectAll(records: number): void {
  if (records !== RECORDS) throw new Error(`the log has ${records} records, expected ${RECORDS}`);
}
