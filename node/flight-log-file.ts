/** v2 logs in files. */

import {
  FlightLog,
  type FlightLogOptions,
  flightLogBytes,
  type Id,
  type RecoveryOptions,
} from '../src/log-v2/index.ts';
import { FileMedium, type FileMediumOptions } from './file-medium.ts';
import { machineBootId } from './process-identity.ts';

/** A log that is open for writing, and the file that it is in. Closing the log closes the file. */
export interface FlightLogFile {
  readonly log: FlightLog;
  readonly medium: FileMedium;
}

/**
 * Makes a v2 log in a file of a new name, which it gets when the log is whole.
 *
 * @throws StorageError if a call fails or there is a file of that name.
 * @throws InputError, ZeroCapacityError, CapacityOverflowError if the options cannot be used.
 */
export function createFlightLogFile(
  path: string,
  options: FlightLogOptions,
  fileOptions: FileMediumOptions = {},
): FlightLogFile {
  const create = (medium: FileMedium): FlightLogFile => {
    return { log: FlightLog.create(medium, { ...bootIdOption(), ...options }), medium };
  };
  return FileMedium.create(path, flightLogBytes(options), create, fileOptions);
}

/**
 * Opens the v2 log in a file for writing, and recovers it.
 *
 * @throws LockedError if somebody else writes it.
 * @throws FlightFormatError, FlightVersionError, FlightFlagsError, FlightMetadataError if it is no log that can be written to.
 * @throws StorageError if a call fails.
 */
export function openFlightLogFile(
  path: string,
  options: RecoveryOptions = {},
  fileOptions: FileMediumOptions = {},
): FlightLogFile {
  const medium = FileMedium.open(path, fileOptions);
  try {
    return { log: FlightLog.open(medium, { ...bootIdOption(), ...options }), medium };
  } catch (error) {
    medium.close();
    throw error;
  }
}

function bootIdOption(): { readonly bootId?: Id } {
  const digits = machineBootId();
  if (digits === undefined) return {};
  const word = (index: number): number => Number.parseInt(digits.slice(8 * index, 8 * index + 8), 16);
  return { bootId: [word(0), word(1), word(2), word(3)] };
}
