import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileCalls, systemCalls } from '../../node/file-calls.ts';
import { LockedError } from '../../node/file-lock.ts';
import { LockedFile } from '../../node/locked-file.ts';
import { StorageError } from '../../src/storage/index.ts';
import { type Failure, TracedCalls, withoutKoffi } from './traced-calls.ts';

const BYTES = 16_384;
const CONTENT = 'what it starts with';

let folder = '';
let file = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-node-'));
  file = path.join(folder, 'run.vrrl');
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

/** Makes the file, some of it through a mapping where there is one, and closes it. */
function make(calls: FileCalls): void {
  const made = LockedFile.create(
    file,
    BYTES,
    (fresh) => {
      const bytes = new TextEncoder().encode(CONTENT);
      if (calls.withoutNative === undefined) new Uint8Array(fresh.file.map(BYTES)).set(bytes, 4096);
      else fresh.file.writeAt(bytes, 4096);
      return fresh;
    },
    calls,
  );
  made.close();
}

function expectWholeFile(): void {
  const expected = Buffer.alloc(BYTES);
  expected.write(CONTENT, 4096);
  expect(fs.readFileSync(file).equals(expected)).toBe(true);
}

/** The calls of a creation in which nothing fails. */
function countCalls(base: FileCalls): number {
  const traced = new TracedCalls(undefined, base);
  make(traced.calls);
  fs.rmSync(file);
  return traced.made.length;
}

const BASES: readonly (readonly [string, FileCalls])[] = [
  ['with koffi', systemCalls],
  ['without koffi', withoutKoffi()],
];

it('finds koffi on this machine', () => {
  expect(systemCalls.withoutNative).toBeUndefined();
});

describe.each(BASES)('a file that is made, %s', (_name, base) => {
  it('has its size on the disk, what it was filled with, and nothing beside it once closed', () => {
    make(base);
    expectWholeFile();
    expect(fs.statSync(file).blocks * 512).toBeGreaterThanOrEqual(BYTES);
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('has no name before all of it is on stable storage, and its folder is synced after that', () => {
    const traced = new TracedCalls(undefined, base);
    make(traced.calls);
    const lastLink = traced.made.lastIndexOf('link');
    const before = traced.made.slice(0, lastLink);
    expect(before.lastIndexOf('sync')).toBeGreaterThan(before.lastIndexOf('write'));
    expect(traced.made.slice(lastLink)).toContain('sync');
  });

  it('leaves a file of that name as it is', () => {
    fs.writeFileSync(file, 'mine');
    expect(() => make(base)).toThrow(/^link on `.*run\.vrrl` failed: EEXIST.*Fix: /);
    expect(fs.readFileSync(file, 'utf8')).toBe('mine');
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('leaves a file as it is that gets the name while it is made', () => {
    const steal = () => LockedFile.create(file, BYTES, () => fs.writeFileSync(file, 'mine'), base);
    expect(steal).toThrow(/^link on `.*` failed: EEXIST.*Fix: /);
    expect(fs.readFileSync(file, 'utf8')).toBe('mine');
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('is not there if what fills it fails', () => {
    const fill = () => {
      throw new Error('no idea');
    };
    expect(() => LockedFile.create(file, BYTES, fill, base)).toThrow('no idea');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it.each(['once', 'forever'] as const)('is whole or not there when a call fails %s, whichever', (mode) => {
    const refused = new Set<string>();
    for (let at = 0, count = countCalls(base); at < count; at += 1) {
      const traced = new TracedCalls({ at, mode, code: 'EIO' }, base);
      const error = errorOf(() => make(traced.calls));
      expect(traced.openDescriptors.size, `descriptors after call ${at}, ${traced.failed}`).toBe(0);
      const isThere = fs.existsSync(file);
      if (error === undefined || isThere) expectWholeFile();
      if (error !== undefined) {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as Error).message).toMatch(/^[a-z]+ on `.*run\.vrrl.*` failed: EIO: .*\. Fix: .*\.$/);
        refused.add(String(traced.failed));
        // It may be there if only its last close failed, or if what was made could not be taken away again.
        const mayBeThere = traced.failed === 'close' || mode === 'forever';
        if (!mayBeThere) expect(isThere, `there after call ${at}, ${traced.failed}`).toBe(false);
      }
      for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
    }
    const needed = ['allocate', 'link', 'open', 'realPath', 'statPath', 'sync', 'write'];
    const ofBase = base === systemCalls ? [...needed, 'lock', 'map'] : needed.filter((name) => name !== 'allocate');
    expect([...refused]).toEqual(expect.arrayContaining(ofBase));
  });

  it('is made all the same if a signal comes in any call', () => {
    for (let at = 0, count = countCalls(base); at < count; at += 1) {
      const traced = new TracedCalls({ at, mode: 'once', code: 'EINTR' }, base);
      // Linux closes and says nothing of signals.
      if (errorOf(() => make(traced.calls)) !== undefined) expect(traced.failed).toBe('close');
      if (traced.failed !== 'close' || fs.existsSync(file)) expectWholeFile();
      for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
    }
  });

  it('is made where a write takes a few bytes at a time', () => {
    const write: FileCalls['write'] = (descriptor, source, offset, length, position) =>
      base.write(descriptor, source, offset, Math.min(length, 1_000), position);
    make({ ...base, write });
    expectWholeFile();
  });

  it('is made where there are no links, and leaves a file that has the name', () => {
    const link = () => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    };
    make({ ...base, link });
    expectWholeFile();
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
    fs.writeFileSync(file, 'mine');
    expect(() => make({ ...base, link })).toThrow('EEXIST');
    expect(fs.readFileSync(file, 'utf8')).toBe('mine');
  });
});

describe('a file that is opened', () => {
  it.each(BASES)('is locked, and free again once closed, %s', (_name, base) => {
    make(base);
    const first = LockedFile.open(file, base);
    expect(first.lockKind).toBe(base === systemCalls ? 'flock' : 'note');
    expect(() => LockedFile.open(file, base)).toThrow(LockedError);
    first.close();
    first.close();
    LockedFile.open(file, base).close();
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('is the one that has the name when the lock is there, not one that had it', () => {
    make(systemCalls);
    let replaced = false;
    const lock: FileCalls['lock'] = (descriptor) => {
      if (!replaced) {
        fs.writeFileSync(`${file}.other`, 'another');
        fs.renameSync(`${file}.other`, file);
        replaced = true;
      }
      return systemCalls.lock(descriptor);
    };
    const opened = LockedFile.open(file, { ...systemCalls, lock });
    expect(opened.file.size()).toBe('another'.length);
    opened.close();
  });

  it.each(['once', 'forever'] as const)('is free again when a call fails %s, whichever', (mode) => {
    make(systemCalls);
    const clean = new TracedCalls();
    LockedFile.open(file, clean.calls).close();
    for (let at = 0; at < clean.made.length; at += 1) {
      const failure: Failure = { at, mode, code: 'EIO' };
      const traced = new TracedCalls(failure);
      const error = errorOf(() => LockedFile.open(file, traced.calls).close());
      if (error !== undefined) expect(error).toBeInstanceOf(StorageError);
      expect(traced.openDescriptors.size, `after call ${at}, ${traced.failed}`).toBe(0);
      LockedFile.open(file).close();
    }
    expectWholeFile();
  });
});

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
