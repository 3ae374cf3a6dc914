/**
 * Bytes at rest, as the log and the observation stream see them.
 *
 * Codecs in `src/` know nothing of files: they read and write through this interface. `node/` adapts file descriptors to
 * it, a page adapts blobs, tests adapt arrays and break them on purpose. All calls are synchronous, because a record has
 * to be down before its slot is published, and a promise in between would only hide that wait.
 */
export interface Storage {
  /** What errors call it: a path, or a name in brackets for memory. */
  readonly label: string;
  /** Bytes held now. */
  size(): number;
  /**
   * Reads into `target` from `position` on and returns how many bytes there were: fewer than asked only at the end.
   *
   * @throws StorageError if the read fails.
   */
  readAt(target: Uint8Array, position: number): number;
  /**
   * Writes all of `source` at `position`, growing the storage if need be.
   *
   * @throws StorageError if not every byte was taken.
   */
  writeAt(source: Uint8Array, position: number): void;
  /** Cuts or extends with zeros to `bytes`. */
  resize(bytes: number): void;
  /** Returns once everything written is on stable storage. */
  sync(): void;
  /** Idempotent. */
  close(): void;
}
