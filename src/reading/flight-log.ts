/** A v2 log as part of a recording. Its records have numbers, and all that their slots had. */

import type { FlightScan } from '../log-v2/index.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';
import type { Alignment, RecordedLog } from './recorded-log.ts';

/** What a plan has to know of a v2 log. */
export function recordedFlightLog(scan: FlightScan): RecordedLog {
  const { columns, loss, oldestSequence, newestSequence, metadata } = scan;
  const alignment: Alignment = { newestSequence, oldestSequence, sequenceOf: (index) => columns.sequence[index] };
  return {
    columns,
    lost: loss.lost,
    // Records of several recordings were never published to one kernel.
    startsFresh: columns.sequence.at(0) === 1 && columns.epoch[0] === 0 && (metadata?.mergedRecordings ?? 1) === 1,
    hasWholeSlots: (metadata?.knownArguments ?? ARGUMENT_COUNT) >= ARGUMENT_COUNT,
    slotRests: columns.rest === undefined ? undefined : columns,
    kernel: metadata?.kernel,
    sequences: columns.sequence,
    lostBefore: (index) => lostBefore(scan, index),
    align: () => alignment,
  };
}

function lostBefore({ columns, oldestSequence, newestSequence }: FlightScan, index: number): number {
  const { sequence, length } = columns;
  // Records from before the window are kept where nothing came over them; those between them and it were overwritten.
  const expected = index === 0 ? oldestSequence : Math.max(oldestSequence, sequence[index - 1] + 1);
  const next = index < length ? sequence[index] : newestSequence + 1;
  return Math.max(0, next - expected);
}
