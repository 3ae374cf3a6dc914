import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type NamedHistory, simulateRegisters, textOf } from '../histories/simulated-register.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { ROOT, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const etcd = readFileSync(path.join(ROOT, 'test/fixtures/histories/etcd.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line): NamedHistory => JSON.parse(line));

/** A write that was over, and a read that did not see it. */
const STALE = `
{"process":1,"call":1,"return":2,"input":{"op":"write","value":"a"},"output":{}}
{"process":1,"call":3,"return":4,"input":{"op":"write","value":"b"},"output":{"ok":true}}
{"process":2,"call":4,"return":9,"input":{"op":"read"},"output":{"value":"b"}}
{"process":"three","call":5,"return":6,"input":{"op":"read"},"output":{"value":"a"}}
{"process":4,"call":0,"return":null,"input":{"op":"cas","from":"x","to":"y"},"output":null}
`;
const SOUND = STALE.replace('"output":{"value":"a"}', '"output":{"value":"b"}');

const judge = (text: string, ...more: string[]) =>
  vrrl(['judge', '-', '--model', 'cas-register', ...more], { input: [text] });

describe('vrrl judge', () => {
  test('prints an order that explains every answer', async () => {
    const { exitCode, out } = await judge(SOUND);
    expect(exitCode).toBe(0);
    expect(out).toContain('-: 5 operations, 1 without a known end; model cas-register');
    expect(out).toMatch(
      /^serializable: .*1 without a known end are not needed\n {2}at 1 {2}line 2: process 1, 1 to 2: write\("a"\) → ok|write\("a"\)\n/m,
    );
  });

  test('says which operations contradict each other, and why', async () => {
    const { exitCode, out } = await judge(STALE);
    expect(exitCode).toBe(1);
    expect(out).toContain('not serializable: no order explains every answer');
    expect(out).toContain('Line 3 was called after line 2 returned.\nLine 5 was called after line 3 returned.\n');
    expect(out).toContain('Line 5, read() → "a", cannot come next: the value had to be "a", and is "b".');
    expect(out).toContain('None of them can be left out of this.');
    expect(out).toContain('process "three"');
  });

  test('gives up after as many states as it may visit', async () => {
    const { exitCode, out } = await judge(STALE, '--max-nodes', '1');
    expect(exitCode).toBe(3);
    expect(out).toContain('unknown: the search gave up after 1 state; a larger --max-nodes goes on longer.');
  });

  test('takes an empty history for serializable, and a file as well as a pipe', async () => {
    expect((await judge('')).exitCode).toBe(0);
    const file = folder.write('stale.jsonl', STALE);
    expect((await vrrl(['judge', file, '--model', 'cas-register'])).exitCode).toBe(1);
  });

  test.each([
    ['serializable', 0, SOUND, []],
    ['unserializable', 1, STALE, []],
    ['unknown', 3, STALE, ['--max-nodes', '1']],
  ] as const)('--json: %s', async (verdict, exitCode, text, more) => {
    const argv = ['judge', '-', '--model', 'cas-register', '--json', ...more];
    const run = await vrrlJson(argv, { input: [text] });
    expect(run).toMatchObject({ exitCode, json: { verdict, operations: 5, pending: 1, parts: 1 } });
    expectValid('judge', run.json);
  });

  test('--json names the contradiction by lines', async () => {
    const { json } = await vrrlJson(['judge', '-', '--model', 'cas-register', '--json'], { input: [STALE] });
    expect(json).toMatchObject({
      contradiction: {
        operations: [{ line: 2 }, { line: 3 }, { line: 5, operation: 'read() → "a"' }],
        isMinimal: true,
        prefix: [2, 3],
        misfits: [{ line: 5, check: 'is', expected: 'a', found: 'b' }],
      },
    });
  });

  test('a store is judged key by key, and the key at fault is named', async () => {
    const line = (key: string, call: number, input: object, output: object) =>
      `${JSON.stringify({ process: 1, call, return: call + 1, input: { key, ...input }, output })}\n`;
    const text =
      line('x', 1, { op: 'put', value: 'p' }, {}) +
      line('y', 3, { op: 'append', value: 'q' }, {}) +
      line('y', 5, { op: 'get' }, { value: null });
    const { json } = await vrrlJson(['judge', '-', '--model', 'kv', '--json'], { input: [text] });
    expect(json).toMatchObject({ verdict: 'unserializable', parts: 2, contradiction: { key: 'y' } });
    expectValid('judge', json);
    expect((await vrrl(['judge', '-', '--model', 'kv'], { input: [text] })).out).toContain('with key "y"');
  });

  test.each([
    ['no model', [], SOUND, "required option '--model <name>'"],
    ['a model that there is not', ['--model', 'queue'], SOUND, 'register, cas-register, counter, kv, bank'],
    ['a line that is no JSON', ['--model', 'kv'], '\n{', 'line 2 of the history: it is not JSON'],
    ['an operation of another model', ['--model', 'register'], SOUND, 'line 6 of the history: "cas" is no operation'],
    ['what is not text', ['--model', 'kv'], '\u001b[31m', 'line 1 of the history: it is not JSON: "\\u001b[31m"'],
  ])('refuses %s', async (_, more, text, message) => {
    const { exitCode, err } = await vrrl(['judge', '-', ...more], { input: [text] });
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
  });

  test.each(etcd.map((history) => [history.name, history] as const))('%s is judged right', async (_, history) => {
    const { exitCode } = await judge(textOf(history));
    expect(exitCode).toBe(history.isSerializable ? 0 : 1);
  });

  test('simulated registers are judged right', async () => {
    for (const history of simulateRegisters({ seed: 7, count: 12, operations: 60 })) {
      const { exitCode } = await judge(textOf(history));
      expect(exitCode, history.name).toBe(history.isSerializable ? 0 : 1);
    }
  });
});
