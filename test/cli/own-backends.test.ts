import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';

const folder = temporaryFolder();

/** A backend of one word that does nothing, but for what is given. */
function backendModule(name: string, drain: string): string {
  const layout = "{ areas: [{ name: 'registers', words: 1 }], regions: [] }";
  const methods = `start() {}, publish() {}, observe() {}, stop() {}, drain() { ${drain} }`;
  const code = `export default () => ({ name: '${name}', slotCount: 4, layout: ${layout}, ${methods} });\n`;
  return folder.write(`${name}.mjs`, code);
}

function slots(): string {
  return folder.write('slots.jsonl', '{"opcode":1}\n{"end":"batch"}\n');
}

describe('a backend of somebody else', () => {
  test('that never answers is a hang after the deadline', async () => {
    const module = backendModule('silent', 'return new Promise(() => {});');
    const options = ['--slots', slots(), '--backend', module, '--deadline-ms', '50'];
    const { exitCode, err } = await vrrl(['record', folder.at('silent.vrrl'), ...options]);
    expect(exitCode).toBe(4);
    expect(err).toContain('backend silent: a call did not settle within 50 ms. Fix:');
  });

  test.each([
    ['no list of faults', 'return { done: 1, pending: [] };'],
    ['a fault that is none', 'return { done: 1, pending: [], faults: [null] };'],
    [
      'a fault of one word',
      "return { done: 1, pending: [], faults: [{ slotIndex: 0, opcode: 1, message: '', words: [1] }] };",
    ],
    ['a negative number of slots', 'return { done: -5, pending: [], faults: [] };'],
    ['a waiting slot that is no number', "return { done: 1, pending: ['x'], faults: [] };"],
  ])('that reports %s fails as a backend, not as a kernel', async (_case, drain) => {
    const module = backendModule('odd', drain);
    const options = ['--slots', slots(), '--backend', module, '--force'];
    const { exitCode, err } = await vrrl(['record', folder.at('odd.vrrl'), ...options]);
    expect({ exitCode, err }).toMatchObject({ exitCode: 4, err: expect.stringContaining('drain() did not report') });
  });

  test('replays a log without observations by its own lights', async () => {
    const module = backendModule('plain', 'return { done: 1, pending: [], faults: [] };');
    const log = folder.at('plain.vrrl');
    const record = ['record', log, '--slots', slots(), '--backend', module, '--format', 'v1'];
    expect((await vrrl(record)).exitCode).toBe(0);
    fs.rmSync(`${log}.obs`);
    const { exitCode, json } = await vrrlJson(['replay', log, '--backend', module, '--replicas', '2', '--json']);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 0,
      json: { verdict: 'agree', kernel: { source: 'foreign' } },
    });
  });
});
