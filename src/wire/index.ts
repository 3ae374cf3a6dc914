/** The backend protocol as bytes: frames, messages, the handshake. `spec/backend-protocol.md` says what they mean. */

export { WireError } from './errors.ts';
export {
  decodeFailure,
  decodeProgress,
  encodeFailure,
  encodeProgress,
  type Failure,
  type Progress,
} from './failure.ts';
export type { WireFault } from './faults.ts';
export {
  encodeFrame,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameByte,
  FrameReader,
} from './frame.ts';
export {
  decodeHello,
  decodeReady,
  encodeHello,
  encodeReady,
  type Hello,
  helloFor,
  type OfferedKernel,
  type Ready,
  readyVersion,
} from './handshake.ts';
export { oneLine } from './json.ts';
export {
  FIRST_PRIVATE_TYPE,
  HOST_MAX_PAYLOAD_BYTES,
  MAX_FAILED_BYTES,
  MAX_HELLO_BYTES,
  MessageType,
  type MessageTypeName,
  messageName,
  PROGRAMS_FEATURE,
  WIRE_PROTOCOL,
  WIRE_VERSION,
} from './message-types.ts';
export {
  decodeLoad,
  encodeLoad,
  encodeSegment,
  LoadWord,
  MAX_PROGRAM_REGIONS,
  type ProgramFit,
  SegmentReader,
  SegmentWord,
} from './program.ts';
export {
  CAPTURED_RELATIONS,
  CapturedWord,
  decodeReplay,
  decodeReplayed,
  decodeReplayProgress,
  encodeReplay,
  encodeReplayed,
  encodeReplayProgress,
  type ReplayContext,
  type Replayed,
  type ReplayRequest,
  type WireOutcome,
} from './replay.ts';
export {
  type Drained,
  decodeDrained,
  decodeRefused,
  decodeRun,
  encodeDrained,
  encodeRefused,
  type Refused,
  RUN_SLOT_WORDS,
  RunPayload,
  RunWord,
  runPayloadBytes,
  type SlotToRun,
} from './run.ts';
export { decodeWords, encodeWords } from './snapshot.ts';
