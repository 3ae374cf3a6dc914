/** A set of v2 logs as one log: spec/log-set.md. */

import { type ColumnRange, FlightColumns, type FlightMetadata, type Id, joinColumns, saltOf } from '../log-v2/index.ts';
import { JoinedObservations, type ObservationPart, type Observations } from '../observe/index.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';
import type { ListedLog, LogSetManifest } from './log-set-manifest.ts';
import type { LogFinding, ReadLog } from './read-log.ts';
import type { Alignment } from './recorded-log.ts';

/** A log of a set as it was read, or why it could not be: it is not there, or what is there is no v2 log. */
export type SetMember =
  | { readonly log: ReadLog }
  | { readonly log: undefined; readonly problem: 'missing' | 'unreadable'; readonly reason: string };

/** A log of a set with what of it belongs to the set. */
interface Member {
  readonly listed: ListedLog;
  /** Undefined if it is not there, cannot be read, or is another one. */
  readonly log: ReadLog | undefined;
  /** The number behind the last one that belongs to it. */
  readonly endSequence: number;
  readonly endEpoch: number;
}

/**
 * Makes one log of the logs that a manifest names. What is wrong with one of them is a finding, and its records are lost.
 *
 * @param members as many as the manifest names, in the same order.
 */
export function joinLogs(manifest: LogSetManifest, members: readonly SetMember[]): ReadLog {
  const findings: LogFinding[] = [];
  const all = membersOf(manifest, members, findings);
  const present = all.flatMap(({ log }) => (log === undefined ? [] : [log]));
  const columns = joinColumns(all.flatMap(rangeOf));
  const metadata = present.find((log) => log.metadata !== undefined)?.metadata;
  const oldest = all[0].listed.firstSequence;
  const newest = all[all.length - 1].endSequence - 1;
  const lost = newest - oldest + 1 - columns.length;
  const alignment: Alignment = {
    newestSequence: newest,
    oldestSequence: oldest,
    sequenceOf: (index) => columns.sequence[index],
  };
  return {
    format: 'v2',
    logCount: all.length,
    columns,
    lost,
    loss: lossOf(present, lost),
    findings,
    metadata,
    // A set grows with its records: it has room for those that it should have.
    capacity: Math.max(1, newest - oldest + 1),
    cursor: present.at(-1)?.cursor ?? 0,
    observations: observationsOf(all, findings),
    flight: { fileId: undefined, oldestSequence: oldest, newestSequence: newest },
    startsFresh: columns.sequence.at(0) === 1 && columns.epoch[0] === 0 && (metadata?.mergedRecordings ?? 1) === 1,
    hasWholeSlots: present.every(({ hasWholeSlots }) => hasWholeSlots) && hasAllArguments(metadata),
    slotRests: columns.rest === undefined ? undefined : columns,
    kernel: metadata?.kernel,
    sequences: columns.sequence,
    lostBefore: (index) => lostBefore(columns, oldest, newest, index),
    align: () => alignment,
  };
}

function hasAllArguments(metadata: FlightMetadata | undefined): boolean {
  return (metadata?.knownArguments ?? ARGUMENT_COUNT) >= ARGUMENT_COUNT;
}

function lostBefore({ sequence, length }: FlightColumns, oldest: number, newest: number, index: number): number {
  const expected = index === 0 ? oldest : sequence[index - 1] + 1;
  return (index < length ? sequence[index] : newest + 1) - expected;
}

function membersOf({ logs }: LogSetManifest, members: readonly SetMember[], findings: LogFinding[]): Member[] {
  return logs.map((listed, index) => {
    const next = logs.at(index + 1);
    const log = usable(listed, members[index], findings);
    return {
      listed,
      log,
      endSequence: next?.firstSequence ?? endOf(listed, log),
      endEpoch: next?.firstEpoch ?? Number.POSITIVE_INFINITY,
    };
  });
}

/** Of the last log. One that cannot be read had a record at least, or nobody would have named it. */
function endOf({ firstSequence }: ListedLog, log: ReadLog | undefined): number {
  return log?.flight === undefined ? firstSequence + 1 : Math.max(firstSequence, log.flight.newestSequence + 1);
}

/** Notes what is wrong with a log, and returns it if it is the one that is meant. */
function usable(listed: ListedLog, member: SetMember, findings: LogFinding[]): ReadLog | undefined {
  const { file } = listed;
  if (member.log === undefined) {
    const kind = member.problem === 'missing' ? 'logMissing' : 'logUnreadable';
    findings.push(damage(kind, `${file} ${member.reason}; its records are lost`));
    return undefined;
  }
  const { flight, columns } = member.log;
  if (flight === undefined || !(columns instanceof FlightColumns)) {
    findings.push(damage('logUnreadable', `${file} is no v2 log; its records are lost`));
    return undefined;
  }
  if (!isSameId(flight.fileId, listed.id) && !isLeftOf(member.log, listed.id)) {
    findings.push(damage('logForeign', `${file} is another log than the one that the set had; its records are lost`));
    return undefined;
  }
  for (const { message, ...rest } of member.log.findings) findings.push({ ...rest, message: `${file}: ${message}` });
  return member.log;
}

function damage(kind: string, what: string): LogFinding {
  return { kind, severity: 'damage', message: `${what}. Fix: look for a whole copy of it.` };
}

function isSameId(found: Id | undefined, expected: Id): boolean {
  return found?.every((word, index) => word === expected[index]) === true;
}

/** Whether a log without superblocks is what is left of the one that is meant: its records have the sum of its id. */
function isLeftOf({ findings, flight }: ReadLog, id: Id): boolean {
  const isRebuilt = findings.some(({ kind }) => kind === 'superblocksLost');
  return isRebuilt && flight?.fileId !== undefined && saltOf(flight.fileId) === saltOf(id);
}

/** The records of a log that belong to the set. */
function rangeOf({ listed, log, endSequence }: Member): ColumnRange[] {
  if (!(log?.columns instanceof FlightColumns)) return [];
  const { columns } = log;
  return [{ columns, first: columns.indexFrom(listed.firstSequence), end: columns.indexFrom(endSequence) }];
}

/** By kind as the logs count them; what no log knows of, because it is not here, is missing. */
function lossOf(logs: readonly ReadLog[], lost: number): ReadLog['loss'] {
  const sum: Record<string, number> = {};
  for (const { loss } of logs) for (const [kind, count] of Object.entries(loss)) sum[kind] = (sum[kind] ?? 0) + count;
  const unknown = Math.max(0, lost - (sum['lost'] ?? 0));
  return { ...sum, missing: (sum['missing'] ?? 0) + unknown, lost };
}

function observationsOf(members: readonly Member[], findings: LogFinding[]): Observations | undefined {
  const parts: (ObservationPart & { readonly file: string })[] = [];
  for (const { listed, log, endEpoch } of members) {
    const { file, firstEpoch } = listed;
    const observations = log?.observations;
    if (observations === undefined) continue;
    const [first] = parts;
    if (first !== undefined && !haveSameLayout(first.observations, observations)) {
      findings.push(damage('logContradiction', `${file} observes other words than ${first.file}`));
      continue;
    }
    const before = parts.at(-1);
    if (before !== undefined && contradict(before.observations, observations)) {
      findings.push(damage('logContradiction', `${file} does not start from the state that ${before.file} ended with`));
    }
    parts.push({ observations, firstOrdinal: firstEpoch, endOrdinal: endEpoch, file });
  }
  return parts.length === 0 ? undefined : new JoinedObservations(parts);
}

function haveSameLayout(left: Observations, right: Observations): boolean {
  return JSON.stringify(left.header.layout) === JSON.stringify(right.header.layout);
}

/** Where either state is not known, or an epoch between them is, nothing speaks against them. */
function contradict(before: Observations, after: Observations): boolean {
  const last = before.epochCount - 1;
  if (last < 0 || after.initialOrdinal !== before.epoch(last).ordinal + 1) return false;
  const [left, right] = [before.wordsAfter(last), after.initialWords];
  return left !== undefined && right !== undefined && !left.every((word, index) => word === right[index]);
}
