import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { dumpOf, recordEpochs, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  await recordEpochs(folder.at('v1.vrrl'), 'v1');
  await recordEpochs(folder.at('v2.vrrl'), 'v2');
});

function trim(from: string, to: string, ...more: string[]) {
  return vrrl(['trim', folder.at(from), '-o', folder.at(to), '--force', ...more]);
}

describe.each(['v1', 'v2'])('trim of a %s log', (version) => {
  test('epochs: it replays from a state that was seen, and its records keep their numbers', async () => {
    const { exitCode, err } = await trim(`${version}.vrrl`, 'piece.vrrl', '--epochs', '2..3');
    expect(exitCode).toBe(0);
    expect(err).toContain('12 of 36 records of');
    expect(err).toContain('numbers 13 to 24, 2 of 6 observed epochs');
    expect((await vrrl(['verify', folder.at('piece.vrrl')])).exitCode).toBe(0);
    for (const mode of ['chained', 'isolated']) {
      expect(await verdictOf(folder.at('piece.vrrl'), '--mode', mode)).toBe(
        'agree: 2 of 2 epochs agree with the recording',
      );
    }
    const lines = await dumpOf(folder.at('piece.vrrl'));
    expect(lines.map((line) => JSON.parse(line).sequence)).toEqual(
      Array.from({ length: 12 }, (_, index) => 13 + index),
    );
  });

  test('the last epochs', async () => {
    await trim(`${version}.vrrl`, 'last.vrrl', '--last', '1');
    expect(await verdictOf(folder.at('last.vrrl'))).toBe('agree: 1 of 1 epochs agree with the recording');
  });

  test('records: an epoch that is cut in two is not judged, those that are whole are', async () => {
    const { exitCode, err } = await trim(`${version}.vrrl`, 'cut.vrrl', '--records', '10..24');
    expect(exitCode).toBe(0);
    expect(err).toContain('not kept (1): observations of epochs that are cut in two');
    expect(await verdictOf(folder.at('cut.vrrl'), '--mode', 'isolated')).toBe(
      'unknown: 2 of 3 epochs agree with the recording, 1 unknown',
    );
  });

  test('time', async () => {
    const records = (await dumpOf(folder.at(`${version}.vrrl`))).map((line) => JSON.parse(line));
    const [since, until] = [records[6].timestampNs, records[17].timestampNs];
    await trim(`${version}.vrrl`, 'time.vrrl', '--since', since, '--until', until);
    const inTime = records.filter(
      ({ timestampNs }) => BigInt(timestampNs) >= BigInt(since) && BigInt(timestampNs) <= BigInt(until),
    );
    expect(await dumpOf(folder.at('time.vrrl'))).toHaveLength(inTime.length);
    await trim(`${version}.vrrl`, 'all.vrrl', '--since', '2020-01-01T00:00:00Z');
    expect(await dumpOf(folder.at('all.vrrl'))).toHaveLength(36);
  });
});

describe('trim', () => {
  test('says what it did in JSON', async () => {
    const { exitCode, json } = await vrrlJson([
      ...['trim', folder.at('v2.vrrl'), '-o', folder.at('json.vrrl'), '--epochs', '5..', '--json'],
    ]);
    expectValid('derived', json);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 0,
      json: {
        command: 'trim',
        records: { read: 36, written: 6, lost: 0 },
        numbers: { first: 31, last: 36, kept: true },
        epochs: { read: 6, written: 1 },
      },
    });
  });

  test('through pipes', async () => {
    const input = [readFileSync(folder.at('v2.vrrl'))];
    const { exitCode, bytes } = await vrrl(['trim', '-', '-o', '-', '--epochs', '..1', '-q'], { input });
    expect(exitCode).toBe(0);
    expect((await vrrl(['info', '-', '--json'], { input: [bytes] })).out).toContain('"records": 12');
  });

  test.each([
    [[], 'no piece was named'],
    [['--last', '1', '--epochs', '1'], 'more than one piece was named'],
    [['--epochs', '9..12'], 'has no record of epochs 9 to 12'],
    [['--epochs', '3..1'], 'give a whole number or a range'],
    [['--records', 'all'], 'give a whole number or a range'],
    [['--since', 'yesterday'], 'give a time like'],
    [['--last', '0'], 'give a whole number'],
  ])('%j is refused, and nothing is left behind', async (options, what) => {
    const { exitCode, err } = await trim('v2.vrrl', 'refused.vrrl', ...options);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
    const left = readdirSync(path.dirname(folder.at('x'))).filter((name) => /refused|partial|replaced/.test(name));
    expect(left).toEqual([]);
  });
});
