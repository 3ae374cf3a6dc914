import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { TOKEN_VERSION } from '../../src/explore/index.ts';
import { vrrlJson } from '../cli/fake-io.ts';
import { ROOT, temporaryFolder } from '../cli/files.ts';
import { expectValid } from '../cli/schemas.ts';

const folder = temporaryFolder();
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** The commands of a document with tokens, each with the slots that stand before it. */
function tokenCommands(text: string): { slots: string; argv: string[] }[] {
  let slots = '';
  return [...text.matchAll(/```(jsonl|sh)\n([\s\S]*?)```/g)].flatMap(([, language, block]) => {
    if (language === 'jsonl') slots = block;
    if (language === 'jsonl' || !block.includes('--token')) return [];
    return [{ slots, argv: block.trim().split(' ').slice(1) }];
  });
}

const commands = tokenCommands(read('docs/protocol-findings.md'));

describe('docs/protocol-findings.md', () => {
  test('has tokens', () => {
    expect(commands.length).toBeGreaterThanOrEqual(8);
  });

  test.each(commands)('$argv replays', async ({ slots, argv }) => {
    const file = folder.at('slots.jsonl');
    writeFileSync(file, slots);
    const { exitCode, json } = await vrrlJson([
      ...argv.map((each) => (each === 'slots.jsonl' ? file : each)),
      '--json',
    ]);
    expectValid('explore', json);
    const { seriality } = json as { seriality: string };
    expect(exitCode).toBe(seriality === 'serial' ? 0 : 1);
  });

  test('calls serial exactly what it says that an order gives', async () => {
    const serialities = [];
    for (const { slots, argv } of commands) {
      writeFileSync(folder.at('slots.jsonl'), slots);
      const { json } = await vrrlJson([
        ...argv.map((each) => (each === 'slots.jsonl' ? folder.at(each) : each)),
        '--json',
      ]);
      serialities.push((json as { seriality: string }).seriality);
    }
    expect(serialities.filter((each) => each === 'serial')).toHaveLength(2);
  });
});

test('spec/schedule-token.md has the version of the code', () => {
  expect(read('spec/schedule-token.md')).toContain(`| version | 1 | ${TOKEN_VERSION}. `);
});
