import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { vrrl } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

describe('vrrl mutants', () => {
  test('--list has all of them', async () => {
    const { exitCode, out } = await vrrl(['mutants', '--list']);
    expect(exitCode).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(43);
    expect(out).toMatch(/^19 +opcodes +interleaving +ATOMIC_ADD as load and store +an addition is lost +built-in$/m);
  });

  test('says who killed what', async () => {
    const { exitCode, out } = await vrrl(['mutants', '--only', '19,42', '--runs', '200']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^explorer +19 .* killed +diff, level, self/m);
    expect(out).toMatch(/^explorer +42 +weak .* killed/m);
    expect(out).toContain('explorer: 2 of 2 mutants killed (100%)');
  });

  test('--json is as its schema says, whatever became of the mutants', async () => {
    const argv = ['mutants', '--only', '4,16,22,31', '--runs', '100', '--seconds', '2', '--json'];
    const { exitCode, out } = await vrrl([...argv, '--backend', 'explorer,threads']);
    expect(exitCode).toBe(0);
    const report = JSON.parse(out);
    expectValid('mutants', report);
    expect(report.scores).toHaveLength(8);
    expect(report.summary).toMatchObject([
      { backend: 'explorer', counts: { killed: 3, equivalent: 1 } },
      { backend: 'threads', counts: { unobservable: 2 } },
    ]);
  });

  test('an interleaving mutant that is missed on the explorer ends it with 1', async () => {
    const argv = ['mutants', '--only', '4', '--rare', '0x40000000', '--runs', '1', '--seconds', '0'];
    const { exitCode, out } = await vrrl(argv);
    expect(exitCode).toBe(1);
    expect(out).toContain('survived');
    expect(out).toContain('defects in one slot of 1,073,741,824');
  });

  test('--into puts a section into a document, and replaces it the next time', async () => {
    const file = folder.at('score.md');
    writeFileSync(file, '# Score\n\nBefore.\n');
    const argv = ['mutants', '--only', '19', '--runs', '100', '--into', file];
    await vrrl(argv);
    const once = readFileSync(file, 'utf8');
    expect(once).toMatch(/^# Score\n\nBefore\.\n\n<!-- vrrl mutants: summary -->\n/);
    expect(once).toMatch(/<!-- end of vrrl mutants: summary -->\n\n<!-- vrrl mutants: explorer -->\n## explorer\n/);
    expect(once).toContain('| explorer | 1 | 1 | 100% |');
    expect(once).toContain('`vrrl mutants --backend explorer --runs 100 --seed 1 --only 19`');
    expect(once).toMatch(/^\| 19 \| interleaving \| ATOMIC_ADD as load and store \| killed \|/m);
    await vrrl(argv);
    await vrrl([...argv, '--rare', '2']);
    const thrice = readFileSync(file, 'utf8');
    expect(thrice.match(/<!-- vrrl mutants: explorer -->/g)).toHaveLength(1);
    expect(thrice.match(/<!-- end of vrrl mutants: explorer, rare -->/g)).toHaveLength(1);
    expect(thrice.match(/<!-- vrrl mutants: summary -->/g)).toHaveLength(1);
    expect(thrice).toMatch(/^\| explorer, defects in one slot of 2 \| 1 \| 1 \| 100% \|$/m);
  });

  test('the summary of a document adds up what GPU stacks came to, on whatever day', async () => {
    const file = folder.at('gpus.md');
    const lines = [
      'dawn on nvidia, no stress: 3 of 4',
      'dawn on nvidia, stress: 4 of 4',
      'wgpu on llvmpipe, no stress: 1 of 4',
      'wgpu on llvmpipe, stress: 3 of 4',
      'wgpu, no stress, defects in one slot of 2: 1 of 4',
    ];
    writeFileSync(file, `# Score\n\n${lines.map((line) => `- ${line} mutants killed.`).join('\n')}\n`);
    await vrrl(['mutants', '--only', '19', '--runs', '100', '--into', file]);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('| all pairs of mutant and GPU stack, no stress | 4 | 8 | 50% |');
    expect(text).toContain('| all pairs of mutant and GPU stack, stress | 7 | 8 | 88% |');
    expect(text).toContain('| wgpu, no stress, defects in one slot of 2 | 1 | 4 | 25% |');
  });

  test.each([
    [['--only', '43'], 'no mutant "43"'],
    [['--backend', 'reference'], 'do not run on a backend "reference"'],
    [['--rare', '3'], 'power of two'],
  ])('%j is wrong use', async (argv, what) => {
    const { exitCode, err } = await vrrl(['mutants', ...argv]);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });
});
