import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { keepStress, keptStress, stressRequest, stressSeed, stressSettings } from '../../cli/stress-options.ts';
import { vrrl } from './fake-io.ts';
import { temporaryFolder } from './files.ts';

const folder = temporaryFolder();
const trial = { settings: { lanes: 4, shuffleLanes: 1 }, epochs: 100, differing: 7, date: '2026-11-27' };

describe('stress on the command line', () => {
  test('has a seed, given or not', () => {
    expect(stressSeed(undefined)).toBe(1);
    expect(stressSeed('0x10')).toBe(16);
    expect(() => stressSeed('much')).toThrow('Expected a whole number');
  });

  test('has settings by name', () => {
    expect(stressSettings('lanes=4, shuffleLanes=1')).toEqual({ lanes: 4, shuffleLanes: 1 });
    expect(() => stressSettings('lanes')).toThrow('NAME=NUMBER');
    expect(() => stressSettings('lanes=1=2')).toThrow('NAME=NUMBER');
    expect(() => stressSettings('lanes=0')).toThrow('from 1 to 256');
    expect(() => stressSettings('hammers=3')).toThrow('no stress setting "hammers"');
  });

  test('is nothing unless asked for; settings that are given are not searched for', () => {
    expect(stressRequest({}, undefined)).toBeUndefined();
    expect(stressRequest({ stress: true }, undefined)).toEqual({ seed: 1 });
    expect(stressRequest({ stress: 7, stressSettings: { lanes: 2 } }, undefined)).toEqual({ settings: { lanes: 2 } });
  });

  test('of no use to a backend is told', async () => {
    const log = folder.at('run.vrrl');
    const slots = folder.write('slots.jsonl', '{"opcode":"ATOMIC_ADD","args":[1,170]}\n{"end":"batch"}\n');
    await vrrl(['record', log, '--slots', slots, '--backend', 'reference', '--quiet']);
    const { out, exitCode } = await vrrl(['replay', log, '--backend', 'reference', '--stress']);
    expect(exitCode).toBe(0);
    expect(out).toContain('note: no backend replayed the log on a device: --shape and --stress had no effect');
    const resident = await vrrl(['replay', log, '--backend', 'reference', '--stress', '--shape', 'resident']);
    expect(resident.exitCode).toBe(2);
    expect(resident.err).toContain('in the resident shape a replica has only one. Fix: leave out --stress');
  });
});

describe('what vrrl tune keeps', () => {
  test('is there again, beside that of other adapters', () => {
    const file = folder.at('config/vrrl/stress.json');
    keepStress('one', trial, file);
    keepStress('other', { ...trial, differing: 9 }, file);
    keepStress('one', { ...trial, differing: 8 }, file);
    expect(keptStress(file)).toEqual({ one: { ...trial, differing: 8 }, other: { ...trial, differing: 9 } });
  });

  test('is nothing where nothing was kept, and is refused where it is something else', () => {
    expect(keptStress(folder.at('nowhere.json'))).toEqual({});
    for (const text of ['{', '[1]', 'null', '{"one":{}}', '{"one":{"settings":{"lanes":1000}}}']) {
      const file = folder.write('odd.json', text);
      expect(() => keptStress(file), text).toThrow('Fix: remove it and run vrrl tune again');
      expect(fs.readFileSync(file, 'utf8')).toBe(text);
    }
  });
});
