/** What a runner says when it cannot answer. */

import { asBackendFault, BackendFaultError } from '../backend/index.ts';
import { InputError, VrrlError } from '../base/errors.ts';
import { encodeFailure, type Failure, type Frame, MessageType, oneLine, WireError } from '../wire/index.ts';

const MAX_TEXT_LENGTH = 1_000;
const MAX_EVIDENCE = 16;

/** An answer that leaves everything as it was before the request. */
export function declined(kind: string, message: string, fix: string): Frame {
  return failed({ kind, message, fix, usable: true });
}

/**
 * What was thrown, as an answer. A request that could not be read, or that asked for what there is not, has changed
 * nothing; anything else may have.
 */
export function failureOf(error: unknown, backend: string): Frame {
  if (error instanceof WireError) return declined('protocol', error.what, error.fix);
  if (error instanceof InputError) return declined('unavailable', error.what, error.fix);
  if (error instanceof VrrlError && !(error instanceof BackendFaultError)) {
    return failed({ kind: 'crash', message: error.what, fix: error.fix });
  }
  const { kind, what, fix, evidence } = asBackendFault(error, backend);
  return failed({ kind, message: withoutPrefix(what), fix, evidence });
}

/** Bytes that are no frames: there is nothing that could be read after them. */
export function broken(error: WireError): Frame {
  return failed({ kind: 'protocol', message: error.what, fix: error.fix });
}

/** HELLO offered something that cannot be run, which is not the backend's doing. */
export function unusableKernel(error: unknown): Frame {
  const [message, fix] =
    error instanceof VrrlError ? [error.what, error.fix] : [String(error), 'offer another kernel.'];
  return failed({ kind: 'protocol', message: `HELLO: ${message}`, fix });
}

/** A FAILED has a maximum, and what a backend threw has none. */
function failed({ kind, message, fix = '', usable = false, evidence = {} }: Failure): Frame {
  const short = (text: string) => oneLine(text, MAX_TEXT_LENGTH);
  const shortEvidence = Object.entries(evidence)
    .slice(0, MAX_EVIDENCE)
    .map(([name, value]) => [short(name), typeof value === 'number' ? value : short(value)] as const);
  const failure = { kind, message: short(message), fix: short(fix), usable };
  const payload = encodeFailure({ ...failure, evidence: Object.fromEntries(shortEvidence) });
  return { type: MessageType.FAILED, payload };
}

/** The host says which backend it was, too. */
function withoutPrefix(what: string): string {
  return what.replace(/^backend [^:]*: /, '');
}
