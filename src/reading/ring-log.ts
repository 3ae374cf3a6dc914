/** A v1 log as part of a recording. Its records have no numbers: they are told by positions. */

import type { LogScan } from '../log/index.ts';
import type { Observations } from '../observe/index.ts';
import type { Alignment, RecordedLog } from './recorded-log.ts';

/** What a plan has to know of a v1 log. */
export function recordedRingLog(scan: LogScan): RecordedLog {
  const { columns, loss } = scan;
  return {
    columns,
    lost: loss.lost,
    startsFresh: startsFresh(scan),
    hasWholeSlots: false,
    slotRests: undefined,
    sequences: undefined,
    lostBefore: (index) => lostBefore(scan, index),
    align: (observations) => new PositionAlignment(scan, observations),
  };
}

/** Told from where the log ends. */
class PositionAlignment implements Alignment {
  readonly newestSequence: number;
  readonly #scan: LogScan;

  constructor(scan: LogScan, observations: Observations) {
    const { capacity } = scan.header;
    const firstPosition = observations.header.log?.firstPosition ?? 0;
    const last = observations.epochCount === 0 ? undefined : observations.epoch(observations.epochCount - 1);
    const observedSequence = last === undefined ? 0 : last.firstRecord + last.recordCount - 1;
    // Records beyond the last observed epoch: a writer that was killed leaves some, always fewer than the log holds.
    this.newestSequence = observedSequence + mod(scan.nextPosition - firstPosition - observedSequence, capacity);
    this.#scan = scan;
  }

  get oldestSequence(): number {
    return Math.max(1, this.newestSequence - this.#scan.header.capacity + 1);
  }

  sequenceOf(index: number): number {
    const { header, nextPosition, columns } = this.#scan;
    if (columns.length === 0) return 1;
    const age = (nextPosition - columns.position[index] + header.capacity - 1) % header.capacity;
    return this.newestSequence - age;
  }
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}

function lostBefore(scan: LogScan, index: number): number {
  const { columns, header, nextPosition } = scan;
  const hasWrapped = mayHaveWrapped(scan);
  if (hasWrapped && columns.length === 0) return header.capacity;
  const first = hasWrapped ? nextPosition : 0;
  const expected = index === 0 ? first : columns.position[index - 1] + 1;
  const position = index < columns.length ? columns.position[index] : nextPosition;
  return mod(position - expected, header.capacity);
}

function mayHaveWrapped({ columns, header, loss }: LogScan): boolean {
  return columns.length + loss.lost >= header.capacity;
}

function startsFresh(scan: LogScan): boolean {
  const { columns } = scan;
  // A log that began when the kernel was running already has records, but not the state before them.
  const isCutShort = scan.findings.some(({ kind }) => kind === 'bodyTruncated');
  // What a file that was cut short held beyond its end may have been older records.
  return !mayHaveWrapped(scan) && !isCutShort && columns.position[0] === 0 && columns.epoch[0] === 0;
}
