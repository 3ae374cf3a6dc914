/** What runs slots: the interface to implement, the serial reference, and the host's side of kernels in memory. */
export {
  type Awaitable,
  type Backend,
  type BackendFactory,
  type DrainReport,
  isPromise,
  type Slot,
} from './backend.ts';
export { checkDeadline, DEFAULT_DEADLINE_MS, hangFault } from './deadline.ts';
export { DrainTally, type SlotTally } from './drain-tally.ts';
export {
  asBackendFault,
  BACKEND_FAULT_KINDS,
  BackendFaultError,
  type BackendFaultKind,
  PublishError,
} from './errors.ts';
export { layoutOf } from './fitness.ts';
export { KernelMachine } from './kernel-machine.ts';
export { ReferenceBackend, type ReferenceOptions } from './reference-backend.ts';
export {
  type CapturedOutcome,
  type CapturedRelation,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  LONG_SLOT_WORDS,
  type LoadedProgram,
  MAX_CAPTURED_OF_EPOCH,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramResult,
  type ProgramRunOptions,
  type ProgramSegment,
  type ProgramShape,
  type ReplayProgram,
  SHORT_SLOT_WORDS,
  SIGNATURE_TALLY_WORDS,
  signatureWords,
} from './replay-program.ts';
export {
  type CheckedStress,
  checkedStress,
  drawStress,
  NO_STRESS,
  SCRATCH_WORDS,
  STRESS_LIMITS,
  type StressName,
  type StressSettings,
} from './stress.ts';
