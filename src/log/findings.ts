/** What a reader noticed about a log, as data. `spec/log-v1.md` lists every kind with how it is recognised. */

/**
 * How much a finding matters.
 *
 * - `information`: part of a log's normal life.
 * - `warning`: something is not as a writer leaves it, but no record is known to be lost.
 * - `damage`: records are lost.
 */
export type Severity = 'information' | 'warning' | 'damage';

/** Every kind of finding with its severity, but for `bodyTruncated`, which is a mere warning if nothing was cut off. */
export const FINDING_SEVERITIES = {
  headerEmpty: 'warning',
  headerTruncated: 'warning',
  headerBlank: 'warning',
  flagsSet: 'information',
  cursorBeyondCapacity: 'warning',
  trailingBytes: 'warning',
  bodyTruncated: 'damage',
  recordDamaged: 'damage',
  hole: 'damage',
  newestRecordFirst: 'warning',
  cursorBehind: 'warning',
  full: 'information',
  timestampsNotMonotone: 'information',
  epochNotMonotone: 'information',
  unknownFailureClass: 'warning',
} as const;

export type FindingKind = keyof typeof FINDING_SEVERITIES;

/** One thing noticed. Programs go by `kind`; people read `message`, which ends in a `Fix:` sentence. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly message: string;
  /** The first position concerned, counted in records from the start of the file. */
  readonly position?: number;
  /** How many records or bytes it concerns. */
  readonly count?: number;
}

/** Makes a finding of `what` was noticed and what to do about it (`fix`, a sentence without the word "Fix"). */
export function finding(
  kind: FindingKind,
  what: string,
  fix: string,
  details: { position?: number; count?: number; severity?: Severity } = {},
): Finding {
  return { kind, severity: FINDING_SEVERITIES[kind], message: `${what}. Fix: ${fix}`, ...details };
}

const MAX_RUNS_LISTED = 8;

/** Positions found: the first (−1 if there is none), how many, and how to print them. */
export interface PositionList {
  readonly first: number;
  readonly count: number;
  readonly text: string;
}

/** Lists the positions of `states` before `end` that are `state`; prints as `positions 2, 5-9 and 31 more`. */
export function listPositions(states: Uint8Array, state: number, end: number): PositionList {
  const runs: string[] = [];
  const first = states.indexOf(state);
  let count = 0;
  let listed = 0;
  for (let position = first; position !== -1 && position < end; ) {
    const runEnd = endOfRun(states, position, end);
    count += runEnd - position;
    if (runs.length < MAX_RUNS_LISTED) {
      runs.push(runEnd === position + 1 ? `${position}` : `${position}-${runEnd - 1}`);
      listed = count;
    }
    position = states.indexOf(state, runEnd);
  }
  const rest = count === listed ? '' : ` and ${count - listed} more`;
  const text = `${count === 1 ? 'position' : 'positions'} ${runs.join(', ')}${rest}`;
  return { first: count === 0 ? -1 : first, count, text };
}

function endOfRun(states: Uint8Array, start: number, end: number): number {
  let position = start + 1;
  while (position < end && states[position] === states[start]) position += 1;
  return position;
}
