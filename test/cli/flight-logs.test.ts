import fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSuperblock } from '../../src/log-v2/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { EPOCHS, RECORDS_PER_EPOCH, recordEpochs } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { patch, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const RECORDS = EPOCHS * RECORDS_PER_EPOCH;
const ROOM = 20;

beforeAll(async () => {
  await recordEpochs(folder.at('run.vrrl'), 'v2');
  await recordEpochs(folder.at('wrapped.vrrl'), 'v2', ROOM);
  await recordEpochs(folder.at('old.vrrl'), 'v1');
  await vrrl(['convert', folder.at('old.vrrl'), '-o', folder.at('bare.vrrl'), '--to', 'v2', '--no-observations']);
});

function copyOf(name: string): string {
  fs.copyFileSync(folder.at(name), folder.at('copy.vrrl'));
  return folder.at('copy.vrrl');
}

function geometryOf(log: string) {
  return readSuperblock(new MemoryStorage(fs.readFileSync(log))).superblock.geometry;
}

type Json = Readonly<Record<string, unknown>>;

/** What the three commands say of a log, each as its schema has it. */
async function reportsOn(log: string): Promise<{ info: Json; verify: Json; dump: Json[]; exitCodes: number[] }> {
  const info = await vrrlJson(['info', log, '--json', '--quiet']);
  const verify = await vrrlJson(['verify', log, '--json', '--quiet']);
  const dump = await vrrl(['dump', log, '--json', '--quiet']);
  const lines = dump.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Json => JSON.parse(line));
  expectValid('info', info.json);
  expectValid('verify', verify.json);
  for (const line of lines) expectValid('dump-record', line);
  const exitCodes = [info.exitCode, verify.exitCode, dump.exitCode];
  return { info: info.json as Json, verify: verify.json as Json, dump: lines, exitCodes };
}

describe('a v2 log', () => {
  test('that is whole', async () => {
    const { info, verify, dump, exitCodes } = await reportsOn(folder.at('run.vrrl'));
    expect(exitCodes).toEqual([0, 0, 0]);
    expect(info).toMatchObject({
      format: 'v2',
      capacity: 100,
      cursor: RECORDS,
      records: RECORDS,
      firstSequence: 1,
      lastSequence: RECORDS,
      observations: { path: folder.at('run.vrrl'), epochs: EPOCHS, kernel: 'cut', findings: 0 },
      warnings: [],
      notes: [],
    });
    expect(verify).toMatchObject({ format: 'v2', sound: true, records: RECORDS, lost: 0, byKind: {}, problems: [] });
    expect(dump).toHaveLength(RECORDS);
    expect(Object.keys(dump[0])).toEqual([
      ...['sequence', 'timestampNs', 'slotIndex', 'tenantId', 'opcode', 'priority', 'args', 'epoch'],
    ]);
    expect(dump[4]).toMatchObject({
      sequence: 5,
      tenantId: 1,
      priority: 2,
      args: [5, 170, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  test('that has wrapped: no loss, and the numbers say how much is gone', async () => {
    const { info, verify, dump, exitCodes } = await reportsOn(folder.at('wrapped.vrrl'));
    expect(exitCodes).toEqual([0, 0, 0]);
    expect(info).toMatchObject({ firstSequence: RECORDS - ROOM + 1, lastSequence: RECORDS, lost: 0, warnings: [] });
    expect(verify).toMatchObject({ sound: true, byKind: { wrapped: RECORDS - ROOM } });
    expect(dump[0]['sequence']).toBe(RECORDS - ROOM + 1);
  });

  test('made from a v1 log that kept four arguments', async () => {
    const { info, dump } = await reportsOn(folder.at('bare.vrrl'));
    expect(info['observations']).toBeUndefined();
    expect(Object.keys(dump[0])).toEqual([
      ...['sequence', 'timestampNs', 'slotIndex', 'tenantId', 'opcode', 'args', 'epoch'],
    ]);
    expect(dump[0]['args']).toHaveLength(4);
  });

  test('on standard input: the same', async () => {
    const input = [fs.readFileSync(folder.at('wrapped.vrrl'))];
    for (const command of ['info', 'verify']) {
      const named = await vrrlJson([command, folder.at('wrapped.vrrl'), '--json']);
      const piped = await vrrlJson([command, '-', '--json'], { input });
      expectValid(command === 'info' ? 'info' : 'verify', piped.json);
      expect(JSON.stringify(piped.json)).toBe(JSON.stringify(named.json).replaceAll(folder.at('wrapped.vrrl'), '-'));
    }
  });
});

describe('of a damaged v2 log', () => {
  /** Each damage with the kinds that verify names and how much they are about, and the exit codes of the three. */
  const damages: readonly [string, (log: string) => unknown, Json, readonly number[]][] = [
    ['a record with a wrong sum', (log) => hit(log, 7), { corrupt: 1, epochNotInLog: 1 }, [3, 3, 3]],
    ['three of them', (log) => [2, 3, 30].map((each) => hit(log, each)), { corrupt: 3, epochNotInLog: 2 }, [3, 3, 3]],
    ['a position that was zeroed', (log) => zero(log, 9), { missing: 1, epochNotInLog: 1 }, [3, 3, 3]],
    ['a record of another position', (log) => move(log, 4, 50), { misplaced: 1 }, [3, 3, 3]],
    ['a superblock', (log) => patch(log, 40, Uint8Array.of(9, 9)), { superblockDamaged: 1 }, [0, 3, 0]],
    ['a copy of the metadata', (log) => hitMetadata(log, ['metadataOffset']), { metadataDamaged: 1 }, [0, 3, 0]],
    [
      'both copies of the metadata',
      (log) => hitMetadata(log, ['metadataOffset', 'metadataCopyOffset']),
      { metadataLost: 1 },
      [0, 3, 0],
    ],
    ['bytes too many', (log) => fs.appendFileSync(log, 'more'), { trailingBytes: 4 }, [0, 3, 0]],
    ['the end of the journal', (log) => hitJournal(log), { missingFrames: 1 }, [0, 3, 0]],
    ['the last two thirds', (log) => fs.truncateSync(log, slotAt(log, 10)), { missing: RECORDS - 10 }, [3, 3, 3]],
  ];

  const slotAt = (log: string, position: number) => geometryOf(log).slotsOffset + 128 * position;
  const hit = (log: string, position: number) => patch(log, slotAt(log, position) + 40, Uint8Array.of(0xee));
  const zero = (log: string, position: number) => patch(log, slotAt(log, position), new Uint8Array(128));
  const move = (log: string, from: number, to: number) => {
    const at = slotAt(log, from);
    return patch(log, slotAt(log, to), fs.readFileSync(log).subarray(at, at + 128));
  };
  const hitMetadata = (log: string, places: readonly ('metadataOffset' | 'metadataCopyOffset')[]) =>
    places.map((place) => patch(log, geometryOf(log)[place] + 30, Uint8Array.of(1)));
  /** The end frame is the last thing in the journal; frames begin with `vob`. */
  const hitJournal = (log: string) => {
    const bytes = fs.readFileSync(log);
    const { journalOffset, journalBytes } = geometryOf(log);
    const end = bytes.subarray(0, journalOffset + journalBytes).lastIndexOf('vob');
    return patch(log, end + 40, Uint8Array.of(0xee));
  };

  test.each(damages)('%s: all three say so, in text as in JSON', async (_, damage, byKind, expectedCodes) => {
    const log = copyOf('run.vrrl');
    damage(log);
    const { info, verify, dump, exitCodes } = await reportsOn(log);
    expect(verify['byKind']).toMatchObject(byKind);
    expect(exitCodes).toEqual(expectedCodes);
    const { lost, records } = info;
    expect(verify).toMatchObject({ sound: false, lost, records, loss: info['loss'] });
    expect(dump).toHaveLength(records as number);
    expect(lost === 0).toBe(expectedCodes[0] === 0);
    const text = await vrrl(['verify', log]);
    expect(text.exitCode).toBe(3);
    const summary = text.out.trimEnd().split('\n').at(-1);
    for (const [kind, times] of Object.entries(byKind)) expect(summary).toContain(`${kind} ${times}`);
    for (const line of text.out.trimEnd().split('\n').slice(0, -1)) expect(line).toMatch(/ Fix: .*\.$/);
    const infoText = (await vrrl(['info', log])).out;
    for (const { kind } of info['warnings'] as { kind: string }[]) expect(infoText).toContain(`warning: ${kind}: `);
  });

  test('none of them: what is no log is refused', async () => {
    const log = copyOf('run.vrrl');
    for (const page of [0, 4096]) patch(log, page, new Uint8Array(4096).fill(7));
    for (const command of ['info', 'verify', 'dump']) expect((await vrrl([command, log])).exitCode).toBe(2);
  });
});
