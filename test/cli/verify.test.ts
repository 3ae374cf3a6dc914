import fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Recorder } from '../../cli/recorder.ts';
import { createFlightLogFile } from '../../node/flight-log-file.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, kernelIdentity, kernelToJson } from '../../src/kernel/index.ts';
import { RECORD_BYTES } from '../../src/log/index.ts';
import { type FlightMetadata, readSuperblock } from '../../src/log-v2/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { copyRecording, damageRecord, GOLDEN_NAMES, goldenLog, patch, temporaryFolder } from './files.ts';
import { makeRecording, soundEpochs } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  await makeRecording(folder.at('run.vrrl'), defineKernel({ name: 'sound', slotCount: 32 }), soundEpochs(4));
});

interface Verified {
  readonly exitCode: number;
  readonly sound: boolean;
  readonly problems: readonly { readonly kind: string; readonly severity: string; readonly file: string }[];
}

/** Verifies with --json, and checks that the exit code, the object and the text say the same. */
async function verify(path: string): Promise<Verified> {
  const { exitCode, json } = await vrrlJson(['verify', path, '--json']);
  expectValid('verify', json);
  const { sound, problems } = json as Omit<Verified, 'exitCode'>;
  expect(sound).toBe(exitCode === 0);
  expect(sound).toBe(problems.every(({ severity }) => severity === 'information'));
  const text = await vrrl(['verify', path]);
  expect(text.exitCode).toBe(exitCode);
  for (const { kind } of problems) expect(text.out).toContain(kind);
  expect(text.out.includes('nothing is wrong')).toBe(sound);
  for (const line of text.out.trimEnd().split('\n').slice(0, -1)) expect(line).toMatch(/ Fix: .*\.$/);
  return { exitCode, sound, problems };
}

describe('verify of what is sound', () => {
  test.each(GOLDEN_NAMES)('%s', async (name) => {
    expect((await verify(goldenLog(name))).exitCode).toBe(0);
  });

  test('a recording', async () => {
    expect(await verify(folder.at('run.vrrl'))).toEqual({ exitCode: 0, sound: true, problems: [] });
  });

  test('a log that has wrapped, with the observations of what it still holds', async () => {
    const log = folder.at('wrapped.vrrl');
    await makeRecording(log, defineKernel({ name: 'sound', slotCount: 32 }), soundEpochs(30), { capacity: 100 });
    const { exitCode, problems } = await verify(log);
    expect({ exitCode, kinds: problems.map(({ kind }) => kind) }).toEqual({ exitCode: 0, kinds: ['full'] });
  });

  test('a log on standard input', async () => {
    const input = [fs.readFileSync(folder.at('run.vrrl'))];
    const { exitCode, json } = await vrrlJson(['verify', '-', '--json'], { input });
    expect({ exitCode, json }).toEqual({
      exitCode: 0,
      json: {
        ...{ schemaVersion: 1, path: '-', format: 'v1', sound: true, records: 44, lost: 0, byKind: {}, problems: [] },
        loss: { damaged: 0, holes: 0, missing: 0, torn: 0, lost: 0 },
      },
    });
  });
});

describe('verify of a v2 log that nobody closed', () => {
  const kernel = defineKernel({ name: 'sound', slotCount: 32 });

  /** What a writer that is killed after some slots of an epoch leaves. */
  async function killedLog(name: string, capacity: number): Promise<string> {
    const backend = new ReferenceBackend(kernel);
    const live = folder.at(`${name}-live.vrrl`);
    const recorder = await Recorder.create(live, backend, kernel, { format: 'v2', capacity, mayReplace: true });
    try {
      for (const slots of soundEpochs(3)) {
        await recorder.session.publish(slots);
        await recorder.session.endEpoch();
      }
      await recorder.session.publish(soundEpochs(1, 4)[0]);
      fs.copyFileSync(live, folder.at(name));
    } finally {
      recorder.close();
      await backend.stop();
    }
    return folder.at(name);
  }

  test('nothing is wrong: what was in flight was never observed, and that is said', async () => {
    for (const [capacity, more] of [
      [64, []],
      [20, ['wrapped']],
    ] as const) {
      const log = await killedLog('killed.vrrl', capacity);
      const { exitCode, problems } = await verify(log);
      const kinds = problems.map(({ kind }) => kind);
      expect({ exitCode, kinds }).toEqual({ exitCode: 0, kinds: ['notClosed', ...more, 'epochNotObserved'] });
      expect((await vrrl(['verify', log])).out).toContain('epoch 3 (4 records): it was never observed');
      for (const command of ['info', 'dump']) {
        const { exitCode, out } = await vrrl([command, log, '--json']);
        expect(exitCode).toBe(0);
        const lines = command === 'info' ? [out] : out.trim().split('\n');
        for (const line of lines) expectValid(command === 'info' ? 'info' : 'dump-record', JSON.parse(line));
      }
    }
  });

  test('a record that is lost there is damage all the same', async () => {
    const log = await killedLog('hurt.vrrl', 64);
    const { geometry } = readSuperblock(new MemoryStorage(fs.readFileSync(log))).superblock;
    // Of the second epoch, so that records come after it.
    patch(log, geometry.slotsOffset + 128 * 13, new Uint8Array(128));
    const { exitCode, problems } = await verify(log);
    expect(exitCode).toBe(3);
    expect(problems.map(({ kind }) => kind)).toEqual(['notClosed', 'missing', 'epochNotInLog', 'epochNotObserved']);
  });
});

describe('verify of what a v2 log says about itself', () => {
  const json = kernelToJson(defineKernel({ name: 'sound', slotCount: 32 }));
  const identity = kernelIdentity(defineKernel({ name: 'sound', slotCount: 32 }));

  test.each<[string, Partial<FlightMetadata>, string[]]>([
    ['a kernel and its hash', { kernel: json, kernelHash: identity }, []],
    ['a kernel of somebody else', { kernel: { cuda: 'megakernel.cu' } }, []],
    ['another hash', { kernel: json, kernelHash: '0'.repeat(64) }, ['kernelContradiction']],
    ['a kernel that is none, with a hash', { kernel: { name: 'x' }, kernelHash: identity }, ['kernelUnreadable']],
  ])('%s', async (_, about, kinds) => {
    const path = folder.at('described.vrrl');
    fs.rmSync(path, { force: true });
    createFlightLogFile(path, { capacity: 4, journalBytes: 0, metadata: { tool: 'test', ...about } }).log.close();
    const { exitCode, problems } = await verify(path);
    expect(problems.map(({ kind }) => kind)).toEqual(kinds);
    expect(exitCode).toBe(kinds.length === 0 ? 0 : 3);
  });
});

describe('verify finds', () => {
  const copy = () => copyRecording(folder.at('run.vrrl'), folder.at('copy.vrrl'));
  const zeroRecord = (log: string, position: number) =>
    patch(log, 32 + RECORD_BYTES * position, new Uint8Array(RECORD_BYTES));
  const cut = (file: string, bytes: number) => fs.truncateSync(file, bytes);

  test.each<[string, (log: string) => unknown, string]>([
    ['a damaged record', (log) => damageRecord(log, 3), 'recordDamaged'],
    ['damage where nothing is written yet', (log) => damageRecord(log, 3_000), 'recordDamaged'],
    ['a hole', (log) => zeroRecord(log, 5), 'hole'],
    ['a file that was cut', (log) => cut(log, 32 + RECORD_BYTES * 20), 'bodyTruncated'],
    ['a file that was cut where nothing is written yet', (log) => cut(log, 32 + RECORD_BYTES * 50), 'bodyTruncated'],
    ['bytes too many', (log) => fs.appendFileSync(log, 'x'), 'trailingBytes'],
    ['a cursor beyond the capacity', (log) => patch(log, 24, Uint8Array.of(44, 16)), 'cursorBeyondCapacity'],
    ['a cursor that is behind', (log) => patch(log, 24, Uint8Array.of(43)), 'newestRecordFirst'],
    ['a record that was changed', (log) => patch(log, 32 + RECORD_BYTES * 9 + 24, Uint8Array.of(77)), 'epochNotInLog'],
    ['observations that are none', (log) => fs.writeFileSync(`${log}.obs`, 'nothing'), 'observationsUnreadable'],
    ['observations that were cut', (log) => cut(`${log}.obs`, fs.statSync(`${log}.obs`).size - 3), 'torn'],
    ['observations of which a byte was changed', (log) => patch(`${log}.obs`, middle(log), flipped(log)), 'damaged'],
    ['a recording that was not closed', (log) => cut(`${log}.obs`, endFrame(log)), 'noCleanEnd'],
    ['records that were never observed', (log) => appendRecord(log), 'epochNotObserved'],
  ])('%s', async (_, damage, kind) => {
    const log = copy();
    damage(log);
    const { exitCode, problems } = await verify(log);
    expect(exitCode).toBe(3);
    expect(problems.map((problem) => problem.kind)).toContain(kind);
  });

  const middle = (log: string) => Math.floor(fs.statSync(`${log}.obs`).size / 2);
  const flipped = (log: string) => Uint8Array.of(fs.readFileSync(`${log}.obs`)[middle(log)] ^ 0x10);
  /** The end frame is the last thing in the file; frames begin with `vob`. */
  const endFrame = (log: string) => fs.readFileSync(`${log}.obs`).lastIndexOf('vob');

  const appendRecord = (log: string) => {
    const bytes = fs.readFileSync(log);
    const last = 32 + RECORD_BYTES * 43;
    bytes.copy(bytes, last + RECORD_BYTES, last, last + RECORD_BYTES);
    bytes.writeUInt32LE(45, 24);
    fs.writeFileSync(log, bytes);
  };

  test('every problem with its file', async () => {
    const log = damageRecord(copy(), 3);
    const { problems } = await verify(log);
    expect(problems.map(({ file, kind }) => [file, kind])).toEqual([
      [log, 'recordDamaged'],
      [`${log}.obs`, 'epochNotInLog'],
    ]);
  });

  test('nothing, but refuses what is no log', async () => {
    expect((await vrrl(['verify', folder.write('text', 'not a log'.repeat(9))])).exitCode).toBe(2);
    expect((await vrrl(['verify', folder.at('nowhere')])).exitCode).toBe(2);
  });
});
