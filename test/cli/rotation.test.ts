import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { dumpOf, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

/** `sizes[epoch]` additions and a fence, an epoch each. */
function slotLines(sizes: readonly number[]): string {
  const add = { opcode: 'ATOMIC_ADD', args: [1, 170] };
  const lines = sizes.flatMap((size, tag) => [...Array.from({ length: size }, () => add), { end: 'batch', tag }]);
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Twelve epochs of ten records each. */
const EVEN = slotLines(Array.from({ length: 12 }, () => 9));

function record(name: string, slots: string, ...more: string[]) {
  const options = ['--slots', '-', '--backend', 'reference', '--slot-count', '64', '--journal-bytes', '0'];
  return vrrl(['record', folder.at(name), ...options, ...more], { input: [slots] });
}

/** The logs beside a manifest. */
function logsOf(name: string): string[] {
  return fs
    .readdirSync(path.dirname(folder.at(name)))
    .filter((file) => file.startsWith(`${name}.`))
    .sort();
}

/** The records without the times at which they were made. */
async function recordsOf(name: string): Promise<unknown[]> {
  const lines = await dumpOf(folder.at(name));
  return lines.map((line) => ({ ...JSON.parse(line), timestampNs: undefined }));
}

describe('a set of logs', () => {
  test('reads as the one log does that the same session would have made', async () => {
    expect((await record('one.vrrl', EVEN)).exitCode).toBe(0);
    const { exitCode, err } = await record('set.vrrl', EVEN, '--rotate', '35');
    expect(exitCode, err).toBe(0);
    expect(logsOf('set.vrrl')).toEqual([1, 2, 3, 4].map((number) => `set.vrrl.00000${number}`));
    expect(await recordsOf('set.vrrl')).toEqual(await recordsOf('one.vrrl'));
    for (const mode of ['chained', 'isolated']) {
      expect(await verdictOf(folder.at('set.vrrl'), '--mode', mode)).toBe(
        await verdictOf(folder.at('one.vrrl'), '--mode', mode),
      );
    }
    expect(await verdictOf(folder.at('set.vrrl'))).toBe('agree: 12 of 12 epochs agree with the recording');
    expect((await vrrl(['verify', folder.at('set.vrrl')])).exitCode).toBe(0);
    expect((await vrrl(['diff', folder.at('set.vrrl'), folder.at('one.vrrl')])).exitCode).toBe(0);
    expect((await vrrl(['kernel', folder.at('set.vrrl')])).exitCode).toBe(0);
  });

  test('is named as one by info', async () => {
    const { json, exitCode } = await vrrlJson(['info', folder.at('set.vrrl'), '--json']);
    expectValid('info', json);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({ format: 'v2', logs: 4, records: 120, firstSequence: 1, lastSequence: 120, lost: 0 });
    expect((await vrrl(['info', folder.at('set.vrrl')])).out).toContain('a set of 4 logs');
  });

  test('each of its logs reads and replays alone', async () => {
    for (const [index, file] of logsOf('set.vrrl').entries()) {
      expect((await vrrl(['verify', folder.at(file)])).exitCode).toBe(0);
      expect(await verdictOf(folder.at(file))).toBe('agree: 3 of 3 epochs agree with the recording');
      const [first] = await dumpOf(folder.at(file));
      expect(JSON.parse(first).sequence).toBe(30 * index + 1);
    }
  });

  test('its logs are pieces of one recording', async () => {
    const files = logsOf('set.vrrl').map((file) => folder.at(file));
    expect((await vrrl(['merge', ...files, '-o', folder.at('merged.vrrl')])).exitCode).toBe(0);
    expect(await recordsOf('merged.vrrl')).toEqual(await recordsOf('one.vrrl'));
  });

  test('is converted, trimmed and filtered as one log', async () => {
    for (const [name, ...command] of [
      ['converted', 'convert', folder.at('set.vrrl'), '--to', 'v2'],
      ['trimmed', 'trim', folder.at('set.vrrl'), '--epochs', '2..7'],
      ['filtered', 'filter', folder.at('set.vrrl'), '--opcodes', 'ATOMIC_ADD'],
    ]) {
      const { exitCode, err } = await vrrl([...command, '-o', folder.at(`${name}.vrrl`)]);
      expect(exitCode, err).toBe(0);
    }
    expect(await verdictOf(folder.at('converted.vrrl'))).toBe('agree: 12 of 12 epochs agree with the recording');
    expect(await verdictOf(folder.at('trimmed.vrrl'))).toBe('agree: 6 of 6 epochs agree with the recording');
    expect(await dumpOf(folder.at('filtered.vrrl'))).toHaveLength(108);
  });

  test('an epoch that outgrows its log moves to the next one', async () => {
    const slots = slotLines([3, 3, 3, 19, 19, 3]);
    const { exitCode, err } = await record('grown.vrrl', slots, '--rotate', '20', '--slot-count', '8');
    expect(exitCode, err).toBe(0);
    expect(await verdictOf(folder.at('grown.vrrl'))).toBe('agree: 6 of 6 epochs agree with the recording');
    expect((await vrrl(['verify', folder.at('grown.vrrl')])).exitCode).toBe(0);
    const numbers = (await dumpOf(folder.at('grown.vrrl'))).map((line) => JSON.parse(line).sequence);
    expect(numbers).toEqual(Array.from({ length: 56 }, (_, index) => index + 1));
  });

  test('an epoch that no log has room for ends the recording; what came before stays', async () => {
    const { exitCode, err } = await record('large.vrrl', slotLines([3, 30]), '--rotate', '20');
    expect(exitCode).toBe(2);
    expect(err).toContain('epoch 1 has more than the 20 records');
    expect(err).toContain('--rotate');
    expect(await dumpOf(folder.at('large.vrrl'))).toHaveLength(4);
  });

  test('--keep removes the oldest logs', async () => {
    const { exitCode, err } = await record('kept.vrrl', EVEN, '--rotate', '35', '--keep', '2');
    expect(exitCode, err).toBe(0);
    expect(logsOf('kept.vrrl')).toEqual(['kept.vrrl.000003', 'kept.vrrl.000004']);
    const { json } = await vrrlJson(['info', folder.at('kept.vrrl'), '--json']);
    expect(json).toMatchObject({ records: 60, firstSequence: 61, lastSequence: 120, lost: 0 });
    expect(await verdictOf(folder.at('kept.vrrl'))).toBe('agree: 6 of 6 epochs agree with the recording');
    expect((await vrrl(['verify', folder.at('kept.vrrl')])).exitCode).toBe(0);
  });
});

describe('a set that is not whole', () => {
  const MISSING = 2;

  test.each([1, MISSING, 4])('without log %i: its records are lost, and nothing of them agrees', async (number) => {
    const name = `without-${number}.vrrl`;
    await record(name, EVEN, '--rotate', '35');
    fs.rmSync(folder.at(`${name}.00000${number}`));
    const isLast = number === 4;
    const { json, exitCode } = await vrrlJson(['info', folder.at(name), '--json']);
    expectValid('info', json);
    expect(exitCode).toBe(3);
    expect(json).toMatchObject({ records: 90, lost: isLast ? 1 : 30, warnings: [{ kind: 'logMissing' }] });
    const replay = await vrrl(['replay', folder.at(name), '--backend', 'reference', '--replicas', '2']);
    expect(replay.exitCode).toBe(3);
    expect(replay.out).toContain('unknown: 9 of 10 epochs agree with the recording, 1 unknown');
    const verify = await vrrlJson(['verify', folder.at(name), '--json']);
    expectValid('verify', verify.json);
    expect(verify.exitCode).toBe(3);
    expect((await vrrl(['dump', folder.at(name)])).exitCode).toBe(3);
  });

  test('a log in which nothing can be read, and one of another set', async () => {
    await record('spoilt.vrrl', EVEN, '--rotate', '35');
    fs.writeFileSync(folder.at('spoilt.vrrl.000002'), 'no log');
    await record('other.vrrl', EVEN, '--rotate', '35');
    fs.copyFileSync(folder.at('other.vrrl.000003'), folder.at('spoilt.vrrl.000003'));
    const { json, exitCode } = await vrrlJson(['info', folder.at('spoilt.vrrl'), '--json']);
    expect(exitCode).toBe(3);
    expect(json).toMatchObject({ lost: 60, warnings: [{ kind: 'logUnreadable' }, { kind: 'logForeign' }] });
  });

  test.each([
    ['a path', { logs: [{ file: '../x', id: '0'.repeat(32), firstSequence: 1, firstEpoch: 0 }] }],
    ['no logs', { logs: [] }],
    ['another version', { version: 2 }],
    ['no list', { logs: 7 }],
  ])('a manifest with %s is refused', async (_, change) => {
    const manifest = { format: 'vrrl-log-set', version: 1, ...change };
    folder.write('refused.vrrl', JSON.stringify(manifest));
    const { exitCode, err } = await vrrl(['info', folder.at('refused.vrrl')]);
    expect(exitCode).toBe(2);
    expect(err).toContain('the manifest');
  });
});

describe('replacing', () => {
  test('a set by another needs --force, and nothing is left of the old one', async () => {
    await record('again.vrrl', EVEN, '--rotate', '35');
    const before = logsOf('again.vrrl');
    expect((await record('again.vrrl', EVEN, '--rotate', '100')).exitCode).toBe(2);
    expect(logsOf('again.vrrl')).toEqual(before);
    fs.copyFileSync(folder.at(before[0]), folder.at('again.vrrl.000017'));
    expect((await record('again.vrrl', EVEN, '--rotate', '100', '--force')).exitCode).toBe(0);
    expect(logsOf('again.vrrl')).toEqual(['again.vrrl.000018', 'again.vrrl.000019']);
    expect(await verdictOf(folder.at('again.vrrl'))).toBe('agree: 12 of 12 epochs agree with the recording');
  });

  test('by one log takes its logs away, and leaves what only looks like them', async () => {
    await record('plain.vrrl', EVEN, '--rotate', '35');
    folder.write('plain.vrrl.000077', 'notes');
    expect((await record('plain.vrrl', EVEN, '--force')).exitCode).toBe(0);
    expect(logsOf('plain.vrrl')).toEqual(['plain.vrrl.000077']);
    expect(await dumpOf(folder.at('plain.vrrl'))).toHaveLength(120);
  });

  test('a log of a set is never written over by what is made of the set', async () => {
    await record('source.vrrl', EVEN, '--rotate', '35');
    const trim = (to: string) =>
      vrrl(['trim', folder.at('source.vrrl'), '--last', '1', '--force', '-o', folder.at(to)]);
    for (const to of ['source.vrrl', 'source.vrrl.000002']) expect((await trim(to)).exitCode).toBe(2);
    const member = folder.at('source.vrrl.000002');
    const over = await vrrl([
      'record',
      folder.at('source.vrrl'),
      '--workload',
      'histogram',
      '--input',
      member,
      '--force',
    ]);
    expect(over.exitCode).toBe(2);
    expect(await dumpOf(folder.at('source.vrrl'))).toHaveLength(120);
  });
});

test('options that contradict each other are refused', async () => {
  for (const more of [
    ['--keep', '2'],
    ['--rotate', '10', '--format', 'v1'],
    ['--rotate', '10', '--capacity', '10'],
  ]) {
    expect((await record('refused-options.vrrl', EVEN, ...more)).exitCode).toBe(2);
  }
  expect(fs.existsSync(folder.at('refused-options.vrrl'))).toBe(false);
});
