import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineKernel } from '../../src/kernel/index.ts';
import type { Report } from '../../src/report/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { copyRecording, damageRecord, goldenLog, temporaryFolder } from './files.ts';
import {
  ADD,
  additionsBy,
  countingKernel,
  kernelModule,
  makeRecording,
  soundEpochs,
  unorderedEpochs,
} from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const CHROMIUM = '/usr/bin/chromium';
const ONE = ['--backend', 'reference', '--replicas', '2', '-q'];

beforeAll(async () => {
  const kernel = defineKernel({ name: 'sound', slotCount: 32 });
  await makeRecording(folder.at('sound.vrrl'), kernel, soundEpochs(4));
  await makeRecording(folder.at('right.vrrl'), countingKernel('right'), additionsBy(ADD, 3, 4));
  await makeRecording(folder.at('order.vrrl'), kernel, unorderedEpochs(3));
  folder.write('wrong.mjs', kernelModule(countingKernel('wrong')));
});

async function reported(...argv: string[]): Promise<{ exitCode: number; json: Report }> {
  const { exitCode, json } = await vrrlJson(['report', ...argv, '--json']);
  expectValid('report', json);
  return { exitCode, json: json as Report };
}

const wrong = () => [folder.at('right.vrrl'), '--kernel', folder.at('wrong.mjs'), ...ONE];

describe('report', () => {
  test('an agreeing log', async () => {
    const { exitCode, json } = await reported(folder.at('sound.vrrl'), ...ONE);
    expect({ exitCode, headline: json.headline }).toEqual({
      exitCode: 0,
      headline: '4 of 4 epochs agree with the recording',
    });
  });

  test('a diverging one ends with 1, and names the commands that show it again', async () => {
    const { exitCode, json } = await reported(...wrong());
    expect({ exitCode, epoch: json.epoch?.epoch }).toEqual({ exitCode: 1, epoch: 0 });
    // By the wrong kernel the recording is what cannot be.
    expect(json.epoch?.outcomes[0].seenBy[0].source).toBe('recording');
    const [replay, explain] = json.seeAgain.commands.map(({ line }) => line.split(' ').slice(1));
    expect((await vrrl(replay)).exitCode).toBe(1);
    expect((await vrrl(explain)).exitCode).toBe(1);
    expect(json.notes.join()).toContain('is replayed with kernel counting');
  });

  test('a damaged one ends with 3', async () => {
    const log = damageRecord(copyRecording(folder.at('sound.vrrl'), folder.at('damaged.vrrl')), 5);
    const { exitCode, json } = await reported(log, ...ONE);
    expect({ exitCode, verdict: json.verdict, lost: json.lost }).toEqual({ exitCode: 3, verdict: 'unknown', lost: 1 });
    expect(json.headline).toMatch(/^There is no telling/);
    expect(json.notKnown.join()).toContain('1 record of the log lost');
    expect((await reported(goldenLog('fresh-8x5'), ...ONE)).exitCode).toBe(3);
  });

  test('a backend that fails ends with 4, and says so', async () => {
    const module = folder.write('none.mjs', "export default () => { throw new Error('no driver'); }");
    const backends = ['--backend', `reference,${module}`, '--replicas', '2', '-q'];
    const { exitCode, json } = await reported(folder.at('sound.vrrl'), ...backends);
    expect(exitCode).toBe(4);
    expect(json.notKnown.join()).toContain('no driver');
  });

  test('an epoch that is asked for', async () => {
    const { json } = await reported(folder.at('sound.vrrl'), ...ONE, '--epoch', '2');
    expect(json.epoch).toMatchObject({ epoch: 2, verdict: 'agree' });
    const { exitCode, err } = await vrrl(['report', folder.at('sound.vrrl'), ...ONE, '--epoch', '9']);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining('use one of 0 to 3') });
  });

  test('the ledger of a reduction is read, and refused if it is none', async () => {
    const log = folder.at('order.vrrl');
    const wrongOnes = folder.write('no-ledger.json', '{"schemaVersion":1}');
    expect((await vrrl(['report', log, ...ONE, '--ledger', wrongOnes])).exitCode).toBe(2);
    const text = folder.write('text.json', 'no JSON');
    expect((await vrrl(['report', log, ...ONE, '--ledger', text])).err).toContain('is no JSON');
  });

  test('what vrrl reduce prints is such a ledger', async () => {
    const module = folder.at('wrong.mjs');
    const output = folder.at('small.vrrl');
    const argv = ['reduce', folder.at('right.vrrl'), '-o', output, '--backend', 'threads', '--json', '-q'];
    const { out } = await vrrl([...argv, '--max-runs', '200']);
    const ledger = folder.write('ledger.json', out);
    const { json } = await reported(folder.at('right.vrrl'), '--kernel', module, ...ONE, '--ledger', ledger);
    expect(json.reduction).toMatchObject({ log: folder.at('right.vrrl'), reproduced: false });
  });
});

describe('the file', () => {
  test('is written beside the text, again over an old report, and over nothing else', async () => {
    const page = folder.at('report.html');
    const { out, exitCode } = await vrrl(['report', ...wrong(), '-o', page]);
    expect({ exitCode, out }).toMatchObject({ exitCode: 1, out: expect.stringContaining('has the same to look at') });
    expect(fs.readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/);
    expect((await vrrl(['report', ...wrong(), '-o', page])).exitCode).toBe(1);
    const mine = folder.write('mine.html', 'my own work');
    expect((await vrrl(['report', ...wrong(), '-o', mine])).exitCode).toBe(2);
    expect(fs.readFileSync(mine, 'utf8')).toBe('my own work');
    expect((await vrrl(['report', ...wrong(), '-o', mine, '--force'])).exitCode).toBe(1);
    const { out: standard } = await vrrl(['report', ...wrong(), '-o', '-']);
    expect(standard).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect((await vrrl(['report', ...wrong(), '-o', '-', '--json'])).exitCode).toBe(2);
  });

  test.runIf(fs.existsSync(CHROMIUM))('opens in a browser, where its script runs and nothing complains', async () => {
    const page = folder.at('browser.html');
    await vrrl(['report', ...wrong(), '-o', page]);
    const profile = folder.at('profile');
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--enable-logging=stderr',
      `--user-data-dir=${profile}`,
    ];
    const run = spawnSync(CHROMIUM, [...flags, '--dump-dom', `file://${page}`], { encoding: 'utf8', timeout: 60_000 });
    expect(run.stdout).toContain('<button type="button">Copy</button>');
    // Whatever the page asked the network for, its policy would refuse and the console would say.
    expect(run.stderr.split('\n').filter((line) => line.includes('CONSOLE'))).toEqual([]);
  });
});
