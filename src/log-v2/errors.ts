import { amount } from '../base/amount.ts';
import { VrrlError } from '../base/errors.ts';
import { FLIGHT_VERSION } from './layout.ts';

/** The file is no v2 log, or nothing of its superblock is left, or what it says makes no sense. */
export class FlightFormatError extends VrrlError {
  readonly code = 'VRRL_FLIGHT_FORMAT';
  readonly path: string;

  constructor(path: string, what: string, fix: string) {
    super(`\`${path}\` ${what}`, fix);
    this.path = path;
  }
}

/** The log says that it is of another version of the format. */
export class FlightVersionError extends VrrlError {
  readonly code = 'VRRL_FLIGHT_VERSION';
  readonly path: string;
  readonly version: number;

  constructor(path: string, version: number) {
    super(
      `the log \`${path}\` is of version ${version}, expected ${FLIGHT_VERSION}`,
      'use the version of vrrl that wrote it.',
    );
    this.path = path;
    this.version = version;
  }
}

/** The log has an incompat flag that this program does not know, so it could only misread it. */
export class FlightFlagsError extends VrrlError {
  readonly code = 'VRRL_FLIGHT_FLAGS';
  readonly path: string;
  /** The incompat flags that are not known. */
  readonly unknownFlags: number;

  constructor(path: string, unknownFlags: number) {
    super(
      `the log \`${path}\` has incompat flags that this vrrl does not know: ${listBits(unknownFlags)}`,
      'read it with a newer vrrl.',
    );
    this.path = path;
    this.unknownFlags = unknownFlags;
  }
}

/** Names bits for people: `bit 0, bit 7`. */
export function listBits(flags: number): string {
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((flags >>> bit) & 1) === 1)
    .map((bit) => `bit ${bit}`)
    .join(', ');
}

/** Both copies of the metadata are damaged. */
export class FlightMetadataError extends VrrlError {
  readonly code = 'VRRL_FLIGHT_METADATA';
  readonly path: string;

  constructor(path: string) {
    super(
      `both copies of the metadata of \`${path}\` are damaged`,
      'read its records with `scanFlightLog` or `vrrl recover`; to append, start a new log.',
    );
    this.path = path;
  }
}

/** A frame does not fit the journal, or would destroy the only state that replay could start from. */
export class JournalSpaceError extends VrrlError {
  readonly code = 'VRRL_JOURNAL_SPACE';
  readonly frameBytes: number;
  readonly journalBytes: number;

  constructor(path: string, frameBytes: number, journalBytes: number, why: string) {
    super(
      `the journal of \`${path}\` has no room for a frame of ${amount(frameBytes, 'byte')}: ${why}`,
      'make the log with a larger journal (at least two keyframe intervals), or write keyframes more often.',
    );
    this.frameBytes = frameBytes;
    this.journalBytes = journalBytes;
  }
}
