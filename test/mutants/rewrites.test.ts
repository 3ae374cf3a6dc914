import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Kernel, printKernel } from '../../src/kernel/index.ts';
import { MUTANTS, mutate } from '../../src/mutants/index.ts';

const SLOTS = 4;
const all = MUTANTS.map((mutant) => ({ mutant, title: `${mutant.number} ${mutant.name}` }));

describe('the catalogue', () => {
  test('has every number once, in order', () => {
    expect(MUTANTS.map(({ number }) => number)).toEqual(Array.from({ length: 42 }, (_, index) => index + 1));
  });

  test('is in the document as it is', () => {
    const document = readFileSync(new URL('../../docs/mutants.md', import.meta.url), 'utf8');
    for (const { number, group, kind, name, shows, base, race } of MUTANTS) {
      const row = [number, group, kind, name, shows, base.name, race.name].join(' | ');
      expect(document).toContain(`| ${row} |\n`);
      expect(document).toContain(`- **${base.name}**: ${base.summary}\n`);
    }
  });
});

describe.each(all)('mutant $title', ({ mutant }) => {
  const sound = mutant.base.kernel(SLOTS);
  const mutated = changed(mutate(mutant, sound));

  test('changes what it says and nothing else', () => {
    expect(lineChanges(sound, mutated)).toMatchSnapshot();
    const touched = new Set(mutant.sites.map(({ routine }) => routine));
    expect(
      mutated.opcodes.filter((opcode, index) => !same(opcode, sound.opcodes[index])).map(({ name }) => name),
    ).toEqual(sound.opcodes.map(({ name }) => name).filter((name) => touched.has(name)));
    expect(same(mutated.turn, sound.turn)).toBe(!touched.has('turn'));
    const { slotCount, controlWords, tenantCount, tables, regions } = sound;
    expect(mutated).toMatchObject({ slotCount, controlWords, tenantCount, tables, regions });
  });

  test('has a variant that shows rarely', () => {
    const rare = changed(mutate(mutant, sound, { oneIn: 4096 }));
    expect(rare.identity).not.toBe(mutated.identity);
    const added = lineChanges(sound, rare);
    expect(added.filter((line) => line.includes('plain load ring[slotBase + 15]'))).toHaveLength(mutant.sites.length);
    expect(added.filter((line) => line.includes('< 1048576'))).toHaveLength(mutant.sites.length);
  });

  test('does not apply to a kernel without that part, nor twice', () => {
    const bare = { ...sound, turn: [], opcodes: [] };
    expect(mutate(mutant, bare)).toBeUndefined();
  });
});

function changed(kernel: Kernel | undefined): Kernel {
  if (kernel === undefined) throw new Error('the mutant does not apply to its own base');
  return kernel;
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Lines of the printed kernels that differ, in the order of a line by line diff (the longest common subsequence). */
function lineChanges(before: Kernel, after: Kernel): string[] {
  const [left, right] = [before, after].map((kernel) => printKernel(kernel).split('\n').slice(2));
  const lengths = left.map(() => new Uint16Array(right.length + 1));
  lengths.push(new Uint16Array(right.length + 1));
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      lengths[row][column] =
        left[row] === right[column]
          ? lengths[row + 1][column + 1] + 1
          : Math.max(lengths[row + 1][column], lengths[row][column + 1]);
    }
  }
  const changes: string[] = [];
  for (let row = 0, column = 0; row < left.length || column < right.length; ) {
    if (left[row] === right[column]) {
      row += 1;
      column += 1;
    } else if (column >= right.length || (row < left.length && lengths[row + 1][column] >= lengths[row][column + 1])) {
      changes.push(`- ${left[row]}`);
      row += 1;
    } else {
      changes.push(`+ ${right[column]}`);
      column += 1;
    }
  }
  return changes;
}
