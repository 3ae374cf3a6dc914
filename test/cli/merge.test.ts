import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { dumpOf, recordEpochs, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { goldenLog, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const PIECES = ['0..1', '2..4', '5..'];

beforeAll(async () => {
  await recordEpochs(folder.at('run.vrrl'), 'v2');
  for (const [index, epochs] of PIECES.entries()) {
    await vrrl(['trim', folder.at('run.vrrl'), '-o', folder.at(`piece${index}.vrrl`), '--epochs', epochs, '-q']);
  }
});

function merge(to: string, ...inputs: string[]) {
  return vrrl(['merge', ...inputs.map((name) => folder.at(name)), '-o', folder.at(to)]);
}

describe('merge of pieces', () => {
  test('is what they were cut from', async () => {
    const { exitCode, err } = await merge('again.vrrl', 'piece2.vrrl', 'piece0.vrrl', 'piece1.vrrl');
    expect(exitCode).toBe(0);
    expect(err).toContain('36 of 36 records of 3 logs, numbers 1 to 36, 6 of 6 observed epochs');
    expect(await dumpOf(folder.at('again.vrrl'))).toEqual(await dumpOf(folder.at('run.vrrl')));
    expect(await verdictOf(folder.at('again.vrrl'))).toBe('agree: 6 of 6 epochs agree with the recording');
    expect((await vrrl(['verify', folder.at('again.vrrl')])).exitCode).toBe(0);
  });

  test('one that is not there is missed', async () => {
    const { exitCode, err } = await merge('gap.vrrl', 'piece2.vrrl', 'piece0.vrrl');
    expect(exitCode).toBe(3);
    expect(err).toContain('not kept (18): records that no log has, with numbers from 13 to 30');
    expect((await vrrl(['verify', folder.at('gap.vrrl')])).exitCode).toBe(3);
  });

  test('pieces that overlap are refused', async () => {
    const { exitCode, err } = await merge('overlap.vrrl', 'piece2.vrrl', 'run.vrrl');
    expect(exitCode).toBe(2);
    expect(err).toContain('both have records 31 to 36');
  });
});

describe('merge of recordings', () => {
  test('is by time, and says what is left out', async () => {
    await recordEpochs(folder.at('other.vrrl'), 'v2');
    const argv = ['merge', folder.at('other.vrrl'), folder.at('run.vrrl'), '-o', folder.at('both.vrrl'), '--json'];
    const { exitCode, json } = await vrrlJson(argv);
    expectValid('derived', json);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 0,
      json: {
        records: { written: 72 },
        numbers: { first: 1, last: 72, kept: false },
        epochs: { read: 12, written: 0 },
      },
    });
    const times = (await dumpOf(folder.at('both.vrrl'))).map((line) => BigInt(JSON.parse(line).timestampNs));
    expect(times).toEqual([...times].sort((left, right) => Number(left - right)));
    expect(await verdictOf(folder.at('both.vrrl'))).toMatch(/^unknown: 0 of/);
  });

  test('of either version, one through a pipe', async () => {
    const input = [readFileSync(goldenLog('fresh-8x5'))];
    const argv = ['merge', '-', folder.at('run.vrrl'), '-o', folder.at('piped.vrrl')];
    expect((await vrrl(argv, { input })).exitCode).toBe(0);
    expect(await dumpOf(folder.at('piped.vrrl'))).toHaveLength(41);
    const twice = await vrrl(['merge', '-', '-', '-o', folder.at('twice.vrrl')], { input });
    expect(twice.err).toContain('standard input is named twice');
  });

  test('an input is never the output', async () => {
    const argv = ['merge', folder.at('run.vrrl'), folder.at('piece0.vrrl'), '-o', folder.at('piece0.vrrl'), '--force'];
    expect((await vrrl(argv)).err).toContain('is the same file');
  });
});
