import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BackendFaultError,
  KernelMachine,
  PublishError,
  ReferenceBackend,
  type Slot,
} from '../../src/backend/index.ts';
import { InputError, VrrlError } from '../../src/base/errors.ts';
import { defineKernel, finishKernel, opcode, planMemory, RoutineBuilder } from '../../src/kernel/index.ts';
import { ControlWord, Opcode, SlotStatus, SlotWord } from '../../src/protocol/index.ts';

const kernel = defineKernel({ name: 'k', slotCount: 4 });
const SNAPSHOT_WORDS = 1_024 + 257;

function makeMachine(): KernelMachine {
  const machine = new KernelMachine(kernel, new ArrayBuffer(planMemory(kernel).totalBytes));
  machine.reset();
  return machine;
}

function slot(code: number, ...args: number[]): Slot {
  return { opcode: code, tenant: 0, priority: 2, args };
}

function observe(backend: ReferenceBackend): Uint32Array {
  const snapshot = new Uint32Array(SNAPSHOT_WORDS);
  backend.observe(snapshot);
  return snapshot;
}

function statusOf(machine: KernelMachine, slotIndex: number): number {
  return machine.memories.ring[slotIndex * 16];
}

describe('publishing', () => {
  it('writes all sixteen words, unused arguments as zeros, over whatever was there', () => {
    const machine = makeMachine();
    machine.memories.ring.fill(9, 17, 32);
    machine.publish(1, { opcode: 5, tenant: 3, priority: 4, args: Uint32Array.of(7, 8) });
    const expected = [SlotStatus.PUBLISHED, 5, 3, 4, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(Array.from(machine.memories.ring.subarray(16, 32))).toEqual(expected);
    expect(Array.from(machine.memories.ring.subarray(0, 16))).toEqual(Array(16).fill(0));
  });

  it('writes the status last, and reads nothing but the status', () => {
    const machine = makeMachine();
    const accesses: string[] = [];
    const ring = new Proxy(machine.memories.ring, {
      get: (target, key) => {
        accesses.push(`read ${String(key)}`);
        return Reflect.get(target, key, target);
      },
      set: (target, key, value) => {
        accesses.push(`write ${String(key)}`);
        return Reflect.set(target, key, value, target);
      },
    });
    Object.assign(machine, { memories: { ...machine.memories, ring } });
    machine.publish(2, slot(Opcode.MEMCPY, 1, 2, 3));
    expect(accesses[0]).toBe('read 32');
    const others = Array.from({ length: 15 }, (_, index) => `write ${33 + index}`);
    expect(accesses.slice(1, -1).sort()).toEqual(others.sort());
    expect(accesses.at(-1)).toBe('write 32');
  });

  it('takes no more than it needs of the slot, which stays the caller’s', () => {
    const machine = makeMachine();
    const args = [1, 2, 3];
    machine.publish(0, slot(Opcode.MEMCPY, ...args));
    args.fill(9);
    expect(Array.from(machine.memories.ring.subarray(4, 7))).toEqual([1, 2, 3]);
  });

  it.each(Object.entries(SlotStatus))('into a slot that is %s is allowed only if the host owns it', (name, status) => {
    const machine = makeMachine();
    machine.memories.ring[SlotWord.STATUS] = status;
    if (name === 'EMPTY' || name === 'DONE') return machine.publish(0, slot(Opcode.NOP));
    const error = refusalOf(() => machine.publish(0, slot(Opcode.NOP)));
    expect(error.message).toBe(
      `slot 0 is ${name}; only EMPTY and DONE slots may be written. Fix: drain before you publish into it again, or take another slot.`,
    );
    expect(statusOf(machine, 0)).toBe(status);
  });

  it('names a status that the protocol does not know by its number', () => {
    const machine = makeMachine();
    machine.memories.ring[SlotWord.STATUS] = 77;
    expect(refusalOf(() => machine.publish(0, slot(Opcode.NOP))).message).toContain('slot 0 is STATUS_77;');
  });

  it.each([4, 5, 0xffff_ffff, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'into slot %d of four is refused',
    (index) => {
      const machine = makeMachine();
      const { message } = refusalOf(() => machine.publish(index, slot(Opcode.NOP)));
      expect(message).toBe(
        `slot ${index} is beyond the ring, which has 4 slots. Fix: use a kernel with at least that many slots (--slot-count).`,
      );
      expect(machine.outstandingCount).toBe(0);
    },
  );

  it('takes twelve arguments and refuses thirteen, leaving the slot as it was', () => {
    const machine = makeMachine();
    machine.publish(0, slot(Opcode.NOP, ...Array(12).fill(1)));
    const before = machine.memories.ring.slice();
    const { message } = refusalOf(() => machine.publish(1, slot(Opcode.NOP, ...Array(13).fill(1))));
    expect(message).toBe('a slot has 12 argument words, 13 were given. Fix: split the work over several slots.');
    expect(machine.memories.ring).toEqual(before);
    expect(machine.outstandingCount).toBe(1);
  });

  it('keeps numbers modulo 2³², as memory does', () => {
    const machine = makeMachine();
    machine.publish(0, { opcode: 2 ** 32 + 5, tenant: -1, priority: 2.9, args: [Number.NaN, -2] });
    expect(Array.from(machine.memories.ring.subarray(1, 6))).toEqual([5, 0xffff_ffff, 2, 0, 0xffff_fffe]);
  });
});

describe('collecting', () => {
  it('reports every slot once: done, pending, or faulted, whatever the statuses', () => {
    const statuses = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7), fc.nat()), {
      minLength: 4,
      maxLength: 4,
    });
    const publishOrder = fc.shuffledSubarray([0, 1, 2, 3]);
    fc.assert(
      fc.property(statuses, publishOrder, (after, order) => {
        const machine = makeMachine();
        for (const slotIndex of order) machine.publish(slotIndex, slot(Opcode.NOP));
        for (const slotIndex of order) machine.memories.ring[slotIndex * 16] = after[slotIndex];
        const report = machine.collect();
        const withStatus = (...wanted: number[]) => order.filter((slotIndex) => wanted.includes(after[slotIndex]));
        expect(report.done).toBe(withStatus(SlotStatus.DONE).length);
        expect(report.faults.map((fault) => fault.slotIndex)).toEqual(withStatus(SlotStatus.FAULT).sort());
        const ended = withStatus(SlotStatus.DONE, SlotStatus.FAULT, SlotStatus.EMPTY);
        expect(report.pending).toEqual(order.filter((slotIndex) => !ended.includes(slotIndex)));
        for (const slotIndex of withStatus(SlotStatus.FAULT))
          expect(statusOf(machine, slotIndex)).toBe(SlotStatus.EMPTY);
        // What has ended is not reported again.
        expect(machine.collect()).toEqual({ done: 0, pending: report.pending, faults: [] });
      }),
    );
  });

  it('lists faults by slot, in whatever order the slots were published', () => {
    const backend = new ReferenceBackend(kernel);
    for (const slotIndex of [3, 0, 2]) backend.publish(slotIndex, slot(Opcode.DFA_STEP));
    expect(backend.drain().faults.map(({ slotIndex }) => slotIndex)).toEqual([0, 2, 3]);
  });

  it('serves slots in the order of publishing, those that waited first', () => {
    const log = opcode('LOG', 0x4000_0000, ['mark'], ($, mark) => $.printf(mark, 0, 0, 0));
    const backend = new ReferenceBackend(defineKernel({ name: 'k', slotCount: 8, opcodes: [log] }));
    const waiting = { ...slot(0x4000_0000, 1), tenant: 5 };
    backend.publish(7, slot(Opcode.STORE_U32, 0, ControlWord.TENANT_MASKS + 5));
    backend.publish(6, waiting);
    backend.drain();
    backend.publish(7, slot(0x4000_0000, 2));
    backend.publish(0, slot(0x4000_0000, 3));
    backend.drain();
    backend.publish(7, slot(Opcode.STORE_U32, 1, ControlWord.TENANT_MASKS + 5));
    backend.drain();
    backend.publish(0, slot(0x4000_0000, 4));
    backend.drain();
    const debug = observe(backend).subarray(1_024);
    expect([debug[0], debug[1], debug[5], debug[9], debug[13]]).toEqual([16, 2, 3, 1, 4]);
  });

  it('lets a kernel hand its slots back EMPTY, for as long as it likes', () => {
    const $ = new RoutineBuilder(['slotIndex', 'slotBase']);
    const slotBase = $.parameter('slotBase');
    $.dispatch($.loadPlain('ring', slotBase.plus(SlotWord.OPCODE)), slotBase.plus(SlotWord.ARGUMENTS));
    $.store('ring', slotBase, SlotStatus.EMPTY);
    const backend = new ReferenceBackend(finishKernel({ ...kernel, turn: $.statements }));
    for (let round = 0; round < 10; round += 1) {
      backend.publish(0, slot(Opcode.ATOMIC_ADD, 1, 200));
      expect(backend.drain()).toEqual({ done: 0, pending: [], faults: [] });
    }
    expect(observe(backend)[200]).toBe(10);
  });
});

describe('observing', () => {
  it('hands over control memory and the debug log, and takes the log’s records away', () => {
    const backend = new ReferenceBackend(kernel);
    backend.publish(0, slot(Opcode.PRINTF, 1, 2, 3));
    backend.drain();
    const first = observe(backend);
    expect(Array.from(first.subarray(1_024, 1_029))).toEqual([4, 1, 2, 3, 0]);
    const second = observe(backend);
    expect(second[1_024]).toBe(0);
    second[1_024] = 4;
    expect(second).toEqual(first);
  });

  it('has a layout of the same length, with the records as a multiset', () => {
    const { layout } = new ReferenceBackend(kernel);
    expect(layout.areas).toEqual([
      { name: 'control', words: 1_024 },
      { name: 'debug', words: 257 },
    ]);
    expect(layout.regions).toMatchObject([{ area: 'debug', equivalence: 'multiset', recordWords: 4, usedWordsAt: 0 }]);
    expect(new ReferenceBackend(kernel).epochWord).toBe(ControlWord.EPOCH);
  });
});

describe('restoring', () => {
  const anySlots = fc.array(
    fc
      .tuple(
        fc.constantFrom(1, 2, 3, 4, 5, 7, 0xfffe, 6),
        fc.array(fc.integer({ min: 160, max: 190 }), { minLength: 3, maxLength: 3 }),
      )
      .map(([code, args]) => slot(code, ...args)),
    { maxLength: 4 },
  );

  it('goes on as if the epoch that left the snapshot had just been observed', () => {
    fc.assert(
      fc.property(anySlots, anySlots, anySlots, (before, between, after) => {
        const original = new ReferenceBackend(kernel);
        run(original, before);
        const snapshot = observe(original);
        const replay = new ReferenceBackend(kernel);
        run(replay, between);
        for (const slotIndex of [0, 1]) replay.publish(slotIndex, { ...slot(Opcode.NOP), tenant: 61 });
        replay.restore(snapshot);
        expect(run(replay, after)).toEqual(run(original, after));
        expect(observe(replay)).toEqual(observe(original));
      }),
    );
  });

  function run(backend: ReferenceBackend, slots: readonly Slot[]): unknown {
    for (const [slotIndex, each] of slots.entries()) backend.publish(slotIndex, each);
    return backend.drain();
  }

  it('leaves no word of what was there before', () => {
    const machine = makeMachine();
    const snapshot = Uint32Array.from({ length: SNAPSHOT_WORDS }, (_, index) => index + 1);
    const { ring, control, debug, faults } = machine.memories;
    for (const memory of [ring, control, debug, faults]) memory.fill(9);
    machine.restore(snapshot);
    expect([...control, ...debug.subarray(1)]).toEqual([...snapshot].filter((_, index) => index !== 1_024));
    expect([debug[0], new Set([...ring, ...faults])]).toEqual([0, new Set([0])]);
  });

  it('empties the ring and forgets what was waiting', () => {
    const backend = new ReferenceBackend(kernel);
    const snapshot = observe(backend);
    backend.publish(0, { ...slot(Opcode.NOP), tenant: 61 });
    expect(backend.drain().pending).toEqual([0]);
    backend.restore(snapshot);
    expect(backend.drain()).toEqual({ done: 0, pending: [], faults: [] });
    backend.publish(0, slot(Opcode.NOP));
  });
});

describe('the reference backend', () => {
  it('starts over with a fresh kernel, however often it is asked', () => {
    const backend = new ReferenceBackend(kernel);
    const fresh = observe(backend);
    backend.publish(0, slot(Opcode.STORE_U32, 1, 200));
    backend.publish(1, { ...slot(Opcode.NOP), tenant: 61 });
    backend.drain();
    backend.publish(2, slot(Opcode.PRINTF, 1));
    backend.start();
    expect(backend.drain()).toEqual({ done: 0, pending: [], faults: [] });
    expect(observe(backend)).toEqual(fresh);
    backend.stop();
    backend.stop();
  });

  it('is the same every time', () => {
    const slots = Array.from({ length: 4 }, (_, index) => slot(Opcode.COMPARE_SWAP, 170 + (index % 2), 0, index + 1));
    const [first, second] = [1, 2].map(() => {
      const backend = new ReferenceBackend(kernel);
      for (const [slotIndex, each] of slots.entries()) backend.publish(slotIndex, each);
      backend.drain();
      return observe(backend);
    });
    expect(first).toEqual(second);
  });
});

describe('a kernel that does not come to an end, on the reference', () => {
  const DEADLINE_MS = 100;
  const ENDLESS = 0x4000_0000;
  const NESTED = 0x4000_0001;
  const LEFT_AT_ONCE = 0x4000_0002;
  const turns = 0xffff_ffff;
  const endless = opcode('ENDLESS', ENDLESS, [], ($) => {
    $.loop({ below: turns, atMost: turns }, () => void $.atomicAdd('control', 200, 1));
  });
  // No loop of these has more turns than a memory copy may; together they have 2³².
  const nested = opcode('NESTED', NESTED, [], ($) => {
    const nest = (depth: number): void => {
      if (depth === 0) return void $.atomicAdd('control', 200, 1);
      $.loop({ below: 16, atMost: 16 }, () => nest(depth - 1));
    };
    nest(8);
  });
  const leftAtOnce = opcode('LEFT_AT_ONCE', LEFT_AT_ONCE, [], ($) => {
    $.loop({ below: 5_000, atMost: 5_000 }, () => {
      $.loop({ below: turns, atMost: turns }, () => $.break());
      $.atomicAdd('control', 200, 1);
    });
  });
  const spinning = defineKernel({ name: 'spinning', slotCount: 4, opcodes: [endless, nested, leftAtOnce] });

  function faultOf(use: () => unknown): BackendFaultError {
    try {
      use();
    } catch (error) {
      expect(error).toBeInstanceOf(BackendFaultError);
      return error as BackendFaultError;
    }
    throw new Error('it came to an end');
  }

  it.each([
    ['one loop with a huge bound', ENDLESS],
    ['nested loops with small bounds', NESTED],
  ])('is a fault of kind hang: %s', (_, code) => {
    const backend = new ReferenceBackend(spinning, { deadlineMs: DEADLINE_MS });
    backend.publish(0, slot(code));
    const error = faultOf(() => backend.drain());
    expect([error.code, error.kind, error.backend]).toEqual(['VRRL_BACKEND_FAULT', 'hang', 'reference']);
    expect(error.message).toBe(
      'backend reference: a drain did not end within 100 ms. Fix: look for a loop with a huge bound in the kernel.',
    );
    expect(error.evidence).toEqual({ deadlineMs: DEADLINE_MS });
  });

  it('leaves a backend that can do nothing but start again, as if nothing had been', () => {
    const backend = new ReferenceBackend(spinning, { deadlineMs: DEADLINE_MS });
    const fresh = observe(backend);
    for (let round = 0; round < 2; round += 1) {
      backend.publish(0, slot(ENDLESS));
      backend.publish(1, slot(Opcode.NOP));
      expect(faultOf(() => backend.drain()).kind).toBe('hang');
      for (const use of [
        () => backend.publish(2, slot(Opcode.NOP)),
        () => backend.drain(),
        () => observe(backend),
        () => backend.restore(fresh),
      ]) {
        expect(faultOf(use)).toMatchObject({
          kind: 'unavailable',
          message: 'backend reference: it hung in the last drain. Fix: call start() first.',
        });
      }
      backend.start();
      expect(observe(backend)).toEqual(fresh);
      backend.publish(0, slot(Opcode.ATOMIC_ADD, 1, 200));
      expect(backend.drain()).toEqual({ done: 1, pending: [], faults: [] });
      expect(observe(backend)[200]).toBe(1);
      backend.start();
    }
  });

  it('is none that has loops with huge bounds and leaves them', () => {
    const backend = new ReferenceBackend(spinning, { deadlineMs: 60_000 });
    for (let slotIndex = 0; slotIndex < 4; slotIndex += 1) backend.publish(slotIndex, slot(LEFT_AT_ONCE));
    expect(backend.drain()).toEqual({ done: 4, pending: [], faults: [] });
    expect(observe(backend)[200]).toBe(20_000);
  });

  it('has the time of one drain, not of all', () => {
    const counting = opcode('COUNTING', ENDLESS, ['count'], ($, count) => {
      $.loop({ below: count, atMost: turns }, () => void $.atomicAdd('control', 200, 1));
    });
    const backend = new ReferenceBackend(defineKernel({ name: 'k', slotCount: 1, opcodes: [counting] }), {
      deadlineMs: 1_000,
    });
    const begin = performance.now();
    while (performance.now() - begin < 1_500) {
      backend.publish(0, slot(ENDLESS, 1_000_000));
      expect(backend.drain().done).toBe(1);
    }
  });

  it.each([0, -1, Number.NaN])('does not take %d for a deadline', (deadlineMs) => {
    expect(() => new ReferenceBackend(kernel, { deadlineMs })).toThrow(InputError);
    expect(() => new ReferenceBackend(kernel, { deadlineMs })).toThrow(/deadlineMs is .*Fix: /u);
  });
});

function refusalOf(publish: () => void): PublishError {
  try {
    publish();
  } catch (error) {
    expect(error).toBeInstanceOf(PublishError);
    expect(error).toBeInstanceOf(VrrlError);
    expect((error as PublishError).code).toBe('VRRL_PUBLISH');
    return error as PublishError;
  }
  throw new Error('it was published');
}
