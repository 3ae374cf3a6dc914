import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defineKernel, type Expression, kernelToJson, memoriesOf, printExpression } from '../../src/kernel/index.ts';

const spec = readFileSync(new URL('../../spec/kernel.md', import.meta.url), 'utf8');
const language = readFileSync(new URL('../../src/kernel/ir.ts', import.meta.url), 'utf8');
const checker = readFileSync(new URL('../../src/kernel/check.ts', import.meta.url), 'utf8');

/** The rows of the first table behind a heading whose head begins with this cell, without its head. */
function tableOf(head: string, heading = ''): string[][] {
  const lines = spec.slice(spec.indexOf(`\n${heading}`)).split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} `));
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  // A bar inside a cell is written \|.
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .split(/(?<!\\)\|/u)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|').replaceAll('`', '')),
  );
}

/** The declaration of a type in the language's source. */
function declarationOf(type: string): string {
  const start = language.indexOf(`export type ${type} =`);
  expect(start, `type ${type}`).toBeGreaterThan(-1);
  const end = language.indexOf('\n\n', start);
  return language.slice(start, end).replaceAll(/\/\*\*.*?\*\//gsu, '');
}

/** The texts that a type is a choice of. */
function choicesOf(type: string): string[] {
  return [...declarationOf(type).matchAll(/'(\w+)'/gu)].map((match) => match[1]);
}

/** The kinds of a union, and the fields of each. */
function kindsOf(type: string): [kind: string, fields: string[]][] {
  const variants = declarationOf(type).split(/(?=\{[^{}]*readonly kind: ')/u);
  return variants.slice(1).map((variant) => {
    const fields = [...variant.matchAll(/readonly (\w+): /gu)].map((match) => match[1]);
    return [/kind: '(\w+)'/u.exec(variant)![1], fields.filter((field) => field !== 'kind')];
  });
}

describe('the specification of the kernel language', () => {
  it.each([
    ['Expression', '## Expressions'],
    ['Statement', '## Statements'],
  ])('has every kind of %s, with its fields', (type, heading) => {
    const kinds = kindsOf(type);
    expect(kinds.length).toBeGreaterThan(5);
    const rows = tableOf('kind', heading).map(([kind, fields]) => [kind, fields.replaceAll(/: \w+/gu, '')]);
    expect(rows).toEqual(kinds.map(([kind, fields]) => [kind, fields.join(', ')]));
  });

  it('has every operator, as it is printed, with its types', () => {
    const arithmetic = choicesOf('ArithmeticOperator');
    const comparison = choicesOf('ComparisonOperator');
    const logical = choicesOf('LogicalOperator');
    const rows = tableOf('operator');
    expect(rows.map(([operator]) => operator)).toEqual([...arithmetic, ...comparison, ...logical]);
    const operand: Expression = { kind: 'local', name: 'a' };
    for (const [name, printed, from, to] of rows) {
      const operator = name as 'add';
      expect(printExpression({ kind: 'binary', operator, left: operand, right: operand })).toBe(`a ${printed} a`);
      expect([from, to]).toEqual([logical.includes(name) ? 'bool' : 'u32', arithmetic.includes(name) ? 'u32' : 'bool']);
    }
  });

  it('has every atomic operation, access and scope', () => {
    expect(tableOf('operation').map(([operation]) => operation)).toEqual(choicesOf('AtomicOperation'));
    expect(tableOf('access').map(([access]) => access)).toEqual(choicesOf('AccessKind'));
    expect(tableOf('scope').map(([scope]) => scope)).toEqual(choicesOf('BarrierScope'));
  });

  it('has every field of a kernel, and every memory', () => {
    const kernel = defineKernel({ name: 'k', slotCount: 2, tables: { table: Uint32Array.of(1) } });
    expect(tableOf('field').map(([field]) => field)).toEqual(Object.keys(kernelToJson(kernel)));
    const memories = tableOf('memory');
    const expected = memoriesOf(kernel).map(({ name, readOnly }) => [name, readOnly ? 'no' : 'yes']);
    expect(memories.map(([name, , writable]) => [name.replace('every table', 'table'), writable])).toEqual(expected);
    expect(memories[2][1]).toBe(`${memoriesOf(kernel)[2].words}`);
  });

  it('has the limits of the checker', () => {
    const limitOf = (name: string): number => {
      const text = new RegExp(`const ${name} = ([^;]+);`, 'u').exec(checker)![1];
      const [base, shift = '0'] = text.replaceAll('_', '').split(' << ');
      return Number(base) * 2 ** Number(shift);
    };
    expect(spec).toContain(`words of control memory: 160 to ${limitOf('MAX_CONTROL_WORDS')} `);
    expect(spec).toContain(`a name and 1 to ${limitOf('MAX_TABLE_WORDS')} words each`);
    expect(spec).toContain(`nest at most ${limitOf('MAX_DEPTH')} deep.`);
    const statements = `at most ${limitOf('MAX_STATEMENTS')} statements`;
    expect(spec).toContain(`${statements} and ${limitOf('MAX_EXPRESSIONS')} expressions`);
    expect(spec).toContain(`up to ${limitOf('MAX_PROBLEMS')} sentences`);
  });
});
