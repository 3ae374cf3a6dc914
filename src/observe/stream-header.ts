import { InputError, VrrlError } from '../base/errors.ts';
import { ObservationFormatError } from './errors.ts';
import type { ObservationLayout } from './layout.ts';
import { type ResolvedLayout, resolveLayout } from './observation.ts';
import { MAX_HEADER_BYTES, OBSERVATION_FORMAT_VERSION } from './stream-format.ts';

/** The log that a stream belongs to. */
export interface LogReference {
  /** In records. */
  readonly capacity: number;
  /** Where in the log record 1 of the stream was written; 0 if it is left out. */
  readonly firstPosition?: number;
}

/** What a stream says about itself, as its writer hands it over. */
export interface ObservationMetadata {
  /** Name and version of the program that recorded. */
  readonly tool: string;
  /** ISO 8601. */
  readonly createdAt?: string;
  /** The kernel's description: any JSON, opaque here. */
  readonly kernel: unknown;
  readonly layout: ObservationLayout;
  /** What ran the slots; properties other than the name are kept. */
  readonly backend: { readonly name: string };
  /** The log beside which the stream lies, if there is one. */
  readonly log?: LogReference;
  readonly note?: string;
}

/** What a stream says about itself, as it was read. */
export interface ObservationHeader extends ObservationMetadata {
  readonly formatVersion: number;
}

/**
 * The header's payload: JSON as UTF-8.
 *
 * @throws InputError if the metadata is not JSON or too long.
 */
export function encodeHeader(metadata: ObservationMetadata): Uint8Array {
  const bytes = new TextEncoder().encode(toJson({ ...metadata, formatVersion: OBSERVATION_FORMAT_VERSION }));
  if (bytes.length <= MAX_HEADER_BYTES) return bytes;
  throw new InputError(
    `the header of the observation stream is ${bytes.length} bytes, more than ${MAX_HEADER_BYTES}`,
    'shorten the description of the kernel.',
  );
}

function toJson(header: ObservationHeader): string {
  try {
    return JSON.stringify(header);
  } catch (cause) {
    throw new InputError('the header of the observation stream is no JSON', 'leave out cycles and BigInts.', { cause });
  }
}

/**
 * Reads and checks a header's payload.
 *
 * @throws ObservationFormatError that names the property that is missing or wrong.
 */
export function parseHeader(payload: Uint8Array, label: string): { header: ObservationHeader; layout: ResolvedLayout } {
  const json = parseJson(payload, label);
  const version = json['formatVersion'];
  if (version !== OBSERVATION_FORMAT_VERSION) {
    throw new ObservationFormatError(
      label,
      'formatVersion',
      `is ${JSON.stringify(version)}, expected ${OBSERVATION_FORMAT_VERSION}`,
      'read it with the version of vrrl that wrote it.',
    );
  }
  const { backend, log } = json;
  const header: ObservationHeader = {
    formatVersion: OBSERVATION_FORMAT_VERSION,
    tool: demand(json['tool'], isString, label, 'tool'),
    kernel: json['kernel'],
    layout: demand(json['layout'], isLayout, label, 'layout'),
    backend: demand(backend, isBackend, label, 'backend'),
    ...optional('createdAt', json['createdAt'], isString, label),
    ...optional('log', log, isLog, label),
    ...optional('note', json['note'], isString, label),
  };
  return { header, layout: resolve(header.layout, label) };
}

function parseJson(payload: Uint8Array, label: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (isObject(json)) return json;
  } catch (cause) {
    throw new ObservationFormatError(label, 'header', 'is no JSON', REWRITE, { cause });
  }
  throw new ObservationFormatError(label, 'header', 'is no object', REWRITE);
}

const REWRITE = 'record again; the stream was made by a program that does not keep to the format.';

function resolve(layout: ObservationLayout, label: string): ResolvedLayout {
  try {
    return resolveLayout(layout);
  } catch (cause) {
    if (!(cause instanceof VrrlError)) throw cause;
    throw new ObservationFormatError(label, 'layout', `cannot be used: ${cause.what}`, REWRITE, { cause });
  }
}

function demand<Value>(value: unknown, is: (value: unknown) => value is Value, label: string, field: string): Value {
  if (is(value)) return value;
  const found = value === undefined ? 'missing' : 'not of the right form';
  throw new ObservationFormatError(label, field, `is ${found}`, REWRITE);
}

function optional<Name extends string, Value>(
  name: Name,
  value: unknown,
  is: (value: unknown) => value is Value,
  label: string,
): Partial<Record<Name, Value>> {
  if (value === undefined) return {};
  const present: Partial<Record<Name, Value>> = {};
  present[name] = demand(value, is, label, name);
  return present;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isBackend(value: unknown): value is { readonly name: string } {
  return isObject(value) && isString(value['name']);
}

function isLog(value: unknown): value is LogReference {
  if (!isObject(value)) return false;
  const { capacity, firstPosition = 0 } = value;
  return isCount(capacity, 1) && isCount(firstPosition, 0);
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

/** The shape only; `resolveLayout` judges the values. */
function isLayout(value: unknown): value is ObservationLayout {
  if (!isObject(value)) return false;
  const { areas, regions } = value;
  return Array.isArray(areas) && areas.every(isArea) && Array.isArray(regions) && regions.every(isRegion);
}

function isArea(value: unknown): boolean {
  return isObject(value) && isString(value['name']) && isNumber(value['words']);
}

function isRegion(value: unknown): boolean {
  return (
    isObject(value) &&
    [value['name'], value['area'], value['equivalence']].every(isString) &&
    [value['start'], value['count']].every(isNumber) &&
    [value['recordWords'], value['usedWordsAt']].every((words) => words === undefined || isNumber(words))
  );
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
