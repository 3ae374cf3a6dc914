import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { dumpOf, recordEpochs, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { damageRecord, GOLDEN_NAMES, goldenLog, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  await recordEpochs(folder.at('old.vrrl'), 'v1');
  await recordEpochs(folder.at('new.vrrl'), 'v2');
});

function convert(from: string, to: string, version: 'v1' | 'v2', ...more: string[]) {
  return vrrl(['convert', from, '-o', to, '--to', version, ...more]);
}

describe('convert', () => {
  test('a v1 log comes back to the byte, and replays as it did in either version', async () => {
    const old = folder.at('old.vrrl');
    const { exitCode, out, err } = await convert(old, folder.at('there.vrrl'), 'v2');
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: '' });
    expect(err).toContain('there.vrrl: format v2, 36 of 36 records of');
    expect(err).toContain('6 of 6 observed epochs');
    expect((await convert(folder.at('there.vrrl'), folder.at('back.vrrl'), 'v1')).exitCode).toBe(0);
    expect(readFileSync(folder.at('back.vrrl'))).toEqual(readFileSync(old));
    for (const name of ['old.vrrl', 'there.vrrl', 'back.vrrl']) {
      expect((await vrrl(['verify', folder.at(name)])).exitCode).toBe(0);
      expect(await verdictOf(folder.at(name))).toBe('agree: 6 of 6 epochs agree with the recording');
      expect(await verdictOf(folder.at(name), '--mode', 'isolated')).toBe(
        'agree: 6 of 6 epochs agree with the recording',
      );
    }
    const [first] = await dumpOf(folder.at('there.vrrl'));
    expect(JSON.parse(first)).toMatchObject({ sequence: 1, priority: 0, args: [1, 170, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
  });

  test.each(GOLDEN_NAMES)('%s comes back to the byte', async (name) => {
    await convert(goldenLog(name), folder.at('golden2.vrrl'), 'v2', '--force', '-q');
    await convert(folder.at('golden2.vrrl'), folder.at('golden1.vrrl'), 'v1', '--force', '-q');
    expect(readFileSync(folder.at('golden1.vrrl'))).toEqual(readFileSync(goldenLog(name)));
  });

  test('what version 1 has no room for is listed, in JSON too', async () => {
    const to = folder.at('bare.vrrl');
    const argv = ['convert', folder.at('new.vrrl'), '-o', to, '--to', 'v1', '--no-observations', '--json'];
    const { exitCode, json } = await vrrlJson(argv);
    expectValid('derived', json);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 0,
      json: { records: { read: 36, written: 36, lost: 0 }, complete: true, format: 'v1' },
    });
    const { notKept } = json as { notKept: { kind: string; count: number }[] };
    expect(notKept.map(({ kind, count }) => [kind, count])).toEqual([
      ['priority', 6],
      ['arguments', 24],
      ['metadata', 7],
    ]);
    expect(existsSync(`${to}.obs`)).toBe(false);
  });

  test('damage is told, and the exit code is 3', async () => {
    const damaged = folder.write('damaged.vrrl', readFileSync(folder.at('old.vrrl')));
    damageRecord(damaged, 7);
    const { exitCode, err } = await convert(damaged, folder.at('mended.vrrl'), 'v2');
    expect(exitCode).toBe(3);
    expect(err).toContain('35 of 35 records');
    expect(err).toContain('found: recordDamaged: ');
    expect(err).toContain('vrrl: warning: 1 record of it is missing');
    expect((await vrrl(['verify', folder.at('mended.vrrl')])).out).toContain('missing: ');
  });

  test('through pipes', async () => {
    const through = await vrrl(['convert', '-', '-o', '-', '--to', 'v2'], {
      input: [readFileSync(folder.at('old.vrrl'))],
    });
    expect({ exitCode: through.exitCode, out: through.out }).toEqual({ exitCode: 0, out: '' });
    const back = await vrrl(['convert', '-', '-o', '-', '--to', 'v1', '-q'], { input: [through.bytes] });
    expect(back.err).toBe('');
    expect(Buffer.from(back.bytes)).toEqual(readFileSync(folder.at('old.vrrl')));
  });
});

describe('wrong use', () => {
  test.each<[string, () => string[], RegExp]>([
    ['of that version', () => [folder.at('old.vrrl'), '-o', folder.at('x'), '--to', 'v1'], /is of version v1 already/],
    ['no version', () => [folder.at('old.vrrl'), '-o', folder.at('x')], /--to/],
    ['no output', () => [folder.at('old.vrrl'), '--to', 'v2'], /-o, --output/],
    ['no input', () => [folder.at('nowhere'), '-o', folder.at('x'), '--to', 'v2'], /Fix: check the path/],
    ['no folder', () => [folder.at('old.vrrl'), '-o', folder.at('no/x'), '--to', 'v2'], /ENOENT.*Fix: check the path/],
    [
      'both on standard output',
      () => [folder.at('old.vrrl'), '-o', '-', '--to', 'v2', '--json'],
      /name a file with -o/,
    ],
    ['no log', () => [folder.write('text', 'no log'), '-o', folder.at('x'), '--to', 'v2'], /Fix: /],
  ])('%s', async (_, argv, what) => {
    const { exitCode, err } = await vrrl(['convert', ...argv()]);
    expect(exitCode).toBe(2);
    expect(err).toMatch(what);
    expect(existsSync(folder.at('x'))).toBe(false);
  });

  test('bytes do not go to a terminal', async () => {
    const { exitCode, err } = await vrrl(['convert', folder.at('old.vrrl'), '-o', '-', '--to', 'v2'], {
      terminal: true,
    });
    expect(exitCode).toBe(2);
    expect(err).toContain('no text for a terminal');
  });

  test('what is there is not replaced without --force, and what is read not at all', async () => {
    const there = folder.write('there-already.vrrl', 'mine');
    expect((await convert(folder.at('old.vrrl'), there, 'v2')).err).toContain('is there already');
    expect(readFileSync(there, 'utf8')).toBe('mine');
    expect((await convert(folder.at('old.vrrl'), there, 'v2', '--force', '-q')).exitCode).toBe(0);
    const before = readFileSync(folder.at('old.vrrl'));
    expect((await convert(folder.at('old.vrrl'), folder.at('old.vrrl'), 'v2', '--force')).exitCode).toBe(2);
    symlinkSync(folder.at('old.vrrl'), folder.at('link.vrrl'));
    expect((await convert(folder.at('link.vrrl'), folder.at('old.vrrl'), 'v2', '--force')).err).toContain('same file');
    expect(readFileSync(folder.at('old.vrrl'))).toEqual(before);
  });
});
