/** A log read in spite of all: also where what says what it is has been lost. */

import { VrrlError } from '../base/errors.ts';
import { rebuildRingLog, type ScanOptions } from '../log/index.ts';
import { FlightFlagsError, FlightVersionError, rebuildFlightLog } from '../log-v2/index.ts';
import { type Storage, StorageError } from '../storage/index.ts';
import { type LogFinding, type ReadLog, readLog } from './read-log.ts';

/**
 * `readLog`, or where that refuses the file, what its records prove by themselves. A finding says so then, and what nobody
 * can tell any more. Nothing is written.
 *
 * @throws as `readLog` does, if there is nothing of that kind in the file either.
 */
export function salvageLog(storage: Storage, options: ScanOptions = {}): ReadLog {
  try {
    return readLog(storage, options);
  } catch (error) {
    // What a newer vrrl wrote is no damage, and a disk that does not answer is not made to by asking again.
    const isFinal = [FlightFlagsError, FlightVersionError, StorageError].some((kind) => error instanceof kind);
    if (isFinal || !(error instanceof VrrlError)) throw error;
    const log = rebuiltFlightLog(storage, options) ?? rebuiltRingLog(storage, options);
    if (log === undefined) throw error;
    return log;
  }
}

function rebuiltFlightLog(storage: Storage, options: ScanOptions): ReadLog | undefined {
  const rebuilt = rebuildFlightLog(storage, options.onProgress);
  if (rebuilt === undefined) return undefined;
  const log = readLog(rebuilt.storage, options);
  return withFinding(log, 'superblocksLost', 'both superblocks are gone', rebuilt.unknown);
}

function rebuiltRingLog(storage: Storage, options: ScanOptions): ReadLog | undefined {
  const rebuilt = rebuildRingLog(storage);
  if (rebuilt === undefined) return undefined;
  return withFinding(readLog(rebuilt.storage, options), 'headerLost', 'the header is gone', rebuilt.unknown);
}

function withFinding(log: ReadLog, kind: string, what: string, unknown: readonly string[]): ReadLog {
  const list = unknown.join('; ');
  const message = `${what}, and the records were found by themselves; nobody can tell: ${list}. Fix: look for a whole copy.`;
  const finding: LogFinding = { kind, severity: 'damage', message };
  return { ...log, findings: [finding, ...log.findings] };
}
