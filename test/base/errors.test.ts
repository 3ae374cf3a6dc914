import { describe, expect, it } from 'vitest';
import * as backend from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import * as face from '../../src/index.ts';
import * as kernel from '../../src/kernel/index.ts';
import * as log from '../../src/log/index.ts';
import * as observe from '../../src/observe/index.ts';
import * as record from '../../src/record/index.ts';
import * as storage from '../../src/storage/index.ts';

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

  it('can be told by its class wherever vrrl is imported', () => {
    const rooms = [backend, kernel, log, observe, record, storage];
    const errors = rooms.flatMap(Object.keys).filter((name) => name.endsWith('Error'));
    expect(Object.keys(face)).toEqual(expect.arrayContaining(errors));
    expect(errors).toContain('TruncatedBodyError');
  });
});
