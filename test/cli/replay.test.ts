import fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineKernel } from '../../src/kernel/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { copyRecording, damageRecord, goldenLog, patch, ROOT, temporaryFolder } from './files.ts';
import {
  ADD,
  additionsBy,
  countingKernel,
  GIVE_UP,
  kernelModule,
  makeRecording,
  SPIN,
  soundEpochs,
  spinKernel,
  unorderedEpochs,
  WORD,
} from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const SOUND_EPOCHS = 6;

interface JudgementJson {
  readonly verdict: string;
  readonly epochs: Record<string, number>;
  readonly lost: number;
  readonly firstDivergence?: { readonly where: string; readonly expected: string; readonly seen: string };
  readonly backends: readonly {
    readonly backend: string;
    readonly verdict: string;
    readonly fault?: { readonly kind: string };
    readonly replicasRun: number;
  }[];
  readonly [member: string]: unknown;
}

/** Replays with --json and checks the judgement against its schema. */
async function judged(...argv: string[]): Promise<{ exitCode: number; json: JudgementJson }> {
  const { exitCode, json } = await vrrlJson(['replay', '--json', ...argv]);
  expectValid('judgement', json);
  return { exitCode, json: json as JudgementJson };
}

beforeAll(async () => {
  await makeRecording(
    folder.at('sound.vrrl'),
    defineKernel({ name: 'sound', slotCount: 32 }),
    soundEpochs(SOUND_EPOCHS),
  );
  await makeRecording(folder.at('right.vrrl'), countingKernel('right'), additionsBy(ADD, 5, 8));
  await makeRecording(folder.at('order.vrrl'), defineKernel({ name: 'order', slotCount: 32 }), unorderedEpochs(5));
  await makeRecording(folder.at('spin.vrrl'), spinKernel(), [[{ opcode: SPIN, args: [2] }], [{ opcode: SPIN }]]);
});

describe('replay that agrees', () => {
  test('ends with 0, in words and in JSON', async () => {
    const { exitCode, out, err } = await vrrl(['replay', folder.at('sound.vrrl'), '--replicas', '3']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('agree: 6 of 6 epochs agree with the recording');
    const { json } = await judged(folder.at('sound.vrrl'), '--replicas', '3');
    expect(json).toMatchObject({ verdict: 'agree', comparedWith: 'recording', replicas: 3, lost: 0, records: 66 });
    expect(json.epochs).toEqual({ total: 6, agreeing: 6, diverging: 0, unknown: 0, notReached: 0 });
    expect(json.backends.map(({ backend, verdict }) => [backend, verdict])).toEqual([
      ['reference', 'agree'],
      ['threads', 'agree'],
    ]);
  });

  test.each(['chained', 'isolated'])('%s', async (mode) => {
    const { exitCode, json } = await judged(folder.at('sound.vrrl'), '--mode', mode, '--replicas', '2');
    expect(exitCode).toBe(0);
    expect(json['mode']).toBe(mode);
  });

  test('--no-observations compares replays with each other', async () => {
    const sizes = ['--slot-count', '32', '--control-words', '300'];
    const { exitCode, json } = await judged(folder.at('sound.vrrl'), '--no-observations', '--replicas', '2', ...sizes);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({
      verdict: 'agree',
      comparedWith: 'replays',
      kernel: { source: 'assumed', slotCount: 32, controlWords: 300 },
    });
    expect(json['notes']).toEqual(expect.arrayContaining([expect.stringContaining('32 (given)')]));
  });

  test('--observations names them wherever they are, for a log on standard input too', async () => {
    const { exitCode, json } = await judged(folder.at('sound.vrrl'), '--observations', folder.at('sound.vrrl.obs'));
    expect({ exitCode, against: json['comparedWith'] }).toEqual({ exitCode: 0, against: 'recording' });
    const input = [fs.readFileSync(folder.at('sound.vrrl'))];
    const argv = ['replay', '-', '--json', '--observations', folder.at('sound.vrrl.obs'), '--replicas', '1'];
    expect((await vrrlJson(argv, { input })).json).toMatchObject({
      log: '-',
      verdict: 'agree',
      comparedWith: 'recording',
    });
  });

  test('a log on standard input without observations', async () => {
    const input = [fs.readFileSync(folder.at('sound.vrrl'))];
    const { exitCode, json } = await vrrlJson(['replay', '-', '--json', '--replicas', '1'], { input });
    expectValid('judgement', json);
    expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { comparedWith: 'replays' } });
  });

  test('--save writes what vrrl diff reads', async () => {
    const saved = folder.at('saved.obs');
    await judged(folder.at('sound.vrrl'), '--backend', 'threads', '--replicas', '2', '--save', saved);
    expect((await vrrl(['diff', folder.at('sound.vrrl'), saved])).exitCode).toBe(0);
    const again = await vrrl(['replay', folder.at('sound.vrrl'), '--save', saved]);
    expect(again).toMatchObject({ exitCode: 2, err: expect.stringContaining(saved) });
  });
});

describe('replay that diverges', () => {
  const onThreads = ['--backend', 'threads', '--replicas', '20', '--seed', '7'];

  test('ends with 1 and says where first, what was expected, what was seen and by which slots', async () => {
    const { exitCode, json } = await judged(folder.at('order.vrrl'), ...onThreads);
    expect(exitCode).toBe(1);
    expect(json.verdict).toBe('diverge');
    expect(json.firstDivergence).toMatchObject({ where: `control[${WORD}]`, kind: 'word', comparedWith: 'recording' });
    const { out } = await vrrl(['replay', folder.at('order.vrrl'), ...onThreads]);
    expect(out).toMatch(/^diverge: /m);
    expect(out).toContain(`STORE_U32(1, ${WORD})`);
    expect(out).toMatch(/expected \d+10 \(recording\)|expected 10 \(recording\)/);
    expect(out).toContain('differs from itself');
  });

  test('isolated judges every epoch by itself', async () => {
    const { exitCode, json } = await judged(folder.at('order.vrrl'), '--mode', 'isolated', ...onThreads);
    expect(exitCode).toBe(1);
    expect(json.epochs).toMatchObject({ diverging: 5, notReached: 0 });
  });

  test('the reference agrees with a recording of its own, and threads alone do not', async () => {
    const backends = ['--backend', 'reference,threads', '--replicas', '20'];
    const { exitCode, json } = await judged(folder.at('order.vrrl'), ...backends);
    expect(exitCode).toBe(1);
    expect(json.backends.map(({ verdict }) => verdict)).toEqual(['agree', 'diverge']);
  });

  test('the recording can be the odd one out', async () => {
    const kernel = folder.write('wrong.mjs', kernelModule(countingKernel('wrong')));
    const { exitCode, json } = await judged(folder.at('right.vrrl'), '--kernel', kernel, '--replicas', '2');
    expect(exitCode).toBe(1);
    expect(json['oddOneOut']).toEqual({ source: 'recording', epoch: 0, others: ['reference', 'threads'] });
    expect(json.firstDivergence).toMatchObject({ expected: '8', seen: '16' });
    const { out } = await vrrl(['replay', folder.at('right.vrrl'), '--kernel', kernel, '--replicas', '2']);
    expect(out).toContain('odd one out: recording; reference and threads agree with each other in epoch 0');
    expect(out).toContain('not reached: 4 epochs; a chained replica ends where it diverges');
  });
});

describe('replay that cannot tell', () => {
  test('a golden log has no handlers and no sizes that fit', async () => {
    const { exitCode, json } = await judged(goldenLog('fresh-8x5'), '--replicas', '2');
    expect(exitCode).toBe(3);
    expect(json).toMatchObject({ verdict: 'unknown', kernel: { source: 'assumed' } });
    const { out } = await vrrl(['replay', goldenLog('fresh-8x5')]);
    expect(out).toMatch(/^unknown: /m);
    expect(out).toContain('not known:');
  });

  test('a damaged log is replayed as far as it goes, and the loss is counted', async () => {
    const log = damageRecord(copyRecording(folder.at('sound.vrrl'), folder.at('damaged.vrrl')), 25);
    const { exitCode, json } = await judged(log, '--replicas', '2');
    expect(exitCode).toBe(3);
    expect(json).toMatchObject({ verdict: 'unknown', lost: 1, records: 65 });
    expect(json.epochs).toMatchObject({ agreeing: SOUND_EPOCHS - 1, unknown: 1 });
    expect((await vrrl(['replay', log])).out).toContain('1 record of the log lost');
  });

  test('a log whose rest agrees has still lost something', async () => {
    const log = damageRecord(copyRecording(folder.at('sound.vrrl'), folder.at('damaged-end.vrrl')), 3_000);
    const { exitCode, json } = await judged(log, '--replicas', '1');
    expect({ exitCode, lost: json.lost }).toEqual({ exitCode: 3, lost: 1 });
  });

  test('slots that fault are reported, not run beyond the memory', async () => {
    const log = await makeRecording(folder.at('fault.vrrl'), spinKernel(), [[{ opcode: GIVE_UP }], [{ opcode: SPIN }]]);
    const { exitCode, json } = await judged(log, '--replicas', '2');
    expect({ exitCode, verdict: json.verdict }).toEqual({ exitCode: 3, verdict: 'unknown' });
  });

  test('an empty log is not agreement', async () => {
    const log = await makeRecording(folder.at('nothing.vrrl'), spinKernel(), []);
    expect((await judged(log)).exitCode).toBe(3);
  });

  test('a log that has wrapped begins at its first whole epoch', async () => {
    const log = folder.at('wrapped.vrrl');
    await makeRecording(log, defineKernel({ name: 'sound', slotCount: 32 }), soundEpochs(20), { capacity: 40 });
    const { exitCode, json } = await judged(log, '--replicas', '2');
    expect({ exitCode, verdict: json.verdict }).toEqual({ exitCode: 0, verdict: 'agree' });
  });
});

describe('replay with a backend that fails', () => {
  test('a kernel that hangs is a fault on threads, and the process goes on', async () => {
    const hung = await makeRecording(folder.at('hung.vrrl'), spinKernel(), [[{ opcode: SPIN, args: [2] }]]);
    // The same log, with one argument changed: what a device that hangs leaves behind.
    patch(hung, 32 + 24, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    const options = ['--backend', 'threads', '--deadline-ms', '300', '--no-observations', '--replicas', '2'];
    const kernel = folder.write('spin.mjs', kernelModule(spinKernel()));
    const { exitCode, json } = await judged(hung, ...options, '--kernel', kernel);
    expect(exitCode).toBe(4);
    expect(json).toMatchObject({ verdict: 'unknown', backends: [{ fault: { kind: 'hang' }, replicasRun: 0 }] });
    const { out } = await vrrl(['replay', hung, ...options, '--kernel', kernel]);
    expect(out).toContain('did not end within 300 ms');
    expect(out).toContain('a backend failed before');
  });

  const broken = (what: string) =>
    folder.write(
      'broken.mjs',
      `export default () => { ${what} return { name: 'broken', slotCount: 32,
         layout: { areas: [{ name: 'control', words: 1024 }, { name: 'debug', words: 257 }], regions: [
           { name: 'printf records', area: 'debug', start: 1, count: 256, equivalence: 'multiset', recordWords: 4, usedWordsAt: 0 }] },
         start() { throw new Error('no driver'); }, publish() {}, drain() {}, observe() {}, stop() {} }; }`,
    );

  test.each([
    ['cannot be made', "throw new Error('no driver');"],
    ['does not start', ''],
  ])('one that %s leaves the others alone', async (_, what) => {
    const backends = `${broken(what)},reference`;
    const { exitCode, json } = await judged(folder.at('sound.vrrl'), '--backend', backends, '--replicas', '2');
    expect(exitCode).toBe(4);
    const byVerdict = json.backends.map(({ verdict, fault }) => [verdict, fault !== undefined]);
    expect(byVerdict).toContainEqual(['agree', false]);
    expect(byVerdict).toContainEqual(['unknown', true]);
    expect(JSON.stringify(json)).toContain('no driver');
  });

  test('one that is named wrong is found out before the others run', async () => {
    const backends = ['--backend', 'reference,cuda', '--replicas', '10000000'];
    expect((await vrrl(['replay', folder.at('sound.vrrl'), ...backends])).exitCode).toBe(2);
  });

  test('one that is named twice is compared with itself, under two names', async () => {
    const { exitCode, json } = await judged(folder.at('sound.vrrl'), '--backend', 'reference,reference');
    expect(exitCode).toBe(0);
    expect(json.backends.map(({ backend }) => backend)).toEqual(['reference', 'reference#2']);
    const raced = await judged(folder.at('order.vrrl'), '--backend', 'threads,threads', '--replicas', '20');
    expect(raced.json.backends.map(({ backend, verdict }) => [backend, verdict])).toEqual([
      ['threads', 'diverge'],
      ['threads#2', 'diverge'],
    ]);
  });

  test('one that cannot restore a state is a fault of isolated replay; the others run', async () => {
    const module = folder.write(
      'forgetful.mjs',
      `export default () => ({ name: 'forgetful', slotCount: 32, layout: { areas: [{ name: 'a', words: 1 }], regions: [] },
         start() {}, publish() {}, drain() {}, observe() {}, stop() {} });`,
    );
    const isolated = ['--mode', 'isolated', '--replicas', '2'];
    const argv = [folder.at('sound.vrrl'), '--backend', `${module},reference`, ...isolated];
    const { exitCode, json } = await judged(...argv);
    expect(exitCode).toBe(4);
    expect(json.backends).toMatchObject([
      { backend: 'reference', verdict: 'agree', replicasRun: 2 },
      { backend: 'forgetful', verdict: 'unknown', replicasRun: 0, fault: { kind: 'unavailable' } },
    ]);
    expect((await vrrl(['replay', ...argv])).out).toContain('backend forgetful: it cannot restore the states');
    const alone = await vrrl(['replay', folder.at('sound.vrrl'), '--backend', module, ...isolated]);
    expect(alone).toMatchObject({ exitCode: 2, err: expect.stringContaining('cannot restore') });
  });

  test('without any other there is only the error', async () => {
    const module = folder.write('none.mjs', "export default () => { throw new Error('no driver'); }");
    const { exitCode, err, out } = await vrrl(['replay', folder.at('sound.vrrl'), '--backend', module]);
    expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' });
    expect(err).toContain('no driver');
  });
});

describe('replay on a backend of a module', () => {
  test('the racy stack machine diverges, the sound one does not', async () => {
    const log = folder.at('jobs.vrrl');
    const machine = `${ROOT}examples/stack-machine-backend.mjs`;
    const racy = `${ROOT}examples/racy-stack-machine-backend.mjs`;
    await vrrl(['record', log, '--backend', machine, '--slots', `${ROOT}examples/stack-machine-jobs.jsonl`]);
    expect((await judged(log, '--backend', machine)).json).toMatchObject({
      verdict: 'agree',
      kernel: { source: 'foreign' },
    });
    const { exitCode, json } = await judged(log, '--backend', `${racy},${machine}`, '--mode', 'isolated');
    expect(exitCode).toBe(1);
    expect(json.backends.map(({ verdict }) => verdict)).toEqual(['diverge', 'agree']);
  });
});

describe('replay says what it rests on', () => {
  const notesOf = async (...argv: string[]) => {
    const { json } = await judged(...argv, '--backend', 'reference', '--replicas', '1');
    const { out } = await vrrl(['replay', ...argv, '--backend', 'reference', '--replicas', '1']);
    const notes = json['notes'] as string[];
    for (const note of notes) expect(out).toContain(`note: ${note}\n`);
    return notes.join('\n');
  };
  const FRESH = 'a fresh kernel is assumed before the first record';

  test('a start that is taken for fresh', async () => {
    const sound = folder.at('sound.vrrl');
    expect(await notesOf(sound)).toBe('');
    expect(await notesOf(sound, '--no-observations')).toContain(`${FRESH}, since the log is not full`);
    expect(await notesOf(goldenLog('wrapped-8x21'))).not.toContain(FRESH);
    expect(await notesOf(goldenLog('wrapped-8x21'), '--assume-fresh')).toContain(`${FRESH}, as --assume-fresh asks`);
  });

  test('a kernel that is not the recorded one, and one that nobody recorded', async () => {
    const log = folder.at('right.vrrl');
    const [right, wrong] = [countingKernel('right'), countingKernel('wrong')];
    const [same, other] = [right, wrong].map((kernel, index) =>
      folder.write(`counting-${index}.mjs`, kernelModule(kernel)),
    );
    expect(await notesOf(log, '--kernel', same)).toBe('');
    const [recorded, given] = [right, wrong].map(({ identity }) => `kernel counting ${identity.slice(0, 12)}`);
    expect(await notesOf(log, '--kernel', other)).toContain(`what ${recorded} recorded is replayed with ${given}`);
    expect(await notesOf(log, '--slot-count', '40')).toContain(`what ${recorded} recorded is replayed with kernel`);
    expect(await notesOf(log, '--no-observations', '--kernel', same)).toContain('the recording names no kernel');
  });

  test('failure evidence in the records', async () => {
    expect(await notesOf(goldenLog('failure-tail-8x13'))).toContain(
      '1 record has failure evidence, the first is record 3 (slot 8): deviceLoss, status FAULT, backend code 3257496',
    );
  });
});

describe('names from elsewhere', () => {
  const ESCAPE = '\u001b[31mred\u001b[0m\nagree: all of it';

  test('are printed without what a terminal would obey', async () => {
    const module = folder.write(
      'loud.mjs',
      `const name = ${JSON.stringify(ESCAPE)};
       let runs = 0;
       export default () => ({ name, slotCount: 32,
         layout: { areas: [{ name, words: 1 }], regions: [{ name: name + '!', area: name, start: 0, count: 1, equivalence: 'exact' }] },
         start() {}, publish() {}, drain: () => ({ done: 1, pending: [], faults: [] }),
         observe(snapshot) { snapshot[0] = runs++; }, stop() { throw new Error(name); } });`,
    );
    const log = folder.at('loud.vrrl');
    const slots = folder.write('one.jsonl', '{"opcode":1}\n{"end":"batch"}\n');
    for (const argv of [
      ['record', log, '--slots', slots, '--backend', module, '--force'],
      ['replay', log, '--backend', module, '--replicas', '2'],
      ['info', log],
      ['diff', log, log],
    ]) {
      const { out, err } = await vrrl(argv);
      expect(out + err).not.toContain('\u001b');
      expect(out + err).not.toMatch(/^agree: all of it/m);
      expect(out + err).toContain('\\u001b[31mred');
    }
  });
});

describe('replay refuses', () => {
  test('another kernel than the one that recorded', async () => {
    const { err, exitCode } = await vrrl(['replay', folder.at('sound.vrrl'), '--control-words', '200']);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining('observes other words') });
  });

  test('sizes that its handlers do not fit, in the words of its options', async () => {
    for (const log of [folder.at('sound.vrrl'), goldenLog('fresh-8x5')]) {
      const { err, exitCode } = await vrrl(['replay', log, '--control-words', '160']);
      expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining('it has 160 words') });
      expect(err).toMatch(/Fix: ask for other sizes; kernel .* was made for \d+ slots and \d+ control words\.\n$/);
    }
  });

  test('isolated replay without recorded states', async () => {
    const { exitCode } = await vrrl(['replay', folder.at('sound.vrrl'), '--no-observations', '--mode', 'isolated']);
    expect(exitCode).toBe(2);
  });

  test.each([
    ['a file that is not there', () => folder.at('nowhere.vrrl'), 'nowhere.vrrl'],
    [
      'a file that is no log',
      () => folder.write('text.txt', 'this is a text of some length, with no log in it'),
      'magic',
    ],
    ['a log of version 2', () => patchedCopy(0, Buffer.from('VRRL0002')), 'VRRL0002'],
    ['an empty file', () => folder.write('empty', ''), '0 bytes'],
    ['a folder', () => folder.at(''), 'EISDIR'],
    ['an impossible capacity', () => patchedCopy(16, new Uint8Array(8).fill(0x7f)), 'capacity'],
  ])('%s', async (_, path, what) => {
    const { exitCode, err } = await vrrl(['replay', path()]);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining(what) });
  });

  const patchedCopy = (position: number, bytes: Uint8Array) =>
    patch(folder.write('patched.vrrl', fs.readFileSync(goldenLog('fresh-8x5'))), position, bytes);

  test('observations that are none', async () => {
    const log = copyRecording(folder.at('sound.vrrl'), folder.at('unobserved.vrrl'));
    fs.writeFileSync(`${log}.obs`, 'these are not observations');
    const refused = await vrrl(['replay', log]);
    expect(refused).toMatchObject({ exitCode: 2, err: expect.stringContaining(`${log}.obs`) });
    expect(refused.err).toContain('Fix: pass --no-observations');
    expect((await judged(log, '--no-observations', '--slot-count', '32')).exitCode).toBe(0);
  });

  test.each([
    ['--backend', 'cuda'],
    ['--backend', './nowhere.mjs'],
    ['--backend', ','],
    ['--mode', 'sideways'],
    ['--replicas', '0'],
    ['--replicas', '1.5'],
    ['--replicas', '1e3'],
    ['--seed', '-1'],
    ['--slot-count', '1048577'],
    ['--control-words', '12'],
    ['--deadline-ms', ''],
    ['--kernel', 'nowhere.mjs'],
    ['--observations', 'nowhere.obs'],
  ])('%s %s', async (option, value) => {
    const { exitCode, err } = await vrrl(['replay', folder.at('sound.vrrl'), option, value]);
    expect(exitCode).toBe(2);
    expect(err).toContain(value);
  });
});
