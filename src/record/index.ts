/** Recording: sessions that write every slot down before it is published, and what was seen when an epoch drained. */
export { digestFaults } from './faults-digest.ts';
export { RecordsDigest } from './records-digest.ts';
export {
  type ObservationSink,
  type RecordedEpoch,
  RecordingSession,
  type RecordSink,
  type SessionOptions,
  type SlotRequest,
} from './session.ts';
