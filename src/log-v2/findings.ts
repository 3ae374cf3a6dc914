/** What a reader noticed about a log, as data. `spec/log-v2.md` lists every kind with how it is recognised. */

import type { Severity } from '../log/index.ts';

/** Every kind of finding with its severity. */
export const FLIGHT_FINDING_SEVERITIES = {
  superblockDamaged: 'warning',
  unknownFlags: 'information',
  metadataDamaged: 'warning',
  metadataLost: 'damage',
  fileTruncated: 'damage',
  trailingBytes: 'warning',
  notClosed: 'information',
  wrapped: 'information',
  unfinished: 'information',
  overtaken: 'damage',
  torn: 'damage',
  corrupt: 'damage',
  foreign: 'damage',
  misplaced: 'damage',
  missing: 'damage',
  older: 'warning',
  forked: 'damage',
  lostBefore: 'information',
  journalBytes: 'damage',
  missingFrames: 'damage',
  forkedFrames: 'damage',
  timestampsNotMonotone: 'information',
  epochNotMonotone: 'information',
  unknownFailureClass: 'warning',
} as const;

export type FlightFindingKind = keyof typeof FLIGHT_FINDING_SEVERITIES;

/** One thing noticed. Programs go by `kind`; people read `message`, which ends in a `Fix:` sentence. */
export interface FlightFinding {
  readonly kind: FlightFindingKind;
  readonly severity: Severity;
  readonly message: string;
  /** The first position concerned, counted in records from the start of the slots. */
  readonly position?: number;
  /** How many records, frames or bytes it concerns. */
  readonly count?: number;
}

/** Makes a finding of `what` was noticed and what to do about it (`fix`, a sentence without the word "Fix"). */
export function flightFinding(
  kind: FlightFindingKind,
  what: string,
  fix: string,
  details: { position?: number; count?: number } = {},
): FlightFinding {
  return { kind, severity: FLIGHT_FINDING_SEVERITIES[kind], message: `${what}. Fix: ${fix}`, ...details };
}
