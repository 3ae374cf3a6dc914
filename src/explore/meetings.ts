/** Of the accesses of a run, those at which its slots had to do with each other. */

import type { TracedAccess } from './run.ts';

/** Who was at a word, and how. */
interface Meeting {
  readonly record: number;
  isShared: boolean;
  isWritten: boolean;
  /** The operation, if all that anybody did was one that commutes with itself; undefined otherwise. */
  kind: TracedAccess['kind'] | undefined;
}

/**
 * Accesses that the scheduler had a say in, to words that more than one slot got at and one wrote, unless all that they did
 * there was one operation such as adding, which may come in any order.
 *
 * @param records if given, the slots that count; the others are left out.
 */
export function accessesThatMatter(
  accesses: readonly TracedAccess[],
  records?: ReadonlySet<number> | undefined,
): TracedAccess[] {
  const counted = accesses.filter(
    ({ isContended, record }) => isContended && (records === undefined || records.has(record)),
  );
  const meetings = new Map<string, Meeting>();
  for (const access of counted) meet(meetings, access);
  return counted.filter((access) => {
    const { isShared, isWritten, kind } = meetings.get(placeOf(access))!;
    return isShared && isWritten && kind === undefined;
  });
}

function meet(meetings: Map<string, Meeting>, access: TracedAccess): void {
  const { record, kind } = access;
  const isOneFold = isFold(access);
  const place = placeOf(access);
  const known = meetings.get(place) ?? {
    record,
    isShared: false,
    isWritten: false,
    kind: isOneFold ? kind : undefined,
  };
  meetings.set(place, known);
  if (known.record !== record) known.isShared = true;
  if (kind !== 'load') known.isWritten = true;
  if (known.kind !== kind || !isOneFold) known.kind = undefined;
}

/** Whether an access can change places with one that does the same: nobody reads what it found, and it keeps what was there. */
export function isFold({ kind, usesFound }: TracedAccess): boolean {
  return !usesFound && kind !== 'store' && kind !== 'exchange';
}

/** `control[42]`. */
export function placeOf({ memory, word }: TracedAccess): string {
  return `${memory}[${word}]`;
}
