/** The scripts around the command line: running TypeScript, and the fuzzer through it. */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './files.ts';

function run(...args: string[]): { exitCode: number | null; out: string; err: string } {
  const script = path.join(ROOT, 'scripts/run-typescript.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', cwd: ROOT });
  return { exitCode: status, out: stdout, err: stderr };
}

test('the fuzzer runs every target, and says nothing but what came of it', () => {
  const { exitCode, out, err } = run('fuzz/main.ts', '--inputs', '400', '--seed', '5');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  expect(out).toMatch(/^fuzz: \d+ targets, \d+ inputs each, seed 5\n/);
  for (const target of ['command-line', 'flight-journal', 'flight-log', 'flight-readers', 'log-reader']) {
    expect(out).toMatch(new RegExp(`^${target} .* inputs, .*: nothing found$`, 'm'));
  }
});

test('arguments and the exit code are passed on', () => {
  const { exitCode, err } = run('fuzz/main.ts', '--target', 'nowhere');
  expect({ exitCode, err }).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('no target "nowhere". Fix: use'),
  });
});

test('without an entry it says so', () => {
  expect(run()).toMatchObject({ exitCode: 2, err: expect.stringContaining('Fix: name one') });
});
