import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { ReaderGone } from '../../cli/io.ts';
import { createFlightLogFile, openFlightLogFile } from '../../node/flight-log-file.ts';
import { type FlightEntry, type FlightLog, readSuperblock } from '../../src/log-v2/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { type FakeRun, vrrl } from './fake-io.ts';
import { additions, goldenLog, patch, ROOT, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const VRRL = path.join(ROOT, 'bin/vrrl.js');
const METADATA = { tool: 'test' };

/** Logs that are open for writing, to be closed whatever becomes of the test. */
const writers: FlightLog[] = [];
afterEach(() => {
  for (const log of writers.splice(0)) log.close();
});

let logs = 0;
function create(capacity: number, at?: string, firstSequence = 1): { file: string; log: FlightLog } {
  logs += 1;
  const file = at ?? folder.at(`log-${logs}.vrrl`);
  const { log } = createFlightLogFile(file, { capacity, journalBytes: 0, metadata: METADATA, firstSequence });
  writers.push(log);
  return { file, log };
}

function reopen(file: string): FlightLog {
  const { log } = openFlightLogFile(file);
  writers.push(log);
  return log;
}

function entry(value: number): FlightEntry {
  return {
    timestampNs: BigInt(value),
    slotIndex: value % 7,
    tenantId: value % 3,
    opcode: 4,
    args: [value],
    epoch: value >> 2,
  };
}

function append(log: FlightLog, count: number): void {
  for (let index = 0; index < count; index += 1) log.append(entry(log.nextSequence));
}

interface Line {
  readonly sequence?: number;
  readonly event?: string;
  readonly firstSequence?: number;
  readonly lastSequence?: number;
}

/** Lines of --json, each checked against its schema. */
function linesOf(out: string): Line[] {
  const lines = out.split('\n').slice(0, -1);
  return lines.map((text) => {
    const line: Line = JSON.parse(text);
    expectValid(line.event === undefined ? 'dump-record' : 'tail-event', line);
    return line;
  });
}

/** Numbers of records, and gaps as `lapped 3-5`. */
function storyOf(out: string): (number | string)[] {
  return linesOf(out).map(({ sequence, event, firstSequence, lastSequence }) => {
    if (event === undefined) return sequence ?? Number.NaN;
    return firstSequence === undefined ? event : `${event} ${firstSequence}-${lastSequence}`;
  });
}

async function story(...argv: string[]): Promise<(number | string)[]> {
  return storyOf((await vrrl(['tail', '--json', ...argv])).out);
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/** The numbers of a gap. */
function expand(gap: string): number[] {
  const [first, last] = gap.replace(/^\w+ /, '').split('-').map(Number);
  return range(first, last);
}

describe('tail of a log that is closed', () => {
  test('prints what dump prints, and ends', async () => {
    const { file, log } = create(64);
    append(log, 40);
    log.append({ ...entry(9), priority: 1, args: range(1, 12), failure: FAILURE });
    log.close();
    for (const options of [[], ['--json']]) {
      const dumped = await vrrl(['dump', file, ...options]);
      const { exitCode, out, err } = await vrrl(['tail', file, ...options]);
      expect(out).toBe(options.length > 0 ? dumped.out : dumped.out.slice(dumped.out.indexOf('\n') + 1));
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: `${file}: 41 records; its writer closed it.\n` });
    }
  });

  const FAILURE = { slotStatus: 4, failureClass: 1, backendCode: 77, outputDigest: 0xabcn };

  test('begins where it is told to, and where the log has wrapped, with the oldest', async () => {
    const { file, log } = create(8);
    append(log, 21);
    log.close();
    expect(await story(file)).toEqual(range(14, 21));
    expect(await story(file, '--last', '3')).toEqual(range(19, 21));
    expect(await story(file, '--last', '99')).toEqual(range(14, 21));
    expect(await story(file, '--last', '0')).toEqual([]);
    expect(await story(file, '--from', '20')).toEqual([20, 21]);
    expect(await story(file, '--from', '22')).toEqual([]);
    expect(await story(file, '--no-follow', '--last', '2')).toEqual([20, 21]);
  });

  test('what was asked for and is overwritten is reported, and ends it with 3', async () => {
    const { file, log } = create(8);
    append(log, 21);
    log.close();
    const { exitCode, out, err } = await vrrl(['tail', file, '--from', '3']);
    expect(out.split('\n')[0]).toMatch(/^14 14 /);
    expect(err).toContain('vrrl: records 3 to 13 were overwritten before they could be read. Fix: ');
    expect(err).toContain(`vrrl: ${file}: 8 records, 11 overwritten unread; its writer closed it. Fix: `);
    expect(exitCode).toBe(3);
    expect(await story(file, '--from', '3')).toEqual(['lapped 3-13', ...range(14, 21)]);
    expect(await vrrl(['tail', file, '--from', '3', '--quiet'])).toMatchObject({ exitCode: 3, err: '' });
  });

  test('whatever is damaged: every number comes once, as a record or in a gap', async () => {
    const appended = fc.integer({ min: 1, max: 30 });
    const damaged = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(appended, damaged, fc.boolean(), fc.boolean(), async (count, positions, follows, hasHints) => {
        const { file, log } = create(10);
        append(log, count);
        log.close();
        const slots = slotsOffset(file);
        for (const position of positions) patch(file, slots + 128 * position + 40, Uint8Array.of(0xee));
        if (!hasHints) patch(file, 8_192, new Uint8Array(24));
        const told = await story(file, ...(follows ? [] : ['--no-follow']));
        const oldest = Math.max(1, count - 9);
        const numbers = told.flatMap((each) => (typeof each === 'number' ? [each] : expand(each)));
        // Without hints a search for the oldest begins with the first, which is not asked for.
        expect(numbers.filter((number) => number >= oldest)).toEqual(range(oldest, count));
        const isDamaged = (number: number) => positions.includes((number - 1) % 10);
        const records = range(oldest, count).filter((number) => !isDamaged(number));
        expect(told.filter((each) => typeof each === 'number')).toEqual(records);
        fs.rmSync(file);
      }),
      { numRuns: 60 },
    );
  });
});

/** Where its records are. */
function slotsOffset(file: string): number {
  return readSuperblock(new MemoryStorage(fs.readFileSync(file))).superblock.geometry.slotsOffset;
}

/** A tail that is at work. */
class Tail {
  readonly ended: Promise<FakeRun>;
  out = '';
  err = '';
  #isRead = true;

  constructor(argv: readonly string[]) {
    this.ended = vrrl(['tail', '--json', ...argv], {
      onWrite: (text) => {
        if (!this.#isRead) throw new ReaderGone();
        this.out += text;
      },
      onNote: (text) => {
        this.err += text;
      },
    });
  }

  /** Reads no more: the next line ends it. */
  leave(): void {
    this.#isRead = false;
  }

  /** Waits until it has told so many records and gaps. */
  async told(count: number): Promise<(number | string)[]> {
    await expect.poll(() => storyOf(this.out).length, { timeout: 20_000, interval: 2 }).toBeGreaterThanOrEqual(count);
    return storyOf(this.out);
  }
}

describe('tail of a log that is being written', () => {
  test('prints what comes, and ends when the writer closes it', async () => {
    const { file, log } = create(16);
    append(log, 3);
    const tail = new Tail([file]);
    expect(await tail.told(3)).toEqual([1, 2, 3]);
    append(log, 4);
    expect(await tail.told(7)).toEqual(range(1, 7));
    append(log, 2);
    log.close();
    const { exitCode, err } = await tail.ended;
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: `${file}: 9 records; its writer closed it.\n` });
    expect(storyOf(tail.out)).toEqual(range(1, 9));
  });

  test('reports being lapped, and goes on', async () => {
    const { file, log } = create(4);
    append(log, 1);
    const tail = new Tail([file]);
    await tail.told(1);
    append(log, 20);
    // It had printed 1 and stood at 2; 18 to 21 are left.
    expect(await tail.told(6)).toEqual([1, 'lapped 2-17', 18, 19, 20, 21]);
    append(log, 1);
    log.close();
    expect(await tail.ended).toMatchObject({ exitCode: 3, err: expect.stringContaining('16 overwritten unread') });
    expect(storyOf(tail.out).at(-1)).toBe(22);
  });

  test('goes on with the next incarnation after a writer that was killed', async () => {
    const { file, log } = create(16);
    append(log, 3);
    // What a killed writer leaves: a log that nobody closed, and no lock.
    const killed = folder.at('killed.vrrl');
    fs.copyFileSync(file, killed);
    log.close();
    const tail = new Tail([killed]);
    await tail.told(3);
    const next = reopen(killed);
    append(next, 3);
    expect(await tail.told(6)).toEqual(range(1, 6));
    next.close();
    expect((await tail.ended).exitCode).toBe(0);
  });

  test('--idle-ms ends the wait, --no-follow does not wait', async () => {
    const { file, log } = create(16);
    append(log, 3);
    const idle = await vrrl(['tail', file, '--idle-ms', '20']);
    expect(idle).toMatchObject({ exitCode: 0, err: `${file}: 3 records; nothing came for 20 ms.\n` });
    const now = await vrrl(['tail', file, '--no-follow']);
    expect(now).toMatchObject({ exitCode: 0, err: `${file}: 3 records; that is all there was.\n` });
  });

  test('--last 0 prints only what comes', async () => {
    const { file, log } = create(16);
    append(log, 5);
    const tail = new Tail([file, '--last', '0']);
    while (tail.out === '') {
      append(log, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    log.close();
    await tail.ended;
    const told = storyOf(tail.out);
    expect(Number(told[0])).toBeGreaterThan(5);
    expect(told).toEqual(range(Number(told[0]), log.nextSequence - 1));
  });
});

describe('tail --retry', () => {
  test('waits for a log, on after a close, and for another of the same name', async () => {
    const file = folder.at('later.vrrl');
    const tail = new Tail([file, '--retry']);
    await expect.poll(() => tail.err, { interval: 2 }).toContain('waiting for it.\n');
    const { log } = create(16, file);
    append(log, 2);
    await tail.told(2);
    log.close();
    const second = reopen(file);
    append(second, 1);
    await tail.told(3);
    second.close();
    const other = create(16, folder.at('other.vrrl'), 100);
    append(other.log, 2);
    fs.renameSync(other.file, file);
    expect(await tail.told(6)).toEqual([1, 2, 3, 'replaced', 100, 101]);
    tail.leave();
    append(other.log, 1);
    expect(await tail.ended).toMatchObject({ exitCode: 0 });
  });

  test('ends with the error where none comes', async () => {
    const { exitCode, err } = await vrrl(['tail', folder.at('never.vrrl'), '--retry', '--idle-ms', '10', '--quiet']);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining('ENOENT') });
  });
});

describe('tail of a set of logs', () => {
  const rotating = (name: string, ...more: string[]) => {
    return ['record', folder.at(name), '--slots', '-', '--backend', 'reference', '--rotate', '10', '--quiet', ...more];
  };
  const logsOf = (name: string): string[] => {
    const names = fs.readdirSync(folder.at('')).filter((each) => new RegExp(`^${name}\\.[0-9]+$`).test(each));
    return names.sort().map((each) => folder.at(each));
  };

  test('prints what dump prints, over all of them', async () => {
    // Twelve epochs of four records: two in a log.
    expect((await vrrl(rotating('set.vrrl'), { input: [additions(12, 3)] })).exitCode).toBe(0);
    const file = folder.at('set.vrrl');
    expect(logsOf('set.vrrl').length).toBeGreaterThan(3);
    const dumped = await vrrl(['dump', file, '--json']);
    for (const options of [[], ['--no-follow'], ['--from', '1'], ['--last', '48']]) {
      const tailed = await vrrl(['tail', file, '--json', ...options]);
      expect({ exitCode: tailed.exitCode, out: tailed.out }).toEqual({ exitCode: 0, out: dumped.out });
    }
    expect(await story(file, '--last', '20')).toEqual(range(29, 48));
    expect(await story(file, '--from', '40')).toEqual(range(40, 48));
  });

  test('a log that is missing, and one that is cut short, are gaps', async () => {
    await vrrl(rotating('holes.vrrl'), { input: [additions(12, 3)] });
    const [, second, , fourth] = logsOf('holes.vrrl');
    // It has records 25 to 32: 31 and 32 lie at its beginning.
    fs.rmSync(second);
    fs.truncateSync(fourth, slotsOffset(fourth) + 128 * 3);
    const told = await story(folder.at('holes.vrrl'));
    const dumped = await vrrl(['dump', folder.at('holes.vrrl'), '--json']);
    expect(told.filter((each) => typeof each === 'number')).toEqual(storyOf(dumped.out));
    expect(told.flatMap((each) => (typeof each === 'number' ? [each] : expand(each)))).toEqual(range(1, 48));
    expect(told.filter((each) => typeof each === 'string')).toEqual(['lost 9-16', 'lost 25-30']);
  });

  test('what the writer kept no more was overwritten, if it was asked for', async () => {
    await vrrl(rotating('kept.vrrl', '--keep', '2'), { input: [additions(12, 3)] });
    const told = await story(folder.at('kept.vrrl'));
    expect(told.at(-1)).toBe(48);
    const [first] = told.map(Number);
    expect(await story(folder.at('kept.vrrl'), '--from', '3')).toEqual([`lapped 3-${first - 1}`, ...told]);
  });

  test.each([
    ['all logs', []],
    ['the newest three', ['--keep', '3']],
  ])('goes from log to log with its writer, who keeps %s', async (_, keep) => {
    const name = `live-${keep.length}.vrrl`;
    let tail: Tail | undefined;
    const waitFor = async (told: number) => {
      if (told === 0) return;
      await expect.poll(() => fs.existsSync(folder.at(name)), { timeout: 20_000 }).toBe(true);
      tail ??= new Tail([folder.at(name), '--from', '1']);
      await tail.told(told);
    };
    const run = await vrrl(rotating(name, ...keep), { input: slowly(12, 3, waitFor) });
    expect(run.exitCode).toBe(0);
    expect((await tail?.ended)?.exitCode).toBe(0);
    expect(storyOf(tail?.out ?? '')).toEqual(range(1, 48));
  });

  /** Batches of additions, each when the one before it was waited for. */
  async function* slowly(
    epochs: number,
    slots: number,
    waitFor: (records: number) => Promise<unknown>,
  ): AsyncGenerator<string> {
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      await waitFor(epoch * (slots + 1));
      yield additions(1, slots);
    }
  }
});

describe('tail refuses', () => {
  test.each([
    ['a v1 log', [goldenLog('fresh-8x5')], 'is a v1 log, whose records have no numbers'],
    ['standard input', ['-'], 'standard input cannot be followed'],
    ['two beginnings', ['x', '--from', '1', '--last', '2'], 'give one of them'],
    ['to wait and not to', ['x', '--no-follow', '--retry'], 'give one of them'],
    ['what is not there', ['nowhere.vrrl'], 'ENOENT'],
    ['a folder', [ROOT], 'it is a folder'],
    ['what is no log', [path.join(ROOT, 'README.md')], 'has no intact superblock'],
    ['a first number that is none', ['x', '--from', '0'], 'give a whole number from 1'],
  ])('%s', async (_, argv, what) => {
    expect(await vrrl(['tail', ...argv])).toMatchObject({ exitCode: 2, err: expect.stringContaining(what) });
  });
});

describe('in a process of its own, tail', () => {
  const start = (...argv: string[]) => spawn(process.execPath, [VRRL, ...argv], { cwd: folder.at('') });

  test('follows a recording from its first record to its end', async () => {
    const writer = start('record', 'live.vrrl', '--slots', '-', '--backend', 'reference', '--capacity', '64');
    // The log is made when there is something for it.
    writer.stdin.write(additions(1, 3));
    await expect.poll(() => fs.existsSync(folder.at('live.vrrl')), { timeout: 30_000 }).toBe(true);
    const tail = start('tail', 'live.vrrl', '--json');
    const [out, err] = [collect(tail.stdout), collect(tail.stderr)];
    for (let epoch = 0; epoch < 5; epoch += 1) {
      await expect.poll(() => storyOf(out()).length, { timeout: 30_000 }).toBe(4 * (epoch + 1));
      if (epoch < 4) writer.stdin.write(additions(1, 3));
    }
    writer.stdin.end();
    const [code] = await once(tail, 'exit');
    expect({ code, told: storyOf(out()) }).toEqual({ code: 0, told: range(1, 20) });
    expect(err()).toBe('live.vrrl: 20 records; its writer closed it.\n');
  });

  test('ends at once when it is interrupted, and without a word when nobody reads', async () => {
    const { file, log } = create(4_096);
    append(log, 10);
    const interrupted = start('tail', file);
    await once(interrupted.stdout, 'readable');
    interrupted.kill('SIGINT');
    expect(await once(interrupted, 'exit')).toEqual([null, 'SIGINT']);
    const unread = start('tail', file);
    const err = collect(unread.stderr);
    await once(unread.stdout, 'readable');
    unread.stdout.destroy();
    const hasEnded = once(unread, 'exit');
    append(log, 1);
    expect(await hasEnded).toEqual([0, null]);
    expect(err()).toBe('');
  });

  const collect = (stream: NodeJS.ReadableStream) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
    return () => text.slice(0, text.lastIndexOf('\n') + 1);
  };
});
