/** Versions, message numbers and limits of the backend protocol. `spec/backend-protocol.md` has the same as tables. */

/** What the handshake calls the protocol. */
export const WIRE_PROTOCOL = 'vrrl-backend';

/** A runner that speaks another version is refused; there is one version, so there is nothing to negotiate yet. */
export const WIRE_VERSION = 1;

export const MessageType = {
  HELLO: 1,
  READY: 2,
  START: 3,
  DONE: 4,
  RUN: 5,
  DRAINED: 6,
  REFUSED: 7,
  OBSERVE: 8,
  WORDS: 9,
  RESTORE: 10,
  STOP: 11,
  FAILED: 12,
  PROGRESS: 13,
  LOAD: 32,
  SEGMENT: 33,
  REPLAY: 34,
  REPLAYED: 35,
  UNLOAD: 36,
} as const;
export type MessageTypeName = keyof typeof MessageType;

/** What READY's features have if the runner replays whole programs: LOAD, SEGMENT, REPLAY, UNLOAD. */
export const PROGRAMS_FEATURE = 'programs';

/** From here up numbers are nobody's: a runtime and its own host may use them between themselves. */
export const FIRST_PRIVATE_TYPE = 0x8000_0000;

/** The longest payload that the host takes, unless it is told otherwise: a snapshot of 64 Mi words. */
export const HOST_MAX_PAYLOAD_BYTES: number = 256 * 2 ** 20;

/** The longest HELLO. It is sent before the runner has said what it takes, and may hold a kernel with its tables. */
export const MAX_HELLO_BYTES: number = 64 * 2 ** 20;

/** The longest FAILED: a reason, not a dump. */
export const MAX_FAILED_BYTES: number = 64 * 2 ** 10;

const nameByType = new Map<number, string>(Object.entries(MessageType).map(([name, type]) => [type, name]));

/** A message's name, or `message 40` for one that this version does not name. */
export function messageName(type: number): string {
  return nameByType.get(type) ?? `message ${type}`;
}
