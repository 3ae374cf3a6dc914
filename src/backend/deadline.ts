/** How long a drain may take: the same limit, in the same words, for every backend of ours. */

import { InputError } from '../base/errors.ts';
import { BackendFaultError } from './errors.ts';

export const DEFAULT_DEADLINE_MS = 10_000;

/** @throws InputError unless it is a time that can pass. */
export function checkDeadline(deadlineMs: number): number {
  if (deadlineMs > 0) return deadlineMs;
  throw new InputError(`deadlineMs is ${deadlineMs}, expected more than 0`, 'give the longest drain that is no hang.');
}

/** A drain took longer than it may. */
export function hangFault(
  backend: string,
  deadlineMs: number,
  evidence: Readonly<Record<string, string | number>> = {},
): BackendFaultError {
  const what = `a drain did not end within ${deadlineMs} ms`;
  const fix = 'look for a loop with a huge bound in the kernel.';
  return new BackendFaultError(backend, 'hang', what, fix, { deadlineMs, ...evidence });
}
