import type { Storage } from './storage.ts';

/** Storage whose whole content can be exchanged at once, for streams that throw away what is old. */
export interface ReplaceableStorage extends Storage {
  /**
   * Hands `write` an empty storage and puts what is in it afterwards in place of this one's content, which from then on
   * is read and written here.
   *
   * It is all or nothing: if `write` or a call on the fresh storage throws, or the process is killed, the old content is
   * there, whole. The fresh storage is synced before the exchange and must not be used after `write` returns.
   */
  replaceWith(write: (fresh: Storage) => void): void;
}

/** Whether a storage can exchange its content. */
export function isReplaceable(storage: Storage): storage is ReplaceableStorage {
  return 'replaceWith' in storage && typeof storage.replaceWith === 'function';
}
