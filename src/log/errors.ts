import { amount } from '../base/amount.ts';
import { VrrlError } from '../base/errors.ts';
import { HEADER_BYTES, LOG_MAGIC_V2, LOG_VERSION, MAX_CAPACITY } from './v1-layout.ts';

/** A log of no records was asked for, or an existing header claims to be one. */
export class ZeroCapacityError extends VrrlError {
  readonly code = 'VRRL_ZERO_CAPACITY';
  /** The log whose header says so; undefined if a caller asked for it. */
  readonly path: string | undefined;

  constructor(path?: string) {
    super(
      `${capacitySource(path)} is 0, expected 1 to ${MAX_CAPACITY} records`,
      path === undefined
        ? `ask for 1 to ${MAX_CAPACITY} records.`
        : 'the header is damaged; vrrl recover finds its records.',
    );
    this.path = path;
  }
}

/** More records were asked for than a log may have, or an existing header claims that many. */
export class CapacityOverflowError extends VrrlError {
  readonly code = 'VRRL_CAPACITY_OVERFLOW';
  readonly count: bigint;
  readonly max: number = MAX_CAPACITY;
  /** The log whose header says so; undefined if a caller asked for it. */
  readonly path: string | undefined;

  constructor(count: bigint, path?: string) {
    super(
      `${capacitySource(path)} is ${count}, expected 1 to ${MAX_CAPACITY} records`,
      path === undefined
        ? `ask for at most ${MAX_CAPACITY} records, or record into several logs.`
        : 'the header is damaged, and vrrl recover finds its records; or this is no log.',
    );
    this.count = count;
    this.path = path;
  }
}

function capacitySource(path: string | undefined): string {
  return path === undefined ? 'the capacity asked for' : `the header field capacity of \`${path}\``;
}

/** A field that must have one value has another: the file is no v1 log, or it is damaged. */
export class HeaderMismatchError extends VrrlError {
  readonly code = 'VRRL_HEADER_MISMATCH';
  readonly path: string;
  /** `magic`, `version`, or `records[N].magic` with N the position in the file. */
  readonly field: string;
  readonly found: string;
  readonly expected: string;

  constructor(path: string, field: string, found: string, expected: string) {
    super(`the field ${field} of \`${path}\` is ${found}, expected ${expected}`, mismatchFix(field, found));
    this.path = path;
    this.field = field;
    this.found = found;
    this.expected = expected;
  }
}

/** How a magic of nothing but zeros is named in errors. */
export const BLANK_MAGIC = '8 zero bytes';

function mismatchFix(field: string, found: string): string {
  if (field !== 'magic' && field !== 'version') {
    return 'the record is damaged; `scanLog` reads all the others and counts the loss.';
  }
  if (found === LOG_MAGIC_V2)
    return 'it is a v2 log: open it with `vrrl/log-v2`, or make a v1 log of it with `vrrl convert --to v1`.';
  if (found === BLANK_MAGIC) {
    return 'its header was never written, or is lost: vrrl recover finds what records there are; if there are none, make a new log in its place.';
  }
  if (field === 'version') {
    return `this reader knows version ${LOG_VERSION}; use a newer vrrl, or if the header is damaged, vrrl recover.`;
  }
  return 'check the path: the file is no vrrl log, or its header is damaged, and then vrrl recover finds its records.';
}

/** Why there is no whole header. */
export type TruncatedHeaderKind = 'headerEmpty' | 'headerTruncated';

/** The file ends before its header does. There is nothing to read in it. */
export class TruncatedHeaderError extends VrrlError {
  readonly code = 'VRRL_TRUNCATED_HEADER';
  readonly path: string;
  /** How many bytes the file has. */
  readonly bytes: number;
  readonly kind: TruncatedHeaderKind;
  /** Whether opening the file for writing makes a log of it. */
  readonly repairable: boolean;

  constructor(path: string, bytes: number, startsLikeHeader: boolean) {
    const repairable = bytes === 0 || startsLikeHeader;
    super(
      `\`${path}\` has ${amount(bytes, 'byte')}${truncatedReason(bytes, startsLikeHeader)}, expected a header of ${HEADER_BYTES}`,
      repairable
        ? 'open it for writing or record over it (vrrl record --force): what is left of it holds no record, and a new log is made of it.'
        : 'check the path; opening it for writing refuses it too and leaves it as it is.',
    );
    this.path = path;
    this.bytes = bytes;
    this.kind = bytes === 0 ? 'headerEmpty' : 'headerTruncated';
    this.repairable = repairable;
  }
}

function truncatedReason(bytes: number, startsLikeHeader: boolean): string {
  if (bytes === 0) return '';
  return startsLikeHeader ? ', the beginning of a v1 header' : ', which are not the beginning of a v1 header';
}

/** The file ends before its last record does, and the strict reader wants them all. */
export class TruncatedBodyError extends VrrlError {
  readonly code = 'VRRL_TRUNCATED_BODY';
  readonly path: string;
  readonly expectedBytes: number;
  readonly foundBytes: number;

  constructor(path: string, expectedBytes: number, foundBytes: number) {
    super(
      `\`${path}\` has ${amount(foundBytes, 'byte')}, expected ${expectedBytes} from the capacity in its header`,
      '`scanLog` reads what there is and counts the loss.',
    );
    this.path = path;
    this.expectedBytes = expectedBytes;
    this.foundBytes = foundBytes;
  }
}

/** Names the magic of a record in errors. */
export function recordMagicField(position: number): string {
  return `records[${position}].magic`;
}
