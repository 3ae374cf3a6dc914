/** JSON in frames: of unknown origin, so nothing about it is taken for granted. */

import { WireError } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** @throws WireError if the payload is not one JSON object in UTF-8. */
export function decodeJson(payload: Uint8Array, what: string): JsonObject {
  try {
    const json: unknown = JSON.parse(decoder.decode(payload));
    if (isObject(json)) return json;
  } catch (cause) {
    throw new WireError(`${what} is no JSON`, { cause });
  }
  throw new WireError(`${what} is JSON, but no object`);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text from somebody else, fit for a line in a terminal: no control characters, no more than so many letters. */
export function oneLine(text: string, maxLength: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return plain.length <= maxLength ? plain : `${plain.slice(0, maxLength - 1)}…`;
}
