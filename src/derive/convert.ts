/** A recording in the other version of the log. */

import type { RingLogOrigin } from '../log-v2/index.ts';
import { Priority } from '../protocol/index.ts';
import type { Draft } from './draft.ts';
import { type EpochSpan, epochSpans } from './epochs.ts';
import { areNumbered, type Derivation, findingsOf, type NotKept, notKeptOf } from './report.ts';
import { type DerivationSource, RecordNumbers } from './source.ts';
import { wholeDraft } from './whole.ts';
import { hasMoreArguments, type RingLayout, ringLayoutOf } from './write-ring-log.ts';

/** What `convert` makes of a v1 log. */
export function convertToFlightLog(source: DerivationSource): Derivation {
  const numbers = new RecordNumbers(source);
  const spans = epochSpans(source.observations, numbers.shift);
  const whole = wholeDraft(source, numbers, spans);
  const draft = { ...whole, metadata: { ...whole.metadata, ringLog: originOf(source, numbers) } };
  const notKept = notKeptOf([
    epochsWithoutState(spans),
    { kind: 'argumentsUnknown', count: unknownArguments(source), message: UNKNOWN_ARGUMENTS },
  ]);
  return { draft, report: reportOf(source, numbers, draft, spans, notKept) };
}

const UNKNOWN_ARGUMENTS =
  'records without priority and arguments 4 to 11: the version 1 log did not keep them, and the new one says so';

function unknownArguments({ log, observations }: DerivationSource): number {
  return observations === undefined ? log.columns.length : 0;
}

/** What it takes to make the same v1 log again. */
export function originOf({ log, observations }: DerivationSource, numbers: RecordNumbers): RingLogOrigin {
  const { columns, capacity, cursor } = log;
  const [position, number] = columns.length === 0 ? [cursor, numbers.newest + 1] : [columns.position[0], numbers.of[0]];
  const firstPosition = (((position - number + 1) % capacity) + capacity) % capacity;
  const reference = observations?.header.log;
  return { firstPosition, numberShift: numbers.shift, ...(reference === undefined ? {} : { log: reference }) };
}

/** What `convert` makes of a v2 log. */
export interface RingDerivation extends Derivation {
  readonly layout: RingLayout;
}

/** What `convert` makes of a v2 log. */
export function convertToRingLog(given: DerivationSource): RingDerivation {
  const numbers = new RecordNumbers(given);
  const all = epochSpans(given.observations, numbers.shift);
  // Version 1 has no numbers: records are found from the newest one that an epoch covers, less than a turn of the ring on.
  const isFound = numbers.newest - ((all.at(-1)?.end ?? 1) - 1) < given.log.capacity;
  const isTold = given.log.metadata?.ringLog !== undefined || isFound;
  const source = isTold ? given : { ...given, observations: undefined };
  const spans = isTold ? all : [];
  const draft = wholeDraft(source, numbers, spans);
  const layout = ringLayoutOf(source, numbers);
  const notKept = notKeptOf([
    epochsWithoutState(spans),
    { kind: 'observations', count: all.length - spans.length, message: UNTIED_OBSERVATIONS },
    ...unwrittenWords(source),
    { kind: 'olderRecords', count: olderRecords(numbers, layout), message: OLDER_RECORDS },
    { kind: 'metadata', count: lostMetadata(source).length, message: metadataMessage(source) },
    numbersMessage(source, numbers, layout),
  ]);
  const report = reportOf(source, numbers, draft, spans, notKept);
  return {
    draft,
    layout,
    report: { ...report, recordsWritten: report.recordsWritten - olderRecords(numbers, layout) },
  };
}

const UNTIED_OBSERVATIONS =
  'observations of epochs, none of which has records left: version 1 could not tell which records came after them';
const OLDER_RECORDS = 'records from before the last turn of the ring, which version 1 would take for newer ones';

/** Priorities and arguments; the stream beside the log keeps them where there is one. */
function unwrittenWords({ log, observations }: DerivationSource): NotKept[] {
  const { slotRests: rests, columns } = log;
  if (rests === undefined || observations !== undefined) return [];
  let priorities = 0;
  let args = 0;
  for (let index = 0; index < columns.length; index += 1) {
    if (rests.priority(index) !== Priority.NORMAL) priorities += 1;
    if (hasMoreArguments(rests, index)) args += 1;
  }
  return [
    { kind: 'priority', count: priorities, message: 'records with a priority, which version 1 has no room for' },
    { kind: 'arguments', count: args, message: 'records with arguments 4 to 11, which version 1 has no room for' },
  ];
}

function olderRecords({ of }: RecordNumbers, { oldest }: RingLayout): number {
  let count = 0;
  while (count < of.length && of[count] < oldest) count += 1;
  return count;
}

/** What the stream beside a v1 log has a place for. */
const STREAMED: readonly string[] = ['tool', 'createdAt', 'kernel', 'layout', 'backend', 'note'];
/** What there is nothing to say about in a v1 log. */
const IMPLIED: readonly string[] = ['ringLog', 'knownArguments', 'kernelHash', 'opcodeNames'];

function lostMetadata({ log, observations }: DerivationSource): string[] {
  const kept = observations === undefined ? [] : STREAMED;
  // Without observations there is no kernel for them to follow from.
  const implied = observations === undefined ? IMPLIED.slice(0, 2) : IMPLIED;
  const isOfConversion = log.metadata?.ringLog !== undefined && observations === undefined;
  return Object.keys(log.metadata ?? {})
    .filter((name) => !kept.includes(name) && !implied.includes(name))
    .filter((name) => !(isOfConversion && name === 'tool'));
}

function metadataMessage(source: DerivationSource): string {
  return `properties of the metadata, which version 1 has no room for: ${lostMetadata(source).join(', ')}`;
}

function numbersMessage(
  { log, observations }: DerivationSource,
  numbers: RecordNumbers,
  { capacity }: RingLayout,
): NotKept | undefined {
  const isRenumbered = numbers.oldest > 1 && observations === undefined && log.metadata?.ringLog === undefined;
  const room = capacity === log.capacity ? '' : `; the new log has room for ${capacity} records`;
  const message = `record numbers: version 1 has positions only${room}`;
  return isRenumbered ? { kind: 'numbers', count: log.columns.length, message } : undefined;
}

/** Observations that say nothing any more. */
export function epochsWithoutState(spans: readonly EpochSpan[]): NotKept {
  const count = spans.filter(({ stateKnown }) => !stateKnown).length;
  return { kind: 'epochsWithoutState', count, message: 'observations of epochs whose words are lost' };
}

function reportOf(
  source: DerivationSource,
  numbers: RecordNumbers,
  draft: Draft,
  spans: readonly EpochSpan[],
  notKept: readonly NotKept[],
): Derivation['report'] {
  const { log, observations } = source;
  const epochsWritten = draft.observed?.epochs.length ?? 0;
  const isDamaged = observations !== undefined && observations.findings.length > 0;
  return {
    recordsRead: log.columns.length,
    recordsWritten: draft.recordCount,
    recordsLost: log.lost,
    epochsRead: spans.length,
    epochsWritten,
    numbersKept: areNumbered(source, numbers),
    notKept,
    findings: findingsOf(source),
    isIncomplete: log.lost > 0 || isDamaged,
  };
}
