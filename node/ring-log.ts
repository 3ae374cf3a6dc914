/** v1 logs in files. */

import { checkCapacity, type OpenOptions, RingLog as StorageRingLog } from '../src/log/index.ts';
import type { Storage } from '../src/storage/index.ts';
import { FileStorage } from './file-storage.ts';

/** The v1 log of `src/log`, which also opens paths. */
export class RingLog extends StorageRingLog {
  /**
   * Opens the log at a path or in a storage, or makes one there of `capacity` records. See the base class for what an
   * existing log does and what is thrown. A file that was opened here is closed again if its log is refused, and one that
   * does not exist is not made for an impossible capacity.
   */
  static override open(target: string | Storage, capacity: number | bigint): RingLog {
    if (typeof target !== 'string') return new RingLog(target, capacity);
    checkCapacity(capacity);
    const storage = FileStorage.open(target, 'create');
    const options: OpenOptions = { isNew: storage.created };
    try {
      return new RingLog(storage, capacity, options);
    } catch (error) {
      storage.close();
      throw error;
    }
  }
}
