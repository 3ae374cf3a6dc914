/** FAILED, the answer when there is no other, and PROGRESS, the sign of life before one. */

import { WORD_BYTES } from '../base/words.ts';
import { WireError } from './errors.ts';
import { decodeJson, encodeJson, isObject, oneLine } from './json.ts';
import { MAX_FAILED_BYTES } from './message-types.ts';

/** Why a runner cannot answer. */
export interface Failure {
  /** `crash`, `hang`, `unavailable`, `protocol`, `device-lost`, `out-of-memory`; any other is shown as a crash. */
  readonly kind: string;
  /** A sentence without a full stop. */
  readonly message: string;
  /** What can be done about it, if the runner knows. */
  readonly fix?: string;
  /** The runner is as it was before the request, and goes on. Otherwise the host ends it. */
  readonly usable?: boolean;
  readonly evidence?: Readonly<Record<string, string | number>>;
}

const MAX_MESSAGE_LENGTH = 1_000;

export function encodeFailure(failure: Failure): Uint8Array {
  return encodeJson(failure);
}

/** @throws WireError if it is none. */
export function decodeFailure(payload: Uint8Array): Failure {
  if (payload.length > MAX_FAILED_BYTES) throw new WireError(`FAILED has ${payload.length} bytes`);
  const { kind, message, fix, usable = false, evidence = {} } = decodeJson(payload, 'FAILED');
  if (typeof kind !== 'string' || typeof message !== 'string') throw new WireError('FAILED: no kind, or no message');
  if (typeof usable !== 'boolean') throw new WireError('FAILED: usable is neither true nor false');
  if (!isObject(evidence)) throw new WireError('FAILED: evidence is no object');
  return {
    kind: oneLine(kind, MAX_MESSAGE_LENGTH),
    message: oneLine(message, MAX_MESSAGE_LENGTH).replace(/\.+$/, ''),
    ...(typeof fix === 'string' ? { fix: oneLine(fix, MAX_MESSAGE_LENGTH) } : {}),
    usable,
    evidence: Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, evidenceOf(value)])),
  };
}

function evidenceOf(value: unknown): string | number {
  if (typeof value === 'number') return value;
  return oneLine(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), MAX_MESSAGE_LENGTH);
}

/** How far a request is. */
export interface Progress {
  readonly done: number;
  /** 0 if the runner does not know. */
  readonly total: number;
}

export function encodeProgress({ done, total }: Progress): Uint8Array {
  const payload = new Uint8Array(2 * WORD_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, done, true);
  view.setUint32(WORD_BYTES, total, true);
  return payload;
}

/** Whatever follows the two words belongs to the request, and is read by whoever made it. */
export function decodeProgress(payload: Uint8Array): Progress {
  if (payload.length < 2 * WORD_BYTES) throw new WireError(`PROGRESS has ${payload.length} bytes, expected 8 at least`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { done: view.getUint32(0, true), total: view.getUint32(WORD_BYTES, true) };
}
