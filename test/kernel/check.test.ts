import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { VrrlError } from '../../src/base/errors.ts';
import {
  checkKernel,
  defineKernel,
  type Expression,
  finishKernel,
  type KernelDefinition,
  KernelError,
  kernelFromJson,
  kernelIdentity,
  kernelToJson,
  type OpcodeDefinition,
  opcode,
  RoutineBuilder,
  type Statement,
  Value,
} from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { anyKernelCase } from './random-kernel.ts';

const base = defineKernel({ name: 'k', slotCount: 4, tables: { table: Uint32Array.of(1, 2, 3) } });
const CODE = 0x4000_0000;

const zero: Expression = { kind: 'constant', value: 0 };
const yes: Expression = { kind: 'binary', operator: 'equal', left: zero, right: zero };
const store: Statement = { kind: 'store', memory: 'control', index: zero, value: zero, access: 'atomic' };

/** The error of a check, which is the only one there may be. */
function refusalOf(check: () => unknown): KernelError {
  try {
    check();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function definitionOf(changes: object): KernelDefinition {
  return { ...base, ...changes } as KernelDefinition;
}

/** A kernel whose first opcode has these statements, which need not be any. */
function withBody(...body: unknown[]): KernelDefinition {
  const own = { name: 'OWN', code: CODE, argumentNames: [], promisesAtomicity: false, body } as OpcodeDefinition;
  return definitionOf({ opcodes: [own] });
}

function withValue(value: unknown): KernelDefinition {
  return withBody({ kind: 'let', name: 'x', value });
}

function local(name: string): Expression {
  return { kind: 'local', name };
}

describe('what a kernel is refused for', () => {
  it.each<[problem: string, definition: unknown]>([
    // Its configuration.
    ['the name is missing', definitionOf({ name: '' })],
    ['the name is missing', definitionOf({ name: 'k'.repeat(201) })],
    ['the name is missing', definitionOf({ name: 7 })],
    ['the name has characters that cannot be printed', definitionOf({ name: 'k\u001b[2J' })],
    ['the name has characters that cannot be printed', definitionOf({ name: 'k\u2028' })],
    ['slotCount 0 is not 1 … 1048576', definitionOf({ slotCount: 0 })],
    ['slotCount 1048577 is not 1 … 1048576', definitionOf({ slotCount: 1_048_577 })],
    ['slotCount 1.5 is not 1 … 1048576', definitionOf({ slotCount: 1.5 })],
    ['slotCount NaN is not 1 … 1048576', definitionOf({ slotCount: Number.NaN })],
    ['controlWords 159 is not 160 … 16777216', definitionOf({ controlWords: 159 })],
    ['controlWords 16777217 is not 160 … 16777216', definitionOf({ controlWords: 2 ** 24 + 1 })],
    ['tenantCount 30 is not 0 … 29', definitionOf({ tenantCount: 30 })],
    ['tenantCount -1 is not 0 … 29', definitionOf({ tenantCount: -1 })],
    ['tables is not a list', definitionOf({ tables: {} })],
    ['turn is not a list', definitionOf({ turn: undefined })],
    ['opcodes is not a list', definitionOf({ opcodes: 'none' })],
    ['regions is not a list', definitionOf({ regions: null })],
    ['it is not an object', null],
    ['tables has something else than objects', definitionOf({ tables: [null] })],
    ['opcodes has something else than objects', definitionOf({ opcodes: ['NOP'] })],
    ['regions has something else than objects', definitionOf({ regions: [undefined] })],
    // Its tables.
    ['table "1st" has no proper name', definitionOf({ tables: [{ name: '1st', words: Uint32Array.of(1) }] })],
    ['table ["a"] has no proper name', definitionOf({ tables: [{ name: ['a'], words: Uint32Array.of(1) }] })],
    [
      'table table has 0 words, 1 … 67108864 are possible',
      definitionOf({ tables: [{ name: 'table', words: new Uint32Array(0) }] }),
    ],
    ['the words of table table are no Uint32Array', definitionOf({ tables: [{ name: 'table', words: [1] }] })],
    // Fields that nothing has.
    ['table table: unknown field "note"', definitionOf({ tables: [{ ...base.tables[0], note: 1 }] })],
    ['region "r": unknown field "note"', definitionOf({ regions: [{ ...region({}), note: 1 }] })],
    ['opcode OWN: unknown field "note"', withOpcode({ note: null })],
    ['opcode OWN, statement 1: unknown field "name"', withBody({ ...store, name: 'stored' })],
    ['opcode OWN, statement 1: unknown field "toJSON"', withBody({ ...store, toJSON: () => store })],
    ['opcode OWN, statement 1: unknown field "__proto__"', withBody(JSON.parse('{"kind":"finish","__proto__":1}'))],
    ['opcode OWN, statement 1.body.1: unknown field "note"', withBody({ ...loop(), body: [{ ...store, note: 1 }] })],
    ['opcode OWN, statement 1: unknown field "note"', withValue({ ...zero, note: 1 })],
    ['opcode OWN, statement 1: unknown field "note"', withValue({ kind: 'complement', operand: { ...zero, note: 1 } })],
    ['two memories are called ring', definitionOf({ tables: [{ name: 'ring', words: Uint32Array.of(1) }] })],
    ['two memories are called faults', definitionOf({ tables: [{ name: 'faults', words: Uint32Array.of(1) }] })],
    ['two memories are called table', definitionOf({ tables: [...base.tables, ...base.tables] })],
    // Its regions; the sentences are the layout's.
    ['region `r` is in area `nowhere`', definitionOf({ regions: [region({ area: 'nowhere' })] })],
    ['region `r` ends at word 1025', definitionOf({ regions: [region({ start: 1_000, count: 25 })] })],
    ['unknown equivalence `same`', definitionOf({ regions: [region({ equivalence: 'same' })] })],
    ['regions `r` and `s` overlap', definitionOf({ regions: [region({}), region({ name: 's' })] })],
    // Its opcodes.
    ['opcode "1st" has no proper name', withOpcode({ name: '1st' })],
    ['opcode undefined has no proper name', withOpcode({ name: undefined })],
    ['opcode OWN: -1 is not a number of 32 bits', withOpcode({ code: -1 })],
    ['opcode OWN: 8.5 is not a number of 32 bits', withOpcode({ code: 8.5 })],
    ['opcode OWN: 8 is not a number of 32 bits', withOpcode({ code: '8' })],
    ['opcode OWN: 7 belongs to the protocol', withOpcode({ code: 7 })],
    ['opcode OWN: 65520 belongs to the protocol', withOpcode({ code: 0xfff0 })],
    ['opcode OWN: 2147483648 belongs to the protocol', withOpcode({ code: 0x8000_0000 })],
    ['opcode OWN: more than 12 arguments', withOpcode({ argumentNames: Array(13).fill('a') })],
    ['opcode OWN: more than 12 arguments', withOpcode({ argumentNames: 'a' })],
    ['opcode OWN: an argument has no proper name', withOpcode({ argumentNames: ['a-b'] })],
    ['opcode OWN: an argument has no proper name', withOpcode({ argumentNames: [3] })],
    ['opcode OWN: promisesAtomicity is not true or false', withOpcode({ promisesAtomicity: 1 })],
    ['opcode OWN, statement 1: a list of statements is missing', withOpcode({ body: {} })],
    ['opcode COPY: OWN has the number 1073741824 too', twoOpcodes({ name: 'COPY' })],
    ['two opcodes are called OWN', twoOpcodes({ code: CODE + 1 })],
    ['two opcodes are called NOP', definitionOf({ opcodes: [...base.opcodes, { ...base.opcodes[0], code: CODE }] })],
    // Its statements.
    ['opcode OWN, statement 1: no statement "goto"', withBody({ kind: 'goto' })],
    ['opcode OWN, statement 2: no statement undefined', withBody(store, {})],
    ['opcode OWN, statement 1: no statement undefined', withBody(null)],
    ['opcode OWN, statement 1: no statement undefined', withBody('break')],
    ['opcode OWN, statement 2: no statement undefined', withOpcode({ body: holed([store, store, store]) })],
    ['opcodes has something else than objects', definitionOf({ opcodes: holed([...base.opcodes]) })],
    ['opcode OWN: an argument has no proper name', withOpcode({ argumentNames: holed(['a', 'b']) })],
    ['turn, statement 1: unknown name "x"', definitionOf({ turn: [{ ...store, value: local('x') }] })],
    [
      'turn, statement 1: unknown name "argumentBase"',
      definitionOf({ turn: [{ ...store, value: local('argumentBase') }] }),
    ],
    ['unknown name "slotIndex"', withBody({ ...store, value: local('slotIndex') })],
    ['unknown memory "faults"', withBody({ ...store, memory: 'faults' })],
    ['unknown memory "constructor"', withBody({ ...store, memory: 'constructor' })],
    ['unknown memory undefined', withBody({ ...store, memory: undefined })],
    ['table is a table and cannot be written', withBody({ ...store, memory: 'table' })],
    ['table is a table and cannot be written', withBody({ ...atomic(), memory: 'table' })],
    ['table is a table and cannot be written', withBody({ ...exchange(), memory: 'table' })],
    ['control[1024] is out of range: it has 1024 words', withBody({ ...store, index: constant(1_024) })],
    ['ring[64] is out of range: it has 64 words', withBody({ ...atomic(), memory: 'ring', index: constant(64) })],
    [
      'debug[257] is out of range: it has 257 words',
      withBody({ ...exchange(), memory: 'debug', index: constant(257) }),
    ],
    ['table[3] is out of range: it has 3 words', withBody({ ...load(), memory: 'table', index: constant(3) })],
    ['no access "racy"', withBody({ ...store, access: 'racy' })],
    ['no access undefined', withBody({ ...load(), access: undefined })],
    ['no operation nand', withBody({ ...atomic(), operation: 'nand' })],
    ['no operation toString', withBody({ ...atomic(), operation: 'toString' })],
    ['x is there already', withBody({ kind: 'let', name: 'x', value: zero }, load())],
    ['slotBase is there already', withBody({ kind: 'let', name: 'slotBase', value: zero })],
    ['x is there already', withBody({ kind: 'if', condition: yes, whenTrue: [load()], whenFalse: [load()] })],
    ['unknown name "x"', withBody({ kind: 'if', condition: yes, whenTrue: [load()], whenFalse: [] }, assign())],
    ['unknown name "x"', withBody({ ...load(), index: local('x') })],
    ['unknown name "i"', withBody({ ...loop(), from: local('i') })],
    ['x cannot be assigned', withBody(load(), assign())],
    ['i cannot be assigned', withBody({ ...loop(), body: [{ ...assign(), name: 'i' }] })],
    ['slotBase cannot be assigned', withBody({ ...assign(), name: 'slotBase' })],
    ['unknown name "y"', withBody({ ...assign(), name: 'y' })],
    ['a bool is wanted, this is a u32', withBody({ kind: 'variable', name: 'x', value: yes }, assign())],
    ['a bool is wanted, this is a u32', withBody({ kind: 'if', condition: zero, whenTrue: [], whenFalse: [] })],
    ['statement 1.whenTrue.: a list', withBody({ kind: 'if', condition: yes, whenFalse: [] })],
    ['statement 1.whenFalse.: a list', withBody({ kind: 'if', condition: yes, whenTrue: [] })],
    ['statement 1.body.: a list', withBody({ ...loop(), body: undefined })],
    ['a u32 is wanted, this is a bool', withBody({ ...store, value: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...store, index: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...exchange(), expected: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...exchange(), desired: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...atomic(), value: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...loop(), from: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...loop(), below: yes })],
    ['a u32 is wanted, this is a bool', withBody({ kind: 'fault', code: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...dispatch(true), opcode: yes })],
    ['a u32 is wanted, this is a bool', withBody({ ...dispatch(true), argumentBase: yes })],
    ['atMost is not 1 … 2³² − 1', withBody({ ...loop(), atMost: 0 })],
    ['atMost is not 1 … 2³² − 1', withBody({ ...loop(), atMost: 2 ** 32 })],
    ['atMost is not 1 … 2³² − 1', withBody({ ...loop(), atMost: undefined })],
    ['break outside a loop', withBody({ kind: 'break' })],
    ['break outside a loop', withBody(loop(), { kind: 'break' })],
    ['no such scope', withBody({ kind: 'barrier', scope: 'galaxy' })],
    ['a handler may dispatch inner opcodes only', withBody(dispatch(false))],
    ['inner is not true or false', withBody({ ...dispatch(true), inner: undefined })],
    // Its expressions.
    ['an expression is missing', withValue(undefined)],
    ['an expression is missing', withValue({ kind: 'random' })],
    ['-1 does not fit 32 bits', withValue({ kind: 'constant', value: -1 })],
    ['4294967296 does not fit 32 bits', withValue({ kind: 'constant', value: 2 ** 32 })],
    ['0.5 does not fit 32 bits', withValue({ kind: 'constant', value: 0.5 })],
    ['NaN does not fit 32 bits', withValue({ kind: 'constant', value: Number.NaN })],
    ['1 does not fit 32 bits', withValue({ kind: 'constant', value: '1' })],
    ['no operator "power"', withValue({ ...yes, operator: 'power' })],
    ['no operator "constructor"', withValue({ ...yes, operator: 'constructor' })],
    ['a u32 is wanted, this is a bool', withValue({ ...yes, left: yes })],
    ['a u32 is wanted, this is a bool', withValue({ ...yes, operator: 'add', right: yes })],
    ['a bool is wanted, this is a u32', withValue({ ...yes, operator: 'both' })],
    ['a bool is wanted, this is a u32', withValue({ kind: 'not', operand: zero })],
    ['a u32 is wanted, this is a bool', withValue({ kind: 'complement', operand: yes })],
    [
      'a bool is wanted, this is a u32',
      withValue({ kind: 'select', condition: zero, whenTrue: zero, whenFalse: zero }),
    ],
    ['a u32 is wanted, this is a bool', withValue({ kind: 'select', condition: yes, whenTrue: yes, whenFalse: zero })],
    ['a u32 is wanted, this is a bool', withValue({ kind: 'select', condition: yes, whenTrue: zero, whenFalse: yes })],
    // Its size.
    ['nested too deeply', withBody(nested(65))],
    ['nested too deeply', withValue(complemented(66))],
    ['nested too deeply', withValue(negated(65))],
    ['nested too deeply', withValue(added(66))],
    ['nested too deeply', withValue(selected(66))],
    ['opcode OWN has too many statements', withBody(...Array(20_001).fill(store))],
    ['opcode OWN has too many expressions', withValue(doubled(60))],
  ])('%s', (problem, definition) => {
    const error = refusalOf(() => checkKernel(definition as KernelDefinition));
    expect(error.code).toBe('VRRL_KERNEL');
    expect(error).toBeInstanceOf(VrrlError);
    expect(error.problems.join('\n')).toContain(problem);
    expect(error.message).toMatch(
      /^the kernel is not well-formed: .*Fix: correct the definition; `vrrl kernel` prints one\.$/su,
    );
  });

  it('is all said at once, but not more than anybody reads', () => {
    const two = refusalOf(() => checkKernel(withBody({ kind: 'break' }, assign())));
    expect(two.problems).toEqual([
      'opcode OWN, statement 1: break outside a loop',
      'opcode OWN, statement 2: unknown name "x"',
    ]);
    expect(refusalOf(() => checkKernel(withBody(...Array(100).fill({ kind: 'break' })))).problems).toHaveLength(20);
  });

  it('is not quoted in full length', () => {
    const [problem] = refusalOf(() => checkKernel(withOpcode({ name: '!'.repeat(1e6) }))).problems;
    expect(problem).toMatch(/^opcode "!!!/u);
    expect(problem.length).toBeLessThan(3_000);
  });

  it('has its place in words, down into branches and loops', () => {
    const inner: Statement = { kind: 'if', condition: yes, whenTrue: [], whenFalse: [store, { kind: 'break' }] };
    const { problems } = refusalOf(() =>
      checkKernel(withBody(store, { kind: 'if', condition: yes, whenTrue: [inner], whenFalse: [] })),
    );
    expect(problems).toEqual(['opcode OWN, statement 2.whenTrue.1.whenFalse.2: break outside a loop']);
  });

  it('may be a number that the protocol keeps, where a user names it', () => {
    for (const code of [0, 7, 0xfff0, 0xffff, 0x8000_0000, 0xffff_ffff, -1, 0.5, Number.NaN]) {
      const error = refusalOf(() => opcode('OWN', code, [], () => {}));
      expect(error.message).toBe(
        `the kernel is not well-formed: opcode OWN: ${code} belongs to the protocol. Fix: take a number from 0x40000000 up.`,
      );
    }
    for (const code of [8, 0xffef, 0x1_0000, CODE, 0x7fff_ffff])
      expect(opcode('OWN', code, [], () => {}).code).toBe(code);
  });

  it('may be a name that the builder cannot use', () => {
    const $ = new RoutineBuilder([]);
    for (const name of ['', '1st', 'a b', '__proto__', 'x; process.exit()', 'größe']) {
      const error = refusalOf(() => $.let(1, name));
      expect(error.message).toContain(`"${name}" is not a name. Fix: use letters, digits and _`);
    }
  });

  it('is not an edge of what is allowed', () => {
    for (const definition of [
      definitionOf({ slotCount: 1_048_576 }),
      definitionOf({ controlWords: 2 ** 24 }),
      definitionOf({ tenantCount: 0 }),
      definitionOf({ name: 'k'.repeat(200) }),
      withOpcode({ argumentNames: Array(12).fill('a') }),
      withOpcode({ name: `A${'b'.repeat(63)}` }),
      withBody({ ...store, index: constant(1_023) }),
      withBody({ ...load(), memory: 'table', index: constant(2) }),
      withBody({ ...loop(), atMost: 0xffff_ffff, body: [{ kind: 'break' }] }),
      withBody(nested(63)),
      withValue(complemented(64)),
      withBody({ ...store, value: complemented(64) }),
      withValue(negated(63)),
      withValue(added(64)),
      withValue(selected(63)),
      withBody(...Array(20_000).fill(store)),
    ]) {
      checkKernel(definition);
    }
  });
});

describe('names', () => {
  const keywords =
    'let return arguments eval await yield class this super new delete typeof void in of instanceof null true false ' +
    'undefined NaN Infinity static enum export import implements interface package private protected public var const ' +
    'function if else for while do switch case break continue default throw try catch finally with debugger async get ' +
    'set constructor prototype toString valueOf hasOwnProperty Math Atomics memories turn raise divide remainder ' +
    'm_control m_ring handle_OWN t1 t2 v_x atomic_minimum slotIndices globalThis process';

  it.each(keywords.split(' '))('may be %s, for everything that is named', (name) => {
    const table = { name, words: Uint32Array.of(40) };
    const $ = new RoutineBuilder(['slotBase', 'argumentBase']);
    const loaded = $.load(name, 0, name);
    const second = $.variable(loaded, `${name}2`);
    $.loop({ below: 2, atMost: 2 }, (index) => $.assign(second, second.plus(index)), `${name}3`);
    $.store('control', 200, second);
    const own = { name, code: CODE, argumentNames: [name], promisesAtomicity: false, body: $.statements };
    const kernel = finishKernel({ ...base, tables: [table], opcodes: [own] });
    const backend = new ReferenceBackend(kernel);
    backend.publish(0, { opcode: CODE, tenant: 0, priority: 0, args: [] });
    expect(backend.drain().done).toBe(1);
    const snapshot = new Uint32Array(1_024 + 257);
    backend.observe(snapshot);
    expect(snapshot[200]).toBe(41);
  });

  const hostile = [
    '__proto__',
    '_x',
    '',
    ' ',
    'a b',
    'a-b',
    'a.b',
    'a\n',
    'a\u2028b',
    'größe',
    '𝒳',
    '1a',
    'x; process.exit()',
    'x=1;process.exit();//',
    'x`process.exit()`',
    'x*/process.exit()/*',
    `a${'b'.repeat(64)}`,
    7,
    null,
    undefined,
    ['x'],
    { toString: 'x' },
  ];

  it.each(hostile)('may not be %j, for anything that is named', (name) => {
    const memory = { kind: 'local', name };
    for (const definition of [
      definitionOf({ tables: [{ name, words: Uint32Array.of(1) }] }),
      withOpcode({ name }),
      withOpcode({ argumentNames: [name] }),
      withBody({ kind: 'let', name, value: zero }),
      withBody({ kind: 'variable', name, value: zero }),
      withBody({ ...load(), name }),
      withBody({ ...atomic(), name }),
      withBody({ ...exchange(), name }),
      withBody({ ...loop(), name }),
      withBody({ ...assign(), name }),
      withBody({ ...store, memory: name }),
      withValue(memory),
    ]) {
      expect(refusalOf(() => finishKernel(definition)).problems).not.toEqual([]);
    }
  });
});

describe('a kernel that was checked', () => {
  it('stays as it was when the caller changes what he gave', () => {
    const body: Statement[] = [store];
    const own = { name: 'OWN', code: CODE, argumentNames: [], promisesAtomicity: false, body };
    const kernel = finishKernel({ ...base, opcodes: [own] });
    body.push({ kind: 'break' });
    own.name = 'x; process.exit()';
    expect(kernel.opcodes[0]).toMatchObject({ name: 'OWN', body: [store] });
    checkKernel(kernel);
  });

  it('is refused if it holds what no JSON can', () => {
    const cycle: { self?: object } = {};
    cycle.self = cycle;
    for (const junk of [cycle, 1n]) {
      for (const definition of [
        withBody({ ...store, junk }),
        withBody({ ...store, memory: junk }),
        withValue({ kind: 'constant', value: junk }),
        withOpcode({ argumentNames: [junk] }),
        definitionOf({ regions: [region({ name: junk })] }),
        definitionOf({ regions: [region({ usedWordsAt: junk })] }),
      ]) {
        expect(refusalOf(() => finishKernel(definition)).problems).not.toEqual([]);
      }
    }
  });
});

describe('kernels as JSON', () => {
  it('come back with the same identity', () => {
    fc.assert(
      fc.property(anyKernelCase, ({ kernel }) => {
        const copy = kernelFromJson(JSON.parse(JSON.stringify(kernelToJson(kernel))));
        expect(copy).toEqual(kernel);
        expect(copy.identity).toBe(kernel.identity);
        expect(kernelToJson(copy)).toEqual(kernelToJson(kernel));
      }),
      { numRuns: 300 },
    );
  });

  it('have the identity of their sorted text, digested', () => {
    const text = JSON.stringify(sortKeys(kernelToJson(base)));
    expect(base.identity).toMatch(/^[0-9a-f]{64}$/u);
    return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)).then((digest) => {
      expect(base.identity).toBe(Buffer.from(digest).toString('hex'));
    });
  });

  it('keep their identity however the keys of their objects are ordered', () => {
    fc.assert(
      fc.property(anyKernelCase, fc.infiniteStream(fc.nat()), ({ kernel }, order) => {
        const shuffled = shuffleKeys(kernelToJson(kernel), () => order.next().value);
        expect(kernelFromJson(shuffled).identity).toBe(kernel.identity);
      }),
      { numRuns: 100 },
    );
  });

  it('change their identity with every constant and every word in them', () => {
    fc.assert(
      fc.property(anyKernelCase, fc.nat(), fc.integer({ min: 1, max: 0xffff_ffff }), ({ kernel }, pick, delta) => {
        const json = structuredClone(kernelToJson(kernel));
        const places = numberPlaces(json);
        const { holder, key } = places[pick % places.length];
        holder[key] = (holder[key] + delta) % 2 ** 32;
        // What comes of it may be no kernel at all; it must not be this one.
        expect(kernelIdentity({ ...(json as unknown as KernelDefinition), tables: kernel.tables })).not.toBe(
          kernel.identity,
        );
      }),
      { numRuns: 300 },
    );
    const other = finishKernel({ ...base, tables: [{ name: 'table', words: Uint32Array.of(1, 2, 4) }] });
    expect(other.identity).not.toBe(base.identity);
  });

  it.each<[problem: string, json: unknown]>([
    ['it is not an object', undefined],
    ['it is not an object', null],
    ['it is not an object', 'kernel'],
    ['it is not an object', 7],
    ['tables is not a list', []],
    ['tables is not a list', {}],
    ['table 0 has no name or no words', { ...kernelToJson(base), tables: [null] }],
    [
      'table 1 has no name or no words',
      { ...kernelToJson(base), tables: [{ name: 'a', words: 'AAAAAA==' }, { name: 'b' }] },
    ],
    ['a table is not base64 of whole words', { ...kernelToJson(base), tables: [{ name: 'a', words: 'AAA=' }] }],
    ['a table is not base64 of whole words', { ...kernelToJson(base), tables: [{ name: 'a', words: '%%%' }] }],
    ['table a has 0 words', { ...kernelToJson(base), tables: [{ name: 'a', words: '' }] }],
    ['the kernel: unknown field "slots"', { ...kernelToJson(base), slots: 4 }],
    ['table a: unknown field "note"', { ...kernelToJson(base), tables: [{ name: 'a', words: 'AAAAAA==', note: 1 }] }],
    ['turn, statement 1: unknown field "note"', { ...kernelToJson(base), turn: [{ ...store, note: 1 }] }],
    ['opcodes has something else than objects', { ...kernelToJson(base), opcodes: [null] }],
  ])('are refused: %s', (problem, json) => {
    const error = refusalOf(() => kernelFromJson(json));
    expect(error.problems[0]).toContain(problem);
    expect(error.message).toContain('Fix: ');
  });

  it('may have the identity with them, which is made anew, and fields that JSON leaves out', () => {
    const json = kernelToJson(base);
    for (const identity of [base.identity, 'another']) {
      expect(kernelFromJson({ ...json, identity, note: undefined }).identity).toBe(base.identity);
    }
    const turn = base.turn.map((statement) => ({ ...statement, note: undefined }));
    expect(finishKernel(definitionOf({ turn })).identity).toBe(base.identity);
  });

  it('are refused, not crashed on, if they nest without end where nobody looks', () => {
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    const places = [
      { ...kernelToJson(base), opcodes: [{ ...base.opcodes[0], note: deep }] },
      { ...kernelToJson(base), turn: [{ ...store, note: deep }] },
      { ...kernelToJson(base), turn: deep },
      { ...kernelToJson(base), name: deep },
      { ...kernelToJson(base), slotCount: deep },
      { ...kernelToJson(base), regions: [deep] },
      { ...kernelToJson(base), opcodes: [{ ...base.opcodes[0], name: deep }] },
      { ...kernelToJson(base), opcodes: [{ ...base.opcodes[0], code: deep }] },
    ];
    for (const json of places) refusalOf(() => kernelFromJson(json));
  });

  it('of any kind are a kernel or a KernelError', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (json) => {
        refusalOf(() => kernelFromJson(json));
      }),
      { numRuns: 500 },
    );
  });

  it('with anything in the place of anything are a kernel or a KernelError', () => {
    fc.assert(
      fc.property(anyKernelCase, fc.nat(), fc.jsonValue({ maxDepth: 2 }), ({ kernel }, pick, junk) => {
        const json = structuredClone(kernelToJson(kernel));
        const places = allPlaces(json);
        const { holder, key } = places[pick % places.length];
        holder[key] = junk;
        expectKernelOrRefusal(json);
      }),
      { numRuns: 1_000 },
    );
  });

  function expectKernelOrRefusal(json: unknown): void {
    try {
      const kernel = kernelFromJson(json);
      expect(kernelFromJson(kernelToJson(kernel)).identity).toBe(kernel.identity);
      // Whatever is accepted can be compiled.
      if (kernel.slotCount < 1_000 && kernel.controlWords < 10_000) new ReferenceBackend(kernel);
    } catch (error) {
      expect(error).toBeInstanceOf(KernelError);
    }
  }
});

describe('the builder', () => {
  it('writes a value that is built from itself only as often as a kernel may have expressions', () => {
    const $ = new RoutineBuilder(['slotBase', 'argumentBase']);
    let value = new Value(zero);
    for (let round = 0; round < 60; round += 1) value = value.plus(value);
    $.let(value);
    expect(refusalOf(() => finishKernel(withBody(...$.statements))).problems).toEqual([
      'opcode OWN has too many expressions',
    ]);
  });
});

it('system opcodes may be defined under their own names only', () => {
  const dfa = { name: 'DFA_STEP', code: Opcode.DFA_STEP, argumentNames: [], promisesAtomicity: false, body: [] };
  checkKernel(definitionOf({ opcodes: [...base.opcodes, dfa] }));
  expect(refusalOf(() => checkKernel(definitionOf({ opcodes: [{ ...dfa, name: 'DFA' }] }))).problems).toEqual([
    'opcode DFA: 6 belongs to the protocol',
  ]);
});

function constant(value: number): Expression {
  return { kind: 'constant', value };
}

function load(): Statement & { kind: 'load' } {
  return { kind: 'load', name: 'x', memory: 'control', index: zero, access: 'atomic' };
}

function assign(): Statement & { kind: 'assign' } {
  return { kind: 'assign', name: 'x', value: zero };
}

function atomic(): Statement & { kind: 'atomic' } {
  return { kind: 'atomic', name: 'x', operation: 'add', memory: 'control', index: zero, value: zero };
}

function exchange(): Statement & { kind: 'compareExchange' } {
  return { kind: 'compareExchange', name: 'x', memory: 'control', index: zero, expected: zero, desired: zero };
}

function loop(): Statement & { kind: 'loop' } {
  return { kind: 'loop', name: 'i', from: zero, below: zero, atMost: 1, body: [] };
}

function dispatch(inner: boolean): Statement {
  return { kind: 'dispatch', opcode: zero, argumentBase: zero, inner };
}

function region(changes: object): object {
  return { name: 'r', area: 'control', start: 200, count: 2, equivalence: 'ignored', ...changes };
}

function withOpcode(changes: object): KernelDefinition {
  const own = { name: 'OWN', code: CODE, argumentNames: [], promisesAtomicity: false, body: [] };
  return definitionOf({ opcodes: [{ ...own, ...changes }] });
}

function twoOpcodes(changes: object): KernelDefinition {
  const own = { name: 'OWN', code: CODE, argumentNames: [], promisesAtomicity: false, body: [] };
  return definitionOf({ opcodes: [own, { ...own, ...changes }] });
}

/** A list whose second entry is missing, not even undefined. */
function holed<T>(list: T[]): T[] {
  delete list[1];
  return list;
}

/** Branches within branches, so many deep. */
function nested(depth: number): Statement {
  const whenTrue = depth === 0 ? [] : [nested(depth - 1)];
  return { kind: 'if', condition: yes, whenTrue, whenFalse: [] };
}

function complemented(depth: number): Expression {
  return depth === 0 ? zero : { kind: 'complement', operand: complemented(depth - 1) };
}

function negated(depth: number): Expression {
  return depth === 0 ? yes : { kind: 'not', operand: negated(depth - 1) };
}

function added(depth: number): Expression {
  return depth === 0 ? zero : { kind: 'binary', operator: 'add', left: zero, right: added(depth - 1) };
}

function selected(depth: number): Expression {
  return depth === 0 ? zero : { kind: 'select', condition: yes, whenTrue: selected(depth - 1), whenFalse: zero };
}

/** Small in memory, 2^times large when written out. */
function doubled(times: number): Expression {
  let expression: Expression = zero;
  for (let round = 0; round < times; round += 1) {
    expression = { kind: 'binary', operator: 'add', left: expression, right: expression };
  }
  return expression;
}

interface Place<T> {
  readonly holder: Record<string, T>;
  readonly key: string;
}

/** Everything in a tree of JSON, and where it is held. */
function allPlaces(json: object): Place<unknown>[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const place = { holder: json as Record<string, unknown>, key };
    return typeof value === 'object' && value !== null ? [place, ...allPlaces(value)] : [place];
  });
}

function numberPlaces(json: object): Place<number>[] {
  const places = allPlaces(json).filter(({ holder, key }) => typeof holder[key] === 'number');
  return places as Place<number>[];
}

function shuffleKeys(json: unknown, next: () => number): unknown {
  if (Array.isArray(json)) return json.map((each) => shuffleKeys(each, next));
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).map(([key, value]) => ({
    rank: next(),
    entry: [key, shuffleKeys(value, next)],
  }));
  entries.sort((left, right) => left.rank - right.rank);
  return Object.fromEntries(entries.map(({ entry }) => entry));
}

function sortKeys(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sortKeys);
  if (typeof json !== 'object' || json === null) return json;
  const keys = Object.keys(json).sort();
  return Object.fromEntries(keys.map((key) => [key, sortKeys((json as Record<string, unknown>)[key])]));
}

describe('options out of range', () => {
  it.each([0, -1, 0.5, Number.NaN, 2 ** 24 - 159, null, '8'])(
    'are named as they were given: observableWords %s',
    (value) => {
      const error = refusalOf(() => defineKernel({ name: 'k', observableWords: value as number }));
      expect(error.message).toBe(
        `the kernel is not well-formed: observableWords ${value} is not 1 … 16777056. Fix: leave it out for 864; BATCH_FENCE stores to the first, so there has to be one.`,
      );
    },
  );

  it.each([
    ['slotCount', 0, '1 … 1048576'],
    ['slotCount', Number.NaN, '1 … 1048576'],
    ['slotCount', -4, '1 … 1048576'],
    ['tenantCount', -1, '0 … 29'],
    ['tenantCount', Number.NaN, '0 … 29'],
  ])('are named as they were given: %s %d', (option, value, range) => {
    const error = refusalOf(() => defineKernel({ name: 'k', [option]: value }));
    expect(error.message).toBe(
      `the kernel is not well-formed: ${option} ${value} is not ${range}. Fix: correct the definition; \`vrrl kernel\` prints one.`,
    );
  });

  it('are none at the edges', () => {
    expect(defineKernel({ name: 'k', observableWords: 1, tenantCount: 0, slotCount: 1 })).toMatchObject({
      controlWords: 161,
      tenantCount: 0,
      slotCount: 1,
    });
  });
});
