import fs from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { HEADER_BYTES, RECORD_BYTES } from '../../src/log/index.ts';
import { PAGE_BYTES, readSuperblock } from '../../src/log-v2/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { dumpOf, EPOCHS, RECORDS_PER_EPOCH, recordEpochs, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { additions, copyRecording, damageRecord, GOLDEN_NAMES, goldenLog, patch, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const RECORDS = EPOCHS * RECORDS_PER_EPOCH;

beforeAll(async () => {
  await recordEpochs(folder.at('run.vrrl'), 'v2');
  await recordEpochs(folder.at('wrapped.vrrl'), 'v2', 20);
  await recordEpochs(folder.at('old.vrrl'), 'v1');
});

/** A copy of a v2 log, to be damaged. */
function copyOf(name: string): string {
  const to = folder.at(`copy-of-${name}`);
  fs.rmSync(`${to}.recovered`, { force: true });
  fs.rmSync(`${to}.recovered.obs`, { force: true });
  fs.copyFileSync(folder.at(name), to);
  return to;
}

interface Recovered {
  readonly exitCode: number;
  readonly format: string;
  readonly complete: boolean;
  readonly records: { readonly read: number; readonly written: number; readonly lost: number };
  readonly epochs: { readonly read: number; readonly written: number };
  readonly notKept: readonly { readonly kind: string; readonly count: number }[];
  readonly findings: readonly { readonly kind: string; readonly message: string }[];
}

/** Recovers with --json, and checks that the object is what the schema says and that the old log is as it was. */
async function recover(log: string, ...more: string[]): Promise<Recovered> {
  const before = fs.readFileSync(log);
  const { exitCode, json } = await vrrlJson(['recover', log, '--json', '--quiet', ...more]);
  expectValid('derived', json);
  expect(fs.readFileSync(log).equals(before)).toBe(true);
  const recovered = { ...(json as Omit<Recovered, 'exitCode'>), exitCode };
  expect(recovered.complete).toBe(exitCode === 0);
  return recovered;
}

const kinds = (list: readonly { readonly kind: string }[]) => list.map(({ kind }) => kind);

/** Where the slots and the journal of a v2 log are. */
function geometryOf(log: string) {
  return readSuperblock(new MemoryStorage(fs.readFileSync(log))).superblock.geometry;
}

const slotAt = (log: string, position: number) => geometryOf(log).slotsOffset + 128 * position;

function loseSuperblocks(log: string): string {
  patch(log, 0, new Uint8Array(512).fill(0x5a));
  return patch(log, PAGE_BYTES, new Uint8Array(512));
}

function loseMetadata(log: string): string {
  const { metadataOffset, metadataCopyOffset } = geometryOf(log);
  patch(log, metadataOffset + 20, Uint8Array.of(1, 2, 3));
  return patch(log, metadataCopyOffset + 20, Uint8Array.of(1, 2, 3));
}

describe('recover of a log that is whole', () => {
  test.each(['run.vrrl', 'wrapped.vrrl', 'old.vrrl'])('%s loses nothing', async (name) => {
    const log = name === 'old.vrrl' ? copyRecording(folder.at(name), copyOf(name)) : copyOf(name);
    const recovered = await recover(log);
    expect(recovered).toMatchObject({ exitCode: 0, notKept: [], records: { lost: 0 } });
    expect(await dumpOf(`${log}.recovered`)).toEqual(await dumpOf(log));
    expect(await verdictOf(`${log}.recovered`)).toBe(await verdictOf(log));
    expect((await vrrl(['verify', `${log}.recovered`])).exitCode).toBe(0);
  });

  test.each(GOLDEN_NAMES)('%s comes out the same to the byte', async (name) => {
    const out = folder.at(`${name}.out`);
    expect((await recover(goldenLog(name), '-o', out)).exitCode).toBe(0);
    expect(fs.readFileSync(out).equals(fs.readFileSync(goldenLog(name)))).toBe(true);
  });
});

describe('recover of a v2 log', () => {
  test('with a damaged record: all others, and the observations of all epochs', async () => {
    const log = copyOf('run.vrrl');
    patch(log, slotAt(log, 7) + 40, Uint8Array.of(0xff));
    const recovered = await recover(log);
    expect(recovered).toMatchObject({
      exitCode: 3,
      records: { read: RECORDS - 1, written: RECORDS - 1, lost: 1 },
      epochs: { read: EPOCHS, written: EPOCHS },
      notKept: [{ kind: 'corrupt', count: 1 }],
    });
    expect(await dumpOf(`${log}.recovered`)).toEqual(await dumpOf(log));
  });

  test('that was cut off: what comes before the end', async () => {
    const log = copyOf('run.vrrl');
    fs.truncateSync(log, slotAt(log, 10) + 5);
    const recovered = await recover(log);
    expect(recovered).toMatchObject({ exitCode: 3, records: { written: 10, lost: RECORDS - 10 }, epochs: { read: 0 } });
  });

  test.each(['run.vrrl', 'wrapped.vrrl'])(
    'both superblocks of %s gone: everything that proves itself',
    async (name) => {
      const log = loseSuperblocks(copyOf(name));
      const recovered = await recover(log);
      expect(recovered).toMatchObject({ exitCode: 3, records: { lost: 0 }, notKept: [] });
      expect(kinds(recovered.findings)).toContain('superblocksLost');
      expect(await dumpOf(`${log}.recovered`)).toEqual(await dumpOf(folder.at(name)));
      expect(await verdictOf(`${log}.recovered`)).toBe(await verdictOf(folder.at(name)));
      const [info, original] = [await infoOf(`${log}.recovered`), await infoOf(folder.at(name))];
      expect(info).toEqual({ ...original, ...(name === 'run.vrrl' ? { capacity: expect.any(Number) } : {}) });
    },
  );

  const infoOf = async (log: string) => {
    const { json } = await vrrlJson(['info', log, '--json']);
    const { capacity, records, observations } = json as Record<string, unknown>;
    return { capacity, records, epochs: (observations as { epochs: number }).epochs };
  };

  test.each(['run.vrrl', 'wrapped.vrrl'])('superblocks and metadata of %s gone: the records', async (name) => {
    const log = loseSuperblocks(loseMetadata(copyOf(name)));
    const recovered = await recover(log);
    expect(recovered).toMatchObject({ exitCode: 3, records: { lost: 0 }, epochs: { read: 0, written: 0 } });
    expect(kinds(recovered.findings)).toEqual(expect.arrayContaining(['superblocksLost', 'metadataLost']));
    expect(await dumpOf(`${log}.recovered`)).toEqual(await dumpOf(folder.at(name)));
  });

  test('superblocks and some records gone: those that are damaged are counted, the others kept', async () => {
    const log = copyOf('run.vrrl');
    for (const position of [0, 9, 10]) patch(log, slotAt(log, position) + 30, Uint8Array.of(0xee, 0xee));
    const recovered = await recover(loseSuperblocks(log));
    expect(recovered).toMatchObject({ exitCode: 3, records: { written: RECORDS - 3, lost: 3 } });
  });

  test('whatever single damage: every record that is not hit is kept', async () => {
    const whole = await dumpOf(folder.at('wrapped.vrrl'));
    const { slotsOffset } = geometryOf(folder.at('wrapped.vrrl'));
    const damage = fc.record({
      position: fc.integer({ min: 0, max: 19 }),
      byte: fc.integer({ min: 0, max: 127 }),
      flip: fc.integer({ min: 1, max: 255 }),
      withoutSuperblocks: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ position, byte, flip, withoutSuperblocks }) => {
        const log = copyOf('wrapped.vrrl');
        const at = slotsOffset + 128 * position + byte;
        const old = fs.readFileSync(log)[at];
        patch(log, at, Uint8Array.of(old ^ flip));
        if (withoutSuperblocks) loseSuperblocks(log);
        const { records } = await recover(log);
        expect(records).toEqual({ read: 19, written: 19, lost: 1 });
        const saved = await dumpOf(`${log}.recovered`);
        expect(saved).toHaveLength(19);
        for (const line of saved) expect(whole).toContain(line);
      }),
      { numRuns: 25 },
    );
  });
});

describe('recover of a v1 log', () => {
  const copy = () => copyRecording(folder.at('old.vrrl'), copyOf('old.vrrl'));

  test('with a damaged record: all others at their places, with what was observed', async () => {
    const log = damageRecord(copy(), 3);
    const recovered = await recover(log);
    expect(recovered).toMatchObject({
      exitCode: 3,
      format: 'v1',
      records: { written: RECORDS - 1, lost: 1 },
      epochs: { read: EPOCHS, written: EPOCHS },
      notKept: [{ kind: 'damaged', count: 1 }],
    });
    expect(await dumpOf(`${log}.recovered`)).toEqual(await dumpOf(log));
  });

  test.each(['old.vrrl', ...GOLDEN_NAMES.map((name) => `${name}.vrrl`)])('%s without a header', async (name) => {
    const isOwn = name === 'old.vrrl';
    const original = isOwn ? folder.at(name) : goldenLog(name.replace('.vrrl', ''));
    const log = folder.write('headless.vrrl', fs.readFileSync(original));
    if (isOwn) fs.copyFileSync(`${original}.obs`, `${log}.obs`);
    else fs.rmSync(`${log}.obs`, { force: true });
    patch(log, 0, new Uint8Array(HEADER_BYTES).fill(0xa5));
    const recovered = await recover(log, '--force');
    expect(recovered.exitCode).toBe(3);
    expect(kinds(recovered.findings)).toContain('headerLost');
    expect(fs.readFileSync(`${log}.recovered`).equals(fs.readFileSync(original))).toBe(true);
    if (isOwn) expect(await verdictOf(`${log}.recovered`)).toBe(await verdictOf(original));
  });

  test('cut in the middle of a record', async () => {
    const log = copy();
    fs.truncateSync(log, HEADER_BYTES + RECORD_BYTES * 8 + 10);
    expect(await recover(log)).toMatchObject({ exitCode: 3, records: { written: 8, lost: RECORDS - 8 } });
  });

  test('with observations that are none: the records, and a word about the observations', async () => {
    const log = copy();
    fs.writeFileSync(`${log}.obs`, 'nothing');
    const recovered = await recover(log);
    expect(recovered).toMatchObject({ exitCode: 3, records: { written: RECORDS, lost: 0 } });
    expect(kinds(recovered.notKept)).toEqual(['observationsUnreadable']);
    expect(fs.existsSync(`${log}.recovered.obs`)).toBe(false);
  });
});

describe('recover of a set of logs', () => {
  test('of one of which both superblocks are gone: all of it', async () => {
    const slots = folder.write('slots.jsonl', additions(12, 5));
    const set = folder.at('set.vrrl');
    const recording = ['record', set, '--slots', slots, '--backend', 'reference', '--rotate', '30', '--quiet'];
    expect((await vrrl(recording)).exitCode).toBe(0);
    const whole = await dumpOf(set);
    loseSuperblocks(`${set}.000002`);
    expect((await recover(set, '-o', folder.at('one.vrrl'))).records).toEqual({ read: 72, written: 72, lost: 0 });
    expect(await dumpOf(folder.at('one.vrrl'))).toEqual(whole);
    // A log of another set in its place is none of this one.
    fs.copyFileSync(folder.at('run.vrrl'), `${set}.000002`);
    loseSuperblocks(`${set}.000002`);
    const { records, findings } = await recover(set, '-o', folder.at('two.vrrl'));
    expect(records).toEqual({ read: 42, written: 42, lost: 30 });
    expect(kinds(findings)).toContain('logForeign');
  });
});

describe('recover', () => {
  test('says in text what it did and what is lost', async () => {
    const log = copyOf('run.vrrl');
    patch(log, slotAt(log, 7) + 40, Uint8Array.of(0xff));
    const { exitCode, out, err } = await vrrl(['recover', log]);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(err).toContain(`${log}.recovered: format v2, 35 of 35 records`);
    expect(err).toContain('not kept (1): records whose sum is wrong');
  });

  test('takes a log from standard input, with a name for the new one', async () => {
    const input = [fs.readFileSync(folder.at('run.vrrl'))];
    const refused = await vrrl(['recover', '-'], { input });
    expect(refused).toMatchObject({ exitCode: 2, err: expect.stringContaining('-o') });
    const out = folder.at('piped.vrrl');
    expect((await vrrl(['recover', '-', '-o', out], { input })).exitCode).toBe(0);
    expect(await dumpOf(out)).toEqual(await dumpOf(folder.at('run.vrrl')));
  });

  test('replaces nothing unless it is told to, and never what it reads', async () => {
    const log = copyOf('run.vrrl');
    fs.writeFileSync(`${log}.recovered`, 'mine');
    expect((await vrrl(['recover', log])).exitCode).toBe(2);
    expect(fs.readFileSync(`${log}.recovered`, 'utf8')).toBe('mine');
    expect((await vrrl(['recover', log, '--force'])).exitCode).toBe(0);
    expect((await vrrl(['recover', log, '-o', log, '--force'])).exitCode).toBe(2);
  });

  test('makes no file where there is nothing to save', async () => {
    for (const content of ['not a log'.repeat(9_000), new Uint8Array(300_000), '']) {
      const log = folder.write('nothing', content);
      expect(await vrrl(['recover', log])).toMatchObject({ exitCode: 2, out: '' });
      expect(fs.existsSync(`${log}.recovered`)).toBe(false);
    }
    const log = copyOf('run.vrrl');
    patch(log, slotAt(log, 0), new Uint8Array(128 * 100).fill(0xcc));
    loseSuperblocks(log);
    expect((await vrrl(['recover', log])).exitCode).toBe(2);
  });
});
