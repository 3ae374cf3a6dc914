import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileCalls, systemCalls } from '../../node/file-calls.ts';
import { isStale, LOCK_NOTE_SUFFIX, LockedError, type LockHolder, type LockKind } from '../../node/file-lock.ts';
import { LockedFile } from '../../node/locked-file.ts';
import { livenessOf, machineBootId, ownIdentity, type ProcessIdentity } from '../../node/process-identity.ts';
import { withoutKoffi } from './traced-calls.ts';

const HOLDER = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));
const NOTE_ONLY: FileCalls = withoutKoffi();
const callsOf = (kind: LockKind): FileCalls => (kind === 'flock' ? systemCalls : NOTE_ONLY);
const BOTH: readonly LockKind[] = ['flock', 'note'];
const PAIRS: readonly (readonly [LockKind, LockKind])[] = BOTH.flatMap((one) =>
  BOTH.map((other) => [one, other] as const),
);

let folder = '';
let file = '';
let note = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-lock-'));
  file = path.join(folder, 'run.vrrl');
  note = file + LOCK_NOTE_SUFFIX;
  LockedFile.create(file, 8192, (made) => made).close();
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  fs.rmSync(folder, { recursive: true });
});

/** Starts a process that opens the file, and waits for what came of it. */
async function startHolder(kind: LockKind): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [HOLDER, file, kind], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout! });
  const [said] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  return { child, said: String(said) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function refusalOf(kind: LockKind): LockedError {
  try {
    LockedFile.open(file, callsOf(kind)).close();
  } catch (error) {
    if (error instanceof LockedError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe.each(PAIRS)('a writer with %s, and a second one with %s', (first, second) => {
  it('refuses the second, and says who the first is and since when', async () => {
    const before = new Date().toISOString();
    const { child, said } = await startHolder(first);
    expect(said).toBe('held');
    const refusal = refusalOf(second);
    expect(refusal.code).toBe('VRRL_LOCKED');
    expect(refusal.holder).toMatchObject({ pid: child.pid, kind: first });
    expect(refusal.holder!.since >= before && refusal.holder!.since <= new Date().toISOString()).toBe(true);
    expect(refusal.message).toContain(`\`${file}\` is being written by process ${child.pid}, since 20`);
    expect(refusal.message).toContain('Fix: ');
  });

  it('lets the second in at once when the first is killed', async () => {
    const { child } = await startHolder(first);
    await kill(child);
    expect(fs.existsSync(note)).toBe(true);
    LockedFile.open(file, callsOf(second)).close();
    expect(fs.existsSync(note)).toBe(false);
  });

  it('lets the second in when the first closes', async () => {
    const { child } = await startHolder(first);
    const exited = once(child, 'exit');
    child.stdin!.end();
    await exited;
    expect(fs.existsSync(note)).toBe(false);
    LockedFile.open(file, callsOf(second)).close();
  });
});

describe('the lock', () => {
  it('keeps another process out while this one has it, mapped or not', async () => {
    const opened = LockedFile.open(file);
    expect((await startHolder('flock')).said).toContain(
      `VRRL_LOCKED \`${file}\` is being written by process ${process.pid}`,
    );
    const mapping = new Uint8Array(opened.file.map(8192));
    opened.close();
    // The mapping is still there, and keeps nobody out.
    expect((await startHolder('flock')).said).toBe('held');
    expect(mapping[4096]).toBe(0);
  });

  it('is on the file, whatever it is called', () => {
    const opened = LockedFile.open(file);
    const [linked, symbolic] = [path.join(folder, 'linked.vrrl'), path.join(folder, 'symbolic.vrrl')];
    fs.linkSync(file, linked);
    fs.symlinkSync(file, symbolic);
    expect(() => LockedFile.open(linked)).toThrow(LockedError);
    expect(() => LockedFile.open(symbolic)).toThrow(LockedError);
    expect(() => LockedFile.open(symbolic, NOTE_ONLY)).toThrow(LockedError);
    opened.close();
  });

  it('is there when a file that is made gets its name', async () => {
    const made = LockedFile.create(path.join(folder, 'new.vrrl'), 4096, (fresh) => fresh);
    file = path.join(folder, 'new.vrrl');
    expect((await startHolder('flock')).said).toContain('VRRL_LOCKED');
    expect((await startHolder('note')).said).toContain('VRRL_LOCKED');
    made.close();
  });

  it('is taken without a note where none can be written, and is as good', () => {
    const open: FileCalls['open'] = (each, flags, mode) => {
      if (each.startsWith(note)) throw Object.assign(new Error('ENOSPC: made up'), { code: 'ENOSPC' });
      return systemCalls.open(each, flags, mode);
    };
    const opened = LockedFile.open(file, { ...systemCalls, open });
    expect(refusalOf('flock').holder).toBeUndefined();
    opened.close();
    LockedFile.open(file).close();
    expect(() => LockedFile.open(file, { ...NOTE_ONLY, open })).toThrow(/^open on `.*` failed: ENOSPC.*Fix: /);
  });

  it('is a note where the file system has no locks', () => {
    const lock = () => {
      throw Object.assign(new Error('EOPNOTSUPP'), { code: 'EOPNOTSUPP' });
    };
    const opened = LockedFile.open(file, { ...systemCalls, lock });
    expect(opened.lockKind).toBe('note');
    expect(refusalOf('note').holder?.pid).toBe(process.pid);
    opened.close();
  });

  it('is refused without a name when the note is of somebody who is gone', async () => {
    const { child } = await startHolder('flock');
    const stale = { ...JSON.parse(fs.readFileSync(note, 'utf8')), pid: 2 ** 22 + 1 };
    fs.writeFileSync(note, JSON.stringify(stale));
    expect(refusalOf('flock').message).toContain('is being written by another process.');
    await kill(child);
  });

  it('prints nothing of a note that is not one', () => {
    const opened = LockedFile.open(file);
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      JSON.stringify({ ...ownIdentity(), kind: 'flock', since: '\u001b[2J' }),
    ]) {
      fs.writeFileSync(note, text);
      expect(refusalOf('flock').message).toContain('is being written by another process.');
    }
    opened.close();
    expect(fs.readFileSync(note, 'utf8')).toContain('since');
    LockedFile.open(file).close();
    expect(fs.existsSync(note)).toBe(false);
  });

  it('by note alone is refused by a note that cannot be judged, and says how to go on', () => {
    for (const text of ['', JSON.stringify({ ...ownIdentity(), host: 'elsewhere', since: '2026', kind: 'note' })]) {
      fs.writeFileSync(note, text);
      expect(refusalOf('note').fix).toBe(`if no process writes it any more, remove \`${note}\`.`);
    }
    fs.rmSync(note);
    LockedFile.open(file, NOTE_ONLY).close();
  });

  it('by note alone gives a note back that another process put there in the last moment', async () => {
    const { child } = await startHolder('note');
    await kill(child);
    const fresh = JSON.stringify({ ...ownIdentity(), since: '2026-01-01T00:00:00.000Z', kind: 'note' });
    const rename: FileCalls['rename'] = (from, to) => {
      fs.writeFileSync(note, fresh);
      systemCalls.rename(from, to);
    };
    expect(() => LockedFile.open(file, { ...NOTE_ONLY, rename })).toThrow(`process ${process.pid}`);
    expect(fs.readFileSync(note, 'utf8')).toBe(fresh);
    expect(fs.readdirSync(folder).sort()).toEqual(['run.vrrl', 'run.vrrl.lock']);
  });
});

describe('whether a note is stale', () => {
  const holder = (kind: LockKind): LockHolder => ({ ...ownIdentity(), since: '2026', kind });

  it.each([
    // [whose note, who asks, what became of the process, stale]
    ['flock', 'flock', 'alive', true],
    ['flock', 'flock', 'unknown', true],
    ['flock', 'flock', 'dead', true],
    ['flock', 'note', 'alive', false],
    ['flock', 'note', 'unknown', false],
    ['flock', 'note', 'dead', true],
    ['note', 'flock', 'alive', false],
    ['note', 'flock', 'unknown', false],
    ['note', 'flock', 'dead', true],
    ['note', 'note', 'alive', false],
    ['note', 'note', 'unknown', false],
    ['note', 'note', 'dead', true],
  ] as const)('of a writer with %s, asked with %s, whose process is %s: %s', (whose, own, liveness, stale) => {
    expect(isStale(holder(whose), own, () => liveness)).toBe(stale);
  });

  it('that cannot be read: to whoever has the kernel’s lock', () => {
    expect(isStale(undefined, 'flock', () => 'unknown')).toBe(true);
    expect(isStale(undefined, 'note', () => 'unknown')).toBe(false);
  });
});

describe('a process by its number', () => {
  const own = ownIdentity();

  it('is told from one that had the number before', () => {
    expect(livenessOf(own)).toBe('alive');
    expect(livenessOf({ ...own, startTicks: '1' })).toBe('dead');
    expect(livenessOf({ ...own, startTicks: undefined })).toBe('alive');
    expect(livenessOf({ ...own, pid: 2 ** 22 + 1 })).toBe('dead');
  });

  it('is gone when the machine was started since, and unknown on other machines and in other containers', () => {
    const other = (change: Partial<ProcessIdentity>) => livenessOf({ ...own, ...change });
    expect(other({ bootId: '0'.repeat(32) })).toBe('dead');
    expect(other({ bootId: undefined })).toBe('unknown');
    expect(other({ host: 'elsewhere' })).toBe('unknown');
    expect(other({ host: 'elsewhere', bootId: '0'.repeat(32) })).toBe('unknown');
    expect(other({ pidNamespace: 'pid:[1]' })).toBe('unknown');
  });

  it('is gone when it was killed and nobody has asked for its end yet', async () => {
    // A shell that goes on as `sleep` never asks what became of its child, which therefore stays a zombie.
    const child = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [pid] = await once(createInterface({ input: child.stdout! }), 'line');
    await expect.poll(() => fs.readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('sleep\n');
    process.kill(Number(pid), 'SIGKILL');
    await expect.poll(() => livenessOf({ ...own, pid: Number(pid), startTicks: undefined })).toBe('dead');
    expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
  });

  it('has a machine whose start has a name of 128 bits', () => {
    expect(machineBootId()).toMatch(/^[0-9a-f]{32}$/);
  });
});
