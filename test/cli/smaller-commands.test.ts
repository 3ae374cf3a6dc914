import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defineKernel, kernelFromJson } from '../../src/kernel/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { goldenLog, temporaryFolder } from './files.ts';
import { countingKernel, kernelModule, makeRecording, soundEpochs } from './recordings.ts';

const folder = temporaryFolder();

describe('kernel', () => {
  test('prints the built-in one, as text and as data that can be read back', async () => {
    const { exitCode, out } = await vrrl(['kernel']);
    expect(exitCode).toBe(0);
    expect(out).toContain('opcode ATOMIC_ADD = 2 (amount, word) atomic');
    const { json } = await vrrlJson(['kernel', '--json']);
    expect(kernelFromJson(json).identity).toBe(defineKernel({ name: 'built-in' }).identity);
  });

  test('prints the one of a module and the one of a recording', async () => {
    const kernel = countingKernel('right');
    const module = folder.write('counting.mjs', kernelModule(kernel));
    expect((await vrrl(['kernel', module])).out).toContain(`identity ${kernel.identity}`);
    const log = await makeRecording(folder.at('run.vrrl'), kernel, soundEpochs(1));
    expect((await vrrl(['kernel', log])).out).toContain(`identity ${kernel.identity}`);
  });

  test('prints one as data that --kernel takes', async () => {
    const log = await makeRecording(folder.at('json.vrrl'), countingKernel('right'), soundEpochs(2));
    const json = folder.write('counting.json', (await vrrl(['kernel', log, '--json'])).out);
    expect((await vrrl(['kernel', json])).out).toBe((await vrrl(['kernel', log])).out);
    const options = ['--kernel', json, '--backend', 'reference', '--json'];
    const { exitCode, json: judgement } = await vrrlJson(['replay', log, ...options]);
    expect({ exitCode, judgement }).toMatchObject({ exitCode: 0, judgement: { kernel: { source: 'given' } } });
  });

  test.each([
    ['JSON that is none', () => folder.write('broken.json', '{"name":'), 'no JSON'],
    ['JSON that is no kernel', () => folder.write('other.json', '{"name":"x"}'), 'tables'],
    ['a JSON file that is not there', () => folder.at('nowhere.json'), 'nowhere.json'],
    ['a log that names none', () => goldenLog('fresh-8x5'), 'does not say'],
    ['a module that is not there', () => folder.at('nowhere.mjs'), 'nowhere.mjs'],
    ['a module without one', () => folder.write('empty.mjs', 'export const x = 1;'), 'no kernel'],
    ['a module with a bad one', () => folder.write('bad.mjs', badKernel()), 'well-formed'],
    [
      'a function that fails',
      () => folder.write('throws.mjs', 'export default () => { throw new Error("oh") };'),
      'oh',
    ],
    ['TypeScript', () => folder.write('kernel.ts', 'export default 1 as number satisfies'), 'kernel.ts'],
    ['a text', () => folder.write('text', 'nothing of the kind'.repeat(9)), 'magic'],
  ])('refuses %s', async (_, path, what) => {
    const { exitCode, err } = await vrrl(['kernel', path()]);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining(what) });
  });

  const badKernel = () => kernelModule({ ...countingKernel('right'), slotCount: 0 });
});

describe('complete', () => {
  test.each(['bash', 'zsh', 'fish', 'powershell'])('%s: prints a script', async (shell) => {
    const { exitCode, out, err } = await vrrl(['complete', shell]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('vrrl');
    if (shell === 'bash') expect(out).toContain('complete -o bashdefault -o default -F __vrrl_complete vrrl');
  });

  test.each([
    [['re'], /^record\t.*\nrecover\t.*\nreplay\t.*\nreport\t.*\nreduce\t.*\n:4\n$/],
    [['replay', '--mode', ''], /^chained\t\nisolated\t\n:4\n$/],
    [['dump', '--'], /^--json\t[^\n]*\n(--[^\n]*\n)*:4\n$/],
    // Nothing to offer: the shell completes file names.
    [['dump', ''], /^:0\n$/],
    [['replay', 'run'], /^:0\n$/],
    [['record', 'x', '--input', ''], /^:0\n$/],
  ])('completes %j', async (words, expected) => {
    expect((await vrrl(['complete', '--', ...words])).out).toMatch(expected);
  });

  test('refuses a shell that it does not know', async () => {
    expect((await vrrl(['complete', 'csh'])).exitCode).toBe(2);
    expect((await vrrl(['complete'])).exitCode).toBe(2);
  });
});

describe('demo', () => {
  test('records, replays and judges a sound and a broken kernel', async () => {
    const book = folder.write('book.txt', 'It was the best of times, it was the worst of times. '.repeat(40));
    const folders = ['--folder', folder.at('demo')];
    const { exitCode, out, err } = await vrrl(['demo', book, '--replicas', '3', '--no-gpu', ...folders]);
    // On a machine without a free core no update may get lost; the demo says so, and ends with 3.
    expect([0, 3]).toContain(exitCode);
    expect(err).toBe('');
    expect(out).toContain('GPUs are left aside');
    expect(out).toContain('Replays agree with the recording');
    expect(out).toContain(`npx vrrl info ${folder.at('demo/histogram.vrrl')}`);
    for (const name of ['histogram', 'lost-update']) {
      expect((await vrrl(['verify', folder.at(`demo/${name}.vrrl`)])).exitCode).toBe(0);
    }
    // Again: the demo's own recordings may be replaced.
    expect([0, 3]).toContain((await vrrl(['demo', book, '--replicas', '1', '--no-gpu', ...folders])).exitCode);
  });

  test('a long book is cut short', async () => {
    const book = folder.write('long.txt', 'x'.repeat(60_000));
    const { out } = await vrrl(['demo', book, '--replicas', '1', '--no-gpu', '--folder', folder.at('long')]);
    expect(out).toMatch(/ in 400 epochs/);
    expect(out).toContain('cut short');
  });

  test('refuses what it cannot work on', async () => {
    const options = ['--folder', folder.at('refused')];
    expect((await vrrl(['demo', folder.at('nowhere.txt'), ...options])).err).toContain('nowhere.txt');
    expect(await vrrl(['demo', folder.write('empty.txt', ''), ...options])).toMatchObject({ exitCode: 2 });
    expect(await vrrl(['demo', folder.at(''), ...options])).toMatchObject({ exitCode: 2 });
    expect(fs.existsSync(folder.at('refused'))).toBe(false);
    fs.mkdirSync(folder.at('own'));
    const own = folder.write('own/histogram.vrrl', 'a text');
    expect((await vrrl(['demo', own, '--folder', folder.at('own')])).err).toContain('is the same file. Fix:');
    expect(fs.readFileSync(own, 'utf8')).toBe('a text');
    const inTheWay = folder.write('in-the-way', 'mine');
    expect(await vrrl(['demo', inTheWay, '--folder', inTheWay])).toMatchObject({ exitCode: 2 });
  });
});
