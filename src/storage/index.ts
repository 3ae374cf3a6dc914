export { fixForSystem, type StorageCall, StorageError } from './errors.ts';
export { MemoryStorage } from './memory-storage.ts';
export { ReadOnlyStorage } from './read-only-storage.ts';
export { ReheadedStorage } from './reheaded-storage.ts';
export { isReplaceable, type ReplaceableStorage } from './replaceable-storage.ts';
export type { Storage } from './storage.ts';
