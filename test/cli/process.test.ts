/** What only a real process shows: pipes, full disks, signals, memory, modules that import vrrl. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { measurePeakMemory } from '../../bench/peak-memory.ts';
import { FileStorage } from '../../node/file-storage.ts';
import { readLog } from '../../src/reading/index.ts';
import { expectConventions, type Run } from './fake-io.ts';
import { additions, GOLDEN, goldenLog, ROOT, temporaryFolder } from './files.ts';
import { makeRecording, SPIN, spinKernel } from './recordings.ts';

const VRRL = path.join(ROOT, 'bin/vrrl.js');
const folder = temporaryFolder();

/** Runs the command as users do. */
function run(argv: readonly string[], options: { input?: string; cwd?: string } = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VRRL, ...argv], {
    encoding: 'utf8',
    cwd: options.cwd ?? folder.at(''),
    input: options.input ?? '',
    maxBuffer: 1 << 30,
  });
  const outcome = { exitCode: status ?? -1, out: stdout, err: stderr };
  expectConventions(argv, outcome);
  return outcome;
}

/** The same in a shell, which knows pipes and limits. `vrrl` is a function there. */
function shell(script: string): Run {
  const command = `vrrl() { '${process.execPath}' '${VRRL}' "$@"; }\n${script}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8', cwd: folder.at('') });
  return { exitCode: status ?? -1, out: stdout, err: stderr };
}

describe('the process', () => {
  test('prints a golden log as the reference does, from anywhere', () => {
    const { out, exitCode } = run(['dump', goldenLog('wrapped-8x21')]);
    expect(out).toBe(fs.readFileSync(`${GOLDEN}/wrapped-8x21.txt`, 'utf8'));
    expect(exitCode).toBe(0);
    const input = shell(`vrrl dump - < '${goldenLog('wrapped-8x21')}'`);
    expect(input.out).toBe(out);
  });

  test('shows no progress off a terminal and no colours', () => {
    const { err } = run(['replay', goldenLog('fresh-8x5')]);
    expect(err).toBe('');
    expect(run(['record', 'one.vrrl', '--slots', '-', '--force'], { input: additions(3, 3) }).err).not.toContain(
      '\u001b',
    );
  });

  test('reports wrong use with 2', () => {
    expect(run(['frobnicate']).exitCode).toBe(2);
    expect(run([]).exitCode).toBe(2);
  });
});

describe('a kernel of a user', () => {
  const KERNEL = `
    import { defineKernel, opcode } from 'vrrl/kernel';
    import { Opcode } from 'vrrl';
    const twice = opcode('TWICE', 0x40000007, ['word'], ($, word) => {
      $.atomicAdd('control', word, 2);
    });
    export default () => defineKernel({ name: 'twice', slotCount: 8 + Opcode.NOP, opcodes: [twice] });`;

  test('in a folder without node_modules finds vrrl', () => {
    const kernel = folder.write('twice.mjs', KERNEL);
    const options = ['--slots', '-', '--kernel', kernel, '--force'];
    const { exitCode } = run(['record', 'twice.vrrl', ...options], { input: '{"opcode":"TWICE","args":[170]}\n' });
    expect(exitCode).toBe(0);
    expect(JSON.parse(run(['info', 'twice.vrrl', '--json']).out)).toMatchObject({ observations: { kernel: 'twice' } });
    expect(run(['replay', 'twice.vrrl']).exitCode).toBe(0);
    expect(run(['kernel', kernel]).out).toContain('opcode TWICE = 0x40000007 (word)');
  });

  test.each([
    ['throws', "throw new Error('boom');", 'boom'],
    ['imports what is not there', "import 'nowhere-to-be-found';", 'nowhere-to-be-found'],
    ['is no JavaScript', 'this is no JavaScript', 'failed'],
    ['is not well-formed', KERNEL.replace("'control', word", "'contro', word"), 'contro'],
    ['makes its kernel wrongly', 'export default () => { throw new TypeError("oh no"); };', 'oh no'],
  ])('that %s is refused', (_, content, what) => {
    const { exitCode, err } = run(['kernel', folder.write('wrong.mjs', content)]);
    expect({ exitCode, err }).toMatchObject({ exitCode: 2, err: expect.stringContaining(what) });
  });

  test('that hangs ends with 4, and the process ends too', async () => {
    folder.write('spin.mjs', spinModule());
    const slots = '{"opcode":"SPIN","args":[4294967295]}\n';
    const limits = ['--deadline-ms', '300', '--kernel', 'spin.mjs'];
    const begin = performance.now();
    const recorded = run(['record', 'hung.vrrl', '--slots', '-', '--force', ...limits], { input: slots });
    expect(recorded).toMatchObject({ exitCode: 4, err: expect.stringContaining('did not end within 300 ms') });
    // The slot that hung it is in the log.
    expect(JSON.parse(run(['info', 'hung.vrrl', '--json']).out)).toMatchObject({ records: 2, lost: 0 });
    for (const backend of ['threads', 'reference']) {
      const options = ['--backend', backend, '--no-observations', '--json', '--replicas', '2'];
      const replayed = run(['replay', 'hung.vrrl', ...options, ...limits]);
      expect(replayed.exitCode).toBe(4);
      expect(JSON.parse(replayed.out)).toMatchObject({ backends: [{ backend, fault: { kind: 'hang' } }] });
    }
    expect(performance.now() - begin).toBeLessThan(20_000);
  });

  const spinModule = () => `export default ${JSON.stringify(spinKernel())};\n`;
});

describe('a pipe that nobody reads', () => {
  test.each([
    ['dump big.vrrl', 'capacity 32768 cursor 0'],
    ['dump --json big.vrrl', '{"sequence":1,"timestampNs"'],
    ['kernel', 'kernel built-in'],
    ['--help', 'Usage: vrrl'],
    ['complete bash', '# bash completion'],
  ])('vrrl %s | head -1 is no error', (command, first) => {
    if (!fs.existsSync(folder.at('big.vrrl'))) {
      const capacity = ['--capacity', '32768', '--backend', 'reference', '--quiet'];
      expect(run(['record', 'big.vrrl', '--slots', '-', ...capacity], { input: additions(32, 1_023) }).exitCode).toBe(
        0,
      );
    }
    const { out, err } = shell(`vrrl ${command} | head -1; echo "status \${PIPESTATUS[0]}"`);
    expect(out).toContain(first);
    expect(out).toContain('status 0');
    expect(err).toBe('');
  });

  test('one that is closed before anything was written', () => {
    const { out, err } = shell('set -o pipefail; vrrl dump big.vrrl | true; echo "status $?"');
    expect({ out, err }).toEqual({ out: 'status 0\n', err: '' });
  });

  test('standard error may be gone', () => {
    const { exitCode, out } = shell('exec 3>&1; (sleep 0.2; vrrl frobnicate 2>&1; echo "status $?" >&3) | true');
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: 'status 2\n' });
  });
});

describe.skipIf(!fs.existsSync('/dev/full'))('a full disk', () => {
  test('under standard output is an error, not a stack trace', () => {
    for (const command of ['dump big.vrrl', 'info big.vrrl', '--help']) {
      const { exitCode, err } = shell(`vrrl ${command} > /dev/full`);
      expect(exitCode).toBe(2);
      expect(err).toMatch(/^vrrl: standard output cannot be written: .*ENOSPC.* Fix: .*\n$/);
    }
  });

  // A limit on the size of files fails the same calls, and needs no disk. Without the trap it would kill the process.
  const limited = (blocks: number, script: string) => shell(`trap '' XFSZ; ulimit -f ${blocks}; ${script}`);

  test.each([
    ['v2', 'allocate'],
    ['v1', '(truncate|write)'],
  ])('under a %s log: the error names the call and the path, and nothing is left', (format, call) => {
    const argv = `record limit.vrrl --workload histogram --input '${VRRL}' --quiet --format ${format}`;
    const { exitCode, err } = limited(100, `vrrl ${argv}`);
    expect(exitCode).toBe(2);
    expect(err).toMatch(new RegExp(`^vrrl: ${call} on \`limit\\.vrrl\` failed: .*EFBIG.* Fix: .*\n$`));
    if (format === 'v2') expect(fs.readdirSync(folder.at('')).filter((name) => name.startsWith('limit'))).toEqual([]);
    fs.rmSync(folder.at('limit.vrrl'), { force: true });
  });

  test('under the observations beside a v1 log: what was confirmed is there', () => {
    fs.writeFileSync(
      folder.at('text'),
      Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * index) % 251)),
    );
    const argv =
      'record limit-2.vrrl --workload histogram --input text --capacity 512 --backend reference --quiet --format v1';
    const { exitCode, err } = limited(40, `vrrl ${argv}`);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/^vrrl: write on `limit-2\.vrrl\.obs` failed: .*EFBIG.* Fix: .*\n$/);
    expect(JSON.parse(run(['info', 'limit-2.vrrl', '--json']).out)).toMatchObject({ records: 512, lost: 0 });
  });

  test('a tiny file system', (context) => {
    const mount = folder.at('tiny');
    fs.mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]).status === 0;
    if (!mounted) context.skip('needs to be allowed to mount one');
    try {
      const options = '--workload histogram --backend reference';
      const whole = shell(`vrrl record tiny/a.vrrl ${options} --input '${VRRL}'`);
      expect(whole.exitCode).toBe(2);
      expect(whole.err).toMatch(/^vrrl: allocate on `tiny\/a\.vrrl` failed: .*ENOSPC.* Fix: .*\n$/);
      // Space for all of a log is there before its first record, or the log is not.
      expect(fs.readdirSync(mount)).toEqual([]);
      const { exitCode, err } = shell(
        `cat text text text text text > longer; vrrl record tiny/b.vrrl ${options} --input longer --format v1`,
      );
      expect(exitCode).toBe(2);
      expect(err).toMatch(/vrrl: write on `tiny\/b\.vrrl(\.obs)?` failed: .*ENOSPC.* Fix: .*\n$/);
    } finally {
      spawnSync('umount', [mount]);
    }
  });
});

describe('a process that is interrupted', () => {
  test('ends at once, even in a kernel that loops in its own thread', async () => {
    const log = await makeRecording(folder.at('loop.vrrl'), spinKernel(), [[{ opcode: SPIN, args: [2] }]]);
    // The argument of the slot: from two turns to four thousand million.
    const descriptor = fs.openSync(log, 'r+');
    fs.writeSync(descriptor, Uint8Array.of(255, 255, 255, 255), 0, 4, 32 + 24);
    fs.closeSync(descriptor);
    folder.write('spin.mjs', `export default ${JSON.stringify(spinKernel())};\n`);
    const options = ['--backend', 'reference', '--no-observations', '--kernel', 'spin.mjs'];
    const child = spawn(process.execPath, [VRRL, 'replay', 'loop.vrrl', ...options], { cwd: folder.at('') });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(child.exitCode).toBeNull();
    const begin = performance.now();
    child.kill('SIGINT');
    const [code, signal] = await once(child, 'exit');
    // Which shells report as 130.
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' });
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  test('leaves what it had published in the log', async () => {
    const argv = ['record', 'killed.vrrl', '--slots', '-', '--backend', 'reference', '--capacity', '64'];
    const child = spawn(process.execPath, [VRRL, ...argv], { cwd: folder.at(''), stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.write(additions(2, 3));
    // An epoch that has not ended: its slots are published, and written down before that.
    child.stdin.write('{"opcode":"NOP"}\n{"opcode":"NOP"}\n');
    await expect.poll(() => recordsOf('killed.vrrl'), { timeout: 10_000 }).toBe(10);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(JSON.parse(run(['info', 'killed.vrrl', '--json']).out)).toMatchObject({ records: 10, lost: 0 });
    // Nothing is lost: that it was killed in an epoch is part of a log's life.
    expect(run(['verify', 'killed.vrrl']).exitCode).toBe(0);
    expect(JSON.parse(run(['replay', 'killed.vrrl', '--json']).out).epochs).toMatchObject({ agreeing: 2 });
  });

  const recordsOf = (name: string) => {
    const file = folder.at(name);
    if (!fs.existsSync(file)) return 0;
    const storage = FileStorage.open(file, 'read');
    const { columns } = readLog(storage);
    storage.close();
    return columns.length;
  };
});

describe('memory: at most 300 MB for a log of 1,048,576 records, and 100 MB more if it comes through a pipe', () => {
  const MOST_BYTES = 300_000_000;
  /** 134 MB of slots, which are held then. */
  const MORE_THROUGH_PIPE = 100_000_000;

  beforeAll(() => {
    // 16,384 epochs of 63 slots and a fence.
    fs.writeFileSync(folder.at('mega'), Buffer.alloc(16_384 * 63, 'vrrl records, replays and explains. '));
    const workload = ['--workload', 'histogram', '--input', 'mega', '--backend', 'reference'];
    run(['record', 'mega.vrrl', ...workload, '--capacity', '1048576', '--quiet']);
  });

  test.each([
    'dump LOG',
    'dump --json LOG',
    'info LOG',
    'verify LOG',
    'replay LOG --backend reference --replicas 2',
    'replay LOG --backend reference --replicas 1 --mode isolated',
    'replay LOG --backend reference --replicas 2 --no-observations --assume-fresh',
    'diff LOG LOG',
    'dump -',
    'replay - --backend reference --assume-fresh --replicas 2',
    'replay LOG --replicas 1',
  ])('%s', (command) => {
    const argv = command.split(' ').map((word) => (word === 'LOG' ? folder.at('mega.vrrl') : word));
    const { exitCode, stderr, peakBytes } = measurePeakMemory(VRRL, argv, folder.at('mega.vrrl'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(peakBytes).toBeLessThan(MOST_BYTES + (argv.includes('-') ? MORE_THROUGH_PIPE : 0));
    expect(peakBytes).toBeGreaterThan(40_000_000);
  });

  test('a dump waits for its reader, with what it has not printed still unmade', async () => {
    const child = spawn(process.execPath, [VRRL, 'dump', folder.at('mega.vrrl')]);
    await once(child.stdout, 'readable');
    expect(String(child.stdout.read(22))).toBe('capacity 1048576 curso');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(child.exitCode).toBeNull();
    let lines = 1;
    for await (const chunk of child.stdout) lines += String(chunk).split('\n').length - 1;
    expect(lines).toBe(1 + 1_048_577);
  });
});
