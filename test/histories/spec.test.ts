import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findModel, judgeHistory, MODELS, type OperationDefinition, parseHistory } from '../../src/histories/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const spec = readFileSync(path.join(ROOT, 'spec/history.md'), 'utf8');

describe('spec/history.md', () => {
  it.each(MODELS.map((model) => [model.name, model] as const))(
    'has the operations of %s as the code has them',
    (name, model) => {
      const section = spec.split(`### ${name}\n`)[1]?.split('\n### ')[0].split('\n## ')[0] ?? '';
      const rows = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(
        ([, operation, rest]) => `${operation} | ${rest}`,
      );
      const expected = Object.entries(model.operations).map(([operation, definition]) => rowOf(operation, definition));
      expect(rows).toEqual(expected);
    },
  );

  it('has examples of every model that are judged as it says', () => {
    const examples = [...spec.matchAll(/<!-- (\w[\w-]*): (serializable|unserializable) -->\n```json\n([\s\S]*?)```/g)];
    expect(new Set(examples.map(([, name]) => name)).size).toBe(MODELS.length);
    for (const [, name, verdict, text] of examples) {
      expect(judgeHistory(parseHistory(text, findModel(name)!)).verdict, text).toBe(verdict);
    }
  });
});

function rowOf(operation: string, { input, output, does, refused }: OperationDefinition): string {
  const members = (named: Readonly<Record<string, string>>) => {
    const texts = Object.entries(named).map(([name, kind]) => `\`${name}\` ${kind}`);
    return texts.length === 0 ? '–' : texts.join(', ');
  };
  const sentences = (texts: readonly string[]) => texts.map((text) => `\`${text}\``).join('; ');
  const otherwise = refused === undefined ? '–' : sentences(refused);
  return `${operation} | ${members(input)} | ${members(output)} | ${sentences(does)} | ${otherwise}`;
}
