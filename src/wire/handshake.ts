/** HELLO and READY: who the other side is, what it runs, what it observes. */

import { VrrlError } from '../base/errors.ts';
import { isWord } from '../base/words.ts';
import { type Kernel, type KernelJson, kernelToJson } from '../kernel/index.ts';
import { type ObservationLayout, type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import { MAX_SLOT_COUNT } from '../protocol/index.ts';
import { WireError } from './errors.ts';
import { decodeJson, encodeJson, isObject, type JsonObject, oneLine } from './json.ts';
import { HOST_MAX_PAYLOAD_BYTES, WIRE_PROTOCOL, WIRE_VERSION } from './message-types.ts';
import { runPayloadBytes, type SlotToRun } from './run.ts';

/** A kernel of vrrl's as HELLO offers it. */
export interface OfferedKernel {
  /** SHA-256 of its meaning. A runner that runs this kernel says so by repeating it. */
  readonly identity: string;
  readonly name: string;
  readonly slotCount: number;
  readonly controlWords: number;
  readonly definition: KernelJson;
}

/** What the host says first. */
export interface Hello {
  readonly version: number;
  /** The longest payload that the host takes. */
  readonly maxPayloadBytes: number;
  readonly kernel: OfferedKernel | null;
  /** Whatever the host was told to pass on, such as `seed`. Runners skip what they do not know. */
  readonly options: Readonly<Record<string, string>>;
}

/** What a runner answers, checked. */
export interface Ready {
  readonly version: number;
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  /** The longest payload that the runner takes. */
  readonly maxPayloadBytes: number;
  readonly epochWord: number | undefined;
  readonly canRestore: boolean;
  /** The identity of the offered kernel if it runs that; null if it runs something of its own. */
  readonly kernel: string | null;
  /** Parts of the protocol beyond version 1 that it has. */
  readonly features: readonly string[];
  /** What it runs on, for people. */
  readonly device: Readonly<Record<string, string>>;
  /** Slots that it is happy to be checked with. */
  readonly probes: readonly Omit<SlotToRun, 'slotIndex'>[];
}

/** The HELLO of a host that may have a kernel to run. */
export function helloFor(kernel: Kernel | undefined, options: Readonly<Record<string, string>> = {}): Hello {
  return {
    version: WIRE_VERSION,
    maxPayloadBytes: HOST_MAX_PAYLOAD_BYTES,
    kernel: kernel === undefined ? null : offer(kernel),
    options,
  };
}

function offer(kernel: Kernel): OfferedKernel {
  const { identity, name, slotCount, controlWords } = kernel;
  return { identity, name, slotCount, controlWords, definition: kernelToJson(kernel) };
}

export function encodeHello(hello: Hello): Uint8Array {
  return encodeJson({ protocol: WIRE_PROTOCOL, ...hello });
}

/**
 * The runner's side of HELLO. The kernel's definition is passed on as it came: `kernelFromJson` checks it.
 *
 * @throws WireError if it is none.
 */
export function decodeHello(payload: Uint8Array): Hello {
  const json = decodeJson(payload, 'HELLO');
  expectProtocol(json, 'HELLO');
  const { version, maxPayloadBytes, kernel = null, options = {} } = json;
  const problem = (what: string) => new WireError(`HELLO: ${what}`);
  if (!isWord(version)) throw problem('version is no number');
  if (!isWord(maxPayloadBytes)) throw problem('maxPayloadBytes is no number');
  if (kernel !== null && !isObject(kernel)) throw problem('kernel is neither null nor an object');
  if (!isTextByName(options)) throw problem('options are not texts by name');
  // What the definition really is, kernelFromJson finds out.
  return { version, maxPayloadBytes, kernel: kernel as OfferedKernel | null, options };
}

export function encodeReady(ready: Omit<Ready, 'epochWord'> & { readonly epochWord?: number }): Uint8Array {
  return encodeJson({ protocol: WIRE_PROTOCOL, ...ready });
}

/** The version of a READY, which is looked at before anything else: of other versions nothing more is known. */
export function readyVersion(payload: Uint8Array): number {
  const json = decodeJson(payload, 'READY');
  expectProtocol(json, 'READY');
  const { version } = json;
  if (isWord(version)) return version;
  throw new WireError('READY: version is no number');
}

/**
 * The host's side of READY, with every claim checked that something relies on.
 *
 * @throws WireError that names what is wrong.
 */
export function decodeReady(payload: Uint8Array): Ready {
  const json = decodeJson(payload, 'READY');
  expectProtocol(json, 'READY');
  const { name, slotCount, canRestore = false, kernel = null, features = [], device = {} } = json;
  const problem = (what: string) => new WireError(`READY: ${what}`);
  if (typeof name !== 'string' || name.trim() === '') throw problem('name is no text');
  if (!isWord(slotCount) || slotCount < 1 || slotCount > MAX_SLOT_COUNT) {
    throw problem(`slotCount is not from 1 to ${MAX_SLOT_COUNT}`);
  }
  if (typeof canRestore !== 'boolean') throw problem('canRestore is neither true nor false');
  if (kernel !== null && typeof kernel !== 'string') throw problem('kernel is neither null nor an identity');
  if (!isTexts(features)) throw problem('features are no list of texts');
  if (!isTextByName(device)) throw problem('device is not texts by name');
  const layout = checkedLayout(json['layout']);
  return {
    version: readyVersion(payload),
    name: oneLine(name, MAX_NAME_LENGTH),
    slotCount,
    layout: layout.source,
    maxPayloadBytes: checkedMaximum(json['maxPayloadBytes'], slotCount, canRestore, layout),
    epochWord: checkedEpochWord(json['epochWord'], layout),
    canRestore,
    kernel,
    features,
    device,
    probes: checkedProbes(json['probes']),
  };
}

const MAX_NAME_LENGTH = 64;

function expectProtocol(json: JsonObject, what: string): void {
  if (json['protocol'] === WIRE_PROTOCOL) return;
  throw new WireError(`${what}: protocol is not "${WIRE_PROTOCOL}"`);
}

function checkedLayout(layout: unknown): ResolvedLayout {
  let resolved: ResolvedLayout;
  try {
    // The cast claims nothing that resolveLayout does not look at; what is of another form makes it throw.
    resolved = resolveLayout(layout as ObservationLayout);
  } catch (cause) {
    const reason = cause instanceof VrrlError ? cause.what : 'it is not of the form that a layout has';
    throw new WireError(`READY: layout is none: ${reason}`, { cause });
  }
  const bytes = resolved.snapshotWords * 4;
  if (bytes <= HOST_MAX_PAYLOAD_BYTES) return resolved;
  throw new WireError(`READY: a snapshot of ${bytes} bytes is more than the ${HOST_MAX_PAYLOAD_BYTES} of a frame`);
}

/** A full ring has to fit one RUN, and a snapshot one RESTORE: cut in two they would mean something else. */
function checkedMaximum(value: unknown, slotCount: number, canRestore: boolean, layout: ResolvedLayout): number {
  const least = Math.max(runPayloadBytes(slotCount), canRestore ? layout.snapshotWords * 4 : 0);
  if (isWord(value) && value >= least) return value;
  throw new WireError(`READY: maxPayloadBytes is less than the ${least} that its ring and its snapshot take`);
}

function checkedEpochWord(value: unknown, { snapshotWords }: ResolvedLayout): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (isWord(value) && value < snapshotWords) return value;
  throw new WireError(`READY: epochWord is no word of its snapshot, which has ${snapshotWords}`);
}

function checkedProbes(probes: unknown = []): Ready['probes'] {
  if (!Array.isArray(probes)) throw new WireError('READY: probes are no list');
  return probes.map((probe: unknown, index) => {
    const { opcode, tenant = 0, priority = 2, args = [] } = isObject(probe) ? probe : {};
    const isSlot = isWord(opcode) && isWord(tenant) && isWord(priority);
    if (!isSlot || !Array.isArray(args) || args.length > 12 || !args.every(isWord)) {
      throw new WireError(`READY: probe ${index} is no slot`);
    }
    return { opcode, tenant, priority, args };
  });
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isTextByName(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((each) => typeof each === 'string');
}
