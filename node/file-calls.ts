/** Every call on the system that a file of a log is made with, in one object: tests hand in one that fails. */

import fs from 'node:fs';
import { type NativeCalls, nativeSupport } from './native-calls.ts';

/** Calls that throw what `node:fs` throws: an error with the system's `code`. None of them is repeated here. */
export interface FileCalls extends NativeCalls {
  /** Why `map` and `lock` cannot be called here; undefined where they can. */
  readonly withoutNative: string | undefined;
  open(path: string, flags: number, mode: number): number;
  close(descriptor: number): void;
  stat(descriptor: number): fs.Stats;
  /** Undefined if nothing has that name. */
  statPath(path: string): fs.Stats | undefined;
  realPath(path: string): string;
  read(descriptor: number, target: Uint8Array, offset: number, length: number, position: number): number;
  write(descriptor: number, source: Uint8Array, offset: number, length: number, position: number): number;
  truncate(descriptor: number, bytes: number): void;
  /** Content and everything else about the file. */
  sync(descriptor: number): void;
  /** Content, and of the rest what is needed to read it. */
  syncData(descriptor: number): void;
  link(existing: string, fresh: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
}

/** The calls of this machine. */
export const systemCalls: FileCalls = {
  get withoutNative() {
    const support = nativeSupport();
    return 'reason' in support ? support.reason : undefined;
  },
  open: (path, flags, mode) => fs.openSync(path, flags, mode),
  close: (descriptor) => fs.closeSync(descriptor),
  stat: (descriptor) => fs.fstatSync(descriptor),
  statPath: (path) => fs.statSync(path, { throwIfNoEntry: false }),
  realPath: (path) => fs.realpathSync(path),
  read: (descriptor, target, offset, length, position) => fs.readSync(descriptor, target, offset, length, position),
  write: (descriptor, source, offset, length, position) => fs.writeSync(descriptor, source, offset, length, position),
  truncate: (descriptor, bytes) => fs.ftruncateSync(descriptor, bytes),
  sync: (descriptor) => fs.fsyncSync(descriptor),
  syncData: (descriptor) => fs.fdatasyncSync(descriptor),
  link: (existing, fresh) => fs.linkSync(existing, fresh),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  map: (descriptor, bytes) => native().map(descriptor, bytes),
  flush: (mapping) => native().flush(mapping),
  lock: (descriptor) => native().lock(descriptor),
  unlock: (descriptor) => native().unlock(descriptor),
  allocate: (descriptor, bytes) => {
    const support = nativeSupport();
    if ('calls' in support) support.calls.allocate(descriptor, bytes);
  },
};

function native(): NativeCalls {
  const support = nativeSupport();
  if ('calls' in support) return support.calls;
  throw Object.assign(new Error(`ENOSYS: ${support.reason}`), { code: 'ENOSYS' });
}
