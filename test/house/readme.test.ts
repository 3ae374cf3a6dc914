import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/** The README's programs by the name in their first line. */
const programs = new Map(
  [...readme.matchAll(/```js\n\/\/ ([\w-]+\.mjs)[^\n]*\n([\s\S]*?)```/g)].map((match) => [match[1], match[2]]),
);

describe('what the README shows', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'vrrl-readme-'));
    for (const [name, text] of programs) writeFileSync(path.join(folder, name), text);
    // As an installed package is found.
    mkdirSync(path.join(folder, 'node_modules'));
    symlinkSync(root, path.join(folder, 'node_modules/vrrl'), 'dir');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function vrrl(args: readonly string[], input?: string) {
    const result = spawnSync(process.execPath, [path.join(root, 'bin/vrrl.js'), ...args], {
      cwd: folder,
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    });
    return { status: result.status, output: result.stdout + result.stderr };
  }

  function record(opcode: string, log: string): void {
    const slots = execFileSync(process.execPath, ['make-slots.mjs', opcode], { cwd: folder, encoding: 'utf8' });
    const recorded = vrrl(['record', log, '--slots', '-', '--kernel', 'high-water-marks.mjs', '--force'], slots);
    expect(recorded.output).toContain('8,040 records in 40 epochs');
    expect(recorded.status).toBe(0);
  }

  it('has its programs in it', () => {
    expect([...programs.keys()]).toEqual(['high-water-marks.mjs', 'make-slots.mjs', 'check-in-ci.mjs']);
  });

  it('runs the sound opcode of its kernel on both backends, and they agree', () => {
    record('MAX_STORE', 'sound.vrrl');
    const replayed = vrrl(['replay', 'sound.vrrl', '--replicas', '20']);
    expect(replayed.output).toContain('agree: 40 of 40 epochs agree with the recording');
    expect(replayed.output).toMatch(/reference\s+agree\s+20\/20/);
    expect(replayed.output).toMatch(/threads\s+agree\s+20\/20/);
    expect(replayed.status).toBe(0);
  });

  it('finds the racing opcode of its kernel', () => {
    // The kernel is busy between its load and its store for longer than anything else takes: the first replicas show it,
    // and on a machine with twice as much to do as it has cores, many of a hundred still do.
    record('RACY_MAX_STORE', 'racy.vrrl');
    let replayed = vrrl(['replay', 'racy.vrrl', '--replicas', '100']);
    // A machine busy with other things may keep the workers apart for all of a replay, but hardly for ten.
    for (let tries = 1; replayed.status === 0 && tries < 10; tries += 1) {
      replayed = vrrl(['replay', 'racy.vrrl', '--replicas', '100']);
    }
    expect(replayed.output).toMatch(/^diverge: \d+ of 40 epochs agree with the recording, \d+ diverge/m);
    expect(replayed.output).toMatch(/^threads +diverge +100\/100 .* yes, \d+ outcomes/m);
    expect(replayed.output).toMatch(/^first divergence: epoch \d+ \(EPOCH \d+\), control\[16[1-4]\]/m);
    expect(replayed.status).toBe(1);
  });

  it('explores two slots of its kernel, and finds what no order of them gives', () => {
    const lines = [...readme.matchAll(/^echo '(\{.*\})' >>? two\.jsonl$/gm)].map((match) => match[1]);
    writeFileSync(path.join(folder, 'two.jsonl'), `${lines.join('\n')}\n`);
    const kernel = ['--kernel', 'high-water-marks.mjs'];
    const explored = vrrl(['explore', '--slots', 'two.jsonl', ...kernel, '--exhaustive']);
    const shown = /^2 outcomes; 1 that no order of its slots gives\n[\s\S]*?(?=\n…)/m.exec(readme)?.[0] ?? '';
    expect(explored.output).toContain(shown);
    expect(explored.status).toBe(1);
    const token = /--token (A\S+)/.exec(explored.output)?.[1] ?? '';
    const replayed = vrrl(['explore', '--slots', 'two.jsonl', ...kernel, '--token', token]);
    expect(replayed.output).toContain('control[161] := 5');
  });

  it('judges a recording from a program', () => {
    record('MAX_STORE', 'program.vrrl');
    const output = execFileSync(process.execPath, ['check-in-ci.mjs', 'program.vrrl'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(output.trim()).toBe('agree');
  });

  it('names every command, and no other', () => {
    const help = vrrl(['--help']).output;
    const offered = [...help.matchAll(/^ {2}([a-z-]+) (?:\[|<)/gm)]
      .map((match) => match[1])
      .filter((name) => name !== 'help');
    const shown = [...readme.matchAll(/^\| `vrrl ([a-z-]+)/gm)].map((match) => match[1]);
    expect(shown.sort()).toEqual(offered.sort());
  });
});
