import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/base/errors.ts';

describe('an error', () => {
  it('says what is the matter and what can be done, together and apart', () => {
    const error = new InputError('there is no file x. Fix: y', 'make one. Fix: it.');
    expect(error.message).toBe('there is no file x. Fix: y. Fix: make one. Fix: it.');
    expect([error.what, error.fix, error.name]).toEqual([
      'there is no file x. Fix: y',
      'make one. Fix: it.',
      'InputError',
    ]);
  });
});
