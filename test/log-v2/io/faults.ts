/** Calls on the system of which one goes wrong, once or from then on, in each way in which calls do. */

import { type FileCalls, systemCalls } from '../../../node/file-calls.ts';
import { systemError } from '../../../node/open-file.ts';
import { TracedCalls, withoutKoffi } from '../../node/traced-calls.ts';

/** What can go wrong: an error, half a read or write, or half a write and then an error. */
export const FAULT_KINDS = ['EIO', 'ENOSPC', 'EINTR', 'EAGAIN', 'short', 'half'] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  /** Counted from 0: of all calls, or for `short` and `half` of reads and writes. */
  readonly at: number;
  readonly kind: FaultKind;
  readonly mode: 'once' | 'forever';
}

/** How a file is written in a scenario: through a mapping, by calls, or by calls without anything native. */
export const WAYS = ['mapped', 'plain', 'without koffi'] as const;

export type Way = (typeof WAYS)[number];

/** Whether the system wants the call repeated, or has done a part of it: nobody need hear of either. */
export function isPassing({ kind, mode }: Fault): boolean {
  return kind === 'short' || ((kind === 'EINTR' || kind === 'EAGAIN') && mode === 'once');
}

/** Traced calls with a fault in them, or with none. */
export function faultyCalls(way: Way, fault?: Fault): TracedCalls {
  const base = way === 'without koffi' ? withoutKoffi() : systemCalls;
  if (fault === undefined) return new TracedCalls(undefined, base);
  const { kind, at, mode } = fault;
  if (kind === 'short' || kind === 'half') return new TracedCalls(undefined, partialCalls(base, fault));
  return new TracedCalls({ at, mode, code: kind }, base);
}

/** Half of what a read or a write was asked for. */
function partialCalls(base: FileCalls, { at, kind, mode }: Fault): FileCalls {
  let count = 0;
  const isDue = (): boolean => {
    count += 1;
    return mode === 'once' ? count - 1 === at : count - 1 >= at;
  };
  const half = (length: number): number => Math.max(1, length >> 1);
  return {
    ...base,
    withoutNative: base.withoutNative,
    read: (descriptor, target, offset, length, position) =>
      base.read(descriptor, target, offset, isDue() && kind === 'short' ? half(length) : length, position),
    write: (descriptor, source, offset, length, position) => {
      if (!isDue()) return base.write(descriptor, source, offset, length, position);
      const written = base.write(descriptor, source, offset, half(length), position);
      if (kind === 'half') throw systemError('EIO', 'made up, after a part');
      return written;
    },
  };
}
