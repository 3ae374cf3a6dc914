/** Recording: sessions that write every slot down before it is published, and what was seen when an epoch drained. */
export { digestFaults } from './faults-digest.ts';
export { JournalObservations, type JournalPlan, planJournal } from './journal-observations.ts';
export { observedEnds } from './observed-ends.ts';
export { type PlacedSlot, type RecordedBatch, RecordsDigest } from './records-digest.ts';
export {
  type ObservationSink,
  type RecordedEpoch,
  RecordingSession,
  type RecordSink,
  type SessionOptions,
  type SlotRequest,
  type WholeRecordSink,
} from './session.ts';
export { SlotLineError } from './slot-line-error.ts';
export { parseSlotLine, type SlotLine, SlotLineReader } from './slot-lines.ts';
