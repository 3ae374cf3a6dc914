import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { vrrl } from './fake-io.ts';
import { ROOT, temporaryFolder } from './files.ts';
import { kernelModule, makeRecording } from './recordings.ts';

const folder = temporaryFolder();
const ADD = 0x4000_0001;

/** Adds in two steps, or in one. */
function kernelOf(isRacy: boolean): Kernel {
  const add = opcode('ADD', ADD, ['amount', 'word'], ($, amount, word) => {
    if (isRacy) $.store('control', word, $.load('control', word, 'before').plus(amount));
    else $.atomicAdd('control', word, amount);
  });
  return defineKernel({ name: 'adds', slotCount: 16, opcodes: [add] });
}

/** As a user runs it, in a folder where the package is installed. */
function runTest(file: string): { readonly status: number | null; readonly output: string } {
  // Within a test, node would report to the runner around it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', file], { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

test('the test beside a reproducer fails while the kernel is wrong, and passes once it is right', async () => {
  fs.mkdirSync(folder.at('node_modules'));
  fs.symlinkSync(ROOT, folder.at('node_modules/vrrl'), 'dir');
  const slots = Array.from({ length: 6 }, (_, slot) => ({ opcode: ADD, args: [1, slot < 2 ? 190 : 200 + slot] }));
  await makeRecording(folder.at('run.vrrl'), kernelOf(true), [slots]);
  const module = folder.write('kernel.mjs', kernelModule(kernelOf(true)));
  const options = ['--explorer', '--kernel', module, '-q'];
  expect((await vrrl(['reduce', folder.at('run.vrrl'), '-o', folder.at('small.vrrl'), ...options])).exitCode).toBe(0);
  const wrong = runTest(folder.at('small.test.mjs'));
  expect(wrong.output).toContain('do not fail');
  expect(wrong).toMatchObject({ status: 1, output: expect.stringContaining('in the observables') });
  folder.write('kernel.mjs', kernelModule(kernelOf(false)));
  expect(runTest(folder.at('small.test.mjs'))).toMatchObject({ status: 0 });
});
