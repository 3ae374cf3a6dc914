/**
 * vrrl: record, differential replay and explanation for GPU megakernels.
 *
 * This face runs everywhere. In Node the same names come from `node/index.ts`, with files, threads and processes on top.
 */

export * from './backend/index.ts';
export { InputError, VrrlError } from './base/errors.ts';
export * from './diff/index.ts';
export {
  defineKernel,
  type Kernel,
  KernelError,
  kernelFromJson,
  kernelToJson,
  opcode,
  printKernel,
} from './kernel/index.ts';
export {
  CapacityOverflowError,
  HeaderMismatchError,
  type LogRecord,
  type LogScan,
  RecordColumns,
  RingLog,
  scanLog,
  scanLogBytes,
  TruncatedBodyError,
  TruncatedHeaderError,
  ZeroCapacityError,
} from './log/index.ts';
export {
  type Equivalence,
  ObservationFormatError,
  type ObservationLayout,
  ObservationReader,
  ObservationWriter,
  type Region,
} from './observe/index.ts';
export { ControlWord, Opcode, Priority, SlotStatus } from './protocol/index.ts';
export * from './record/index.ts';
export * from './replay/index.ts';
export { MemoryStorage, type Storage, StorageError } from './storage/index.ts';
