/** Several recordings as one: pieces put together again, or records of several in the order of time. */

import { InputError } from '../base/errors.ts';
import { MAX_CAPACITY } from '../log/index.ts';
import type { FlightMetadata } from '../log-v2/index.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';
import type { Draft, DraftEpoch, DraftObservations, RecordStore } from './draft.ts';
import { type EpochSpan, epochSpans } from './epochs.ts';
import { kernelKey, metadataOf, metadataOfPiece, recordingIdentity } from './metadata.ts';
import { observedOf } from './piece.ts';
import { areNumbered, type Derivation, findingsOf, type NotKept, notKeptOf } from './report.ts';
import { type DerivationSource, RecordNumbers } from './source.ts';
import { storeOf } from './whole.ts';

/** A recording that is to become a part of another. */
interface Part {
  readonly source: DerivationSource;
  readonly numbers: RecordNumbers;
  readonly spans: readonly EpochSpan[];
  readonly store: RecordStore;
  readonly identity: string;
}

/** How several logs were made one. */
export interface MergeDerivation extends Derivation {
  /** `pieces` of one recording, by their numbers; or `recordings`, by time. */
  readonly order: 'pieces' | 'recordings';
}

/**
 * Makes one log of several. Pieces of one recording go together by their numbers, with what was observed. Others go
 * together by time, each in its own order: records only, numbered anew, since no kernel ever saw them in that order.
 *
 * @throws InputError if pieces overlap or contradict each other, or there are too many records for one log.
 */
export function mergeRecordings(sources: readonly DerivationSource[]): MergeDerivation {
  const parts = sources.map(partOf);
  refuseOverlaps(parts);
  const arePieces = new Set(parts.map(({ identity }) => identity)).size === 1;
  return arePieces ? joinPieces(parts) : mergeByTime(parts);
}

function partOf(source: DerivationSource): Part {
  const numbers = new RecordNumbers(source);
  return {
    source,
    numbers,
    spans: epochSpans(source.observations, numbers.shift),
    store: storeOf(source, numbers),
    identity: recordingIdentity(source),
  };
}

/** Whether or not their records are the same: what is there twice was not meant. */
function refuseOverlaps(parts: readonly Part[]): void {
  for (const [index, part] of parts.entries()) {
    for (const other of parts.slice(0, index)) {
      if (other.identity !== part.identity) continue;
      const first = Math.max(firstOf(part), firstOf(other));
      const last = Math.min(part.numbers.newest, other.numbers.newest);
      if (first > last) continue;
      throw new InputError(
        `\`${other.source.label}\` and \`${part.source.label}\` are of one recording and both have records ${first} to ${last}`,
        'name each piece once, and pieces that do not overlap; vrrl trim --records cuts one to size.',
      );
    }
  }
}

function firstOf({ numbers }: Part): number {
  return numbers.of.length === 0 ? numbers.oldest : Math.min(numbers.oldest, numbers.of[0]);
}

function joinPieces(unsorted: readonly Part[]): MergeDerivation {
  const parts = [...unsorted].sort((left, right) => firstOf(left) - firstOf(right));
  const first = firstOf(parts[0]);
  const last = Math.max(...parts.map(({ numbers }) => numbers.newest));
  refuseTooMany(last - first + 1);
  refuseContradictions(parts);
  const recordCount = countRecords(parts);
  const observed = joinObservations(parts, first);
  const draft: Draft = {
    metadata: metadataOfPiece(parts[0].source),
    capacity: Math.max(1, last - first + 1),
    firstSequence: first,
    newestSequence: last,
    recordCount,
    eachRecord(visit) {
      for (const { store, numbers } of parts) {
        for (let index = 0; index < numbers.of.length; index += 1) visit(store, index, numbers.of[index]);
      }
    },
    observed,
  };
  const notKept = [withoutState(parts), ...gapsBetween(parts)];
  return derivation('pieces', parts, draft, last - first + 1 - recordCount, parts.every(isNumbered), notKept);
}

function isNumbered({ source, numbers }: Part): boolean {
  return areNumbered(source, numbers);
}

/** Numbers that no piece has. */
function gapsBetween(parts: readonly Part[]): NotKept[] {
  return parts.slice(1).map((part, index) => {
    const [first, last] = [parts[index].numbers.newest + 1, firstOf(part) - 1];
    const message = `records that no log has, with numbers from ${first} to ${last}`;
    return { kind: 'gap', count: last - first + 1, message };
  });
}

function refuseTooMany(records: number): void {
  if (records <= MAX_CAPACITY) return;
  throw new InputError(
    `the new log would need room for ${records} records, more than ${MAX_CAPACITY}`,
    'merge fewer logs, or trim them first.',
  );
}

/** What one piece ends with, the next one has to start from. */
function refuseContradictions(parts: readonly Part[]): void {
  const observed = parts.filter(({ spans }) => spans.length > 0);
  for (const [index, part] of observed.entries()) {
    const before = observed[index - 1];
    if (before === undefined) continue;
    const [end, start] = [before.spans[before.spans.length - 1], part.spans[0]];
    const labels = `\`${before.source.label}\` and \`${part.source.label}\``;
    if (start.ordinal <= end.ordinal) {
      const what = `${labels} contradict each other: epoch ${start.ordinal} begins behind epoch ${end.ordinal}`;
      throw new InputError(what, 'merge pieces of one recording only.');
    }
    if (start.ordinal !== end.ordinal + 1 || haveSameState(before.source, end, part.source, start)) continue;
    const what = `${labels} contradict each other: epoch ${start.ordinal} does not start from what epoch ${end.ordinal} left`;
    throw new InputError(what, 'look for whole copies; one of them is not what it was.');
  }
}

/** Also if either is not known: then nothing speaks against it. */
function haveSameState(
  { observations: before }: DerivationSource,
  end: EpochSpan,
  { observations: after }: DerivationSource,
  start: EpochSpan,
): boolean {
  const [left, right] = [before?.wordsAfter(end.index), after?.wordsBefore(start.index)];
  if (left === undefined || right === undefined) return true;
  return left.length === right.length && left.every((word, index) => word === right[index]);
}

function joinObservations(parts: readonly Part[], first: number): DraftObservations | undefined {
  const same = (number: number): number => number;
  const all = parts.flatMap(({ source, spans }) => {
    const observed = observedOf(
      source,
      spans.filter(({ stateKnown }) => stateKnown),
      first,
      same,
    );
    return observed === undefined ? [] : [observed];
  });
  if (all.length === 0) return undefined;
  const epochs: DraftEpoch[] = [];
  for (const observed of all) for (const epoch of observed.epochs) epochs.push(epoch);
  return { ...all[0], epochs, isEnded: all[all.length - 1].isEnded };
}

function mergeByTime(parts: readonly Part[]): MergeDerivation {
  const recordCount = countRecords(parts);
  const lost = parts.reduce((sum, { source }) => sum + source.log.lost, 0);
  refuseTooMany(recordCount + lost);
  const draft: Draft = {
    metadata: mergedMetadata(parts),
    capacity: Math.max(1, recordCount + lost),
    firstSequence: 1,
    newestSequence: recordCount + lost,
    recordCount,
    eachRecord(visit) {
      let sequence = 0;
      for (const { part, index } of byTime(parts)) {
        // What is lost keeps a number where it was.
        sequence += 1 + part.source.log.lostBefore(index);
        visit(part.store, index, sequence);
      }
    },
    observed: undefined,
  };
  const notKept: NotKept[] = [
    {
      kind: 'observations',
      count: parts.reduce((sum, { spans }) => sum + spans.length, 0),
      message: 'observations of epochs: they are not true of records of several recordings',
    },
    {
      kind: 'kernels',
      count: draft.metadata.kernel === undefined ? parts.filter(hasKernel).length : 0,
      message: 'kernels: the recordings are of different ones',
    },
  ];
  return derivation('recordings', parts, draft, lost, false, notKept);
}

function hasKernel({ source }: Part): boolean {
  return metadataOf(source).kernel !== undefined;
}

/** The earliest first; at the same time those of the log that was named first. Logs are few, so all are looked at. */
function* byTime(parts: readonly Part[]): Generator<{ readonly part: Part; readonly index: number }> {
  const next = new Uint32Array(parts.length);
  for (;;) {
    let chosen = -1;
    for (let each = 0; each < parts.length; each += 1) {
      if (next[each] === parts[each].numbers.of.length) continue;
      if (chosen < 0 || isEarlier(parts[each], next[each], parts[chosen], next[chosen])) chosen = each;
    }
    if (chosen < 0) return;
    yield { part: parts[chosen], index: next[chosen] };
    next[chosen] += 1;
  }
}

function isEarlier(left: Part, leftIndex: number, right: Part, rightIndex: number): boolean {
  const [one, other] = [left.store.columns.timestampWords, right.store.columns.timestampWords];
  const [high, otherHigh] = [one[2 * leftIndex + 1], other[2 * rightIndex + 1]];
  return high === otherHigh ? one[2 * leftIndex] < other[2 * rightIndex] : high < otherHigh;
}

/** What all of them say; the kernel only if it is the same. */
function mergedMetadata(parts: readonly Part[]): FlightMetadata {
  const all = parts.map(({ source }) => metadataOf(source));
  const [{ tool, kernel, kernelHash, opcodeNames }] = all;
  const isSameKernel = kernel !== undefined && new Set(all.map(kernelKey)).size === 1;
  const knownArguments = Math.min(...all.map((each) => each.knownArguments ?? ARGUMENT_COUNT));
  return {
    tool: all.every((each) => each.tool === tool) ? tool : [...new Set(all.map((each) => each.tool))].join(', '),
    mergedRecordings: new Set(parts.map(({ identity }) => identity)).size,
    ...(isSameKernel ? { kernel } : {}),
    ...(isSameKernel && kernelHash !== undefined ? { kernelHash } : {}),
    ...(isSameKernel && opcodeNames !== undefined ? { opcodeNames } : {}),
    ...(knownArguments < ARGUMENT_COUNT ? { knownArguments } : {}),
  };
}

function countRecords(parts: readonly Part[]): number {
  return parts.reduce((sum, { numbers }) => sum + numbers.of.length, 0);
}

function withoutState(parts: readonly Part[]): NotKept {
  const count = parts.reduce((sum, { spans }) => sum + spans.filter(({ stateKnown }) => !stateKnown).length, 0);
  return { kind: 'epochsWithoutState', count, message: 'observations of epochs whose words are lost' };
}

function hasDamagedStream({ source }: Part): boolean {
  return (source.observations?.findings.length ?? 0) > 0;
}

function derivation(
  order: MergeDerivation['order'],
  parts: readonly Part[],
  draft: Draft,
  recordsLost: number,
  numbersKept: boolean,
  notKept: readonly NotKept[],
): MergeDerivation {
  return {
    order,
    draft,
    report: {
      recordsRead: countRecords(parts),
      recordsWritten: draft.recordCount,
      recordsLost,
      epochsRead: parts.reduce((sum, { spans }) => sum + spans.length, 0),
      epochsWritten: draft.observed?.epochs.length ?? 0,
      numbersKept,
      notKept: notKeptOf(notKept),
      findings: parts.flatMap(({ source }) => findingsOf(source)),
      isIncomplete: recordsLost > 0 || parts.some(hasDamagedStream),
    },
  };
}
