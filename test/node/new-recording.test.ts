import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeWhenWhole } from '../../node/new-recording.ts';

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-place-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function contentOf(name: string): string | undefined {
  const file = path.join(folder, name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

/** Makes a log, and observations beside it if there are some to make. */
function making(log: string, observations?: string) {
  return (file: string) => {
    fs.writeFileSync(file, log);
    if (observations !== undefined) fs.writeFileSync(`${file}.obs`, observations);
  };
}

describe('a recording that is made from others', () => {
  test('has its name once it is whole, and not before', () => {
    const logPath = path.join(folder, 'run');
    placeWhenWhole(logPath, false, (file) => {
      making('log', 'seen')(file);
      expect(fs.existsSync(logPath)).toBe(false);
    });
    expect([contentOf('run'), contentOf('run.obs')]).toEqual(['log', 'seen']);
  });

  test('replaces the other one with all that lay beside it, and only if it may', () => {
    const logPath = path.join(folder, 'run');
    expect(() => placeWhenWhole(logPath, false, making('new'))).toThrow(/is there already.*Fix: /s);
    expect(contentOf('run')).toBe('log');
    placeWhenWhole(logPath, true, making('new'));
    expect([contentOf('run'), contentOf('run.obs')]).toEqual(['new', undefined]);
  });

  test('leaves everything as it was if it fails, whenever that is', () => {
    const logPath = path.join(folder, 'run');
    const before = fs.readdirSync(folder);
    const fail = (file: string) => {
      making('half', 'half')(file);
      throw new Error('the disk is full');
    };
    expect(() => placeWhenWhole(logPath, true, fail)).toThrow('the disk is full');
    // Nothing was made, so there is nothing to give a name to.
    expect(() => placeWhenWhole(logPath, true, () => {})).toThrow(/ENOENT/);
    expect(() => placeWhenWhole(path.join(folder, 'nowhere', 'run'), true, making('log'))).toThrow(/ENOENT/);
    expect(contentOf('run')).toBe('new');
    expect(fs.readdirSync(folder)).toEqual(before);
  });
});
