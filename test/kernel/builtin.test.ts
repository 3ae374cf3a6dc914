import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrainReport, ReferenceBackend, type Slot } from '../../src/backend/index.ts';
import { defineKernel, finishKernel, opcode } from '../../src/kernel/index.ts';
import { ControlWord, DEBUG_WORDS, Opcode, Priority, SlotStatus } from '../../src/protocol/index.ts';
import { ProtocolModel, packedArguments } from './protocol-model.ts';

const SLOT_COUNT = 128;
const CONTROL_WORDS = 1_024;
const kernel = defineKernel({ name: 'plain', slotCount: SLOT_COUNT });

function slot(code: number, ...args: number[]): Slot {
  return { opcode: code, tenant: 0, priority: Priority.NORMAL, args };
}

interface Served {
  readonly report: DrainReport;
  readonly control: Uint32Array;
  readonly debug: Uint32Array;
}

function drain(backend: ReferenceBackend): Served {
  const report = backend.drain();
  const snapshot = new Uint32Array(CONTROL_WORDS + DEBUG_WORDS);
  backend.observe(snapshot);
  return { report, control: snapshot.subarray(0, CONTROL_WORDS), debug: snapshot.subarray(CONTROL_WORDS) };
}

/** Serves slots in the order given, on a fresh kernel. */
function serve(...slots: readonly Slot[]): Served {
  const backend = new ReferenceBackend(kernel);
  for (const [slotIndex, each] of slots.entries()) backend.publish(slotIndex, each);
  return drain(backend);
}

/** Slots that put the words where they belong. */
function stores(words: Readonly<Record<number, number>>): Slot[] {
  return Object.entries(words).map(([word, value]) => slot(Opcode.STORE_U32, value, Number(word)));
}

describe('a fresh kernel', () => {
  it('has its tenants allowed and their quotas set, and nothing else', () => {
    const { control, debug } = serve();
    const expected = new Uint32Array(CONTROL_WORDS);
    expected[2] = 3;
    expected.fill(0xffff_ffff, 3, 32);
    expected.fill(1_000_000, 32, 61);
    expect(control).toEqual(expected);
    expect(debug).toEqual(new Uint32Array(257));
  });

  it('allows only the tenants that it is configured for', () => {
    const backend = new ReferenceBackend(defineKernel({ name: 'k', tenantCount: 2 }));
    const { control } = drain(backend);
    expect(Array.from(control.subarray(3, 7))).toEqual([0xffff_ffff, 0xffff_ffff, 0, 0]);
    expect(Array.from(control.subarray(32, 36))).toEqual([1_000_000, 1_000_000, 0, 0]);
  });
});

describe('the built-in opcodes', () => {
  it('NOP does nothing but count', () => {
    const { report, control } = serve(slot(Opcode.NOP), slot(Opcode.NOP, 1, 2, 3));
    expect(report).toEqual({ done: 2, pending: [], faults: [] });
    expect([control[ControlWord.DONE_COUNT], control[ControlWord.METRICS]]).toEqual([2, 2]);
  });

  it('STORE_U32 stores its first argument at its second', () => {
    const { control } = serve(slot(Opcode.STORE_U32, 77, 200));
    expect([control[200], control[97]]).toEqual([77, 1]);
  });

  it('ATOMIC_ADD adds and wraps', () => {
    const add = slot(Opcode.ATOMIC_ADD, 0x8000_0001, 200);
    const { control } = serve(add, add, add);
    expect([control[200], control[98]]).toEqual([0x8000_0003, 3]);
  });

  it('LOAD_U32 puts a word among the observable ones', () => {
    const { control } = serve(...stores({ 500: 9 }), slot(Opcode.LOAD_U32, 500, 7));
    expect([control[167], control[99]]).toEqual([9, 1]);
  });

  it('LOAD_U32 wraps where its result goes', () => {
    expect(serve(slot(Opcode.LOAD_U32, 3, 0xffff_ffff)).control[159]).toBe(0xffff_ffff);
  });

  it('COMPARE_SWAP stores what is desired if it finds what is expected, and the old value 160 words further', () => {
    const { control } = serve(...stores({ 200: 5 }), slot(Opcode.COMPARE_SWAP, 200, 5, 6));
    expect([control[200], control[360], control[100]]).toEqual([6, 5, 1]);
  });

  it('COMPARE_SWAP leaves the word alone otherwise, and tells what it found', () => {
    const { control } = serve(...stores({ 200: 5 }), slot(Opcode.COMPARE_SWAP, 200, 4, 6));
    expect([control[200], control[360]]).toEqual([5, 5]);
  });

  it('MEMCPY copies words', () => {
    const { control } = serve(...stores({ 200: 1, 201: 2, 202: 3 }), slot(Opcode.MEMCPY, 200, 300, 3));
    expect(Array.from(control.subarray(299, 304))).toEqual([0, 1, 2, 3, 0]);
  });

  it('MEMCPY copies in order, so that a copy onto what is still to be copied repeats it', () => {
    const { control } = serve(...stores({ 200: 1, 201: 2, 202: 3 }), slot(Opcode.MEMCPY, 200, 201, 3));
    expect(Array.from(control.subarray(200, 205))).toEqual([1, 1, 1, 1, 0]);
  });

  it('MEMCPY moves words down unharmed', () => {
    const { control } = serve(...stores({ 201: 1, 202: 2, 203: 3 }), slot(Opcode.MEMCPY, 201, 200, 3));
    expect(Array.from(control.subarray(200, 204))).toEqual([1, 2, 3, 3]);
  });

  it('MEMCPY of no words touches nothing, wherever it points', () => {
    const { report, control } = serve(slot(Opcode.MEMCPY, 0xffff_ffff, 0xffff_ffff, 0));
    expect([report.done, report.faults, control[101]]).toEqual([1, [], 1]);
  });

  it('BATCH_FENCE advances the epoch and leaves its tag', () => {
    const { control } = serve(slot(Opcode.BATCH_FENCE, 64, 11), slot(Opcode.BATCH_FENCE, 64, 12));
    expect([control[ControlWord.EPOCH], control[160], control[103]]).toEqual([2, 12, 2]);
  });

  it('SHUTDOWN makes later lanes do nothing, in later drains too', () => {
    const backend = new ReferenceBackend(kernel);
    backend.publish(0, slot(Opcode.ATOMIC_ADD, 1, 200));
    backend.publish(1, slot(Opcode.SHUTDOWN));
    backend.publish(2, slot(Opcode.ATOMIC_ADD, 1, 200));
    const { report, control } = drain(backend);
    expect(report).toEqual({ done: 2, pending: [2], faults: [] });
    expect([control[ControlWord.SHUTDOWN], control[ControlWord.DONE_COUNT], control[200]]).toEqual([1, 2, 1]);
    backend.publish(0, slot(Opcode.NOP));
    expect(backend.drain()).toEqual({ done: 0, pending: [2, 0], faults: [] });
  });

  it('a user opcode whose number is below 32 has a metric, and any other has none', () => {
    const own = [8, 31, 32].map((code) => opcode(`OWN_${code}`, code, [], () => {}));
    const backend = new ReferenceBackend(defineKernel({ name: 'k', opcodes: own }));
    for (const [slotIndex, code] of [8, 31, 32].entries()) backend.publish(slotIndex, slot(code));
    const { control } = drain(backend);
    expect([control[104], control[127], control[128], control[ControlWord.DONE_COUNT]]).toEqual([1, 1, 0, 3]);
  });
});

describe('PRINTF', () => {
  it('writes its arguments and the word at which its slot begins', () => {
    const { debug } = serve(slot(Opcode.NOP), slot(Opcode.PRINTF, 7, 8, 9));
    expect(Array.from(debug.subarray(0, 6))).toEqual([4, 7, 8, 9, 16, 0]);
  });

  it('drops the 65th record, while the cursor keeps counting', () => {
    const { report, debug } = serve(...Array.from({ length: 66 }, (_, index) => slot(Opcode.PRINTF, index + 1)));
    expect(report.done).toBe(66);
    expect(debug[0]).toBe(66 * 4);
    const records = Array.from({ length: 64 }, (_, index) => debug[1 + 4 * index]);
    expect(records).toEqual(Array.from({ length: 64 }, (_, index) => index + 1));
  });

  it('starts over when the host has taken the records', () => {
    const backend = new ReferenceBackend(kernel);
    backend.publish(0, slot(Opcode.PRINTF, 1));
    backend.publish(1, slot(Opcode.PRINTF, 2));
    drain(backend);
    backend.publish(0, slot(Opcode.PRINTF, 3));
    const { debug } = drain(backend);
    // The second record is what is left of the epoch before, beyond the cursor.
    expect([debug[0], debug[1], debug[5]]).toEqual([4, 3, 2]);
  });
});

describe('PACKED_SLOT', () => {
  it('runs one inner opcode, which starts in the word behind its pair', () => {
    const args = packedArguments([[Opcode.STORE_U32, 0]], [77, 200, 0]);
    expect(args).toEqual([0x0001_0301, 77, 200, 0]);
    const { control } = serve(slot(Opcode.PACKED_SLOT, ...args));
    expect([control[200], control[97], control[ControlWord.DONE_COUNT]]).toEqual([77, 1, 1]);
  });

  it('runs two to four in order, each at its offset, and counts each', () => {
    const pairs = [
      [Opcode.STORE_U32, 0],
      [Opcode.ATOMIC_ADD, 1],
      [Opcode.LOAD_U32, 2],
      [Opcode.BATCH_FENCE, 4],
    ] as const;
    const words = [9, 200, 200, 300, 5, 42, 0];
    for (let count = 2; count <= 4; count += 1) {
      const { control } = serve(slot(Opcode.PACKED_SLOT, ...packedArguments(pairs.slice(0, count), words)));
      const metrics = [97, 98, 99, 103].map((word) => control[word]);
      expect(metrics).toEqual([1, 1, count > 2 ? 1 : 0, count > 3 ? 1 : 0]);
      // STORE_U32 9 → 200, ATOMIC_ADD 200 → 200, LOAD_U32 200 → 160 + 300.
      expect([control[200], control[460]]).toEqual([209, count > 2 ? 209 : 0]);
      expect([control[ControlWord.EPOCH], control[160]]).toEqual(count > 3 ? [1, 42] : [0, 0]);
    }
  });

  it('runs at most four, however many its first byte claims', () => {
    const five = Array.from({ length: 5 }, () => [Opcode.ATOMIC_ADD, 0] as const);
    const { report, control } = serve(slot(Opcode.PACKED_SLOT, ...packedArguments(five, [1, 200, 0])));
    expect([report.done, control[200], control[98]]).toEqual([1, 4, 4]);
    const most = [0xff + 0x0002_0000, 0x0002_0002, 0x0000_0002, 1, 200];
    expect(serve(slot(Opcode.PACKED_SLOT, ...most)).control[200]).toBe(4);
  });

  it('runs none if it holds none', () => {
    const { report, control } = serve(slot(Opcode.PACKED_SLOT));
    expect([report.done, report.faults]).toEqual([1, []]);
    expect(Array.from(control.subarray(96, 128))).toEqual(Array(32).fill(0));
  });

  it.each([
    // One inner opcode takes one word of metadata, four take three; each reads three words of twelve.
    [1, 8, true],
    [1, 9, false],
    [1, 255, false],
    [3, 7, true],
    [3, 8, false],
    [4, 6, true],
    [4, 7, false],
  ])('of %i inner opcodes, offset %i is within the payload: %s', (count, offset, runs) => {
    const pairs = Array.from({ length: count }, () => [Opcode.ATOMIC_ADD, offset] as const);
    const words = Array.from({ length: 12 }, () => 200);
    const { report, control } = serve(slot(Opcode.PACKED_SLOT, ...packedArguments(pairs, words)));
    expect([report.done, report.faults]).toEqual([1, []]);
    expect([control[200], control[98]]).toEqual(runs ? [200 * count, count] : [0, 0]);
  });

  it('goes on behind an inner opcode that it skipped', () => {
    const pairs = [
      [Opcode.ATOMIC_ADD, 200],
      [Opcode.ATOMIC_ADD, 0],
    ] as const;
    expect(serve(slot(Opcode.PACKED_SLOT, ...packedArguments(pairs, [1, 200, 0]))).control[200]).toBe(1);
  });

  it('faults at an inner opcode without a handler; what ran before stays done', () => {
    const pairs = [
      [Opcode.ATOMIC_ADD, 0],
      [Opcode.DFA_STEP, 0],
      [Opcode.ATOMIC_ADD, 0],
    ] as const;
    const { report, control } = serve(slot(Opcode.PACKED_SLOT, ...packedArguments(pairs, [1, 200, 0])));
    expect(report.faults).toMatchObject([
      {
        slotIndex: 0,
        opcode: Opcode.PACKED_SLOT,
        reason: 'NO_HANDLER',
        message: 'PACKED_SLOT found no handler for opcode 0x6',
      },
    ]);
    expect([control[200], control[98], control[102], control[ControlWord.DONE_COUNT]]).toEqual([1, 1, 1, 0]);
  });

  it('takes a user opcode of up to three arguments and faults at one of four', () => {
    const three = opcode('THREE', 8, ['a', 'b', 'c'], ($, a, b, c) => $.store('control', 200, a.plus(b).plus(c)));
    const four = opcode('FOUR', 9, ['a', 'b', 'c', 'd'], ($, a) => $.store('control', 201, a));
    const backend = new ReferenceBackend(defineKernel({ name: 'k', opcodes: [three, four] }));
    backend.publish(0, slot(Opcode.PACKED_SLOT, ...packedArguments([[8, 0]], [1, 2, 3])));
    backend.publish(1, slot(Opcode.PACKED_SLOT, ...packedArguments([[9, 0]], [1, 2, 3, 4])));
    const { report, control } = drain(backend);
    expect([control[200], control[201], report.done]).toEqual([6, 0, 1]);
    expect(report.faults[0].message).toBe('PACKED_SLOT found no handler for opcode 0x9');
  });
});

describe('tenants', () => {
  function slotOf(tenant: number): Slot {
    return { ...slot(Opcode.ATOMIC_ADD, 1, 200), tenant };
  }

  it('that are disabled keep their slots PUBLISHED until they are allowed again', () => {
    const backend = new ReferenceBackend(kernel);
    for (const each of [...stores({ 5: 0 }), slotOf(2), slotOf(1)].entries()) backend.publish(...each);
    const { report, control } = drain(backend);
    expect(report).toEqual({ done: 2, pending: [1], faults: [] });
    expect([control[200], control[98]]).toEqual([1, 1]);
    expect(() => backend.publish(1, slotOf(1))).toThrow('PUBLISHED');
    backend.publish(0, slot(Opcode.STORE_U32, 1, 5));
    // The waiting slot is served first, in the order of publishing, and so is still not allowed.
    expect(backend.drain()).toEqual({ done: 1, pending: [1], faults: [] });
    expect(backend.drain()).toEqual({ done: 1, pending: [], faults: [] });
    expect(drain(backend).control[200]).toBe(2);
  });

  it('are looked up where TENANT_BASE points', () => {
    const masks = stores({ 300: 1, 301: 1 });
    const base = slot(Opcode.STORE_U32, 300, ControlWord.TENANT_BASE);
    expect(serve(...masks, base, slotOf(1), slotOf(2)).report).toEqual({ done: 4, pending: [4], faults: [] });
  });

  it('beyond the masks are allowed by whatever word is there', () => {
    // Tenant 29 has the first quota for a mask, tenant 61 the first fairness counter, which is zero.
    expect(serve(slotOf(29), slotOf(61)).report).toEqual({ done: 1, pending: [1], faults: [] });
  });

  it('beyond control memory are a fault of the turn', () => {
    const { report, control } = serve(slotOf(2_000), slotOf(0));
    expect(report).toMatchObject({
      done: 1,
      faults: [{ slotIndex: 0, reason: 'OUT_OF_RANGE', message: 'turn reached control[2003], which has 1024 words' }],
    });
    expect([control[98], control[ControlWord.DONE_COUNT]]).toEqual([1, 1]);
  });
});

describe('faults', () => {
  it.each([
    ['STORE_U32', [1, 1_024], 'control[1024]'],
    ['ATOMIC_ADD', [1, 0xffff_ffff], 'control[4294967295]'],
    ['LOAD_U32', [1_024, 0], 'control[1024]'],
    ['LOAD_U32', [0, 864], 'control[1024]'],
    ['COMPARE_SWAP', [1_024, 0, 0], 'control[1024]'],
    ['COMPARE_SWAP', [864, 0, 0], 'control[1024]'],
    ['MEMCPY', [1_023, 0, 2], 'control[1024]'],
    ['MEMCPY', [0, 1_023, 2], 'control[1024]'],
  ] as const)('%s with %j beyond control memory says so, and the slot can be used again', (name, args, where) => {
    const backend = new ReferenceBackend(kernel);
    backend.publish(3, slot(Opcode[name], ...args));
    const { report, control } = drain(backend);
    expect(report).toMatchObject({ done: 0, pending: [] });
    expect(report.faults).toHaveLength(1);
    expect(report.faults[0]).toMatchObject({
      slotIndex: 3,
      opcode: Opcode[name],
      reason: 'OUT_OF_RANGE',
      message: `${name} reached ${where}, which has 1024 words`,
    });
    expect(control[ControlWord.DONE_COUNT]).toBe(0);
    // Counted when it was claimed, before it ran.
    expect(control[ControlWord.METRICS + Opcode[name]]).toBe(1);
    backend.publish(3, slot(Opcode.NOP));
    expect(backend.drain()).toEqual({ done: 1, pending: [], faults: [] });
  });

  it('leave what an opcode did before', () => {
    const swapped = serve(slot(Opcode.COMPARE_SWAP, 900, 0, 6)).control;
    expect(swapped[900]).toBe(6);
    const copied = serve(...stores({ 1022: 1, 1023: 2 }), slot(Opcode.MEMCPY, 1_022, 200, 9)).control;
    expect(Array.from(copied.subarray(200, 203))).toEqual([1, 2, 0]);
  });

  it.each([Opcode.DFA_STEP, 8, Opcode.LOAD_MISS, 0xffff, 0x4000_0000, 0x8000_0000])(
    'come of opcode %i, which has no handler',
    (code) => {
      const { report, control } = serve(slot(code), slot(Opcode.NOP));
      expect(report.done).toBe(1);
      expect(report.faults).toMatchObject([
        { reason: 'NO_HANDLER', opcode: code, message: `turn found no handler for opcode 0x${code.toString(16)}` },
      ]);
      expect(control[ControlWord.DONE_COUNT]).toBe(1);
    },
  );

  it('are raised by kernels with a number of their own', () => {
    const own = opcode('PICKY', 0x4000_0000, ['code'], ($, code) => $.fault(code));
    const backend = new ReferenceBackend(defineKernel({ name: 'k', opcodes: [own] }));
    backend.publish(0, slot(0x4000_0000, 404));
    expect(backend.drain().faults).toMatchObject([{ reason: 'RAISED', message: 'PICKY raised fault 404' }]);
  });

  it('name the routine they happened in even if two opcodes were written with the same statements', () => {
    const original = opcode('ORIGINAL', 0x4000_0000, ['word'], ($, word) => $.store('control', word, 1));
    const copy = { ...original, name: 'COPY', code: 0x4000_0001 };
    const backend = new ReferenceBackend(defineKernel({ name: 'k', opcodes: [original, copy] }));
    backend.publish(0, slot(0x4000_0000, 5_000));
    backend.publish(1, slot(0x4000_0001, 5_000));
    expect(backend.drain().faults.map(({ message }) => message.split(' ')[0])).toEqual(['ORIGINAL', 'COPY']);
  });

  it('of a slot that another slot marked as faulted have no reason, not the reason of an earlier one', () => {
    const mark = opcode('MARK', 0x4000_0000, ['slot'], ($, other) => {
      $.store('ring', other.times(16), SlotStatus.FAULT);
    });
    const backend = new ReferenceBackend(defineKernel({ name: 'k', opcodes: [mark] }));
    backend.publish(1, slot(Opcode.STORE_U32, 1, 5_000));
    expect(backend.drain().faults[0].reason).toBe('OUT_OF_RANGE');
    backend.publish(0, slot(0x4000_0000, 1));
    backend.publish(1, slot(Opcode.NOP));
    expect(backend.drain().faults).toMatchObject([{ slotIndex: 1, reason: 'UNKNOWN' }]);
  });
});

describe('control memory without observable words', () => {
  it('has no room for the tag of BATCH_FENCE', () => {
    expect(() => defineKernel({ name: 'k', observableWords: 0 })).toThrow('BATCH_FENCE stores to the first');
    expect(() => finishKernel({ ...defineKernel({ name: 'k' }), controlWords: 160 })).toThrow(
      /BATCH_FENCE.*control\[160\] is out of range/,
    );
    expect(() => defineKernel({ name: 'k', observableWords: 1 })).not.toThrow();
    const withoutFence = kernel.opcodes.filter(({ code }) => code !== Opcode.BATCH_FENCE);
    expect(() => finishKernel({ ...kernel, controlWords: 160, opcodes: withoutFence })).not.toThrow();
  });
});

describe('random programs of built-in slots', () => {
  const anyWord = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 160, max: 200 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 159 }) },
    { weight: 1, arbitrary: fc.integer({ min: CONTROL_WORDS - 3, max: CONTROL_WORDS + 1 }) },
    { weight: 1, arbitrary: fc.integer({ min: 860, max: 868 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0x7fff_ffff, 0xffff_ff60, 0xffff_ffff) },
  );
  const anyCode = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 1, 2, 2, 3, 4, 5, 7, 0xfffe, 0xfffe) },
    { weight: 1, arbitrary: fc.constantFrom(6, 8, 31, 32, 0xfffd, 0x4000_0000, 0x8000_0000) },
  );
  const anyTenant = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(28, 29, 60, 61, 125, 1_020, 1_021, 0xffff_fffd, 0xffff_ffff) },
  );
  const anyPair = fc.tuple(fc.constantFrom(0, 1, 2, 2, 3, 4, 5, 6, 7, 9, 255), fc.integer({ min: 0, max: 11 }));
  const anyArguments = fc.oneof(
    { weight: 4, arbitrary: fc.array(anyWord, { minLength: 2, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 12 }) },
  );
  const anySlot: fc.Arbitrary<Slot> = fc.oneof(
    {
      weight: 100,
      arbitrary: fc.record({ opcode: anyCode, tenant: anyTenant, priority: fc.nat(4), args: anyArguments }),
    },
    {
      weight: 40,
      arbitrary: fc
        .tuple(anyTenant, fc.array(anyPair, { maxLength: 6 }), fc.array(anyWord, { maxLength: 11 }))
        .map(([tenant, pairs, words]) => ({
          opcode: Opcode.PACKED_SLOT,
          tenant,
          priority: 2,
          args: packedArguments(pairs, words),
        })),
    },
    {
      weight: 20,
      arbitrary: fc
        .array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 12, maxLength: 12 })
        .map((args) => ({ opcode: Opcode.PACKED_SLOT, tenant: 0, priority: 2, args })),
    },
    { weight: 1, arbitrary: fc.constant({ opcode: Opcode.SHUTDOWN, tenant: 0, priority: 0, args: [] }) },
  );
  const anyProgram = fc.record({
    tenantCount: fc.integer({ min: 1, max: 29 }),
    epochs: fc.array(fc.array(fc.tuple(fc.nat(SLOT_COUNT - 1), anySlot), { maxLength: 80 }), {
      minLength: 1,
      maxLength: 4,
    }),
  });

  it('leave the words behind that the protocol says, epoch after epoch', () => {
    fc.assert(
      fc.property(anyProgram, ({ tenantCount, epochs }) => {
        const backend = new ReferenceBackend(defineKernel({ name: 'plain', slotCount: SLOT_COUNT, tenantCount }));
        const model = new ProtocolModel(CONTROL_WORDS, tenantCount);
        const waiting = new Set<number>();
        for (const epoch of epochs) {
          for (const [slotIndex, each] of epoch) {
            if (waiting.has(slotIndex)) continue;
            waiting.add(slotIndex);
            backend.publish(slotIndex, each);
            model.publish(slotIndex, each);
          }
          const expected = model.drain();
          const { report, control, debug } = drain(backend);
          const faults = report.faults.map(({ words: _words, ...fault }) => fault);
          expect({ ...report, faults }).toEqual(expected);
          expect([...control, ...debug]).toEqual(model.observe());
          waiting.clear();
          for (const slotIndex of expected.pending) waiting.add(slotIndex);
        }
      }),
      { numRuns: 400 },
    );
  });
});
