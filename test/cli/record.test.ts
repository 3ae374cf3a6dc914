import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Recorder } from '../../cli/recorder.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, kernelToJson } from '../../src/kernel/index.ts';
import { scanLogBytes } from '../../src/log/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { workloads } from '../../src/workloads/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { additions, ROOT, temporaryFolder } from './files.ts';
import { spinKernel } from './recordings.ts';

/** What the reference writes: two files. */
const RECORDING = { format: 'v1', capacity: 8, mayReplace: true } as const;

const folder = temporaryFolder();
let log = '';
let number = 0;

beforeEach(() => {
  number += 1;
  log = folder.at(`${number}.vrrl`);
});

/** What `info --json` says of the log that a test made. */
async function info(): Promise<Record<string, unknown>> {
  return (await vrrlJson(['info', log, '--json'])).json as Record<string, unknown>;
}

describe('record --workload', () => {
  test.each(workloads.map(({ name }) => name))('%s is recorded and can be replayed', async (name) => {
    const input = folder.write('book.txt', 'There was another one there, and in it another.\n'.repeat(20));
    const backend = ['--backend', 'reference'];
    const recorded = await vrrl(['record', log, '--workload', name, '--input', input, ...backend]);
    expect(recorded).toMatchObject({ exitCode: 0, out: '' });
    expect(recorded.err).toContain(`${log}: `);
    expect(await info()).toMatchObject({ lost: 0, warnings: [], observations: { backend: 'reference', kernel: name } });
    expect(await vrrl(['replay', log, ...backend, '--replicas', '2'])).toMatchObject({ exitCode: 0 });
  });

  test('takes what it works on from standard input', async () => {
    const argv = ['record', log, '--workload', 'histogram', '--input', '-', '--backend', 'reference'];
    const { err } = await vrrl(argv, { input: ['abc', 'abc'] });
    expect(err).toContain('6 bytes counted');
  });

  test('--max-epochs and --slot-count shape it', async () => {
    const input = folder.write('long.txt', 'x'.repeat(1_000));
    const shape = ['--max-epochs', '3', '--slot-count', '11'];
    await vrrl(['record', log, '--workload', 'histogram', '--input', input, '--backend', 'reference', ...shape]);
    expect(await info()).toMatchObject({ records: 33, epochs: { count: 3 }, slotIndexMax: 10 });
  });

  test.each([
    ['an input that is not there', ['--workload', 'histogram', '--input', 'nowhere/x'], 'nowhere/x'],
    ['no input', ['--workload', 'histogram'], '--input'],
    ['a workload that is not there', ['--workload', 'quicksort', '--input', 'x'], 'quicksort'],
    ['a kernel of its own', ['--workload', 'bank', '--input', 'x', '--kernel', 'k.mjs'], '--kernel'],
    ['both sources', ['--workload', 'bank', '--slots', 'x'], 'not both'],
    ['no source', [], 'one of --workload and --slots'],
    ['patterns of nothing', ['--workload', 'dfa', '--patterns', ',', '--input', 'x'], 'patterns'],
  ])('refuses %s', async (_, options, what) => {
    const { exitCode, err } = await vrrl(['record', log, ...options]);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
    expect(fs.existsSync(log)).toBe(false);
  });
});

describe('record --slots', () => {
  test.each([
    ['v2', [5, 170, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['v1', [5, 170, 0, 0]],
  ])('publishes what a program writes, and keeps all of it (%s)', async (format, args) => {
    const lines = [
      '# a comment, and a blank line',
      '',
      '{"opcode":"ATOMIC_ADD","tenant":2,"args":[5,170]}',
      '{"opcode":"PACKED_SLOT","priority":0,"args":[1,2,3,4,5,6]}',
      '{"end":"batch","tag":7}',
      '{"opcode":1,"args":[9,171]}',
    ];
    const options = ['--slots', '-', '--backend', 'reference', '--format', format];
    const { exitCode, err } = await vrrl(['record', log, ...options], {
      input: [lines.join('\n').slice(0, 70), lines.join('\n').slice(70)],
    });
    expect({ exitCode, err }).toMatchObject({ exitCode: 0, err: expect.stringContaining('5 records in 2 epochs') });
    const { out } = await vrrl(['dump', log, '--json']);
    expect(JSON.parse(out.split('\n')[0])).toMatchObject({ slotIndex: 0, tenantId: 2, opcode: 2, args, epoch: 0 });
    expect(await vrrl(['replay', log, '--backend', 'reference'])).toMatchObject({ exitCode: 0 });
  });

  test('a last batch without an end is a batch too, and none is none', async () => {
    await vrrl(['record', log, '--slots', '-', '--backend', 'reference'], { input: [''] });
    expect(await info()).toMatchObject({ records: 0, epochs: { count: 0 } });
    expect((await vrrl(['replay', log])).exitCode).toBe(3);
  });

  test('an epoch of more slots than the ring has, in pieces', async () => {
    const slots = folder.write('many.jsonl', additions(3, 700));
    const options = ['--slot-count', '32', '--backend', 'reference', '--quiet'];
    expect(await vrrl(['record', log, '--slots', slots, ...options])).toMatchObject({ exitCode: 0, out: '', err: '' });
    expect(await info()).toMatchObject({ records: 3 * 701, epochs: { count: 3 } });
    expect(await vrrl(['replay', log, '--replicas', '2'])).toMatchObject({ exitCode: 0 });
  });

  test('--max-epochs ends it', async () => {
    await vrrl(['record', log, '--slots', '-', '--max-epochs', '2', '--backend', 'reference'], {
      input: [additions(5, 3)],
    });
    expect(await info()).toMatchObject({ records: 8, epochs: { count: 2 } });
  });

  test.each([
    ['no JSON', '{"opcode":', 'not JSON'],
    ['neither slot nor end', '{"opcod":1}', 'opcode'],
    ['an opcode nobody has', '{"opcode":"ATOMIC_AD"}', 'did you mean ATOMIC_ADD?'],
    ['a word too large', '{"opcode":2,"args":[4294967296]}', 'args[0]'],
    ['too many arguments', `{"opcode":2,"args":[${'1,'.repeat(12)}1]}`, 'at most 12'],
    ['a member too many', '{"opcode":2,"arg":[1]}', '"arg"'],
  ])('%s is refused with its line; what came before it is recorded', async (_, line, what) => {
    const input = [`${additions(1, 2)}{"opcode":2,"args":[1,170]}\n${line}\n`];
    const { exitCode, err } = await vrrl(['record', log, '--slots', '-', '--backend', 'reference'], { input });
    expect(exitCode).toBe(2);
    expect(err).toContain('line 5 of the slots');
    expect(err).toContain(what);
    expect(err).toContain('4 records in 1 epoch were recorded before this happened');
    expect(await info()).toMatchObject({ records: 4, lost: 0 });
    // The epoch of the last record was never seen to end.
    const { exitCode: verdict, out } = await vrrl(['replay', log, '--backend', 'reference']);
    expect({ verdict, out }).toMatchObject({ verdict: 3, out: expect.stringContaining('1 of 2 epochs agree') });
  });

  test('bytes that are no text are refused with their line', async () => {
    const input = [Uint8Array.of(0x0a, 0xff, 0xfe, 0x0a)];
    const { err } = await vrrl(['record', log, '--slots', '-', '--backend', 'reference'], { input });
    expect(err).toContain('line 2 of the slots: it is not UTF-8');
  });
});

describe('record and what is there already', () => {
  const slots = () => folder.write('slots.jsonl', additions(2, 2));

  test('refuses to overwrite a log, and observations', async () => {
    fs.writeFileSync(log, 'mine');
    const refused = await vrrl(['record', log, '--slots', slots()]);
    expect(refused).toMatchObject({ exitCode: 2, err: expect.stringContaining('--force') });
    expect(fs.readFileSync(log, 'utf8')).toBe('mine');
    fs.renameSync(log, `${log}.obs`);
    expect(await vrrl(['record', log, '--slots', slots()])).toMatchObject({ exitCode: 2 });
    expect(fs.readFileSync(`${log}.obs`, 'utf8')).toBe('mine');
  });

  test('--force replaces both', async () => {
    for (const path of [log, `${log}.obs`]) fs.writeFileSync(path, 'old');
    const options = ['--force', '--backend', 'reference'];
    expect(await vrrl(['record', log, '--slots', slots(), ...options])).toMatchObject({ exitCode: 0 });
    expect((await vrrl(['verify', log])).exitCode).toBe(0);
  });

  test.each([
    ['slots that are not there', () => ['--slots', folder.at('none.jsonl')]],
    ['a folder of slots', () => ['--slots', folder.at('')]],
    ['a backend that is not there', () => ['--slots', slots(), '--backend', 'cuda']],
    ['a kernel that is not there', () => ['--slots', slots(), '--kernel', folder.at('none.mjs')]],
    ['control words that the handlers need', () => ['--slots', slots(), '--control-words', '160']],
    ['sizes that cannot be', () => ['--slots', slots(), '--control-words', '12']],
  ])('--force loses nothing to %s', async (_, options) => {
    fs.writeFileSync(log, 'mine');
    expect(await vrrl(['record', log, '--force', ...options()])).toMatchObject({ exitCode: 2 });
    expect(fs.readFileSync(log, 'utf8')).toBe('mine');
  });

  const failingBackend = (what: string) =>
    folder.write(
      `failing-${number}.mjs`,
      `export default () => ({ name: 'failing', slotCount: 4, layout: { areas: [{ name: 'a', words: 1 }], regions: [] },
         start() { ${what} }, publish() {}, drain() {}, observe() {}, stop() {} });`,
    );

  test.each<[string, number, () => string[]]>([
    [
      'a backend that does not start',
      4,
      () => ['--slots', slots(), '--backend', failingBackend("throw new Error('gone')")],
    ],
    [
      'slots that are wrong from the first line on',
      2,
      () => ['--slots', folder.write('bad.jsonl', '{"opcode":"X"}\n')],
    ],
  ])('with or without an old recording, the folder is as it was after %s', async (_, exitCode, options) => {
    const argv = ['record', log, ...options()];
    const listing = () => fs.readdirSync(folder.at('')).sort();
    const before = listing();
    expect(await vrrl(argv)).toMatchObject({ exitCode });
    expect(listing()).toEqual(before);
    for (const path of [log, `${log}.obs`]) fs.writeFileSync(path, `mine: ${path}`);
    const withOld = listing();
    expect(await vrrl([...argv, '--force'])).toMatchObject({ exitCode });
    expect(listing()).toEqual(withOld);
    for (const path of [log, `${log}.obs`]) expect(fs.readFileSync(path, 'utf8')).toBe(`mine: ${path}`);
  });

  test('what cannot be made leaves the old recording where it was', async () => {
    for (const path of [log, `${log}.obs`]) fs.writeFileSync(path, `mine: ${path}`);
    const kernel = defineKernel({ name: 'small' });
    const backend = new ReferenceBackend(kernel);
    // The header of its observations is too long to be written: the last thing that can go wrong.
    const name = 'x'.repeat(2 ** 26);
    const making = Recorder.create(log, Object.assign(backend, { name }), kernel, RECORDING);
    await expect(making).rejects.toThrow('header of the observation stream');
    for (const path of [log, `${log}.obs`]) expect(fs.readFileSync(path, 'utf8')).toBe(`mine: ${path}`);
    expect(fs.readdirSync(folder.at('')).filter((each) => each.includes('replaced'))).toEqual([]);
  });

  test('both files are there, and only they, before the first slot is published', async () => {
    for (const path of [log, `${log}.obs`]) fs.writeFileSync(path, 'old');
    const kernel = defineKernel({ name: 'small' });
    const backend = new ReferenceBackend(kernel);
    const recorder = await Recorder.create(log, backend, kernel, RECORDING);
    expect(scanLogBytes(fs.readFileSync(log)).columns).toHaveLength(0);
    await recorder.session.publish([{ opcode: Opcode.NOP }]);
    // Not closed, as if the process had been killed here.
    expect(scanLogBytes(fs.readFileSync(log)).columns).toHaveLength(1);
    expect(fs.readdirSync(folder.at('')).filter((each) => each.startsWith(path.basename(log)))).toHaveLength(2);
    recorder.close();
    await backend.stop();
  });

  test.each<[string, (file: string) => { source: string; log: string }]>([
    ['the log', (file) => ({ source: file, log: file })],
    ['the log, by another spelling', (file) => ({ source: `${folder.at('')}/./${path.basename(file)}`, log: file })],
    ['the log, through a link', (file) => ({ source: linkTo(file, fs.symlinkSync), log: file })],
    ['the log, under a second name', (file) => ({ source: linkTo(file, fs.linkSync), log: file })],
    ['the observations', (file) => ({ source: file, log: file.replace(/\.obs$/, '') })],
  ])('refuses to replace what it is to read: %s', async (_, namesOf) => {
    const file = folder.write(`source-${number}.vrrl.obs`, additions(1, 2));
    const { source, log: target } = namesOf(file);
    for (const options of [
      ['--slots', source],
      ['--workload', 'histogram', '--input', source],
      ['--slots', slots(), '--kernel', source],
    ]) {
      const { exitCode, err } = await vrrl(['record', target, '--force', ...options]);
      expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining('is the same file. Fix:') });
      expect(fs.readFileSync(file, 'utf8')).toBe(additions(1, 2));
    }
  });

  const linkTo = (file: string, link: (target: string, path: string) => void) => {
    link(file, `${file}.link`);
    return `${file}.link`;
  };

  test('a folder that is not there, and one in place of the log, are refused with the path', async () => {
    const missing = folder.at('nowhere/run.vrrl');
    expect((await vrrl(['record', missing, '--slots', slots()])).err).toContain(missing);
    fs.mkdirSync(log);
    expect((await vrrl(['record', log, '--slots', slots(), '--force'])).err).toContain(log);
  });

  test('a log that wraps keeps the newest and says so', async () => {
    const options = ['--capacity', '5', '--backend', 'reference'];
    const { err } = await vrrl(['record', log, '--slots', slots(), ...options]);
    expect(err).toContain('the log keeps the last 5 records');
    expect(err).not.toContain('warning');
    expect(await info()).toMatchObject({ capacity: 5, records: 5 });
  });

  test('a log that keeps less than an epoch is warned of, once', async () => {
    const { exitCode, err } = await vrrl(['record', log, '--slots', slots(), '--capacity', '2', '--quiet']);
    expect(exitCode).toBe(0);
    expect(err).toBe(
      'vrrl: warning: an epoch of 3 records is more than the log keeps (2), and cannot be replayed. ' +
        'Fix: record again with --capacity 3 or more.\n',
    );
  });

  test('slots that fault are warned of with their number and the first one', async () => {
    const kernel = folder.write('give-up.json', JSON.stringify(kernelToJson(spinKernel())));
    const lines = '{"opcode":"SPIN"}\n{"opcode":"GIVE_UP"}\n{"opcode":"GIVE_UP"}\n';
    const argv = ['record', log, '--slots', '-', '--kernel', kernel, '--backend', 'reference', '--quiet'];
    const { exitCode, err } = await vrrl(argv, { input: [lines] });
    expect(exitCode).toBe(0);
    expect(err).toMatch(
      /^vrrl: warning: 2 slots faulted, first slot 1 in epoch 0: .*\. Fix: vrrl replay .* lists them/,
    );
  });
});

describe('record on a backend of a module', () => {
  const backend = `${ROOT}/examples/stack-machine-backend.mjs`;
  const jobs = `${ROOT}/examples/stack-machine-jobs.jsonl`;

  test('needs no kernel', async () => {
    expect(await vrrl(['record', log, '--slots', jobs, '--backend', backend])).toMatchObject({ exitCode: 0 });
    expect(await info()).toMatchObject({ observations: { backend: 'stack-machine', kernel: 'unknown' } });
    expect((await vrrl(['replay', log, '--backend', backend])).exitCode).toBe(0);
    expect(await vrrl(['replay', log])).toMatchObject({ exitCode: 2, err: expect.stringContaining('--backend FILE') });
  });

  /** A backend that does nothing right, with one method replaced. */
  const broken = (method: string) => `
    const nothing = { done: 1, pending: [], faults: [] };
    export default () => ({
      name: 'broken', slotCount: 4, layout: { areas: [{ name: 'a', words: 4 }], regions: [] },
      start() {}, publish() {}, drain: () => nothing, observe() {}, stop() {}, ${method},
    });`;

  test.each([
    ['start', "start() { throw new Error('no device') }", 'no device'],
    ['publish', "async publish() { throw new Error('bus error') }", 'bus error'],
    ['observe', "observe() { throw new TypeError('gone') }", 'gone'],
    ['drain', "drain() { throw 'a string' }", 'a string'],
    ['a report that is none', 'drain() {}', 'did not report'],
    ['a report that comes late and is none', 'drain: async () => 5', 'did not report'],
    ['a layout that is none', "layout: { areas: 'all' }", 'layout'],
  ])('whatever it throws is its fault, not a bug of vrrl: %s', async (_, method, what) => {
    const module = folder.write(`broken-${number}.mjs`, broken(method));
    const { exitCode, err } = await vrrl(['record', log, '--slots', jobs, '--backend', module]);
    expect(exitCode).toBe(4);
    expect(err).toContain(what);
  });

  test('a workload whose result is wrong ends with 1', async () => {
    const forgetful = broken("slotCount: 64, layout: { areas: [{ name: 'control', words: 1024 }], regions: [] }");
    const module = folder.write(`forgetful-${number}.mjs`, forgetful);
    const input = folder.write('three.txt', 'aaa');
    const argv = ['record', log, '--workload', 'histogram', '--input', input, '--backend', module];
    const { exitCode, err } = await vrrl(argv);
    expect({ exitCode, err }).toMatchObject({ exitCode: 1, err: expect.stringContaining('the result is wrong: byte') });
  });

  test('a stop that fails spoils nothing', async () => {
    const module = folder.write(`broken-${number}.mjs`, broken("stop() { throw new Error('stuck') }"));
    const { exitCode, err } = await vrrl(['record', log, '--slots', jobs, '--backend', module]);
    expect(exitCode).toBe(0);
    expect(err).toContain('stop failed: stuck');
  });

  test.each([
    ['one that throws', "throw new Error('boom')", 2, 'boom'],
    ['one that is no JavaScript', 'this is no JavaScript', 2, 'failed'],
    ['one that exports nothing', 'export const x = 1', 2, 'no backend'],
    ['one whose function makes nothing', 'export default () => ({})', 2, 'no backend'],
    ['one whose function throws', "export default () => { throw new Error('no gpu') }", 4, 'no gpu'],
  ])('a module that cannot be used is refused: %s', async (_, content, exitCode, what) => {
    const module = folder.write(`module-${number}.mjs`, content);
    const run = await vrrl(['record', log, '--slots', jobs, '--backend', module]);
    expect(run).toMatchObject({ exitCode, err: expect.stringContaining(what) });
    expect(fs.existsSync(log)).toBe(false);
  });
});
