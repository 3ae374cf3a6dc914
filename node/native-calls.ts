/**
 * What logs need of the operating system that Node has no call for: a mapping, a lock that dies with its process, space
 * on the disk before it is written. The package koffi calls them; this is the one file that loads it, and it does so at
 * the first use, since loading takes longer than most commands.
 */

import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';
import type koffi from 'koffi';

/** Calls that throw an error with the system's `code` if they fail, as those of `node:fs` do. */
export interface NativeCalls {
  /**
   * The first `bytes` of an open file as memory, shared with everybody who maps or reads the file. It stays mapped for as
   * long as something refers to the buffer; to touch it when the file has been cut short ends the process (SIGBUS).
   */
  map(descriptor: number, bytes: number): ArrayBuffer;
  /** Puts stores to a mapping where `fsync` sees them. Linux sees them anyway. */
  flush(mapping: ArrayBuffer): void;
  /** Takes the lock on an open file, without waiting; whether it was free. It goes with the process at the latest. */
  lock(descriptor: number): boolean;
  /** Gives the lock back. Closing does not while the file is mapped, since the mapping keeps it open. */
  unlock(descriptor: number): void;
  /** Gives a file blocks on the disk, so that it is `bytes` long. Does nothing where only writing can do that. */
  allocate(descriptor: number, bytes: number): void;
}

/** The calls, or why there are none. */
export type NativeSupport = { readonly calls: NativeCalls } | { readonly reason: string };

let support: NativeSupport | undefined;

/** The native calls of this machine. Does not throw; asks once. */
export function nativeSupport(): NativeSupport {
  support ??= loadNativeCalls();
  return support;
}

type Koffi = typeof koffi;

/** These have 64-bit pointers, sizes and file offsets, and the numbers below. */
const SYSTEMS: readonly string[] = ['linux', 'darwin'];
const PROCESSORS: readonly string[] = ['x64', 'arm64'];

// Linux: asm-generic/mman-common.h and mman.h, asm-generic/fcntl.h. macOS: sys/mman.h, sys/file.h. Only MS_SYNC differs.
const PROT_READ_AND_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = -1n;
const MS_SYNC = process.platform === 'darwin' ? 0x10 : 4;
const LOCK_EX_AND_NB = 2 | 4;
const LOCK_UN = 8;

function loadNativeCalls(): NativeSupport {
  const { platform, arch } = process;
  if (!SYSTEMS.includes(platform) || !PROCESSORS.includes(arch)) {
    return { reason: `files are mapped on Linux and macOS, on x64 and arm64, and this is ${platform} on ${arch}` };
  }
  try {
    // Not `import`: it would have to be waited for, and opening a log waits for nothing.
    const loaded: Koffi = createRequire(import.meta.url)('koffi');
    return { calls: callsThrough(loaded) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    return { reason: `the package koffi cannot be loaded: ${reason}` };
  }
}

function callsThrough(koffi: Koffi): NativeCalls {
  const libc = koffi.load(null);
  const mmap = libc.func('mmap', 'intptr_t', ['intptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = libc.func('munmap', 'int', ['intptr_t', 'size_t']);
  const msync = libc.func('msync', 'int', ['intptr_t', 'size_t', 'int']);
  const flock = libc.func('flock', 'int', ['int', 'int']);
  const posixFallocate =
    process.platform === 'linux' ? libc.func('posix_fallocate', 'int', ['int', 'int64_t', 'int64_t']) : undefined;
  const addresses = new WeakMap<ArrayBuffer, bigint>();
  const unmapper = new FinalizationRegistry<{ address: bigint; bytes: number }>(({ address, bytes }) => {
    munmap(address, bytes);
  });
  return {
    map(descriptor, bytes) {
      const address = BigInt(mmap(0, bytes, PROT_READ_AND_WRITE, MAP_SHARED, descriptor, 0));
      if (address === MAP_FAILED) throw systemError(koffi.errno(), 'mmap');
      const mapping = koffi.view(address, bytes);
      addresses.set(mapping, address);
      unmapper.register(mapping, { address, bytes });
      return mapping;
    },
    flush(mapping) {
      const address = addresses.get(mapping);
      if (process.platform === 'linux' || address === undefined) return;
      if (msync(address, mapping.byteLength, MS_SYNC) !== 0) throw systemError(koffi.errno(), 'msync');
    },
    lock(descriptor) {
      if (flock(descriptor, LOCK_EX_AND_NB) === 0) return true;
      const errorNumber = koffi.errno();
      if (errorNumber === koffi.os.errno['EWOULDBLOCK'] || errorNumber === koffi.os.errno['EAGAIN']) return false;
      throw systemError(errorNumber, 'flock');
    },
    unlock(descriptor) {
      if (flock(descriptor, LOCK_UN) !== 0) throw systemError(koffi.errno(), 'flock');
    },
    allocate(descriptor, bytes) {
      // It returns the number of the error, and leaves errno alone.
      const errorNumber: number = posixFallocate?.(descriptor, 0, bytes) ?? 0;
      if (errorNumber !== 0) throw systemError(errorNumber, 'posix_fallocate');
    },
  };
}

function systemError(errorNumber: number, call: string): Error {
  const [code, meaning] = getSystemErrorMap().get(-errorNumber) ?? [`errno ${errorNumber}`, 'unknown error'];
  return Object.assign(new Error(`${code}: ${meaning}, ${call}`), { code, errno: -errorNumber, syscall: call });
}
