import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineKernel } from '../../src/kernel/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { makeRecording, unorderedEpochs } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const NO_FENCE = '{"end":"batch","fence":false}\n';
/** A copy of two words that another slot writes meanwhile: torn. */
const TORN = `{"opcode":"MEMCPY","args":[170,172,2]}\n{"opcode":"MEMCPY","args":[172,170,2]}\n{"opcode":"STORE_U32","args":[1,170]}\n{"opcode":"STORE_U32","args":[2,171]}\n${NO_FENCE}`;
const SOUND = `{"opcode":"ATOMIC_ADD","args":[1,170]}\n{"opcode":"STORE_U32","args":[2,171]}\n${NO_FENCE}`;

interface ExploredJson {
  readonly complete: boolean;
  readonly cutOff: boolean;
  readonly runs: number;
  readonly outcomes: readonly {
    readonly count: number;
    readonly seriality: string;
    readonly token: string;
    readonly recorded: boolean;
  }[];
  readonly accesses: readonly { readonly isContended: boolean }[];
  readonly seriality: string;
  readonly steps: number;
}

async function exploreJson(argv: readonly string[]) {
  const { exitCode, json } = await vrrlJson(['explore', ...argv, '--json']);
  expectValid('explore', json);
  return { exitCode, json: json as ExploredJson };
}

beforeAll(async () => {
  writeFileSync(folder.at('torn.jsonl'), TORN);
  writeFileSync(folder.at('sound.jsonl'), SOUND);
  await makeRecording(folder.at('run.vrrl'), defineKernel({ name: 'sound', slotCount: 16 }), unorderedEpochs(2, 3));
});

describe('vrrl explore', () => {
  test('finds outcomes that no order of the slots gives, and replays them', async () => {
    const { exitCode, json } = await exploreJson(['--slots', folder.at('torn.jsonl'), '--exhaustive']);
    expect(exitCode).toBe(1);
    expect(json.complete).toBe(true);
    const finding = json.outcomes.find(({ seriality }) => seriality === 'not serial')!;
    const again = await exploreJson(['--slots', folder.at('torn.jsonl'), '--token', finding.token]);
    expect(again.exitCode).toBe(1);
    expect(again.json.seriality).toBe('not serial');
    expect(again.json.accesses.filter(({ isContended }) => isContended)).toHaveLength(again.json.steps);
  });

  test('says that it took fewer schedules than asked, if they have too many accesses', async () => {
    const argv = ['--slots', folder.at('torn.jsonl'), '--max-accesses', '100'];
    const { json } = await exploreJson(argv);
    expect(json.cutOff).toBe(true);
    expect(json.runs).toBeLessThan(101);
    expect((await vrrl(['explore', ...argv])).out).toContain('(--max-accesses)');
  });

  test.each([[60], [100], [160]])('keeps outcomes within %i columns', async (columns) => {
    const { out } = await vrrl(['explore', '--slots', folder.at('torn.jsonl'), '--exhaustive'], { columns });
    const lines = out.split('tokens, each')[0].split('\n').slice(3);
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
    expect(lines.join('\n')).toMatch(/control\[17\d\]: \d, not \d/);
  });

  test('prints the accesses of a token, a column a lane', async () => {
    const { json } = await exploreJson(['--slots', folder.at('torn.jsonl'), '--runs', '50']);
    const { out } = await vrrl(['explore', '--slots', folder.at('torn.jsonl'), '--token', json.outcomes[0].token]);
    expect(out).toContain('0: MEMCPY(170, 172, 2)');
    expect(out).toMatch(/\[170\] := 1/);
  });

  test.each([['uniform'], ['pct'], ['pos'], ['urw']])('finds nothing where nothing is, %s', async (sampler) => {
    const argv = ['explore', '--slots', folder.at('sound.jsonl'), '--sampler', sampler, '--runs', '100'];
    const { exitCode, out } = await vrrl(argv);
    expect(exitCode).toBe(0);
    expect(out).toContain('every outcome is that of an order of its slots');
  });

  test('counts how often an epoch of a log comes out as it was recorded', async () => {
    const { json } = await exploreJson([folder.at('run.vrrl'), '--epoch', '1', '--memory', 'relaxed', '--runs', '500']);
    expect(json.outcomes.reduce((sum, { count }) => sum + count, 0)).toBe(500);
    expect(json.outcomes.some(({ recorded }) => recorded)).toBe(true);
  });

  test('draws slots, the same ones for a seed', async () => {
    const argv = ['--generate', '3', '--seed', '9', '--runs', '200'];
    expect((await exploreJson(argv)).json).toEqual((await exploreJson(argv)).json);
  });

  test.each([
    [[], 'nothing to explore was named'],
    [['--generate', '2', '--slots', '-'], 'more than one thing'],
    [['run.vrrl'], 'name it with --epoch'],
    [['--generate', '2', '--token', 'nonsense!'], 'copy the whole token'],
  ])('%j is refused with what to do', async (argv, message) => {
    const { exitCode, err } = await vrrl([
      'explore',
      ...argv.map((each) => (each === 'run.vrrl' ? folder.at(each) : each)),
    ]);
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
  });
});
