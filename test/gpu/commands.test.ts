/** What the commands make of a GPU: replay on the device, stress, tuning, the demo. */

import fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diff/index.ts';
import { opcode } from '../../src/kernel/index.ts';
import type { Report } from '../../src/report/index.ts';
import { temporaryFolder } from '../cli/files.ts';
import { makeRecording, soundEpochs } from '../cli/recordings.ts';
import { expectValid } from '../cli/schemas.ts';
import { runVrrl, SOFTWARE, smallKernel } from './software.ts';

const folder = temporaryFolder();
const EPOCHS = 6;
const RACY_ADD = 0x4000_0000;
const racyAdd = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
  const before = $.load('control', word);
  $.store('control', word, before.plus(amount));
});

let sound = '';
let racy = '';

beforeAll(async () => {
  sound = await makeRecording(folder.at('sound.vrrl'), smallKernel(), soundEpochs(EPOCHS));
  const epochs = Array.from({ length: EPOCHS }, () =>
    Array.from({ length: 31 }, () => ({ opcode: RACY_ADD, args: [1, 170] })),
  );
  racy = await makeRecording(folder.at('racy.vrrl'), smallKernel(32, [racyAdd]), epochs);
});

/** With a configuration of its own, which nothing is kept in but by the test. */
function run(...args: string[]) {
  return runVrrl(args, { XDG_CONFIG_HOME: folder.at('config') });
}

describe.each(SOFTWARE)('$stack', ({ stack, adapter, manifest }) => {
  const gpu = ['--backend', stack, '--adapter', adapter];

  it.skipIf(manifest === undefined)('replays a log on the device, in the shapes that its driver survives', () => {
    // llvmpipe has a lane leave its loops after so many turns, and a resident replay is one long loop.
    for (const shape of stack === 'wgpu' ? ['wide'] : ['wide', 'resident']) {
      const { exitCode, out, err } = run('replay', sound, ...gpu, '--replicas', '30', '--shape', shape, '--json');
      expect(exitCode, err).toBe(0);
      const json: Judgement = JSON.parse(out);
      expectValid('judgement', json);
      expect(json.backends[0]).toMatchObject({ replicasRun: 30, epochsRun: 30 * EPOCHS });
      expect(json.backends[0].onDevice).toMatchObject({ shape, replicas: 30 });
    }
  });

  it.skipIf(manifest === undefined)('finds a race, says which settings show it, and shows it again with these', () => {
    const stressed = run('replay', racy, ...gpu, '--mode', 'isolated', '--replicas', '48', '--stress', '3', '--json');
    expect(stressed.exitCode, stressed.err).toBe(1);
    const json: Judgement = JSON.parse(stressed.out);
    expectValid('judgement', json);
    expect(json.firstDivergence).toMatchObject({ where: 'control[170]', comparedWith: 'recording', expected: '31' });
    const best = json.backends[0].onDevice?.stress?.best;
    expect(best?.differing).toBeGreaterThan(0);
    const list = Object.entries(best?.settings ?? {}).map(([name, value]) => `${name}=${value}`);
    const settings = list.length === 0 ? [] : ['--stress-settings', list.join(',')];
    const again = run('replay', racy, ...gpu, '--mode', 'isolated', '--replicas', '48', ...settings);
    expect(again.exitCode, again.err).toBe(1);
    expect(again.out).toContain('48 replicas on the device, wide');
  });

  it.skipIf(manifest === undefined)('a report says on which adapter it was, and has commands for these', () => {
    const page = folder.at(`${stack}.html`);
    const asked = ['report', racy, ...gpu, '--mode', 'isolated', '--replicas', '8', '--max-nodes', '20000'];
    const { exitCode, out, err } = run(...asked, '--json', '-o', page);
    expect(exitCode, err).toBe(1);
    const report: Report = JSON.parse(out);
    expectValid('report', report);
    expect(report.backends[0]).toMatchObject({ backend: stack, replicasRun: 8 });
    const { name, api } = report.backends[0].device;
    expect(name).toMatch(stack === 'dawn' ? /SwiftShader/ : /llvmpipe/);
    const html = fs.readFileSync(page, 'utf8');
    for (const part of [name, api]) expect(html).toContain(part);
    expect(report.seeAgain.commands[0].line).toContain(
      `--backend ${stack} --replicas 8 --mode isolated --adapter ${adapter}`,
    );
  });
});

describe('tuning', () => {
  const [{ stack, adapter, manifest }] = SOFTWARE;
  const tune = ['tune', '--backend', stack, '--adapter', adapter, '--replicas', '24', '--json'];

  it.skipIf(manifest === undefined)('keeps the best settings for the adapter, and replay begins with them', () => {
    const { exitCode, out, err } = run(...tune);
    expect(exitCode, err).toBe(0);
    const tuned = JSON.parse(out);
    expect(tuned).toMatchObject({ schemaVersion: 1, backend: stack });
    expect(tuned.tried).toBeGreaterThan(0);
    expect(tuned.best.differing).toBeGreaterThan(0);
    expect(tuned.withoutStress.epochs).toBe(tuned.best.epochs);
    const kept = JSON.parse(fs.readFileSync(tuned.kept, 'utf8'));
    expect(Object.keys(kept)).toEqual([tuned.adapter]);
    expect(kept[tuned.adapter]).toMatchObject({ settings: tuned.best.settings });
    const replayed = run('replay', racy, '--backend', stack, '--adapter', adapter, '--replicas', '24', '--stress');
    expect(replayed.exitCode, replayed.err).toBe(1);
    expect(replayed.out).toContain('stress setting');
  });

  it('needs a backend that replays whole programs', () => {
    const { exitCode, err } = run('tune', '--backend', 'reference', '--replicas', '4');
    expect(exitCode).toBe(2);
    expect(err).toContain('does not replay whole programs');
    expect(err).toContain('Fix: use dawn or wgpu');
  });
});

describe('the demo', () => {
  const [{ adapter, manifest, stack }] = SOFTWARE;

  it.skipIf(manifest === undefined)('uses a GPU if there is one, and says which', () => {
    const book = folder.write('book.txt', 'It was the best of times, it was the worst of times. '.repeat(20));
    const { exitCode, out, err } = run(
      'demo',
      book,
      '--replicas',
      '3',
      '--adapter',
      adapter,
      '--folder',
      folder.at('demo'),
    );
    expect([0, 3], err).toContain(exitCode);
    expect(out).toMatch(new RegExp(`Replays also run on ${stack}: .*SwiftShader`));
    expect(out.match(new RegExp(`^${stack} +(agree|diverge) `, 'gm'))).toHaveLength(2);
  });

  it('says where there is none', () => {
    const book = folder.write('book.txt', 'It was the best of times. '.repeat(20));
    const none = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };
    const { exitCode, out } = runVrrl(['demo', book, '--replicas', '2', '--folder', folder.at('none')], none);
    expect([0, 3]).toContain(exitCode);
    expect(out).toContain('No GPU backend here: vrrl doctor says what is missing');
  });
});
