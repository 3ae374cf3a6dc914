/** vrrl in Node: everything that runs everywhere, and files, worker threads and modules from disk. */
export * from '../src/index.ts';
export { LockedError, type LockHolder, type LockKind } from './file-lock.ts';
export { type FileAccess, FileMedium, type FileMediumOptions } from './file-medium.ts';
export { FileStorage } from './file-storage.ts';
export { createFlightLogFile, type FlightLogFile, openFlightLogFile } from './flight-log-file.ts';
export { connectGpu, GPU_STACKS, type GpuConnectOptions, type GpuStack } from './gpu/index.ts';
export { loadBackendFactory, loadKernel } from './modules.ts';
export { ProcessBackend, type ProcessBackendOptions } from './process-backend.ts';
export { observationPathOf, openRecording, type RecordingFiles } from './recording-files.ts';
export { ReplaceableFileStorage } from './replaceable-file-storage.ts';
export { RingLog } from './ring-log.ts';
export { type Decoders, type RequestOptions, type RunnerOptions, RunnerProcess } from './runner-process.ts';
export { ThreadsBackend, type ThreadsOptions } from './threads-backend.ts';
