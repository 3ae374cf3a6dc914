import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { RingLog } from '../../node/ring-log.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { RECORD_BYTES } from '../../src/log/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { copyRecording, damageRecord, GOLDEN_NAMES, goldenLog, patch, temporaryFolder } from './files.ts';
import { ADD, additionsBy, countingKernel, makeRecording, soundEpochs } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  await makeRecording(folder.at('run.vrrl'), defineKernel({ name: 'sound', slotCount: 32 }), soundEpochs(4));
});

async function info(path: string, input?: Uint8Array[]): Promise<Record<string, unknown> & { exitCode: number }> {
  const { exitCode, json } = await vrrlJson(['info', path, '--json'], input === undefined ? {} : { input });
  expectValid('info', json);
  return { ...(json as Record<string, unknown>), exitCode };
}

describe('info', () => {
  test.each([
    ['fresh-8x5', { capacity: 8, cursor: 5, records: 5, notes: [] }],
    ['wrapped-8x21', { capacity: 8, cursor: 5, records: 8, notes: [{ kind: 'full' }] }],
    ['single-1x3', { capacity: 1, cursor: 0, records: 1, notes: [{ kind: 'full' }] }],
    ['failure-tail-8x13', { capacity: 8, cursor: 5, records: 8, recordsWithFailure: 1 }],
  ])('%s', async (name, expected) => {
    const found = await info(goldenLog(name));
    expect(found).toMatchObject({ format: 'v1', lost: 0, warnings: [], exitCode: 0, ...expected });
    expect(found['observations']).toBeUndefined();
  });

  test.each(GOLDEN_NAMES)('%s says the same on standard input', async (name) => {
    const found = await info(goldenLog(name));
    expect(await info('-', [fs.readFileSync(goldenLog(name))])).toEqual({ ...found, path: '-' });
  });

  test('says what was observed', async () => {
    const path = `${folder.at('run.vrrl')}.obs`;
    expect(await info(folder.at('run.vrrl'))).toMatchObject({
      observations: { path, epochs: 4, backend: 'reference', kernel: 'sound', findings: 0 },
      epochs: { count: 4, first: 0, last: 3 },
      opcodes: { ATOMIC_ADD: 40, BATCH_FENCE: 4 },
      tenants: 1,
      slotIndexMax: 10,
    });
    const { out } = await vrrl(['info', folder.at('run.vrrl')]);
    expect(out).toContain('observed  4 epochs of kernel sound on reference');
    expect(out).toContain('failures  0 records with evidence');
  });

  test('names opcodes as the recorded kernel does, with their numbers', async () => {
    const log = await makeRecording(folder.at('named.vrrl'), countingKernel('right'), additionsBy(ADD, 1, 3));
    expect((await vrrl(['info', log])).out).toContain('opcodes   ADD (0x40000001) 3, BATCH_FENCE (7) 1\n');
    fs.rmSync(`${log}.obs`);
    expect((await vrrl(['info', log])).out).toContain('opcodes   0x40000001 3, BATCH_FENCE (7) 1\n');
  });

  test('an empty log has no first and no last', async () => {
    RingLog.open(folder.at('empty.vrrl'), 3).close();
    const found = await info(folder.at('empty.vrrl'));
    expect(found).toMatchObject({ records: 0, epochs: { count: 0 }, opcodes: {}, exitCode: 0 });
    expect(found['firstTimestampNs']).toBeUndefined();
    expect((await vrrl(['info', folder.at('empty.vrrl')])).out).toContain('slots     none');
  });
});

describe('info of what is damaged', () => {
  const copy = (name: string) => copyRecording(folder.at('run.vrrl'), folder.at(name));

  test('losses are counted, and end it with 3', async () => {
    const found = await info(damageRecord(copy('damaged.vrrl'), 7));
    expect(found).toMatchObject({ lost: 1, records: 43, loss: { damaged: 1 }, exitCode: 3 });
    expect(found['warnings']).toMatchObject([{ kind: 'recordDamaged', position: 7 }]);
    expect((await vrrl(['info', folder.at('damaged.vrrl')])).out).toMatch(/^warning: recordDamaged: /m);
  });

  test('a hole, a cut and an odd cursor are told apart', async () => {
    const hole = patch(copy('hole.vrrl'), 32 + RECORD_BYTES * 3, new Uint8Array(RECORD_BYTES));
    expect(await info(hole)).toMatchObject({ loss: { holes: 1 }, exitCode: 3 });
    const cut = copy('cut.vrrl');
    fs.truncateSync(cut, 32 + RECORD_BYTES * 40 + 1);
    expect(await info(cut)).toMatchObject({ loss: { missing: 3, torn: 1 }, exitCode: 3 });
    const cursor = patch(copy('cursor.vrrl'), 24, Uint8Array.of(44, 16));
    expect(await info(cursor)).toMatchObject({ warnings: [{ kind: 'cursorBeyondCapacity' }], lost: 0, exitCode: 0 });
  });

  test('observations that cannot be read are a warning: there is still a log', async () => {
    const log = copy('unreadable.vrrl');
    fs.writeFileSync(`${log}.obs`, 'nothing of the kind');
    expect(await info(log)).toMatchObject({ records: 44, warnings: [{ kind: 'observationsUnreadable' }], exitCode: 0 });
    fs.rmSync(`${log}.obs`);
    fs.mkdirSync(`${log}.obs`);
    expect(await info(log)).toMatchObject({ warnings: [{ kind: 'observationsUnreadable' }] });
  });

  test('observations that are damaged are a warning', async () => {
    const log = copy('torn.vrrl');
    fs.truncateSync(`${log}.obs`, fs.statSync(`${log}.obs`).size - 5);
    const found = await info(log);
    expect(found).toMatchObject({ warnings: [{ kind: 'observationsDamaged' }], observations: { findings: 1 } });
  });

  test('what is no log is refused', async () => {
    expect((await vrrl(['info', folder.write('text', 'not a log'.repeat(9))])).exitCode).toBe(2);
    expect((await vrrl(['info', folder.at('nowhere')])).exitCode).toBe(2);
    expect((await vrrl(['info', '-'], { input: ['VRRL'] })).exitCode).toBe(2);
    const short = folder.write('short', fs.readFileSync(goldenLog('fresh-8x5')).subarray(0, 28));
    expect((await vrrl(['info', short])).err).toContain(
      'record over it (vrrl record --force): what is left of it holds',
    );
  });

  test.skipIf(process.platform === 'win32')('what is no regular file is refused with a way out', async () => {
    execFileSync('mkfifo', [folder.at('pipe')]);
    for (const command of ['info', 'dump', 'verify', 'replay']) {
      const { exitCode, err } = await vrrl([command, folder.at('pipe')]);
      expect(exitCode).toBe(2);
      expect(err).toMatch(/it is a FIFO, expected a regular file\. Fix: copy it into a regular file/);
    }
  });
});
