import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
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

/** The same on worker threads: with so much between its steps that two of them always meet. */
function slowKernel(): Kernel {
  const add = opcode('ADD', ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word, 'before');
    $.loop({ below: 4_000, atMost: 4_000 }, () => {
      $.load('control', word);
    });
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'slow', slotCount: 16, opcodes: [add] });
}

/** As a user runs it, in a folder where the package is installed. */
function runTest(file: string): { readonly status: number | null; readonly output: string } {
  // Within a test, node would report to the runner around it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', file], { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

beforeAll(() => {
  fs.mkdirSync(folder.at('node_modules'));
  fs.symlinkSync(ROOT, folder.at('node_modules/vrrl'), 'dir');
});

test('the test beside a reproducer fails while the kernel is wrong, and passes once it is right', async () => {
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

let attempts = 0;
// Whether lanes meet in so many runs is luck, which a machine with other work has less of.
test('one of a race on threads shows it there again', { retry: 2 }, async () => {
  attempts += 1;
  const slots = Array.from({ length: 4 }, (_, slot) => ({ opcode: ADD, args: [1, slot < 2 ? 190 : 200 + slot] }));
  const log = folder.at(`slow-${attempts}.vrrl`);
  await makeRecording(log, slowKernel(), [slots]);
  const output = folder.at(`on-threads-${attempts}.vrrl`);
  const argv = ['reduce', log, '-o', output, '--no-explorer', '-q', '--backend', 'threads'];
  expect((await vrrl(argv)).exitCode).toBe(0);
  const { status, output: said } = runTest(folder.at(`on-threads-${attempts}.test.mjs`));
  expect(said).toContain('word in the observables');
  expect(status).toBe(1);
});

test('one of a command asks the command', async () => {
  const slots = Array.from({ length: 4 }, (_, slot) => ({ opcode: ADD, args: [slot, 200 + slot] }));
  await makeRecording(folder.at('judged.vrrl'), kernelOf(false), [slots]);
  const judge = folder.write(
    'judge.mjs',
    `import { readFileSync } from 'node:fs';
const bytes = readFileSync(process.argv[2]);
process.exit(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).includes(${ADD}) ? 1 : 0);
`,
  );
  const command = `${process.execPath} ${judge} {}`;
  const output = folder.at('by-command.vrrl');
  const argv = ['reduce', folder.at('judged.vrrl'), '-o', output, '-q', '--test', command, '--rate', '1'];
  expect((await vrrl(argv)).exitCode).toBe(0);
  expect(runTest(folder.at('by-command.test.mjs'))).toMatchObject({ status: 1 });
  folder.write('judge.mjs', '');
  expect(runTest(folder.at('by-command.test.mjs'))).toMatchObject({ status: 0 });
});
