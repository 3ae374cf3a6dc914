import { VrrlError } from '../base/errors.ts';

/** A slot cannot be published: not free, beyond the ring, or not a slot that the protocol allows. */
export class PublishError extends VrrlError {
  readonly code = 'VRRL_PUBLISH';
}

/** What went wrong with a backend, as opposed to what it ran. */
export const BACKEND_FAULT_KINDS = [
  'crash',
  'hang',
  'unavailable',
  'protocol',
  'device-lost',
  'out-of-memory',
] as const;
export type BackendFaultKind = (typeof BACKEND_FAULT_KINDS)[number];

/** A backend failed: it crashed, hung, or was never there. The log and the other backends are unaffected. */
export class BackendFaultError extends VrrlError {
  readonly code = 'VRRL_BACKEND_FAULT';
  readonly backend: string;
  readonly kind: BackendFaultKind;
  /** What is known about it: exit status, last words. */
  readonly evidence: Readonly<Record<string, string | number>>;

  constructor(
    backend: string,
    kind: BackendFaultKind,
    what: string,
    fix: string,
    evidence: Readonly<Record<string, string | number>> = {},
    options?: ErrorOptions,
  ) {
    super(`backend ${backend}: ${what}`, fix, options);
    this.backend = backend;
    this.kind = kind;
    this.evidence = evidence;
  }
}

/** Whatever a backend throws is its fault; only the words differ. */
export function asBackendFault(error: unknown, backend: string): BackendFaultError {
  if (error instanceof BackendFaultError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const fix = 'see the cause; the other backends are not affected.';
  return new BackendFaultError(backend, 'crash', `it threw: ${reason}`, fix, {}, { cause: error });
}
