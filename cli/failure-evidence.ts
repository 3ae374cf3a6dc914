/** What v1 records say of slots that failed: evidence that the recording runtime left, not what a replay found. */

import { failureClassName, type RecordColumns } from '../src/log/index.ts';
import { statusName } from '../src/protocol/index.ts';
import { plural } from './render/text.ts';

/** Records with failure evidence. */
export function countFailures(columns: RecordColumns): number {
  return indicesOfFailures(columns).length;
}

/** A line for people if there is such evidence, else none: how much, and the first of it. */
export function failureNotes(columns: RecordColumns): string[] {
  const indices = indicesOfFailures(columns);
  const [first] = indices;
  const evidence = first === undefined ? undefined : columns.failure?.evidence(first);
  if (evidence === undefined) return [];
  const amount = `${plural(indices.length, 'record')} ${indices.length === 1 ? 'has' : 'have'} failure evidence`;
  const { slotStatus, failureClass, backendCode } = evidence;
  const what = `${failureClassName(failureClass)}, status ${statusName(slotStatus)}, backend code ${backendCode}`;
  return [
    `${amount}, the first is record ${first} (slot ${columns.slotIndex[first]}): ${what}; vrrl dump --json has all`,
  ];
}

function indicesOfFailures({ failure, length }: RecordColumns): number[] {
  if (failure === undefined) return [];
  return Array.from({ length }, (_, index) => index).filter((index) => failure.evidence(index) !== undefined);
}
