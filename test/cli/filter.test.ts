import { beforeAll, describe, expect, test } from 'vitest';
import { dumpOf, recordEpochs, verdictOf } from './deriving.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  await recordEpochs(folder.at('run.vrrl'), 'v2');
});

function filter(to: string, ...more: string[]) {
  return vrrl(['filter', folder.at('run.vrrl'), '-o', folder.at(to), ...more]);
}

describe('filter', () => {
  test('by tenant: the records that fit, numbered one after the other, and no observation that is not true of them', async () => {
    const { exitCode, err } = await filter('tenant.vrrl', '--tenants', '1');
    expect(exitCode).toBe(0);
    expect(err).toContain('12 of 36 records of');
    expect(err).toContain('numbers 2 to 13, which are new, 0 of 6 observed epochs');
    expect(err).toContain('not kept (6): observations of epochs that lost records');
    const records = (await dumpOf(folder.at('tenant.vrrl'))).map((line) => JSON.parse(line));
    expect(records.map(({ tenantId }) => tenantId)).toEqual(Array.from({ length: 12 }, () => 1));
    expect((await vrrl(['verify', folder.at('tenant.vrrl')])).exitCode).toBe(0);
    expect((await vrrl(['info', folder.at('tenant.vrrl')])).exitCode).toBe(0);
  });

  test('the kernel that recorded is still known', async () => {
    await filter('adds.vrrl', '--opcodes', 'ATOMIC_ADD');
    expect((await vrrl(['kernel', folder.at('adds.vrrl')])).out).toContain('cut');
    const { out } = await vrrl(['replay', folder.at('adds.vrrl'), '--backend', 'reference']);
    expect(out).toContain('kernel cut');
    expect(await verdictOf(folder.at('adds.vrrl'))).toMatch(/^agree: 6 of 6 epochs agree with each other/);
  });

  test('epochs in a row are judged as before, and are a piece of what they are from', async () => {
    await filter('epochs.vrrl', '--epochs', '1..2,3');
    const whole = await vrrl(['merge', folder.at('epochs.vrrl'), folder.at('run.vrrl'), '-o', folder.at('no.vrrl')]);
    expect(whole.err).toContain('both have records 7 to 24');
    expect(await verdictOf(folder.at('epochs.vrrl'))).toBe('agree: 3 of 3 epochs agree with the recording');
  });

  test('what has other numbers is no piece of what it is from', async () => {
    await filter('one.vrrl', '--tenants', '0');
    await filter('two.vrrl', '--tenants', '1..2');
    const argv = ['merge', folder.at('one.vrrl'), folder.at('two.vrrl'), '-o', folder.at('sum.vrrl')];
    const { exitCode, err } = await vrrl(argv);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringContaining('36 of 36 records of 2 logs') });
  });

  test('all conditions have to hold', async () => {
    const { json } = await vrrlJson([
      ...['filter', folder.at('run.vrrl'), '-o', folder.at('both.vrrl'), '--json'],
      ...['--tenants', '0..1', '--opcodes', '2', '--epochs', '..1'],
    ]);
    expectValid('derived', json);
    expect(json).toMatchObject({ command: 'filter', records: { read: 36, written: 8, lost: 0 }, complete: true });
  });

  test.each([
    [[], 'nothing says which records to keep'],
    [['--tenants', '77'], 'has no record that fits'],
    [['--opcodes', 'MOO'], 'neither'],
    [['--opcodes', '4294967296'], 'neither'],
    [['--tenants', 'x'], 'give a whole number or a range'],
  ])('%j is refused', async (options, what) => {
    const { exitCode, err } = await filter('refused.vrrl', ...options);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });
});
