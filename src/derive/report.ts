/** What became of the parts of a log when another was made from it. */

import type { Draft } from './draft.ts';
import type { DerivationSource, RecordNumbers } from './source.ts';

/** Something that is not in the new log. Programs go by `kind`, people read `message`. */
export interface NotKept {
  readonly kind: string;
  readonly count: number;
  readonly message: string;
}

/** Something that is wrong with an old log, and is right, or not there, in the new one. */
export interface SourceFinding {
  readonly kind: string;
  /** Ends in a `Fix:` sentence if it is about a log. */
  readonly message: string;
}

export interface DerivationReport {
  /** Records that could be read. */
  readonly recordsRead: number;
  readonly recordsWritten: number;
  /** Records that would be in the new log if the old ones had not lost them. */
  readonly recordsLost: number;
  readonly epochsRead: number;
  readonly epochsWritten: number;
  /** Whether records have the numbers that they had, if they had any. */
  readonly numbersKept: boolean;
  readonly notKept: readonly NotKept[];
  readonly findings: readonly SourceFinding[];
  /** Damage has cost the new log something. */
  readonly isIncomplete: boolean;
}

/** A log that is to be made, and what is to be said of it. */
export interface Derivation {
  readonly draft: Draft;
  readonly report: DerivationReport;
}

/** Those of which there are any. */
export function notKeptOf(all: readonly (NotKept | undefined)[]): NotKept[] {
  return all.filter((each): each is NotKept => each !== undefined && each.count > 0);
}

/** What is wrong with a source. */
export function findingsOf({ log, observations }: DerivationSource): SourceFinding[] {
  const inLog = log.findings.filter(({ severity, kind }) => severity !== 'information' || NOTEWORTHY.has(kind));
  return [...inLog, ...(observations?.findings ?? [])].map(({ kind, message }) => ({ kind, message }));
}

/** Information that no log made from another passes on. */
const NOTEWORTHY: ReadonlySet<string> = new Set(['flagsSet', 'lostBefore']);

/** Whether the records of a source have numbers: their own, or those that observations know them by. */
export function areNumbered({ log, observations }: DerivationSource, { shift }: RecordNumbers): boolean {
  return log.sequences !== undefined || (observations !== undefined && shift === 0);
}
