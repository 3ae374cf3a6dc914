import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileStorage } from '../../node/file-storage.ts';
import { RingLog } from '../../node/ring-log.ts';
import { RingLog as StorageRingLog, scanLog, TruncatedHeaderError } from '../../src/log/index.ts';
import { MemoryStorage, StorageError } from '../../src/storage/index.ts';
import { expectSameBytes, makeModel, makeRecord, makeRecords } from './model.ts';

let folder = '';
let file = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-log-'));
  file = path.join(folder, 'log.vrrl');
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true });
});

/** The storage error that `run` throws. */
function storageErrorOf(run: () => void): StorageError {
  try {
    run();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    expect(error.message).toMatch(/^[a-z]+ on `.*` failed: .*\. Fix: .*\.$/);
    return error;
  }
  throw new Error('nothing was thrown');
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}

describe('a file as storage', () => {
  it('reads and writes at positions, grows, shrinks and knows its size', () => {
    const storage = FileStorage.open(file, 'create');
    expect([storage.created, storage.label, storage.size()]).toEqual([true, file, 0]);
    storage.writeAt(Uint8Array.of(1, 2, 3), 5);
    expect(storage.size()).toBe(8);
    const target = new Uint8Array(10).fill(9);
    expect(storage.readAt(target, 4)).toBe(4);
    expect([...target]).toEqual([0, 1, 2, 3, 9, 9, 9, 9, 9, 9]);
    expect(storage.readAt(target, 100)).toBe(0);
    storage.resize(6);
    storage.resize(8);
    expect(storage.readAt(target, 0)).toBe(8);
    expect([...target.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 1, 0, 0]);
    storage.sync();
    storage.close();
    storage.close();
    expect(FileStorage.open(file, 'create').created).toBe(false);
  });

  it('goes on after short reads and writes', () => {
    const storage = FileStorage.open(file, 'create');
    const { readSync, writeSync } = fs;
    const most = 3;
    vi.spyOn(fs, 'writeSync').mockImplementation((descriptor: number, ...rest: unknown[]) => {
      const [source, offset, length, position] = rest as [Uint8Array, number, number, number];
      return writeSync(descriptor, source, offset, Math.min(most, length), position);
    });
    vi.spyOn(fs, 'readSync').mockImplementation((descriptor: number, ...rest: unknown[]) => {
      const [target, offset, length, position] = rest as [Uint8Array, number, number, number];
      return readSync(descriptor, target, offset, Math.min(most, length), position);
    });
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
    storage.writeAt(bytes, 2);
    const target = new Uint8Array(20);
    expect(storage.readAt(target, 2)).toBe(20);
    expect(target).toEqual(bytes);
  });

  it.each(['EINTR', 'EAGAIN'])('tries again after %s, but not forever', (code) => {
    const storage = FileStorage.open(file, 'create');
    const write = vi.spyOn(fs, 'writeSync').mockImplementationOnce(() => {
      throw systemError(code);
    });
    const read = vi.spyOn(fs, 'readSync').mockImplementationOnce(() => {
      throw systemError(code);
    });
    storage.writeAt(Uint8Array.of(1, 2), 0);
    expect(storage.readAt(new Uint8Array(2), 0)).toBe(2);
    write.mockImplementation(() => {
      throw systemError(code);
    });
    read.mockImplementation(() => {
      throw systemError(code);
    });
    expect(storageErrorOf(() => storage.writeAt(Uint8Array.of(1), 0))).toMatchObject({
      call: 'write',
      systemCode: code,
    });
    expect(storageErrorOf(() => storage.readAt(new Uint8Array(1), 0))).toMatchObject({
      call: 'read',
      systemCode: code,
    });
  });

  it('does not wait for a system that takes no bytes', () => {
    const storage = FileStorage.open(file, 'create');
    vi.spyOn(fs, 'writeSync').mockReturnValue(0);
    expect(storageErrorOf(() => storage.writeAt(Uint8Array.of(1), 0))).toMatchObject({ call: 'write', path: file });
  });

  it('names the call and the path of what fails', () => {
    const storage = FileStorage.open(file, 'create');
    const failing = (): never => {
      throw systemError('EIO');
    };
    vi.spyOn(fs, 'fsyncSync').mockImplementation(failing);
    vi.spyOn(fs, 'ftruncateSync').mockImplementation(failing);
    vi.spyOn(fs, 'fstatSync').mockImplementation(failing);
    vi.spyOn(fs, 'closeSync').mockImplementationOnce(failing);
    const expected = { code: 'VRRL_IO', path: file, systemCode: 'EIO' };
    expect(storageErrorOf(() => storage.sync())).toMatchObject({ call: 'sync', ...expected });
    expect(storageErrorOf(() => storage.resize(1))).toMatchObject({ call: 'truncate', ...expected });
    expect(storageErrorOf(() => storage.size())).toMatchObject({ call: 'stat', ...expected });
    expect(storageErrorOf(() => storage.close())).toMatchObject({ call: 'close', ...expected });
    storage.close();
  });

  it('says so when it was closed', () => {
    const storage = FileStorage.open(file, 'create');
    storage.close();
    for (const run of [
      () => storage.size(),
      () => storage.readAt(new Uint8Array(1), 0),
      () => storage.writeAt(new Uint8Array(1), 0),
      () => storage.sync(),
    ]) {
      expect(storageErrorOf(run)).toMatchObject({ path: file, systemCode: 'EBADF' });
    }
  });
});

describe('what is no regular file', () => {
  it.each(['read', 'readWrite', 'create'] as const)('a folder is refused (%s)', (mode) => {
    const error = storageErrorOf(() => FileStorage.open(folder, mode));
    expect(error).toMatchObject({ call: 'open', path: folder, systemCode: 'EISDIR' });
    expect(error.fix).toBe('name a file, not a folder.');
  });

  it.each(['read', 'readWrite', 'create'] as const)('a FIFO is refused at once (%s)', (mode) => {
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const error = storageErrorOf(() => FileStorage.open(fifo, mode));
    expect(error).toMatchObject({ call: 'open', path: fifo });
    expect(error.message).toContain('it is a FIFO, expected a regular file');
  });

  it('a device is refused, not read forever', () => {
    const error = storageErrorOf(() => FileStorage.open('/dev/zero', 'read'));
    expect(error.message).toContain('it is a character device, expected a regular file');
    expect(storageErrorOf(() => RingLog.open('/dev/null', 8))).toMatchObject({ call: 'open', path: '/dev/null' });
  });

  it.each(['read', 'readWrite'] as const)('a file that does not exist is refused (%s)', (mode) => {
    expect(storageErrorOf(() => FileStorage.open(file, mode))).toMatchObject({ call: 'open', systemCode: 'ENOENT' });
    expect(fs.existsSync(file)).toBe(false);
  });

  it('a folder that does not exist is refused', () => {
    const missing = path.join(folder, 'missing', 'log.vrrl');
    expect(storageErrorOf(() => RingLog.open(missing, 8))).toMatchObject({ call: 'open', path: missing });
  });
});

describe('a log in a file', () => {
  it('is made, appended to, closed, opened again and read', () => {
    const log = RingLog.open(file, 8);
    expect([log.path, log.capacity, log.recovered.length]).toEqual([file, 8, 0]);
    for (const record of makeRecords(5)) log.append(record);
    log.appendMany(makeRecords(6, 5));
    log.sync();
    log.close();
    log.close();
    expectSameBytes(fs.readFileSync(file), makeModel(8, 11).toBytes());
    const again = RingLog.open(file, 99);
    expect([again.capacity, again.cursor]).toEqual([8, 3]);
    expect(again.replayAll()).toEqual(makeRecords(8, 3));
    again.close();
    const storage = FileStorage.open(file, 'read');
    expect([...scanLog(storage).columns]).toEqual(makeRecords(8, 3));
    storage.close();
  });

  it('may be opened in any storage', () => {
    const log = RingLog.open(new MemoryStorage(), 8);
    expect(log).toBeInstanceOf(RingLog);
    expect(log).toBeInstanceOf(StorageRingLog);
    expect(log.recovered).toMatchObject([{ kind: 'headerEmpty' }]);
  });

  it('that was there and empty is reported, and one that was not is not', () => {
    fs.writeFileSync(file, '');
    const log = RingLog.open(file, 8);
    expect(log.recovered).toMatchObject([{ kind: 'headerEmpty' }]);
    log.close();
  });

  it('is not made for an impossible capacity', () => {
    for (const capacity of [0, -1, 1_048_577, 0.5]) expect(() => RingLog.open(file, capacity)).toThrow(/Fix: /);
    expect(fs.existsSync(file)).toBe(false);
  });

  it('that is refused stays as it is, and its descriptor is closed', () => {
    fs.writeFileSync(file, 'hello');
    const close = vi.spyOn(fs, 'closeSync');
    expect(() => RingLog.open(file, 8)).toThrow(TruncatedHeaderError);
    expect(close).toHaveBeenCalledTimes(1);
    expect(fs.readFileSync(file, 'utf8')).toBe('hello');
  });

  it('opened for reading only can be read, and refuses an append by path and call', () => {
    fs.writeFileSync(file, makeModel(8, 11).toBytes());
    const log = RingLog.open(FileStorage.open(file, 'read'), 8);
    expect(log.replayAll()).toEqual(makeRecords(8, 3));
    for (const run of [() => log.append(makeRecord(11)), () => log.appendMany(makeRecords(2, 11))]) {
      expect(storageErrorOf(run)).toMatchObject({ code: 'VRRL_IO', call: 'write', path: file, systemCode: 'EBADF' });
    }
    expect(log.cursor).toBe(3);
    expectSameBytes(fs.readFileSync(file), makeModel(8, 11).toBytes());
    log.close();
    expect(storageErrorOf(() => log.append(makeRecord(11)))).toMatchObject({ call: 'write', path: file });
  });

  it('on a full disk keeps what was confirmed', () => {
    const log = RingLog.open(file, 8);
    log.appendMany(makeRecords(5));
    vi.spyOn(fs, 'writeSync').mockImplementationOnce(() => {
      throw systemError('ENOSPC');
    });
    const error = storageErrorOf(() => log.append(makeRecord(5)));
    expect(error).toMatchObject({ call: 'write', path: file, systemCode: 'ENOSPC' });
    expect(error.fix).toContain('free some disk space');
    expect(log.replayAll()).toEqual(makeRecords(5));
    log.append(makeRecord(5));
    expect(log.replayAll()).toEqual(makeRecords(6));
    log.close();
  });

  it('survives a writer that is killed at any moment', () => {
    fs.writeFileSync(file, makeModel(8, 13).toBytes());
    const killed = RingLog.open(file, 8);
    const { writeSync } = fs;
    vi.spyOn(fs, 'writeSync').mockImplementation((descriptor: number, ...rest: unknown[]) => {
      const [source, offset, length, position] = rest as [Uint8Array, number, number, number];
      return position === 24 ? length : writeSync(descriptor, source, offset, length, position);
    });
    killed.append(makeRecord(13));
    vi.restoreAllMocks();
    killed.close();
    const log = RingLog.open(file, 8);
    expect(log.recovered).toMatchObject([{ kind: 'newestRecordFirst' }]);
    expectSameBytes(fs.readFileSync(file), makeModel(8, 14).toBytes());
    log.close();
  });
});
