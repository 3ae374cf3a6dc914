import { describe, expect, it } from 'vitest';
// @ts-expect-error a script in JavaScript, checked by tsconfig.javascript.json
import { importViolations, judge, ROOMS } from '../../scripts/check-imports.js';

describe('the import rule', () => {
  it('holds everywhere', () => {
    expect(importViolations()).toEqual([]);
  });

  it('has rooms that only know rooms before them, so that nothing can go in a circle', () => {
    const order = Object.keys(ROOMS);
    for (const [room, known] of Object.entries(ROOMS) as [string, string[]][]) {
      for (const other of known)
        expect(order.indexOf(other), `${room} knows ${other}`).toBeLessThan(order.indexOf(room));
    }
  });

  it.each([
    ['src/log/decode.ts', 'node:fs', 'pure packages'],
    ['src/log/decode.ts', 'lmdb', 'pure packages'],
    ['src/log/decode.ts', '../replay/index.ts', 'must not know room replay'],
    ['src/replay/replay.ts', '../log/decode.ts', 'past the face'],
    ['src/replay/replay.ts', '../../node/ring-log.ts', 'must not know node'],
    ['node/ring-log.ts', '../cli/main.ts', 'must not know cli'],
    ['cli/commands/dump.ts', 'cli-progress', 'only cli/progress.ts may'],
    ['cli/commands/dump.ts', '../../src/log/decode.ts', 'past the face'],
  ])('refuses that %s imports %s', (from, specifier, problem) => {
    expect(judge(from, specifier)).toContain(problem);
  });

  it.each([
    ['src/log/decode.ts', '../storage/index.ts'],
    ['src/log/decode.ts', './rows.ts'],
    ['src/kernel/identity.ts', '@noble/hashes/sha2.js'],
    ['src/index.ts', './replay/index.ts'],
    ['node/ring-log.ts', 'node:fs'],
    ['cli/commands/dump.ts', '../../src/base/words.ts'],
  ])('lets %s import %s', (from, specifier) => {
    expect(judge(from, specifier)).toBeUndefined();
  });
});
