/** What is wrong with a stream, counted in full and listed up to a limit: nothing is skipped in silence. */

/**
 * - `damaged`: bytes that hold no intact frame, with intact frames after them.
 * - `torn`: the same at the end of the stream: its writer was killed, or the end was lost.
 * - `foreign`: intact frames of another stream.
 * - `stale`: intact frames of this stream that are older than frames before them.
 * - `missing`: frames or epochs that were written and are not here.
 * - `malformed`: frames that are intact and make no sense.
 */
export type FindingKind = 'damaged' | 'torn' | 'foreign' | 'stale' | 'missing' | 'malformed';

/** One thing that is wrong, and where. */
export interface StreamFinding {
  readonly kind: FindingKind;
  /** In bytes from the start of the stream. */
  readonly position: number;
  readonly bytes: number;
  readonly message: string;
}

/** How much was lost to each kind. */
export interface StreamLoss {
  readonly damagedBytes: number;
  readonly tornBytes: number;
  readonly foreignFrames: number;
  readonly staleFrames: number;
  /** Frames that the sequence numbers say were written here. Those of a torn end are not known. */
  readonly missingFrames: number;
  readonly malformedFrames: number;
  /** Epochs that are here without their state, because what it builds on is lost. */
  readonly epochsWithoutState: number;
}

/** At most this many findings are listed; the counts go on. */
export const MAX_LISTED_FINDINGS = 100;

/** Collects findings while a stream is read. */
export class FindingList {
  readonly listed: StreamFinding[] = [];
  readonly loss: { -readonly [Count in keyof StreamLoss]: number } = {
    damagedBytes: 0,
    tornBytes: 0,
    foreignFrames: 0,
    staleFrames: 0,
    missingFrames: 0,
    malformedFrames: 0,
    epochsWithoutState: 0,
  };

  add(kind: FindingKind, position: number, bytes: number, message: string): void {
    if (this.listed.length < MAX_LISTED_FINDINGS) this.listed.push({ kind, position, bytes, message });
  }

  malformed(frame: { readonly position: number; readonly end: number }, what: string): void {
    this.loss.malformedFrames++;
    this.add('malformed', frame.position, frame.end - frame.position, `the frame at ${frame.position} ${what}`);
  }
}
