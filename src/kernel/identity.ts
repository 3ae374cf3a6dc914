/** The name of a kernel's meaning, and its form on disk. */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { encodeBase64 } from '../base/base64.ts';
import type { KernelDefinition } from './definition.ts';

/** A kernel as JSON can hold it: tables in base64, little-endian. */
export interface KernelJson extends Omit<KernelDefinition, 'tables'> {
  readonly tables: readonly { readonly name: string; readonly words: string }[];
}

/** SHA-256 of the canonical JSON: object keys sorted, so that the order in which somebody wrote them means nothing. */
export function kernelIdentity(definition: KernelDefinition): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(kernelToJson(definition), sortedKeys))));
}

/** A kernel as plain JSON data. `kernelFromJson` reads it back. */
export function kernelToJson(definition: KernelDefinition): KernelJson {
  const { name, slotCount, controlWords, tenantCount, turn, opcodes, regions } = definition;
  const tables = definition.tables.map((table) => ({ name: table.name, words: encodeWords(table.words) }));
  return { name, slotCount, controlWords, tenantCount, tables, turn, opcodes, regions };
}

function encodeWords(words: Uint32Array): string {
  return encodeBase64(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
