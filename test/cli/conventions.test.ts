import { existsSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../node/version.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { type FakeOptions, vrrl } from './fake-io.ts';
import { goldenLog, ROOT, temporaryFolder } from './files.ts';
import { makeRecording, soundEpochs } from './recordings.ts';

const folder = temporaryFolder();
const COMMANDS = [
  'demo',
  'record',
  'info',
  'dump',
  'tail',
  'verify',
  'recover',
  'convert',
  'trim',
  'filter',
  'merge',
  'reduce',
  'replay',
  'explain',
  'explore',
  'tune',
  'mutants',
  'report',
  'diff',
  'judge',
  'kernel',
  'doctor',
  'backend-check',
  'complete',
] as const;

/** What takes long even if it is asked for nothing in particular. */
const SLOW_COMMANDS: readonly string[] = ['demo', 'doctor', 'tune', 'mutants', 'backend-check'];

beforeAll(async () => {
  await makeRecording(folder.at('run.vrrl'), defineKernel({ name: 'sound', slotCount: 32 }), soundEpochs(2));
});

describe('help', () => {
  test.each(COMMANDS)('%s --help is data, and has an example', async (command) => {
    const { exitCode, out, err } = await vrrl([command, '--help']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain(`Usage: vrrl ${command}`);
    expect(out).toMatch(/^Examples?:\n( {2}\$ .*vrrl .*\n)+$/m);
    expect((await vrrl(['help', command])).out).toBe(out);
    for (const [, schema] of out.matchAll(/\((spec\/[^)]*)\)/g)) expect(existsSync(path.join(ROOT, schema))).toBe(true);
  });

  test('the program lists all commands, the exit codes and examples', async () => {
    const { exitCode, out } = await vrrl(['--help']);
    expect(exitCode).toBe(0);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(out).toContain('Exit codes: 0 agree');
    expect(out).toContain('Examples:');
    expect((await vrrl(['help'])).out).toBe(out);
    expect((await vrrl(['-h'])).out).toBe(out);
  });

  test('lines fit a wide terminal', async () => {
    for (const command of COMMANDS) {
      const { out } = await vrrl([command, '--help']);
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
    }
  });

  test.each(['--version', '-V'])('%s', async (option) => {
    expect(await vrrl([option])).toMatchObject({ exitCode: 0, out: `${VERSION}\n`, err: '' });
  });
});

describe('wrong use', () => {
  test.each([
    [['recrod'], 'did you mean record?'],
    [['dump', '--jsn', 'x'], 'did you mean --json?'],
    [['replay', 'x', '--replcas', '3'], 'did you mean --replicas?'],
    [['frobnicate'], 'vrrl --help'],
    [['dump', '--frobnicate', 'x'], 'vrrl dump --help'],
    [['dump'], 'vrrl dump --help'],
    [['diff', 'one'], "'right'"],
    [['dump', 'one', 'two'], 'expected 1 argument'],
    [['replay', 'x', '--mode'], 'argument missing'],
    [['replay', 'x', '--mode', 'upside'], 'choose one of chained, isolated'],
    [['replay', 'x', '--replicas', '0'], 'give a whole number from 1'],
    [['record', 'x', '--capacity', '1048577'], 'give a whole number from 1 to 1048576'],
    [['demo', '--replicas', 'many'], 'give a whole number'],
    [['help', 'frobnicate'], 'no command "frobnicate"'],
    [[], 'no command was given'],
  ])('%j', async (argv, what) => {
    const { exitCode, err } = await vrrl(argv);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });

  test('without a command the help is there, but as a message', async () => {
    const { err } = await vrrl([]);
    expect(err).toContain('Usage: vrrl [options] [command]');
  });

  const words = fc.constantFrom(
    ...COMMANDS.filter((command) => !SLOW_COMMANDS.includes(command)),
    ...['--json', '--quiet', '-q', '--strict', '--replicas', '--mode', '--kernel', '--slots', '--force', '--', '-', ''],
    ...['1', '-1', '0x10', 'chained', 'nowhere', '--no-color', '--help', '--no-observations', '-qx', '--json=1'],
  );
  test('whatever is given, an exit code and a message with a Fix come out', async () => {
    const vectors = fc.array(fc.oneof({ weight: 4, arbitrary: words }, fc.string()), { maxLength: 7 });
    // Nothing is to be made, where somebody runs the tests.
    const harmless = vectors.filter((argv) => !argv.includes('record') || !argv.includes('--slots'));
    await fc.assert(
      fc.asyncProperty(harmless, async (argv) => void (await vrrl(argv, { input: ['nothing of the kind'] }))),
      { numRuns: 300 },
    );
  });
});

describe('colours', () => {
  const replay = async (options: FakeOptions, before: string[] = [], after: string[] = []) => {
    const argv = [...before, 'replay', folder.at('run.vrrl'), '--backend', 'reference', ...after];
    return (await vrrl(argv, options)).out;
  };
  const GREEN = '\u001b[32m';

  test('are there on a terminal, and nowhere else', async () => {
    expect(await replay({ terminal: true })).toContain(`${GREEN}agree`);
    expect(await replay({})).not.toContain('\u001b');
  });

  test.each<[string, FakeOptions, boolean]>([
    ['FORCE_COLOR wants them off a terminal', { env: { FORCE_COLOR: '1' } }, true],
    ['FORCE_COLOR=0 does not', { env: { FORCE_COLOR: '0' } }, false],
    ['NO_COLOR forbids them', { env: { NO_COLOR: '1' }, terminal: true }, false],
    ['an empty NO_COLOR says nothing', { env: { NO_COLOR: '' }, terminal: true }, true],
    ['NO_COLOR is stronger', { env: { NO_COLOR: '1', FORCE_COLOR: '1' } }, false],
  ])('%s', async (_, options, isColoured) => {
    expect((await replay(options)).includes('\u001b')).toBe(isColoured);
  });

  test('--no-color forbids them, before and after the command, whatever else is said', async () => {
    const options = { terminal: true, env: { FORCE_COLOR: '1' } };
    expect(await replay(options, ['--no-color'])).not.toContain('\u001b');
    expect(await replay(options, [], ['--no-color'])).not.toContain('\u001b');
    expect((await vrrl(['info', '--no-color', goldenLog('fresh-8x5')])).exitCode).toBe(0);
  });

  test('never get into JSON', async () => {
    const { out } = await vrrl(['replay', folder.at('run.vrrl'), '--json'], { terminal: true });
    expect(out).not.toContain('\u001b');
  });
});

describe('output', () => {
  test.each([
    ['info'],
    ['info', '--json'],
    ['dump'],
    ['dump', '--json'],
    ['verify'],
    ['verify', '--json'],
    ['replay', '--backend', 'reference'],
    ['replay', '--json', '--backend', 'reference'],
    ['kernel'],
    ['kernel', '--json'],
  ])('%s %s %s: all of it is data, and ends with a newline', async (...argv) => {
    const { out, err } = await vrrl([...argv, folder.at('run.vrrl')]);
    expect(err).toBe('');
    expect(out).toMatch(/[^\n]\n$/);
  });

  test('a numeric option takes decimal, hexadecimal and separators', async () => {
    for (const replicas of ['2', '0x2', '0_2']) {
      const argv = ['replay', folder.at('run.vrrl'), '--backend', 'reference', '--replicas', replicas];
      expect((await vrrl(argv)).out).toContain('2 replicas a backend');
    }
  });
});
