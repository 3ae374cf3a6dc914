import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { builtinOpcodes, defineKernel, lowerToWgsl, opcode, type Value } from '../../src/kernel/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

describe('kernels lowered to WGSL', () => {
  it('have a function for every opcode and one for the turn', () => {
    const text = lowerToWgsl(defineKernel({ name: 'built-in' }));
    for (const { name } of builtinOpcodes()) expect(text).toContain(`fn handle_${name}(`);
    expect(text).toContain('fn turn(slotIndex: u32) -> bool {');
  });

  it('end a function once, where it is left in the middle too', () => {
    const isOdd = (value: Value) => value.and(1).differsFrom(0);
    const opcodes = [
      opcode('GIVES_UP', 0x4000_0000, [], ($) => $.fault(1)),
      opcode('GIVES_UP_EITHER_WAY', 0x4000_0001, ['value'], ($, value) => {
        $.if(
          isOdd(value),
          () => $.fault(1),
          () => $.finish(),
        );
        $.store('control', 160, 1);
      }),
      opcode('GIVES_UP_SOMETIMES', 0x4000_0002, ['value'], ($, value) => $.if(isOdd(value), () => $.fault(1))),
    ];
    const text = lowerToWgsl(defineKernel({ name: 'k', opcodes }));
    const endOf = (name: string) => text.split(`fn handle_${name}(`)[1].split('\n}\n')[0].trim().split('\n').at(-1);
    // Compilers warn of what nobody gets to, or refuse it.
    expect(endOf('GIVES_UP')).toMatch(/return raise/);
    expect(endOf('GIVES_UP_EITHER_WAY')).toBe('  }');
    expect(endOf('GIVES_UP_SOMETIMES')).toBe('  return false;');
  });

  it('keep a name from ending the comment that it stands in', () => {
    for (const end of ['\n', '\r', '\u2028', '\u2029', '\u0085', '\v', '\f']) {
      // The check refuses such names; the lowering does not rely on it.
      const kernel = { ...defineKernel({ name: 'k' }), name: `a${end}fn turn() {}` };
      const [first] = lowerToWgsl(kernel).split('\n');
      expect(first).toBe('// Kernel a?fn turn() {}, 256 slots.');
    }
  });

  // Needs SwiftShader, which `node scripts/install-debian.js` installs where that can be done.
  it.skipIf(!existsSync(swiftShader))(
    'do on Dawn with SwiftShader what they do on the reference',
    () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const program = ['scripts/run-typescript.js', 'test/gpu/compare/main.ts', String(seed), '60'];
      const run = spawnSync(process.execPath, program, {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, VK_ICD_FILENAMES: swiftShader },
        maxBuffer: 2 ** 28,
      });
      const line = run.stdout.trim().split('\n').at(-1) ?? '';
      expect(line, `seed ${seed}, status ${run.status}, signal ${run.signal}: ${run.stderr.slice(-2_000)}`).toMatch(
        /^\{/,
      );
      const report: { adapter: string; problems: string[] } = JSON.parse(line);
      expect(report.adapter).toContain('SwiftShader');
      expect(report.problems, `node ${program.join(' ')}`).toEqual([]);
    },
    300_000,
  );
});
