/** What a scan found, in sentences. */

import { amount } from '../base/amount.ts';
import { FAILURE_CLASS_NAMES, listPositions } from '../log/index.ts';
import type { FlightColumns } from './columns.ts';
import { listBits } from './errors.ts';
import { type FlightFinding, type FlightFindingKind, flightFinding } from './findings.ts';
import { LOSS_KINDS, LogState } from './layout.ts';
import type { ScanParts } from './scan.ts';
import { SLOT_LOSSES } from './window.ts';

/** All findings: the file's first, then the records', then the journal's. */
export function describeScan(parts: ScanParts): FlightFinding[] {
  const { columns } = parts;
  return [
    ...describeFile(parts),
    ...describeState(parts),
    ...describeLosses(parts),
    ...describeForks(parts),
    ...describeJournal(parts),
    ...(columns === undefined ? [] : describeRecords(columns)),
  ];
}

function describeFile({ storage, read, metadata }: ScanParts): FlightFinding[] {
  const { superblock, damagedCopies } = read;
  const findings: FlightFinding[] = [];
  for (const copy of damagedCopies) {
    const what = `copy ${copy} of the superblock is damaged; the other one was read`;
    findings.push(
      flightFinding('superblockDamaged', what, 'none needed; whatever opens the log to append writes it anew.'),
    );
  }
  if (superblock.unknownCompatFlags !== 0) {
    const what = `the log has compat flags that this vrrl does not know: ${listBits(superblock.unknownCompatFlags)}`;
    findings.push(flightFinding('unknownFlags', what, 'none needed; a newer vrrl may read more out of it.'));
  }
  if (metadata.metadata === undefined) {
    const what = 'both copies of the metadata are damaged: what recorded the log is not known';
    findings.push(flightFinding('metadataLost', what, 'look for a whole copy; the records were read.'));
  } else {
    for (const copy of metadata.damagedCopies) {
      const what = `copy ${copy} of the metadata is damaged; the other one was read`;
      const fix = 'none needed; whatever opens the log to append writes it anew.';
      findings.push(flightFinding('metadataDamaged', what, fix));
    }
  }
  return [...findings, ...describeLength(storage.size(), superblock.geometry.fileBytes)];
}

function describeLength(bytes: number, expected: number): FlightFinding[] {
  if (bytes < expected) {
    const what = `the file has ${amount(bytes, 'byte')}, expected ${expected}`;
    const fix = 'look for a whole copy; what is left was read.';
    return [flightFinding('fileTruncated', what, fix, { count: expected - bytes })];
  }
  if (bytes === expected) return [];
  const what = `${amount(bytes - expected, 'byte')} beyond the ${expected} of the log`;
  return [flightFinding('trailingBytes', what, 'none needed; they were ignored.', { count: bytes - expected })];
}

function describeState({ read, window }: ScanParts): FlightFinding[] {
  const { state, losses, firstSequence } = read.superblock;
  const findings: FlightFinding[] = [];
  if (state !== LogState.CLOSED) {
    const what = 'the log was not closed: its writer is at work, or was killed';
    findings.push(flightFinding('notClosed', what, 'none needed; every record is proven by itself.'));
  }
  const before = LOSS_KINDS.filter((kind) => losses[kind] > 0);
  if (before.length > 0) {
    const list = before.map((kind) => `${kind} ${losses[kind]}`).join(', ');
    findings.push(flightFinding('lostBefore', `earlier openings found lost: ${list}`, 'none possible now.'));
  }
  const below = window.oldest - firstSequence;
  if (below > 0) {
    const what = `the log has wrapped: ${amount(below, 'record')} came before the oldest that it has room for`;
    findings.push(flightFinding('wrapped', what, 'make a larger log if they matter.', { count: below }));
  }
  return findings;
}

const LOSS_SENTENCES: Readonly<Record<(typeof SLOT_LOSSES)[number][0], readonly [what: string, fix: string]>> = {
  unfinished: ['an append began there and was never completed; nothing is lost', 'none needed.'],
  overtaken: [
    'a newer append had begun to write over it when the writer ended',
    'none possible; a larger log keeps more.',
  ],
  torn: ['it was never completed, or only a part of it reached the disk', 'sync more often if that must not happen.'],
  corrupt: ['its sum is wrong', 'look for a whole copy, and check the disk.'],
  foreign: ['what is there belongs to another log or to no writer of this one', 'find out who wrote to the file.'],
  misplaced: ['what is there belongs at another position', 'find out who wrote to the file, and check the disk.'],
  missing: ['nothing is there, or something older', 'look for a whole copy, and check the disk.'],
  journalBytes: ['', ''],
  missingFrames: ['', ''],
};

function describeLosses({ window, loss }: ScanParts): FlightFinding[] {
  const findings: FlightFinding[] = [];
  for (const [kind, code] of SLOT_LOSSES) {
    if (loss[kind] === 0) continue;
    const { first, count, text } = listPositions(window.answers, code, window.answers.length);
    const [what, fix] = LOSS_SENTENCES[kind];
    const name = kind as FlightFindingKind;
    findings.push(flightFinding(name, `${text}: ${what}`, fix, { position: first, count }));
  }
  if (window.older > 0) {
    const what = `${amount(window.older, 'record')} older than the log has room for are still there, because newer ones never arrived`;
    findings.push(
      flightFinding('older', what, 'none needed; they are proven, and were read.', { count: window.older }),
    );
  }
  return findings;
}

const MAX_LISTED_FORKS = 8;

function describeForks({ forks }: ScanParts): FlightFinding[] {
  if (forks.length === 0) return [];
  const listed = forks.slice(0, MAX_LISTED_FORKS).join(', ');
  const rest = forks.length > MAX_LISTED_FORKS ? ` and ${forks.length - MAX_LISTED_FORKS} more` : '';
  const what = `records ${listed}${rest} do not follow from the ones before them: two writers wrote at a time, or parts of two copies were mixed`;
  return [
    flightFinding('forked', what, 'keep to one writer; trust no order across these records.', { count: forks.length }),
  ];
}

function describeJournal({ journal }: ScanParts): FlightFinding[] {
  const findings: FlightFinding[] = [];
  if (journal.strayBytes > 0) {
    const at = journal.stray[0].position;
    const what = `${amount(journal.strayBytes, 'byte')} of the journal, from ${at} on, are no intact frame`;
    const fix = 'none possible: the writer was killed there, or the disk lost it.';
    findings.push(flightFinding('journalBytes', what, fix, { count: journal.strayBytes }));
  }
  if (journal.missingFrames > 0) {
    const what = `${amount(journal.missingFrames, 'frame')} of the journal were written and are not there`;
    findings.push(flightFinding('missingFrames', what, 'look for a whole copy.', { count: journal.missingFrames }));
  }
  if (journal.forked.length > 0) {
    const count = journal.forked.length;
    const what = `${amount(count, 'frame')} of the journal have a number that another has`;
    findings.push(flightFinding('forkedFrames', what, 'keep to one writer.', { count }));
  }
  return findings;
}

function describeRecords(columns: FlightColumns): FlightFinding[] {
  const findings: FlightFinding[] = [];
  const { timestampWords: time, epoch, failure, length, sequence } = columns;
  const firstIndex = (holds: (index: number) => boolean): number => {
    for (let index = 1; index < length; index += 1) if (holds(index)) return index;
    return -1;
  };
  const isEarlier = (at: number): boolean =>
    time[2 * at + 1] < time[2 * at - 1] || (time[2 * at + 1] === time[2 * at - 1] && time[2 * at] < time[2 * at - 2]);
  const earlier = firstIndex(isEarlier);
  if (earlier >= 0) {
    const what = `the timestamp of record ${sequence[earlier]} is before the one of the record before it`;
    findings.push(flightFinding('timestampsNotMonotone', what, 'none needed; the clock was set back.'));
  }
  const behind = firstIndex((index) => epoch[index] < epoch[index - 1]);
  if (behind >= 0) {
    const what = `the epoch of record ${sequence[behind]} is before the one of the record before it`;
    findings.push(flightFinding('epochNotMonotone', what, 'none needed; the kernel was started anew.'));
  }
  if (failure !== undefined) {
    const classes = failure.failureClass.subarray(0, length);
    const unknown = classes.findIndex((failureClass) => failureClass >= FAILURE_CLASS_NAMES.length);
    if (unknown >= 0) {
      const what = `record ${sequence[unknown]} has failure class ${classes[unknown]}, which is not known`;
      findings.push(flightFinding('unknownFailureClass', what, 'read it with a newer vrrl.'));
    }
  }
  return findings;
}
