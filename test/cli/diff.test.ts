import { copyFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineKernel } from '../../src/kernel/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { copyRecording, damageRecord, goldenLog, temporaryFolder } from './files.ts';
import {
  ADD,
  additionsBy,
  countingKernel,
  GIVE_UP,
  makeRecording,
  SPIN,
  soundEpochs,
  spinKernel,
  WORD,
} from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const sound = defineKernel({ name: 'sound', slotCount: 32 });

interface Comparison {
  readonly exitCode: number;
  readonly verdict: string;
  readonly epochs: Record<string, number>;
  readonly firstDivergence?: Record<string, unknown>;
  readonly unknownEpochs: readonly { readonly reasons: readonly string[] }[];
}

/** Compares with --json and checks the object against its schema, and the text against the object. */
async function compare(left: string, right: string): Promise<Comparison> {
  const { exitCode, json } = await vrrlJson(['diff', left, right, '--json']);
  expectValid('comparison', json);
  const comparison = json as Omit<Comparison, 'exitCode'>;
  expect(exitCode).toBe({ agree: 0, diverge: 1, unknown: 3 }[comparison.verdict]);
  const text = await vrrl(['diff', left, right]);
  expect(text.exitCode).toBe(exitCode);
  expect(text.out).toContain(`${comparison.verdict}: `);
  return { exitCode, ...comparison };
}

beforeAll(async () => {
  await makeRecording(folder.at('monday.vrrl'), sound, soundEpochs(5));
  await makeRecording(folder.at('tuesday.vrrl'), sound, soundEpochs(5));
  await makeRecording(folder.at('right.vrrl'), countingKernel('right'), additionsBy(ADD, 3, 8));
  await makeRecording(folder.at('wrong.vrrl'), countingKernel('wrong'), additionsBy(ADD, 3, 8));
});

describe('diff', () => {
  test('two runs of the same slots agree', async () => {
    const { exitCode, epochs } = await compare(folder.at('monday.vrrl'), folder.at('tuesday.vrrl'));
    expect({ exitCode, epochs }).toEqual({ exitCode: 0, epochs: { total: 5, agreeing: 5, diverging: 0, unknown: 0 } });
  });

  test('a log against what a replay of it showed, either way round', async () => {
    const log = folder.at('monday.vrrl');
    await vrrl(['replay', log, '--backend', 'threads', '--replicas', '1', '--save', folder.at('replay.obs')]);
    expect((await compare(log, folder.at('replay.obs'))).exitCode).toBe(0);
    expect((await compare(folder.at('replay.obs'), log)).exitCode).toBe(0);
    expect((await compare(`${log}.obs`, folder.at('replay.obs'))).exitCode).toBe(0);
  });

  test('two that differ diverge: where first, what was expected, what was seen, which slots', async () => {
    const [left, right] = [folder.at('right.vrrl'), folder.at('wrong.vrrl')];
    const { exitCode, firstDivergence, epochs } = await compare(left, right);
    expect({ exitCode, diverging: epochs['diverging'] }).toEqual({ exitCode: 1, diverging: 3 });
    expect(firstDivergence).toMatchObject({
      epoch: 0,
      where: `control[${WORD}]`,
      expected: '8',
      seen: '16',
      comparedWith: left,
      backend: right,
    });
    expect((await vrrl(['diff', left, right])).out).toContain('first divergence: epoch 0 (EPOCH 0)');
  });

  test('other slots are no divergence, but unknown', async () => {
    await makeRecording(folder.at('other.vrrl'), sound, soundEpochs(5, 9));
    const { exitCode, unknownEpochs } = await compare(folder.at('monday.vrrl'), folder.at('other.vrrl'));
    expect({ exitCode, reason: unknownEpochs[0].reasons[0] }).toMatchObject({
      exitCode: 3,
      reason: expect.stringContaining('different slots'),
    });
  });

  test('epochs that only one side has are unknown; many are counted, some are listed', async () => {
    await makeRecording(folder.at('long.vrrl'), sound, soundEpochs(50));
    const { exitCode, epochs, unknownEpochs } = await compare(folder.at('monday.vrrl'), folder.at('long.vrrl'));
    expect(exitCode).toBe(3);
    expect(epochs).toEqual({ total: 50, agreeing: 5, diverging: 0, unknown: 45 });
    expect(unknownEpochs.length).toBeLessThan(45);
    const { out } = await vrrl(['diff', folder.at('monday.vrrl'), folder.at('long.vrrl')]);
    expect(out).toContain(`and ${45 - unknownEpochs.length} more epochs`);
  });

  test('faults on both sides are not agreement', async () => {
    const epochs = [[{ opcode: GIVE_UP }], [{ opcode: SPIN }]];
    for (const name of ['fault-1.vrrl', 'fault-2.vrrl']) await makeRecording(folder.at(name), spinKernel(), epochs);
    expect((await compare(folder.at('fault-1.vrrl'), folder.at('fault-2.vrrl'))).exitCode).toBe(3);
  });

  test('a log that lost records is named on standard error', async () => {
    const damaged = damageRecord(copyRecording(folder.at('monday.vrrl'), folder.at('damaged.vrrl')), 3);
    const { err } = await vrrl(['diff', folder.at('tuesday.vrrl'), damaged]);
    expect(err).toContain('1 record lost, 1 epoch not in the log as observed');
  });

  test('a log under the name of another one is not taken for it', async () => {
    const renamed = copyRecording(folder.at('monday.vrrl'), folder.at('renamed.vrrl'));
    copyFileSync(goldenLog('fresh-8x5'), renamed);
    const { exitCode, unknownEpochs } = await compare(folder.at('monday.vrrl'), renamed);
    expect({ exitCode, reason: unknownEpochs[0].reasons[0] }).toMatchObject({
      exitCode: 3,
      reason: expect.stringContaining('is there as it was observed'),
    });
  });
});

describe('diff refuses', () => {
  beforeAll(async () => {
    await makeRecording(folder.at('small.vrrl'), defineKernel({ name: 'small', observableWords: 32 }), soundEpochs(1));
  });

  test.each<[string, () => string, string]>([
    ['runs that observe different words', () => folder.at('right.vrrl'), 'different words'],
    ['a log without observations', () => goldenLog('fresh-8x5'), 'no observations'],
    ['a file that is not there', () => folder.at('nowhere'), 'ENOENT'],
    ['a file that is neither', () => folder.write('text', 'nothing of the kind'.repeat(9)), 'header'],
    ['an empty file', () => folder.write('empty', ''), 'header'],
    ['a log of version 2', () => folder.write('v2', 'VRRL0002'.padEnd(99, '.')), 'VRRL0002'],
  ])('%s, on either side', async (_, path, what) => {
    const small = folder.at('small.vrrl');
    for (const paths of [
      [path(), small],
      [small, path()],
    ]) {
      const { exitCode, err } = await vrrl(['diff', ...paths]);
      expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining(what) });
    }
  });
});
