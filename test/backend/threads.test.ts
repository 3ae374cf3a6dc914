import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { type Backend, BackendFaultError, ReferenceBackend, type Slot } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { RandomWords } from '../../src/base/random.ts';
import { defineKernel, type Kernel, type OpcodeDefinition, opcode } from '../../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';

const FIRST_WORD = 200;
const CODE = 0x4000_0000;

function slot(code: number, ...args: number[]): Slot {
  return { opcode: code, tenant: 0, priority: 2, args };
}

/** Workers that this process started and that have not ended, by their own word. */
const alive = new Set<Worker>();
let startedCount = 0;

function follow(worker: Worker): void {
  startedCount += 1;
  alive.add(worker);
  worker.once('exit', () => alive.delete(worker));
}

beforeAll(() => {
  process.on('worker', follow);
});

afterAll(() => {
  process.off('worker', follow);
  expect(alive.size).toBe(0);
});

beforeEach(() => {
  startedCount = 0;
});

/** Runs what is given on a backend that is stopped afterwards, whatever comes of it. */
async function using<T>(backend: ThreadsBackend, run: (backend: ThreadsBackend) => T): Promise<Awaited<T>> {
  await backend.start();
  try {
    return await run(backend);
  } finally {
    await backend.stop();
  }
}

function faultOf(drain: () => unknown): BackendFaultError {
  try {
    drain();
  } catch (error) {
    expect(error).toBeInstanceOf(BackendFaultError);
    return error as BackendFaultError;
  }
  throw new Error('it came to an end');
}

function observe(kernel: Kernel, backend: Backend): Uint32Array {
  const snapshot = new Uint32Array(kernel.controlWords + 257);
  void backend.observe(snapshot);
  return snapshot;
}

/** Slots of an epoch whose order means nothing: what is written is added up, or written by one slot only. */
function soundSlots(random: RandomWords, slotCount: number): Slot[] {
  return Array.from({ length: slotCount }, (_, index) => {
    const word = FIRST_WORD + random.below(8);
    const own = FIRST_WORD + 50 + index;
    const choices = [
      slot(Opcode.ATOMIC_ADD, random.next(), word),
      slot(Opcode.STORE_U32, random.next(), own),
      slot(Opcode.COMPARE_SWAP, own, 0, random.next()),
      slot(Opcode.PRINTF, random.below(4), random.below(4), 7),
      slot(Opcode.MEMCPY, own, own + 150, 1),
      { ...slot(Opcode.NOP), tenant: 61 },
      slot(Opcode.STORE_U32, 1, 5_000),
      slot(Opcode.DFA_STEP),
    ];
    return choices[random.below(20)] ?? choices[0];
  });
}

describe('sound work on threads', () => {
  it.each([1, 2, 3, 5])('comes out as on the reference, epoch after epoch, with %i workers', async (workerCount) => {
    const kernel = defineKernel({ name: 'sound', slotCount: 64 });
    const layout = resolveLayout(new ReferenceBackend(kernel).layout);
    for (let seed = 0; seed < 3; seed += 1) {
      const random = new RandomWords(1_000 * workerCount + seed);
      await using(new ThreadsBackend(kernel, { workerCount, seed }), (threads) => {
        const reference = new ReferenceBackend(kernel);
        for (let epoch = 0; epoch < 40; epoch += 1) {
          threads.start();
          reference.start();
          for (const [slotIndex, each] of soundSlots(random, 1 + random.below(64)).entries()) {
            threads.publish(slotIndex, each);
            reference.publish(slotIndex, each);
          }
          expect(threads.drain()).toEqual(reference.drain());
          const { differences } = compareSnapshots(layout, observe(kernel, reference), observe(kernel, threads));
          expect(differences).toEqual([]);
        }
      });
    }
  });

  it('carries memory from one epoch to the next, and forgets it at a start', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 16 });
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      for (let epoch = 1; epoch <= 20; epoch += 1) {
        for (let slotIndex = 0; slotIndex < 16; slotIndex += 1) {
          backend.publish(slotIndex, slot(Opcode.ATOMIC_ADD, 1, FIRST_WORD));
        }
        expect(backend.drain()).toEqual({ done: 16, pending: [], faults: [] });
        const snapshot = observe(kernel, backend);
        expect([snapshot[FIRST_WORD], snapshot[ControlWord.DONE_COUNT]]).toEqual([16 * epoch, 16 * epoch]);
      }
      backend.start();
      expect(observe(kernel, backend)).toEqual(observe(kernel, new ReferenceBackend(kernel)));
    });
  });

  it('can begin from a restored state', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 4 });
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      backend.publish(0, slot(Opcode.STORE_U32, 40, FIRST_WORD));
      backend.publish(1, slot(Opcode.PRINTF, 1));
      backend.drain();
      const snapshot = observe(kernel, backend);
      backend.publish(0, slot(Opcode.STORE_U32, 99, FIRST_WORD));
      backend.drain();
      backend.restore(snapshot);
      backend.publish(0, slot(Opcode.ATOMIC_ADD, 2, FIRST_WORD));
      expect(backend.drain().done).toBe(1);
      const after = observe(kernel, backend);
      expect([after[FIRST_WORD], after[kernel.controlWords]]).toEqual([42, 0]);
    });
  });

  it('reads tables, in shared memory', async () => {
    const sum = opcode('SUM', CODE, ['count'], ($, count) => {
      $.loop({ below: count, atMost: 100 }, (index) => {
        $.atomicAdd('control', FIRST_WORD, $.load('inputs', index));
      });
    });
    const inputs = Uint32Array.from({ length: 100 }, (_, index) => index);
    const kernel = defineKernel({ name: 'k', slotCount: 8, tables: { inputs }, opcodes: [sum] });
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      for (let slotIndex = 0; slotIndex < 8; slotIndex += 1) backend.publish(slotIndex, slot(CODE, 100));
      expect(backend.drain().done).toBe(8);
      expect(observe(kernel, backend)[FIRST_WORD]).toBe(8 * 4_950);
    });
  });
});

describe('races on threads', () => {
  const SLOT_COUNT = 256;
  const WORDS = 8;

  /** The first of so many epochs that lost an update of 255 slots that add to 8 words. */
  async function firstLossyEpoch(epochCount: number, adding: OpcodeDefinition): Promise<number | undefined> {
    const kernel = defineKernel({ name: 'race', slotCount: SLOT_COUNT, opcodes: [adding] });
    return using(new ThreadsBackend(kernel, { workerCount: 2, seed: 7 }), (backend) => {
      for (let epoch = 0; epoch < epochCount; epoch += 1) {
        backend.start();
        for (let slotIndex = 0; slotIndex < SLOT_COUNT - 1; slotIndex += 1) {
          backend.publish(slotIndex, slot(CODE, 1, FIRST_WORD + (slotIndex % WORDS)));
        }
        expect(backend.drain().done).toBe(SLOT_COUNT - 1);
        const words = observe(kernel, backend).subarray(FIRST_WORD, FIRST_WORD + WORDS);
        const sum = words.reduce((total, word) => total + word, 0);
        expect(sum).toBeLessThanOrEqual(SLOT_COUNT - 1);
        if (sum < SLOT_COUNT - 1) return epoch;
      }
      return undefined;
    });
  }

  it('never lose an atomic update', async () => {
    const sound = opcode('SOUND_ADD', CODE, ['amount', 'word'], ($, amount, word) => {
      $.atomicAdd('control', word, amount);
    });
    expect(await firstLossyEpoch(2_000, sound)).toBeUndefined();
  });

  it('lose an update of an opcode that loads and then stores, sooner or later', async () => {
    // It dawdles in between. Without that, half of the epochs lose one where two cores are free, and none where one is.
    const racy = opcode('RACY_ADD', CODE, ['amount', 'word'], ($, amount, word) => {
      const before = $.load('control', word);
      $.loop({ below: 2_000, atMost: 2_000 }, () => void $.load('control', 0));
      $.store('control', word, before.plus(amount));
    });
    expect(await firstLossyEpoch(2_000, racy)).toBeDefined();
  });

  it('never lose an update of the minimum and the maximum, which are loops that retry', async () => {
    const extremes = opcode('EXTREMES', CODE, ['value'], ($, value) => {
      $.atomicMinimum('control', FIRST_WORD, value);
      $.atomicMaximum('control', FIRST_WORD + 1, value);
    });
    const kernel = defineKernel({ name: 'k', slotCount: 256, opcodes: [extremes] });
    await using(new ThreadsBackend(kernel, { workerCount: 2, seed: 1 }), (backend) => {
      const random = new RandomWords(1);
      for (let epoch = 0; epoch < 100; epoch += 1) {
        backend.start();
        backend.publish(0, slot(Opcode.STORE_U32, 0xffff_ffff, FIRST_WORD));
        backend.drain();
        const values = Array.from({ length: 256 }, () => random.next());
        for (const [slotIndex, value] of values.entries()) backend.publish(slotIndex, slot(CODE, value));
        backend.drain();
        const snapshot = observe(kernel, backend);
        expect([snapshot[FIRST_WORD], snapshot[FIRST_WORD + 1]]).toEqual([Math.min(...values), Math.max(...values)]);
      }
    });
  });

  it('deal the same lanes for the same seed, in another order for another', async () => {
    const mark = opcode('MARK', CODE, ['mark'], ($, value) => $.printf(value, 0, 0, 0));
    const kernel = defineKernel({ name: 'k', slotCount: 64, opcodes: [mark] });
    /** With one worker the order of the records is the order in which it was dealt its lanes. */
    const orderOf = (seed: number) =>
      using(new ThreadsBackend(kernel, { workerCount: 1, seed }), (backend) => {
        for (let slotIndex = 0; slotIndex < 64; slotIndex += 1) backend.publish(slotIndex, slot(CODE, slotIndex));
        backend.drain();
        const debug = observe(kernel, backend).subarray(kernel.controlWords);
        return Array.from({ length: 64 }, (_, record) => debug[1 + 4 * record]);
      });
    const first = await orderOf(1);
    expect(await orderOf(1)).toEqual(first);
    expect(await orderOf(2)).not.toEqual(first);
    expect([...first].sort((left, right) => left - right)).toEqual(Array.from({ length: 64 }, (_, index) => index));
  });
});

describe('a drain', () => {
  it('of nothing is over at once', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 4 });
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      expect(backend.drain()).toEqual({ done: 0, pending: [], faults: [] });
      expect(backend.drain()).toEqual({ done: 0, pending: [], faults: [] });
    });
  });

  it('may have fewer lanes than there are workers', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 4 });
    await using(new ThreadsBackend(kernel, { workerCount: 6 }), (backend) => {
      expect(backend.workerCount).toBe(6);
      for (let round = 0; round < 20; round += 1) {
        backend.publish(round % 4, slot(Opcode.ATOMIC_ADD, 1, FIRST_WORD));
        expect(backend.drain()).toEqual({ done: 1, pending: [], faults: [] });
      }
      expect(observe(kernel, backend)[FIRST_WORD]).toBe(20);
    });
  });

  it('reports a disabled tenant’s slot each time, and serves it once it is allowed', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 4, tenantCount: 1 });
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      backend.publish(3, { ...slot(Opcode.ATOMIC_ADD, 1, FIRST_WORD), tenant: 1 });
      expect(backend.drain()).toEqual({ done: 0, pending: [3], faults: [] });
      expect(backend.drain()).toEqual({ done: 0, pending: [3], faults: [] });
      backend.publish(0, slot(Opcode.STORE_U32, 1, ControlWord.TENANT_MASKS + 1));
      backend.drain();
      backend.drain();
      expect(observe(kernel, backend)[FIRST_WORD]).toBe(1);
    });
  });

  it('has the same fault words as the reference', async () => {
    const kernel = defineKernel({ name: 'k', slotCount: 8 });
    const reference = new ReferenceBackend(kernel);
    const slots = [
      slot(Opcode.STORE_U32, 1, 5_000),
      slot(Opcode.MEMCPY, 1_020, 200, 10),
      slot(Opcode.DFA_STEP),
      { ...slot(Opcode.NOP), tenant: 9_999 },
      slot(Opcode.PACKED_SLOT, 0x0006_0001),
    ];
    await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
      for (const [slotIndex, each] of slots.entries()) {
        backend.publish(slotIndex, each);
        reference.publish(slotIndex, each);
      }
      const report = backend.drain();
      expect(report.faults).toHaveLength(5);
      expect(report).toEqual(reference.drain());
    });
  });
});

describe('a kernel that does not come to an end', () => {
  const spin = opcode('SPIN', CODE, [], ($) => {
    $.loop({ below: 0xffff_ffff, atMost: 0xffff_ffff }, () => void $.atomicAdd('control', FIRST_WORD, 1));
  });
  const kernel = defineKernel({ name: 'spinning', slotCount: 4, opcodes: [spin] });

  function hang(backend: ThreadsBackend): BackendFaultError {
    backend.publish(0, slot(CODE));
    backend.publish(1, slot(Opcode.NOP));
    return faultOf(() => backend.drain());
  }

  it('is a fault of kind hang, and the process goes on', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2, deadlineMs: 300 });
    await backend.start();
    const error = hang(backend);
    expect([error.code, error.kind, error.backend]).toEqual(['VRRL_BACKEND_FAULT', 'hang', 'threads']);
    expect(error.message).toBe(
      'backend threads: a drain did not end within 300 ms. Fix: look for a loop with a huge bound in the kernel.',
    );
    expect(error.evidence).toMatchObject({ deadlineMs: 300, workersStarted: 2 });
    expect(error.evidence['workersFinished']).toBeLessThan(2);
    expect(() => backend.publish(2, slot(Opcode.NOP))).toThrow('it is not running. Fix: call start() first');
    await backend.stop();
    expect(alive.size).toBe(0);
  });

  it('leaves a backend that can be started again, untouched by what still spins', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2, deadlineMs: 1_000 });
    for (let round = 0; round < 2; round += 1) {
      await backend.start();
      backend.publish(0, slot(Opcode.ATOMIC_ADD, 1, FIRST_WORD));
      expect(backend.drain()).toEqual({ done: 1, pending: [], faults: [] });
      expect(observe(kernel, backend)[FIRST_WORD]).toBe(1);
      expect(hang(backend).kind).toBe('hang');
    }
    await backend.stop();
    expect(alive.size).toBe(0);
  });
});

describe('starting and stopping', () => {
  const kernel = defineKernel({ name: 'k', slotCount: 4 });

  it('leaves no worker behind, fifty times over', async () => {
    for (let round = 0; round < 50; round += 1) {
      await using(new ThreadsBackend(kernel, { workerCount: 2 }), (backend) => {
        backend.publish(0, slot(Opcode.ATOMIC_ADD, 1, FIRST_WORD));
        expect(backend.drain().done).toBe(1);
      });
      expect(alive.size).toBe(0);
    }
    expect(startedCount).toBe(100);
  });

  it('may be done twice, and again afterwards', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2 });
    await backend.stop();
    for (let round = 0; round < 2; round += 1) {
      await backend.start();
      await backend.start();
      expect(startedCount).toBe(2 * (round + 1));
      backend.publish(0, slot(Opcode.NOP));
      expect(backend.drain().done).toBe(1);
      await Promise.all([backend.stop(), backend.stop()]);
      await backend.stop();
      expect(alive.size).toBe(0);
    }
  });

  it('starts workers once, though it is asked again while they start', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2 });
    await Promise.all([backend.start(), backend.start()]);
    expect(startedCount).toBe(2);
    await backend.stop();
    expect(alive.size).toBe(0);
  });

  it('stops workers that were still starting', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2 });
    const started = backend.start();
    await backend.stop();
    await started;
    expect(alive.size).toBe(0);
    expect(() => backend.drain()).toThrow('it is not running');
  });

  it('can only be used in between', async () => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2 });
    const snapshot = new Uint32Array(kernel.controlWords + 257);
    const uses: (() => unknown)[] = [
      () => backend.publish(0, slot(Opcode.NOP)),
      () => backend.drain(),
      () => backend.observe(snapshot),
      () => backend.restore(snapshot),
    ];
    const expectRefusals = () => {
      for (const use of uses) expect(use).toThrow(expect.objectContaining({ kind: 'unavailable' }));
    };
    expectRefusals();
    await backend.start();
    for (const use of uses) use();
    await backend.stop();
    expectRefusals();
  });

  it('tells why a worker did not start, and leaves none behind', async () => {
    // A name that no check lets through: its program is no JavaScript.
    const broken = { ...kernel, opcodes: [{ ...kernel.opcodes[0], name: 'not a name' }] };
    const backend = new ThreadsBackend(broken, { workerCount: 3 });
    const error = await Promise.resolve(backend.start()).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(BackendFaultError);
    expect(error).toMatchObject({ kind: 'crash', backend: 'threads', cause: expect.any(SyntaxError) });
    expect((error as Error).message).toMatch(
      /^backend threads: a worker did not start: .+\. Fix: see the cause; --backend reference needs no threads\.$/u,
    );
    expect(alive.size).toBe(0);
    await backend.stop();
  });

  it('tells what a worker failed of', async () => {
    // A local that no check lets through: its program refers to nothing.
    const body = [{ kind: 'fault', code: { kind: 'local', name: 'nowhere' } }] as const;
    const broken = { ...kernel, opcodes: [{ ...kernel.opcodes[0], body }] };
    const backend = new ThreadsBackend(broken, { workerCount: 2 });
    for (let round = 0; round < 2; round += 1) {
      await backend.start();
      backend.publish(0, slot(Opcode.NOP));
      expect(() => backend.drain()).toThrow(
        /^backend threads: a worker failed: ReferenceError: v_nowhere is not defined/u,
      );
      expect(() => backend.drain()).toThrow('it is not running');
    }
    await backend.stop();
    expect(alive.size).toBe(0);
  });

  it('tells at once that a worker ended in the middle of its work, and can be started again', async () => {
    // A local that no check lets through: its program ends the worker that serves the slot.
    const body = [{ kind: 'fault', code: { kind: 'local', name: 'x = process.exit(3)' } }] as const;
    const broken = { ...kernel, opcodes: [{ ...kernel.opcodes[0], body }] };
    const backend = new ThreadsBackend(broken, { workerCount: 2, deadlineMs: 60_000 });
    for (let round = 0; round < 2; round += 1) {
      await backend.start();
      backend.publish(0, slot(Opcode.NOP));
      const error = faultOf(() => backend.drain());
      expect(error).toMatchObject({
        kind: 'crash',
        message: 'backend threads: a worker failed: it ended with status 3. Fix: report this with the kernel.',
        evidence: { lastWords: 'it ended with status 3', workersStarted: 2 },
      });
      expect(() => backend.drain()).toThrow('it is not running');
    }
    await backend.stop();
    expect(alive.size).toBe(0);
  });

  it.each([
    ['while the host looked', async () => {}],
    ['and the host was told', async () => void (await new Promise((resolve) => setTimeout(resolve, 100)))],
  ])('tells that a worker was taken away without a word, %s', async (_, wait) => {
    const backend = new ThreadsBackend(kernel, { workerCount: 2, deadlineMs: 60_000 });
    await backend.start();
    void [...alive][0].terminate();
    await wait();
    backend.publish(0, slot(Opcode.NOP));
    const error = faultOf(() => backend.drain());
    expect(error).toMatchObject({
      kind: 'crash',
      what: 'backend threads: 1 of 2 workers ended without a word',
      evidence: { workersGone: 1, workersStarted: 2 },
    });
    await backend.start();
    backend.publish(0, slot(Opcode.NOP));
    expect(backend.drain().done).toBe(1);
    await backend.stop();
    expect(alive.size).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, 1_025])('does not take %d for a number of workers', (workerCount) => {
    expect(() => new ThreadsBackend(kernel, { workerCount })).toThrow(InputError);
  });

  it.each([0, -1, Number.NaN])('does not take %d for a deadline', (deadlineMs) => {
    expect(() => new ThreadsBackend(kernel, { deadlineMs })).toThrow(/deadlineMs is .*Fix: /u);
  });

  it('has a seed that others can be given', () => {
    expect(new ThreadsBackend(kernel, { seed: 5 }).seed).toBe(5);
    const { seed } = new ThreadsBackend(kernel);
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  });
});
