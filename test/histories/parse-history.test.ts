import { describe, expect, it } from 'vitest';
import { findModel, HISTORY_END, HistoryError, judgeHistory, parseHistory } from '../../src/histories/index.ts';

const parse = (text: string | Uint8Array, model = 'cas-register') => parseHistory(text, findModel(model)!);
const operation = (more: object) =>
  JSON.stringify({ process: 1, call: 1, return: 2, input: { op: 'read' }, output: { value: 1 }, ...more });

describe('parseHistory', () => {
  it('reads operations, and skips blank lines and comments', () => {
    const { operations } = parse(`\ufeff# a comment\r\n\r\n${operation({ process: 'me', call: 0.5 })}\r\n`);
    expect(operations).toHaveLength(1);
    expect(operations[0]).toMatchObject({ lineNumber: 3, process: 'me', call: 0.5, return: 2, name: 'read' });
  });

  it.each([
    ['a return of null', { return: null }],
    ['an output of null', { output: null }],
    ['no return', { return: undefined }],
    ['no output', { output: undefined }],
  ])('takes %s for an end that nobody saw', (_, more) => {
    expect(parse(operation(more)).operations[0]).toMatchObject({ return: HISTORY_END, output: undefined });
  });

  it('takes −0 for 0', () => {
    const text = `${operation({ input: { op: 'write', value: 0 }, output: {} })}\n${operation({ call: 3, return: 4 }).replace('"value":1', '"value":-0')}`;
    expect(judgeHistory(parse(text)).verdict).toBe('serializable');
  });

  it('does not order a return and a call at the same time', () => {
    const write = operation({ input: { op: 'write', value: 1 }, output: {} });
    const read = (call: number) => operation({ call, return: 5, output: { value: null } });
    expect(judgeHistory(parse(`${write}\n${read(2)}`)).verdict).toBe('serializable');
    expect(judgeHistory(parse(`${write}\n${read(2.001)}`)).verdict).toBe('unserializable');
  });

  it('begins with what the first line says', () => {
    expect(judgeHistory(parse(`{"initial":1}\n${operation({})}`)).verdict).toBe('serializable');
    expect(judgeHistory(parse(operation({}))).verdict).toBe('unserializable');
    const get = operation({ input: { op: 'get', key: 'x' } });
    expect(judgeHistory(parse(`{"initial":{"x":1}}\n${get}`, 'kv')).verdict).toBe('serializable');
  });

  it('lets an operation that was refused have done nothing', () => {
    const refused = operation({ input: { op: 'write', value: 1 }, output: { ok: false } });
    const read = operation({ call: 3, return: 4, output: { value: null } });
    expect(judgeHistory(parse(`${refused}\n${read}`)).verdict).toBe('serializable');
  });

  it('does not extend what is no text', () => {
    const put = operation({ input: { op: 'put', key: 'x', value: 5 }, output: {} });
    const append = operation({ call: 3, return: 4, input: { op: 'append', key: 'x', value: 'a' }, output: {} });
    expect(judgeHistory(parse(`${put}\n${append}`, 'kv')).verdict).toBe('unserializable');
  });

  const bank = (text: string) => `{"initial":{"a":1,"b":2}}\n${text}`;
  const transfer = { op: 'transfer', from: 'a', to: 'b', amount: 1 };

  it.each<[string, string, string, string]>([
    ['no JSON', 'cas-register', '\n{', 'line 2 of the history: it is not JSON'],
    ['no object', 'cas-register', '[]', 'it is a list, not an object'],
    ['a member without a meaning', 'cas-register', operation({ key: 'x' }), 'an operation has a member "key"'],
    ['no process', 'cas-register', operation({ process: undefined }), 'it has no "process"'],
    ['a process that is none', 'cas-register', operation({ process: 0.5 }), '"process" is 0.5'],
    ['no call', 'cas-register', operation({ call: undefined }), '"call" is not there, expected a number'],
    ['a return before its call', 'cas-register', operation({ call: 3 }), 'it returns at 2 and is called at 3'],
    ['no input', 'cas-register', operation({ input: 5 }), '"input" is 5, not an object'],
    [
      'an operation of Object',
      'cas-register',
      operation({ input: { op: 'constructor' } }),
      '"constructor" is no operation',
    ],
    [
      'a member too much',
      'cas-register',
      operation({ input: { op: 'read', key: 1 } }),
      'the input of read has a member "key"',
    ],
    ['an answer that is missing', 'cas-register', operation({ output: {} }), 'the output of read has no "value"'],
    ['an answer that is no object', 'cas-register', operation({ output: true }), '"output" is true, not an object'],
    [
      'a value that is a list',
      'cas-register',
      operation({ output: { value: [1] } }),
      'is a list, expected a number, a text',
    ],
    [
      'a number that is not exact',
      'cas-register',
      operation({}).replace('"value":1', '"value":9007199254740993'),
      'not read exactly',
    ],
    [
      'an ok that is none',
      'cas-register',
      operation({ input: { op: 'cas', from: 1, to: 2 }, output: { ok: 1 } }),
      'expected true or false',
    ],
    [
      'half a number',
      'counter',
      operation({ input: { op: 'add', value: 0.5 }, output: {} }),
      'expected a whole number',
    ],
    [
      'sums that are not exact',
      'counter',
      `{"initial":9007199254740991}\n${operation({ input: { op: 'add', value: 1 }, output: {} })}`,
      'cannot be added exactly',
    ],
    ['a second first line', 'counter', '{"initial":1}\n{"initial":2}', '"initial" comes after the first line'],
    [
      'a bank without accounts',
      'bank',
      operation({ input: { op: 'read' }, output: null }),
      'has to know what there is at first',
    ],
    ['an empty bank', 'bank', '', 'line 1 of the history: model bank has to know'],
    ['a debt at first', 'bank', '{"initial":{"a":-1}}', 'expected a whole number from 0 on'],
    [
      'no account',
      'bank',
      bank(operation({ input: { ...transfer, to: 'c' }, output: null })),
      'there is no account "c"',
    ],
    [
      'an account that was not read',
      'bank',
      bank(operation({ output: { value: { a: 1 } } })),
      'does not say what "b" has',
    ],
    ['an account that is none', 'bank', bank(operation({ output: { value: { a: 1, b: 2, c: 0 } } })), 'no account "c"'],
    ['an amount below 0', 'bank', bank(operation({ input: { ...transfer, amount: -1 }, output: null })), 'from 0 on'],
    [
      'a number to append',
      'kv',
      operation({ input: { op: 'append', key: 'x', value: 1 }, output: {} }),
      'expected a text',
    ],
  ])('refuses %s', (_, model, text, message) => {
    expect(() => parse(text, model)).toThrow(HistoryError);
    expect(() => parse(text, model)).toThrow(message);
    expect(() => parse(text, model)).toThrow(/^line \d+ of the history: .*\. Fix: .*\.$/);
  });

  it('refuses what is not UTF-8, and says where', () => {
    expect(() => parse(new Uint8Array([0x23, 0x0a, 0x23, 0xff, 0x0a]))).toThrow(
      'line 2 of the history: it is not UTF-8',
    );
  });
});
