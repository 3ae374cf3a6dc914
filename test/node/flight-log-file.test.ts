import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileCalls, systemCalls } from '../../node/file-calls.ts';
import { LockedError } from '../../node/file-lock.ts';
import type { FileAccess } from '../../node/file-medium.ts';
import { FileStorage } from '../../node/file-storage.ts';
import { createFlightLogFile, openFlightLogFile } from '../../node/flight-log-file.ts';
import { type FlightEntry, type FlightLogOptions, type FlightScan, scanFlightLog } from '../../src/log-v2/index.ts';
import { StorageError } from '../../src/storage/index.ts';
import { TracedCalls, withoutKoffi } from './traced-calls.ts';

const APPENDER = fileURLToPath(new URL('log-appender.mjs', import.meta.url));
const OPTIONS: FlightLogOptions = { capacity: 64, metadata: { tool: 'test' }, fileId: [1, 2, 3, 4] };
const ACCESSES: readonly FileAccess[] = ['mapped', 'plain'];

let folder = '';
let file = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-flight-'));
  file = path.join(folder, 'run.vrrl');
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  fs.rmSync(folder, { recursive: true });
});

function makeEntry(number: number): FlightEntry {
  return {
    timestampNs: BigInt(number),
    slotIndex: number % 7,
    tenantId: 1,
    opcode: 2,
    args: [number, ~number >>> 0],
    epoch: 3,
  };
}

function scanFile(): FlightScan {
  const storage = FileStorage.open(file, 'read');
  try {
    return scanFlightLog(storage);
  } finally {
    storage.close();
  }
}

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Numbers of the records that the file proves, and that each holds what was appended under its number. */
function provenNumbers(): number[] {
  const { columns } = scanFile();
  return Array.from({ length: columns.length }, (_, index) => {
    const { sequence, args, timestampNs } = columns.fullRecord(index);
    expect([args[0], args[1], timestampNs]).toEqual([sequence, ~sequence >>> 0, BigInt(sequence)]);
    return sequence;
  });
}

describe.each(ACCESSES)('a v2 log in a file, %s', (access) => {
  const create = (calls?: FileCalls, options = OPTIONS) =>
    createFlightLogFile(file, options, calls === undefined ? { access } : { access, calls });
  const open = (calls?: FileCalls) => openFlightLogFile(file, {}, calls === undefined ? { access } : { access, calls });

  it('keeps what was appended, over closing and opening, and a second writer out', () => {
    const { log, medium } = create();
    expect([medium.mapping !== undefined, medium.lockKind]).toEqual([access === 'mapped', 'flock']);
    for (let number = 1; number <= 40; number += 1) log.append(makeEntry(number));
    expect(() => open()).toThrow(LockedError);
    log.close();
    const again = open();
    expect(again.log.recovered).toEqual([]);
    for (let number = 41; number <= 100; number += 1) again.log.append(makeEntry(number));
    again.log.close();
    expect(provenNumbers()).toEqual(Array.from({ length: 64 }, (_, index) => 37 + index));
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('is not there if its options cannot be used', () => {
    expect(() => create(undefined, { ...OPTIONS, firstSequence: -1 })).toThrow('first sequence');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('leaves a file that is no log as it is, and lets go of it', () => {
    fs.writeFileSync(file, 'no log'.repeat(10_000));
    const before = fs.readFileSync(file);
    for (let round = 0; round < 2; round += 1) expect(() => open()).toThrow(/Fix: /);
    expect(fs.readFileSync(file).equals(before)).toBe(true);
    expect(fs.readdirSync(folder)).toEqual(['run.vrrl']);
  });

  it('is opened when it was cut short, with zeros for the rest', () => {
    const { log } = create();
    for (let number = 1; number <= 64; number += 1) log.append(makeEntry(number));
    log.close();
    const bytes = fs.statSync(file).size;
    fs.truncateSync(file, bytes - 4096 - 10 * 128);
    const again = open();
    expect(fs.statSync(file).size).toBe(bytes);
    for (let number = 65; number <= 70; number += 1) again.log.append(makeEntry(number));
    again.log.close();
    expect(provenNumbers()).toEqual([
      ...Array.from({ length: 48 }, (_, index) => 7 + index),
      ...[65, 66, 67, 68, 69, 70],
    ]);
  });

  it('has every append that returned when its writer is killed at any moment', async () => {
    create().log.close();
    for (let round = 0, last = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, [APPENDER, file, access], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const lines = createInterface({ input: child.stdout! });
      const said: number[] = [];
      const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
      lines.on('line', (line) => {
        said.push(Number(line));
        if (said.length === 100 + 53 * round) child.kill('SIGKILL');
      });
      await ended;
      expect(said[0]).toBe(last + 1);
      const proven = provenNumbers();
      const newest = said[said.length - 1];
      // One more may be whole that nobody was told of.
      expect([newest, newest + 1]).toContain(proven[proven.length - 1]);
      expect(proven).toEqual(expect.arrayContaining(Array.from({ length: 63 }, (_, index) => newest - index)));
      last = scanFile().newestSequence;
    }
  });

  it('takes nothing more once a sync has failed, though the next one would not', () => {
    const { log } = create();
    log.append(makeEntry(1));
    log.close();
    const traced = new TracedCalls();
    let fails = false;
    const syncData: FileCalls['syncData'] = (descriptor) => {
      if (fails) throw Object.assign(new Error('EIO: made up'), { code: 'EIO' });
      traced.calls.syncData(descriptor);
    };
    const { log: again, medium } = open({ ...traced.calls, syncData });
    again.append(makeEntry(2));
    fails = true;
    const first = errorOf(() => again.sync());
    expect(first).toBeInstanceOf(StorageError);
    expect((first as Error).message).toMatch(/^sync on `.*run\.vrrl` failed: EIO.*Fix: /);
    fails = false;
    expect(errorOf(() => again.append(makeEntry(3)))).toBe(first);
    expect(errorOf(() => again.sync())).toBe(first);
    expect(errorOf(() => medium.sync())).toBe(first);
    again.close();
    expect(provenNumbers()).toEqual([1, 2]);
    open().log.close();
  });

  it.each(['once', 'forever'] as const)(
    'believes nothing that was not appended when a call fails %s, whichever',
    (mode) => {
      const run = (calls: FileCalls): { readonly returned: number; readonly tried: number } => {
        let [returned, tried] = [0, 0];
        let opened: ReturnType<typeof open> | undefined;
        try {
          opened = open(calls);
          returned = opened.log.nextSequence - 1;
          for (tried = returned + 1; tried <= 12; tried += 1) {
            opened.log.append(makeEntry(tried));
            returned = tried;
            if (tried % 5 === 0) opened.log.sync();
          }
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
        }
        try {
          opened?.log.close();
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
        }
        return { returned, tried };
      };
      const startAnew = (): void => {
        fs.rmSync(file, { force: true });
        const { log } = create();
        for (let number = 1; number <= 3; number += 1) log.append(makeEntry(number));
        log.close();
      };
      startAnew();
      const clean = new TracedCalls();
      expect(run(clean.calls).returned).toBe(12);
      for (let at = 0; at < clean.made.length; at += 1) {
        startAnew();
        // A lock that cannot be given back stays with the mapping until that is collected; Linux always takes it back.
        if (clean.made[at] === 'unlock') continue;
        const traced = new TracedCalls({ at, mode, code: mode === 'once' ? 'EIO' : 'ENOSPC' });
        const { returned, tried } = run(traced.calls);
        expect(traced.openDescriptors.size, `descriptors after call ${at}, ${traced.failed}`).toBe(0);
        const proven = provenNumbers();
        const expected = Array.from({ length: Math.max(3, returned) }, (_, index) => index + 1);
        expect(proven.slice(0, expected.length), `after call ${at}, ${traced.failed}`).toEqual(expected);
        expect(proven.length, `after call ${at}, ${traced.failed}`).toBeLessThanOrEqual(Math.max(3, tried));
        // Whatever happened, the next writer goes on.
        const { log } = open();
        const next = log.nextSequence;
        expect(next).toBe(proven.length + 1);
        log.append(makeEntry(next));
        log.close();
        expect(provenNumbers()).toContain(next);
      }
    },
  );

  it('takes records whose writes come back short or interrupted', () => {
    const { log } = create();
    log.close();
    let turn = 0;
    const write: FileCalls['write'] = (descriptor, source, offset, length, position) => {
      turn += 1;
      if (turn % 3 === 0) throw Object.assign(new Error('EINTR'), { code: 'EINTR' });
      return systemCalls.write(descriptor, source, offset, Math.min(length, 50), position);
    };
    const again = open({ ...systemCalls, write });
    for (let number = 1; number <= 80; number += 1) again.log.append(makeEntry(number));
    again.log.close();
    expect(provenNumbers()).toEqual(Array.from({ length: 64 }, (_, index) => 17 + index));
  });
});

it('is the same to the byte, mapped and by plain writes, whatever is done to it', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('append'), count: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('appendMany'), count: fc.integer({ min: 1, max: 200 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('sync'), count: fc.constant(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen'), count: fc.constant(1) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 100 }), (steps, capacity) => {
      const [mapped, plain] = ACCESSES.map((access) => {
        fs.rmSync(file, { force: true });
        let { log } = createFlightLogFile(file, { ...OPTIONS, capacity }, { access });
        for (const { kind, count } of steps) {
          const entries = Array.from({ length: count }, (_, index) => makeEntry(log.nextSequence + index));
          if (kind === 'append') for (const entry of entries) log.append(entry);
          else if (kind === 'appendMany') log.appendMany(entries);
          else if (kind === 'sync') log.sync();
          else {
            log.close();
            log = openFlightLogFile(file, {}, { access }).log;
          }
        }
        log.close();
        return fs.readFileSync(file);
      });
      expect(mapped.equals(plain)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

describe('the choice of access', () => {
  it('is a mapping, or plain writes with the reason why', () => {
    const { log, medium } = createFlightLogFile(file, OPTIONS);
    expect([medium.mapping?.words.length, medium.unmappedReason]).toEqual([fs.statSync(file).size / 4, undefined]);
    log.close();
    const without = openFlightLogFile(file, {}, { calls: withoutKoffi() });
    expect([without.medium.mapping, without.medium.unmappedReason]).toEqual([undefined, 'left out by the test']);
    without.log.close();
    const map = () => {
      throw Object.assign(new Error('ENODEV: made up'), { code: 'ENODEV' });
    };
    const unmappable = openFlightLogFile(file, {}, { calls: { ...systemCalls, map } });
    expect(unmappable.medium.unmappedReason).toBe(`map on \`${file}\` failed: ENODEV: made up`);
    unmappable.log.close();
    const demand = () => openFlightLogFile(file, {}, { access: 'mapped', calls: { ...systemCalls, map } });
    expect(demand).toThrow(/^map on `.*` failed: ENODEV: made up\. Fix: put it on another file system/);
    expect(() => openFlightLogFile(file, {}, { access: 'mapped', calls: withoutKoffi() })).toThrow('ENOSYS: left out');
    const plain = openFlightLogFile(file, {}, { access: 'plain' });
    expect(plain.medium.unmappedReason).toBe('plain writes were asked for');
    plain.log.close();
  });

  it('gives a mapping that refuses what is beyond its end', () => {
    const { log, medium } = createFlightLogFile(file, OPTIONS);
    const size = medium.size();
    expect(() => medium.writeAt(new Uint8Array(8), size - 4)).toThrow(/^write on `.*` failed: EFBIG.*Fix: /);
    expect(() => medium.resize(size - 4096)).toThrow(/^truncate on `.*` failed: EBUSY.*Fix: /);
    log.close();
    expect(fs.statSync(file).size).toBe(size);
  });
});

describe('a disk that is full', () => {
  it.for(ACCESSES)('is noticed when a log is made, and never by an append, %s', (access, context) => {
    const mount = path.join(folder, 'small');
    fs.mkdirSync(mount);
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]).status === 0;
    if (!isMounted) context.skip('needs to be allowed to mount a file system');
    try {
      file = path.join(mount, 'run.vrrl');
      const tooLarge = () => createFlightLogFile(file, { ...OPTIONS, capacity: 4_096 }, { access });
      expect(tooLarge).toThrow(/^allocate on `.*` failed: ENOSPC.*Fix: free some disk space/);
      expect(fs.readdirSync(mount)).toEqual([]);
      const { log } = createFlightLogFile(file, { ...OPTIONS, capacity: 256 }, { access });
      expect(() => fs.writeFileSync(path.join(mount, 'filler'), Buffer.alloc(262_144))).toThrow('ENOSPC');
      for (let number = 1; number <= 600; number += 1) log.append(makeEntry(number));
      log.sync();
      log.close();
      const { log: again } = openFlightLogFile(file, {}, { access });
      again.append(makeEntry(601));
      again.close();
      expect(provenNumbers()).toEqual(Array.from({ length: 256 }, (_, index) => 346 + index));
    } finally {
      // A mapping that was not collected yet may still be there.
      spawnSync('umount', ['--lazy', mount]);
    }
  });
});
