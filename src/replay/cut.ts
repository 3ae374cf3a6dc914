/**
 * Cuts a log into epochs: as the observations say, whose digests prove that the two belong together, or else by the control
 * word EPOCH.
 */

import type { RecordColumns } from '../log/index.ts';
import type { Digest, Observations, ObservedEpoch } from '../observe/index.ts';
import type { Alignment, RecordedLog } from '../reading/index.ts';
import { RecordsDigest } from '../record/index.ts';

const NEVER_DRAINED = 'it was never observed: the recording ended before it drained';

/** Some records that belong together, before anybody asked whether they can be replayed. */
export interface EpochCut {
  readonly ordinal: number;
  readonly deviceEpoch: number;
  readonly firstRecord: number;
  readonly endRecord: number;
  readonly firstSequence: number;
  readonly observed: number | undefined;
  /** What cutting already found wrong. */
  readonly problems: readonly string[];
  /** Its problems are about what was seen, not about its records: it can be run, though not judged. */
  readonly isRunnable?: boolean;
}

/** Without a stream, an epoch is a run of records with the same EPOCH. */
export function cutByEpochWord(log: RecordedLog): EpochCut[] {
  const { columns } = log;
  const cuts: EpochCut[] = [];
  for (let first = 0; first < columns.length; ) {
    let end = first + 1;
    while (end < columns.length && columns.epoch[end] === columns.epoch[first]) end += 1;
    const problems = gapsWithin(log, first, end);
    cuts.push({
      ordinal: cuts.length,
      deviceEpoch: columns.epoch[first],
      firstRecord: first,
      endRecord: end,
      firstSequence: first + 1,
      observed: undefined,
      problems,
    });
    first = end;
  }
  return cuts;
}

/** With a stream, epochs are what it says; records that it does not know are epochs that nobody observed. */
export function cutByStream(
  log: RecordedLog,
  observations: Observations,
  alignment: Alignment,
  notes: string[],
): EpochCut[] {
  const cutter = new StreamCutter(log.columns, alignment);
  cutter.cutOlder();
  for (let observed = 0; observed < observations.epochCount; observed += 1) {
    cutter.cutObserved(observations.epoch(observed), observed);
  }
  const { cuts, overwritten } = cutter;
  const older = overwritten + observations.overwrittenEpochs;
  if (older > 0) notes.push(`${older} older epochs were observed, but records of theirs are overwritten`);
  const rest = alignment.newestSequence + 1 - cutter.nextSequence;
  if (rest > 0) notes.push(`the last ${rest} records were published, but their epoch was never observed`);
  cutter.cutRest();
  const isEmpty = log.columns.length + log.lost === 0;
  return cutter.isProven || isEmpty ? cuts : cuts.map(withoutProof);
}

/**
 * An epoch without records matches any log. It is worth something beside others that match, or in a log without records;
 * alone it is not: the log may have been written on since, a multiple of its capacity.
 */
function withoutProof(cut: EpochCut): EpochCut {
  if (cut.firstRecord < cut.endRecord || cut.problems.length > 0) return cut;
  return { ...cut, problems: ['no record proves that the log and the observations belong together'] };
}

/**
 * Deals the records of a log to the epochs of a stream by their sequence numbers. Every number that the log has room for is
 * dealt to some epoch, whether or not its record can be read: what is lost may not go unnoticed.
 */
class StreamCutter {
  readonly cuts: EpochCut[] = [];
  /** Epochs left out because the log has written over their first records, and so over all epochs before them. */
  overwritten = 0;
  /** The first number that was not dealt yet. */
  nextSequence: number;
  /** The records of some epoch are those that were observed. */
  isProven = false;
  readonly #columns: RecordColumns;
  readonly #alignment: Alignment;
  readonly #digest = new RecordsDigest();
  /** The first record that was not dealt yet. */
  #next = 0;
  #lastOrdinal = -1;

  constructor(columns: RecordColumns, alignment: Alignment) {
    this.#columns = columns;
    this.#alignment = alignment;
    this.nextSequence = alignment.oldestSequence;
  }

  /** What was in the log before the recording began. */
  cutOlder(): void {
    this.#cutUnobserved(1, -1, 'it was logged before the recording that was observed began');
  }

  cutObserved(epoch: ObservedEpoch, observed: number): void {
    const { firstRecord, recordCount, ordinal, deviceEpoch } = epoch;
    this.#cutUnobserved(firstRecord, ordinal - 1, 'it was never observed, or what was seen of it is lost');
    this.#lastOrdinal = ordinal;
    const first = this.#next;
    const [low, high] = this.#takeUntil(firstRecord + recordCount);
    if (firstRecord < this.#alignment.oldestSequence) {
      this.overwritten += 1;
      return;
    }
    const lost = recordCount - (this.#next - first);
    const problems: string[] = [];
    if (lost > 0) problems.push(`${lost} of its ${recordCount} records are not in the log any more`);
    else if (low !== epoch.recordsDigest[0] || high !== epoch.recordsDigest[1]) {
      problems.push('its records are not the ones that were observed: the log was changed or written by somebody else');
    } else if (recordCount > 0) this.isProven = true;
    const range = { firstRecord: first, endRecord: this.#next, firstSequence: firstRecord };
    this.cuts.push({ ordinal, deviceEpoch, ...range, observed, problems });
  }

  /** What was published after the last epoch that was observed. */
  cutRest(): void {
    const end = this.#alignment.newestSequence + 1;
    this.#cutUnobserved(end, this.#lastOrdinal + 1, NEVER_DRAINED);
  }

  #cutUnobserved(endSequence: number, ordinal: number, problem: string): void {
    const firstSequence = this.nextSequence;
    const first = this.#next;
    this.#takeUntil(endSequence);
    const found = this.#next - first;
    const lost = Math.max(0, endSequence - firstSequence - found);
    if (found === 0 && lost === 0) return;
    const problems = lost === 0 ? [problem] : [`${lost} of its records are lost`, problem];
    const deviceEpoch = found > 0 ? this.#columns.epoch[first] : (this.cuts.at(-1)?.deviceEpoch ?? 0);
    const range = { firstRecord: first, endRecord: this.#next, firstSequence };
    // The slot that killed the device is in the epoch that nobody saw the end of: running it again is the point.
    const isRunnable = problem === NEVER_DRAINED && lost === 0;
    this.cuts.push({ ordinal, deviceEpoch, ...range, observed: undefined, problems, isRunnable });
  }

  /** Deals all numbers below `endSequence`, and gives the digest of the records among them that are there. */
  #takeUntil(endSequence: number): Digest {
    const columns = this.#columns;
    while (this.#next < columns.length && this.#alignment.sequenceOf(this.#next) < endSequence) {
      this.#digest.addFromColumns(columns, this.#next);
      this.#next += 1;
    }
    this.nextSequence = Math.max(this.nextSequence, endSequence);
    return this.#digest.take();
  }
}

/**
 * Records that are lost in or next to an epoch. One between two epochs may have belonged to either, so it counts against
 * both.
 */
function gapsWithin(log: RecordedLog, first: number, end: number): string[] {
  let lost = 0;
  for (let index = first; index <= end; index += 1) lost += log.lostBefore(index);
  return lost === 0 ? [] : [`${lost} records in or next to it are lost`];
}
