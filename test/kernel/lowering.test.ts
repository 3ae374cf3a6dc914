import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyKernelCase } from './random-kernel.ts';
import { runCase } from './run-three-ways.ts';

describe('the generated programs', () => {
  it('leave the words behind that the language says, in both dialects', () => {
    fc.assert(
      fc.property(anyKernelCase, (made) => {
        const expected = runCase('interpreter', made);
        expect(runCase('serial', made)).toEqual(expected);
        expect(runCase('shared', made)).toEqual(expected);
      }),
      { numRuns: 2_500 },
    );
  });
});
