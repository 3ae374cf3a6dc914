import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileMode, FileStorage } from '../../node/file-storage.ts';
import { REWRITE_SUFFIX, ReplaceableFileStorage } from '../../node/replaceable-file-storage.ts';
import { ObservationReader, ObservationWriter } from '../../src/observe/index.ts';
import {
  isReplaceable,
  MemoryStorage,
  type ReplaceableStorage,
  type Storage,
  type StorageCall,
  StorageError,
} from '../../src/storage/index.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-replace-'));
  file = path.join(folder, 'run.obs');
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function contentOf(storage: Storage): string {
  const bytes = new Uint8Array(storage.size());
  storage.readAt(bytes, 0);
  return new TextDecoder().decode(bytes);
}

const kinds: readonly (readonly [name: string, make: () => ReplaceableStorage])[] = [
  ['memory', () => new MemoryStorage()],
  ['a file', () => ReplaceableFileStorage.open(file, 'create')],
];

describe.each(kinds)('%s that can be replaced', (_name, make) => {
  it('has the new content, longer or shorter, and is written on', () => {
    const storage = make();
    expect(isReplaceable(storage)).toBe(true);
    storage.writeAt(encode('what was there before'), 0);
    storage.replaceWith((fresh) => {
      expect(fresh.size()).toBe(0);
      expect(contentOf(storage)).toBe('what was there before');
      fresh.writeAt(encode('new'), 0);
    });
    expect(contentOf(storage)).toBe('new');
    storage.writeAt(encode('er'), 3);
    storage.sync();
    expect(contentOf(storage)).toBe('newer');
    storage.replaceWith(() => {});
    expect(storage.size()).toBe(0);
    storage.close();
    storage.close();
  });

  it('keeps the old content if the new one is not finished', () => {
    const storage = make();
    storage.writeAt(encode('old'), 0);
    const failing = () =>
      storage.replaceWith((fresh) => {
        fresh.writeAt(encode('half of wh'), 0);
        throw new Error('no more');
      });
    expect(failing).toThrow('no more');
    storage.writeAt(encode('est'), 3);
    expect(contentOf(storage)).toBe('oldest');
    storage.close();
  });
});

describe('a file that can be replaced', () => {
  it('leaves nothing beside it, and does not mind what a killed process left', () => {
    const storage = ReplaceableFileStorage.open(file, 'create');
    fs.writeFileSync(file + REWRITE_SUFFIX, 'left over');
    storage.replaceWith((fresh) => fresh.writeAt(encode('new'), 0));
    expect(fs.readdirSync(folder)).toEqual(['run.obs']);
    expect(() =>
      storage.replaceWith(() => {
        throw new Error('no more');
      }),
    ).toThrow();
    expect(fs.readdirSync(folder)).toEqual(['run.obs']);
    expect(fs.readFileSync(file, 'utf8')).toBe('new');
    storage.close();
  });

  it('keeps its permissions, and the symbolic link that it was opened through', () => {
    fs.writeFileSync(file, 'old', { mode: 0o600 });
    const link = path.join(folder, 'link.obs');
    fs.symlinkSync(file, link);
    const storage = ReplaceableFileStorage.open(link, 'readWrite');
    expect(storage.label).toBe(link);
    storage.replaceWith((fresh) => fresh.writeAt(encode('new'), 0));
    storage.close();
    expect(fs.readFileSync(file, 'utf8')).toBe('new');
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });

  it('does not lead a reader astray that has the old file open', () => {
    const storage = ReplaceableFileStorage.open(file, 'create');
    storage.writeAt(encode('old'), 0);
    const reader = FileStorage.open(file, 'read');
    storage.replaceWith((fresh) => fresh.writeAt(encode('newer'), 0));
    expect(contentOf(reader)).toBe('old');
    reader.close();
    storage.close();
  });

  it('is on stable storage before it takes the place of the old one', () => {
    const calls: string[] = [];
    const open = (where: string, mode: FileMode): Storage => {
      const real = FileStorage.open(where, mode);
      const isFresh = where.endsWith(REWRITE_SUFFIX);
      return {
        label: where,
        size: () => real.size(),
        readAt: (target, position) => real.readAt(target, position),
        writeAt: (source, position) => real.writeAt(source, position),
        resize: (bytes) => real.resize(bytes),
        sync: () => {
          calls.push(`sync ${isFresh ? 'fresh' : 'old'}, ${fs.readFileSync(file, 'utf8')} in place`);
          real.sync();
        },
        close: () => real.close(),
      };
    };
    fs.writeFileSync(file, 'old');
    const storage = ReplaceableFileStorage.open(file, 'readWrite', open);
    storage.replaceWith((fresh) => fresh.writeAt(encode('new'), 0));
    expect(calls).toEqual(['sync fresh, old in place']);
    storage.close();
  });

  it('does not leak descriptors', () => {
    const storage = ReplaceableFileStorage.open(file, 'create');
    const count = () => fs.readdirSync('/proc/self/fd').length;
    if (!fs.existsSync('/proc/self/fd')) return;
    const before = count();
    for (let round = 0; round < 20; round++) storage.replaceWith((fresh) => fresh.writeAt(encode('x'), 0));
    expect(count()).toBe(before);
    storage.close();
  });

  it('refuses a path that is no file', () => {
    expect(() => ReplaceableFileStorage.open(folder, 'readWrite')).toThrow(StorageError);
    expect(() => ReplaceableFileStorage.open(path.join(folder, 'none'), 'read')).toThrow(/Fix: check the path/);
  });
});

/** Files whose calls are counted; the n-th fails, and all after it. */
function failingOpener(failingCall: number): { open: (path: string, mode: FileMode) => Storage; calls: () => number } {
  let calls = 0;
  const count = (call: StorageCall, where: string): void => {
    if (++calls >= failingCall) throw new StorageError(call, where, new Error('the machine is gone'));
  };
  const open = (where: string, mode: FileMode): Storage => {
    count('open', where);
    const real = FileStorage.open(where, mode);
    return {
      label: where,
      size: () => real.size(),
      readAt: (target, position) => {
        count('read', where);
        return real.readAt(target, position);
      },
      writeAt: (source, position) => {
        count('write', where);
        real.writeAt(source, position);
      },
      resize: (bytes) => {
        count('truncate', where);
        real.resize(bytes);
      },
      sync: () => {
        count('sync', where);
        real.sync();
      },
      close: () => real.close(),
    };
  };
  return { open, calls: () => calls };
}

it('an observation stream in a file survives a failure at any call of any rewrite', () => {
  const layout = { areas: [{ name: 'a', words: 6 }], regions: [] };
  const metadata = { tool: 't', kernel: 0, layout, backend: { name: 'b' } };
  const counts = {
    deviceEpoch: 0,
    done: 2,
    faulted: 0,
    pending: 0,
    faultDigest: [0, 0],
    recordsDigest: [0, 0],
  } as const;
  for (let failingCall = 1; ; failingCall++) {
    fs.rmSync(file, { force: true });
    const { open, calls } = failingOpener(failingCall);
    let created = false;
    let confirmed = 0;
    try {
      const storage = ReplaceableFileStorage.open(file, 'create', open);
      const writer = ObservationWriter.create(storage, metadata, new Uint32Array(6), { maxDeadBytes: 300 });
      created = true;
      for (let ordinal = 0; ordinal < 40; ordinal++) {
        const words = new Uint32Array(6).fill(ordinal + 1);
        writer.appendEpoch({ ...counts, ordinal, firstRecord: 1 + 2 * ordinal, recordCount: 2, words });
        confirmed = ordinal + 1;
        writer.dropBefore(2 * ordinal);
      }
      writer.close();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
    if (created) {
      const stored = FileStorage.open(file, 'read');
      const reader = ObservationReader.open(stored);
      expect(reader.findings).toEqual([]);
      expect(reader.overwrittenEpochs + reader.epochCount).toBe(confirmed);
      for (let index = 0; index < reader.epochCount; index++) {
        expect(reader.wordsAfter(index)).toEqual(new Uint32Array(6).fill(reader.epoch(index).ordinal + 1));
      }
      stored.close();
    }
    if (calls() < failingCall) {
      expect(confirmed).toBe(40);
      break;
    }
  }
});
