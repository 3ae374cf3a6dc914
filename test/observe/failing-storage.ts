import {
  MemoryStorage,
  type ReplaceableStorage,
  type Storage,
  type StorageCall,
  StorageError,
} from '../../src/storage/index.ts';

/**
 * Storage in memory that fails at the n-th call, counted from 1 over itself and every fresh storage that it hands out.
 *
 * `once`: that call fails and the next ones work, as when a disk was full for a moment. `forever`: nothing works any
 * more, and what is left is what a killed process leaves. A write that fails leaves half of its bytes.
 */
export class FailingStorage implements ReplaceableStorage {
  readonly label = '[failing]';
  calls = 0;
  #content = new MemoryStorage();
  readonly #failingCall: number;
  readonly #mode: 'once' | 'forever';

  constructor(failingCall: number, mode: 'once' | 'forever') {
    this.#failingCall = failingCall;
    this.#mode = mode;
  }

  size(): number {
    return this.#content.size();
  }

  readAt(target: Uint8Array, position: number): number {
    this.#count('read');
    return this.#content.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#writeTo(this.#content, source, position);
  }

  resize(bytes: number): void {
    this.#count('truncate');
    this.#content.resize(bytes);
  }

  sync(): void {
    this.#count('sync');
  }

  close(): void {}

  replaceWith(write: (fresh: Storage) => void): void {
    const fresh = new MemoryStorage();
    this.#count('open');
    write({
      label: '[fresh]',
      size: () => fresh.size(),
      readAt: (target, position) => fresh.readAt(target, position),
      writeAt: (source, position) => this.#writeTo(fresh, source, position),
      resize: (bytes) => fresh.resize(bytes),
      sync: () => this.#count('sync'),
      close: () => {},
    });
    this.#count('rename');
    this.#content = fresh;
  }

  toBytes(): Uint8Array {
    return this.#content.toBytes();
  }

  #writeTo(content: MemoryStorage, source: Uint8Array, position: number): void {
    try {
      this.#count('write');
    } catch (error) {
      // Only the call that fails is cut short: after a kill nothing is written at all.
      if (this.calls === this.#failingCall) content.writeAt(source.subarray(0, source.length >> 1), position);
      throw error;
    }
    content.writeAt(source, position);
  }

  #count(call: StorageCall): void {
    this.calls++;
    const fails = this.#mode === 'once' ? this.calls === this.#failingCall : this.calls >= this.#failingCall;
    if (fails) throw new StorageError(call, this.label, Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
  }
}
