import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { miniCommand } from '../backend/mini-runner.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { ROOT, temporaryFolder } from './files.ts';

const folder = temporaryFolder();
/** What `node scripts/install-debian.js` installs where that can be done. */
const COMPILER = ['/usr/bin/cc', '/usr/bin/gcc'].find((each) => existsSync(each));

interface Checked {
  readonly conforms: boolean;
  readonly checks: readonly { readonly name: string; readonly result: string; readonly detail: string }[];
}

function exec(words: readonly string[]): string {
  return `exec:${words.map((word) => `"${word}"`).join(' ')}`;
}

async function check(backend: string, deadlineMs = 5_000): Promise<Checked & { exitCode: number }> {
  const options = ['--json', '--deadline-ms', String(deadlineMs)];
  const { exitCode, json } = await vrrlJson(['backend-check', backend, ...options]);
  return { exitCode, ...(json as Checked) };
}

function failedChecks({ checks }: Checked): string[] {
  return checks.filter(({ result }) => result === 'fail').map(({ name }) => name);
}

describe('backend-check', () => {
  test.each(['reference', 'threads', exec(miniCommand())])('%s conforms', async (backend) => {
    const checked = await check(backend);
    expect(failedChecks(checked), JSON.stringify(checked.checks)).toEqual([]);
    expect(checked).toMatchObject({ exitCode: 0, conforms: true });
  });

  test('compares a runner of our kernels with the reference', async () => {
    const runner = path.join(ROOT, 'test/backend/runners/reference-runner.mjs');
    const sound = await check(exec([process.execPath, runner]));
    expect(failedChecks(sound)).toEqual([]);
    expect(sound.checks.map(({ name }) => name)).toContain('reference');
    const wrong = await check(exec([process.execPath, runner, 'off-by-one']));
    expect(failedChecks(wrong)).toEqual(['reference']);
    expect(wrong.exitCode).toBe(1);
  });

  const served = (...words: string[]) => {
    return exec([process.execPath, path.join(ROOT, 'test/backend/runners/served-runner.mjs'), ...words]);
  };

  test('a backend behind our own server conforms, and so does its replaying of programs', async () => {
    const resultOf = ({ checks }: Checked, check: string) => checks.find(({ name }) => name === check)?.result;
    for (const [kind, result] of [
      ['plain', 'skip'],
      ['programs', 'pass'],
    ]) {
      const checked = await check(served(kind));
      expect(failedChecks(checked), JSON.stringify(checked.checks)).toEqual([]);
      for (const name of ['programs', 'program-frames']) expect(resultOf(checked, name)).toBe(result);
      expect(resultOf(checked, 'reference')).toBe('pass');
    }
  });

  test.each([
    ['declines', []],
    ['other-words', ['programs']],
    ['all-the-same', ['programs']],
    ['takes-any-segment', ['program-frames']],
    ['replays-nothing', ['program-frames']],
  ])('a runner whose programs are wrong (%s) fails where it should', async (fault, names) => {
    const checked = await check(served('programs', fault));
    expect(failedChecks(checked), JSON.stringify(checked.checks)).toEqual(names);
  });

  test.each([
    ['dirty-start', ['start']],
    ['forgets-a-slot', ['start', 'accounting', 'restore', 'epochs', 'full-ring']],
    ['counts-observations', ['observe', 'restore', 'refusal']],
    ['forgetful', ['restore']],
    ['half-refuses', ['refusal']],
    ['takes-all', ['refusal']],
    ['one-frame-a-read', ['order']],
    ['mute', ['unknown-request']],
    ['patient', ['long-frame']],
    ['odd-status', ['stop']],
    ['deaf-on-stop', ['stop', 'closed-input']],
    ['no-layout', ['handshake']],
  ])('a runner that is wrong (%s) fails where it should', async (fault, names) => {
    const checked = await check(exec(miniCommand(fault)), 700);
    const failed = failedChecks(checked);
    expect(failed, JSON.stringify(checked.checks)).toEqual(expect.arrayContaining([names[0]]));
    expect(
      failed.filter((name) => !names.includes(name)),
      JSON.stringify(checked.checks),
    ).toEqual([]);
    expect(checked).toMatchObject({ exitCode: 1, conforms: false });
  });

  test('prints a line a check', async () => {
    const { exitCode, out } = await vrrl(['backend-check', exec(miniCommand('no-restore'))]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^pass {2}handshake +mini: 8 slots, runs what is its own$/m);
    expect(out).toMatch(/^skip {2}restore +it cannot restore/m);
    expect(out).toMatch(/ conforms\n$/);
  });

  test.each([
    ['exec:/nowhere/at/all', 'it cannot be started'],
    [exec(miniCommand('unavailable')), 'something is the matter'],
    [exec(miniCommand('other-version')), 'speaks version 2'],
  ])('%s: there is nothing to check', async (backend, message) => {
    const { exitCode, out, err } = await vrrl(['backend-check', backend]);
    expect({ exitCode, out, err }).toMatchObject({ exitCode: 4, out: '', err: expect.stringContaining(message) });
  });

  test.each(['exec:', 'exec:"open', 'exec:""', 'nonsense'])('%s is refused', async (backend) => {
    expect((await vrrl(['backend-check', backend])).exitCode).toBe(2);
  });
});

describe('exec:', () => {
  test('records and replays on a runner', async () => {
    const slots = folder.write(
      'slots.jsonl',
      '{"opcode":1,"args":[0,5]}\n{"opcode":1,"args":[1,7]}\n{"end":"batch"}\n'.repeat(3),
    );
    const log = folder.at('mini.vrrl');
    const backend = ['--backend', exec(miniCommand())];
    expect(await vrrl(['record', log, '--quiet', '--slots', slots, ...backend])).toMatchObject({ exitCode: 0 });
    for (const mode of ['chained', 'isolated']) {
      const replayed = await vrrl(['replay', log, ...backend, '--mode', mode, '--replicas', '5']);
      expect(replayed).toMatchObject({ exitCode: 0, out: expect.stringContaining('3 of 3 epochs') });
    }
    const crashed = await vrrl(['replay', log, '--backend', exec(miniCommand('exit'))]);
    expect(crashed.exitCode).toBe(4);
    expect(crashed.out + crashed.err).toContain('out of ideas');
  });

  test.skipIf(COMPILER === undefined)('runs the example in C, which conforms', async () => {
    const program = folder.at('c-bank');
    const source = path.join(ROOT, 'examples/c-runner/runner.c');
    const warnings = ['-Wall', '-Wextra', '-Werror', '-pedantic'];
    const compiled = spawnSync(COMPILER!, ['-std=c99', '-O1', ...warnings, '-o', program, source], {
      encoding: 'utf8',
    });
    expect(compiled.stderr).toBe('');
    const checked = await check(`exec:${program}`);
    expect(failedChecks(checked), JSON.stringify(checked.checks)).toEqual([]);
    const log = folder.at('bank.vrrl');
    const options = ['--backend', `exec:${program}`];
    const jobs = path.join(ROOT, 'examples/c-runner/jobs.jsonl');
    expect(await vrrl(['record', log, '--quiet', '--slots', jobs, ...options])).toMatchObject({ exitCode: 0 });
    const { exitCode, json } = await vrrlJson(['replay', log, ...options, '--mode', 'isolated', '--json']);
    expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { verdict: 'agree' } });
  });
});
