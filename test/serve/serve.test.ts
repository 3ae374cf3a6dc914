import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Backend,
  BackendFaultError,
  type DrainReport,
  PublishError,
  ReferenceBackend,
} from '../../src/backend/index.ts';
import { defineKernel, type Kernel } from '../../src/kernel/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';
import { type ServeOptions, serveBackend } from '../../src/serve/index.ts';
import {
  decodeDrained,
  decodeFailure,
  decodeRefused,
  encodeFrame,
  encodeFrameHeader,
  encodeHello,
  type Frame,
  FrameReader,
  HOST_MAX_PAYLOAD_BYTES,
  helloFor,
  MAX_FAILED_BYTES,
  MessageType,
  RunPayload,
  type SlotToRun,
  WireError,
} from '../../src/wire/index.ts';
import { Conversation } from './conversation.ts';

const KERNEL = defineKernel({ name: 'served', slotCount: 8 });
const WORDS = ControlWord.OBSERVABLE_BASE;

function slot(slotIndex: number, opcode: number, ...args: number[]): SlotToRun {
  return { slotIndex, opcode, tenant: 0, priority: 2, args };
}

function run(...slots: SlotToRun[]): Uint8Array {
  const payload = new RunPayload();
  for (const { slotIndex, ...rest } of slots) payload.add(slotIndex, rest);
  return payload.bytes().slice();
}

/** A runtime of two words that does what it is told to. */
class FakeBackend implements Backend {
  readonly name: string = 'fake';
  readonly slotCount = 4;
  readonly layout = { areas: [{ name: 'words', words: 2 }], regions: [] };
  readonly published: number[] = [];
  stops = 0;
  onPublish: (slotIndex: number) => void = () => {};
  onDrain: () => DrainReport | Promise<DrainReport> = () => {
    return { done: this.published.length, pending: [], faults: [] };
  };

  start(): void {
    this.published.length = 0;
  }
  publish(slotIndex: number): void {
    this.onPublish(slotIndex);
    this.published.push(slotIndex);
  }
  drain(): DrainReport | Promise<DrainReport> {
    return this.onDrain();
  }
  observe(snapshot: Uint32Array): void {
    snapshot.set([this.published.length, 7]);
  }
  stop(): void {
    this.stops += 1;
  }
}

function served(backend: Backend = new FakeBackend(), options: Partial<ServeOptions> = {}): Conversation {
  return new Conversation({ makeBackend: () => backend, runsOfferedKernel: false, ...options });
}

function servedKernel(): Conversation {
  return new Conversation({ makeBackend: (_, kernel = KERNEL) => new ReferenceBackend(kernel) });
}

describe('HELLO', () => {
  it('makes the backend of the offered kernel, whose identity READY repeats', async () => {
    const made: (Kernel | undefined)[] = [];
    const options: ServeOptions = {
      makeBackend: ({ options: { seed } }, kernel = KERNEL) => {
        made.push(kernel);
        return Object.assign(new ReferenceBackend(kernel), { name: `seed ${seed}` });
      },
      device: () => ({ name: `device ${made.length}` }),
      features: ['something'],
      probes: [{ opcode: 1, tenant: 0, priority: 2, args: [] }],
    };
    const ready = await new Conversation(options).greet(helloFor(KERNEL, { seed: '7' }));
    expect(ready).toMatchObject({
      ...{ name: 'seed 7', slotCount: 8, epochWord: ControlWord.EPOCH, canRestore: true, kernel: KERNEL.identity },
      ...{ features: ['something'], device: { name: 'device 1' }, probes: options.probes },
    });
    expect(made[0]?.identity).toBe(KERNEL.identity);
  });

  it('leaves the kernel out if none was offered, or the backend runs its own', async () => {
    expect(await servedKernel().greet()).toMatchObject({ kernel: null, slotCount: 8 });
    let given: Kernel | undefined = KERNEL;
    const makeBackend: ServeOptions['makeBackend'] = (_, kernel) => {
      given = kernel;
      return new FakeBackend();
    };
    const ready = await new Conversation({ makeBackend, runsOfferedKernel: false }).greet(helloFor(KERNEL));
    expect(ready).toMatchObject({ kernel: null, canRestore: false, features: [], epochWord: undefined });
    expect(given).toBeUndefined();
  });

  it('is refused if the kernel is none, or another than was announced', async () => {
    const offered = helloFor(KERNEL);
    const changed = (change: object) => encodeHello({ ...offered, kernel: { ...offered.kernel!, ...change } });
    const conversation = servedKernel();
    expect(await conversation.failure(MessageType.HELLO, changed({ identity: 'abc' }))).toMatchObject({
      kind: 'protocol',
      message: expect.stringContaining('is said to be abc'),
    });
    expect(await conversation.failure(MessageType.HELLO, changed({ definition: { turn: 1 } }))).toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(/^HELLO: /),
    });
    expect(await conversation.greet(offered)).toMatchObject({ kernel: KERNEL.identity });
  });

  it('is answered with why there is no backend', async () => {
    const evidence = { driver: '555' };
    const fault = new BackendFaultError('cuda', 'unavailable', 'there is no device', 'plug one in.', evidence);
    const conversation = new Conversation({ makeBackend: () => Promise.reject(fault) });
    expect(await conversation.failure(MessageType.HELLO, encodeHello(helloFor(KERNEL)))).toEqual({
      ...{ kind: 'unavailable', message: 'there is no device', fix: 'plug one in.', usable: false, evidence },
    });
  });

  it('gives a backend back that is not what it says', async () => {
    const backend = new FakeBackend();
    const contradiction = Object.assign(backend, { epochWord: 2 });
    expect(await served(contradiction).failure(MessageType.HELLO, encodeHello(helloFor(undefined)))).toMatchObject({
      kind: 'protocol',
      message: expect.stringContaining('its epochWord is 2'),
    });
    expect(backend.stops).toBe(1);
  });

  it('comes first, and once', async () => {
    const conversation = served();
    expect(await conversation.failure(MessageType.START)).toMatchObject({ kind: 'protocol', usable: true });
    await conversation.greet();
    expect(await conversation.failure(MessageType.HELLO, encodeHello(helloFor(undefined)))).toMatchObject({
      message: 'HELLO came twice',
      usable: true,
    });
  });
});

describe('RUN', () => {
  it('gives what the backend gives in this process', async () => {
    const anySlot = fc.record({
      slotIndex: fc.nat(8),
      opcode: fc.constantFrom(Opcode.NOP, Opcode.ATOMIC_ADD, Opcode.STORE_U32, Opcode.PRINTF, 0x77),
      tenant: fc.constantFrom(0, 1),
      priority: fc.nat(4),
      args: fc.tuple(fc.nat(9), fc.integer({ min: WORDS, max: WORDS + 20 }), fc.nat(0xffff_ffff)),
    });
    const runs = fc.array(fc.array(anySlot, { maxLength: 8 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(runs, fc.boolean(), async (batches, isRestored) => {
        const conversation = servedKernel();
        const reference = new ReferenceBackend(KERNEL);
        await conversation.greet(helloFor(KERNEL));
        reference.start();
        await conversation.ask(MessageType.START, MessageType.DONE);
        let pending: readonly number[] = [];
        for (const batch of batches) {
          const sendable = sendableOf(batch, pending);
          for (const each of sendable) reference.publish(each.slotIndex, each);
          const expected = reference.drain();
          pending = expected.pending;
          const seen = decodeDrained(await conversation.ask(MessageType.RUN, MessageType.DRAINED, run(...sendable)));
          expect({ ...seen, faults: seen.faults.map(({ text, ...rest }) => rest) }).toEqual({
            ...expected,
            faults: expected.faults.map(({ slotIndex, opcode, words }) => ({ slotIndex, opcode, words })),
          });
          expect(await observed(conversation)).toEqual(wordsOf(reference));
          if (!isRestored || expected.pending.length > 0) continue;
          const state = new Uint8Array(wordsOf(reference).buffer);
          reference.restore(new Uint32Array(state.buffer));
          await conversation.ask(MessageType.RESTORE, MessageType.DONE, state);
        }
      }),
      { numRuns: 40 },
    );
  });

  /** Slots that are free, each once. */
  function sendableOf(batch: readonly SlotToRun[], pending: readonly number[]): SlotToRun[] {
    const seen = new Set(pending);
    return batch.filter(({ slotIndex }) => slotIndex < 8 && !seen.has(slotIndex) && seen.add(slotIndex));
  }

  async function observed(conversation: Conversation): Promise<Uint32Array> {
    const payload = await conversation.ask(MessageType.OBSERVE, MessageType.WORDS);
    return new Uint32Array(payload.slice().buffer);
  }

  function wordsOf(reference: ReferenceBackend): Uint32Array {
    const snapshot = new Uint32Array(reference.layout.areas.reduce((sum, { words }) => sum + words, 0));
    reference.observe(snapshot);
    return snapshot;
  }

  it.each<[string, SlotToRun[], number, string]>([
    ['beyond the ring', [slot(0, 1), slot(4, 1)], 1, 'slot 4 is beyond the ring, which has 4 slots'],
    ['that stands twice', [slot(0, 1), slot(1, 1), slot(0, 1)], 2, 'slot 0 stands twice in this RUN'],
    ['that waits', [slot(1, 1), slot(3, 1)], 1, 'slot 3 is not free: it was published and has not ended'],
    ['that the runtime does not allow', [slot(1, 1), slot(2, 66)], 1, 'there is no job 66'],
  ])('with a slot %s is refused as a whole', async (_, slots, position, text) => {
    const backend = new FakeBackend();
    const conversation = served(backend, {
      judgeSlot: ({ opcode }) => (opcode === 66 ? `there is no job ${opcode}` : undefined),
    });
    await conversation.greet();
    backend.onDrain = () => ({ done: 0, pending: [3], faults: [] });
    await conversation.ask(MessageType.RUN, MessageType.DRAINED, run(slot(3, 1)));
    const refused = decodeRefused(await conversation.ask(MessageType.RUN, MessageType.REFUSED, run(...slots)));
    expect(refused).toEqual({ position, text });
    expect(backend.published).toEqual([3]);
  });

  it('frees a slot that waited with START', async () => {
    const backend = new FakeBackend();
    const conversation = served(backend);
    await conversation.greet();
    backend.onDrain = () => ({ done: 0, pending: [3], faults: [] });
    await conversation.ask(MessageType.RUN, MessageType.DRAINED, run(slot(3, 1)));
    await conversation.ask(MessageType.START, MessageType.DONE);
    await conversation.ask(MessageType.RUN, MessageType.DRAINED, run(slot(3, 1)));
  });

  it('is refused where only the backend knows, if that leaves no trace, and is a crash if it does', async () => {
    const backend = new FakeBackend();
    const conversation = served(backend);
    await conversation.greet();
    backend.onPublish = (slotIndex) => {
      if (slotIndex === 2) throw new PublishError('slot 2 is cursed', 'take another.');
    };
    const alone = await conversation.ask(MessageType.RUN, MessageType.REFUSED, run(slot(2, 1)));
    expect(decodeRefused(alone)).toEqual({ position: 0, text: 'slot 2 is cursed' });
    expect(await conversation.failure(MessageType.RUN, run(slot(1, 1), slot(2, 1)))).toMatchObject({
      ...{ kind: 'crash', message: 'slot 2 is cursed', usable: false },
    });
  });

  it('has the words of faults that the host cannot explain', async () => {
    const backend = new FakeBackend();
    const fault = { slotIndex: 1, opcode: 5, reason: 'RAISED' as const, message: 'no funds', words: [3, 4] as const };
    backend.onDrain = () => ({ done: 0, pending: [], faults: [fault] });
    const own = served(backend);
    await own.greet();
    const drained = decodeDrained(await own.ask(MessageType.RUN, MessageType.DRAINED, run(slot(1, 5))));
    expect(drained.faults).toEqual([{ slotIndex: 1, opcode: 5, words: [3, 4], text: 'no funds' }]);
  });
});

describe('a request that fails', () => {
  it('is answered with what was thrown, cut to what a FAILED may hold', async () => {
    const backend = new FakeBackend();
    const conversation = served(backend);
    await conversation.greet();
    const evidence = Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`line ${index}`, 'é'.repeat(5_000)]));
    const fault = new BackendFaultError('fake', 'hang', 'x'.repeat(99_999), 'y'.repeat(99_999), evidence);
    backend.onDrain = () => Promise.reject(fault);
    const payload = await conversation.ask(MessageType.RUN, MessageType.FAILED, run());
    expect(payload.length).toBeLessThan(MAX_FAILED_BYTES);
    expect(decodeFailure(payload)).toMatchObject({ kind: 'hang', usable: false });
    backend.onDrain = () => {
      throw new TypeError('undefined is not a lane');
    };
    expect(await conversation.failure(MessageType.RUN, run())).toMatchObject({
      kind: 'crash',
      message: 'it threw: undefined is not a lane',
    });
  });

  it('is usable if it could not be read, or is not known', async () => {
    const conversation = served();
    await conversation.greet();
    const usable = { kind: 'protocol', usable: true };
    expect(await conversation.failure(MessageType.RUN, new Uint8Array(3))).toMatchObject(usable);
    expect(await conversation.failure(MessageType.RESTORE, new Uint8Array(8))).toMatchObject(usable);
    expect(await conversation.failure(MessageType.REPLAY)).toMatchObject(usable);
    expect(await conversation.failure(0xffff_fffe)).toMatchObject(usable);
    const reference = servedKernel();
    await reference.greet();
    expect(await reference.failure(MessageType.RESTORE, new Uint8Array(8))).toMatchObject({
      ...usable,
      message: expect.stringContaining('RESTORE has 8 bytes'),
    });
  });

  it('is usable if its answer is longer than the host takes', async () => {
    const conversation = servedKernel();
    await conversation.greet({ ...helloFor(KERNEL), maxPayloadBytes: 1_000 });
    expect(await conversation.failure(MessageType.OBSERVE)).toMatchObject({
      ...{ kind: 'out-of-memory', usable: true, message: expect.stringContaining('and the host takes 1000') },
    });
  });
});

describe('the conversation', () => {
  const hello = encodeFrame(MessageType.HELLO, encodeHello(helloFor(undefined)));
  const stop = encodeFrame(MessageType.STOP);

  /** What is answered to bytes that come in such pieces, and whether the backend was given back. */
  async function converse(pieces: readonly Uint8Array[]): Promise<{ frames: Frame[]; stops: number; error: unknown }> {
    async function* input(): AsyncGenerator<Uint8Array> {
      for (const piece of pieces) yield piece;
    }
    const reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);
    const backend = new FakeBackend();
    const write = (...written: Uint8Array[]) => {
      for (const piece of written) reader.push(piece);
    };
    const options = { makeBackend: () => backend, runsOfferedKernel: false };
    const error = await serveBackend(input(), write, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const frames: Frame[] = [];
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
    return { frames, stops: backend.stops, error };
  }

  function typesOf(frames: readonly Frame[]): number[] {
    return frames.map(({ type }) => type);
  }

  const whole = Uint8Array.of(
    ...hello,
    ...encodeFrame(MessageType.START),
    ...encodeFrame(MessageType.OBSERVE),
    ...stop,
  );
  const answers = [MessageType.READY, MessageType.DONE, MessageType.WORDS, MessageType.DONE];

  it('is the same however it is cut, and ends with STOP', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), async (cuts) => {
        const pieces: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn += 1) {
          const length = cuts[turn % cuts.length];
          pieces.push(whole.slice(at, at + length));
          at += length;
        }
        const { frames, stops, error } = await converse(pieces);
        expect({ types: typesOf(frames), stops, error }).toEqual({ types: answers, stops: 1, error: undefined });
      }),
      { numRuns: 30 },
    );
  });

  it('answers nothing after STOP', async () => {
    const { frames, error } = await converse([Uint8Array.of(...hello, ...stop, ...encodeFrame(MessageType.START))]);
    expect({ types: typesOf(frames), error }).toEqual({
      types: [MessageType.READY, MessageType.DONE],
      error: undefined,
    });
  });

  it('ends with the input, which may not end in the middle of a frame', async () => {
    expect(await converse([])).toEqual({ frames: [], stops: 0, error: undefined });
    expect(await converse([hello])).toMatchObject({ stops: 1, error: undefined });
    const cut = await converse([hello, stop.subarray(0, 5)]);
    expect(cut).toMatchObject({ stops: 1, error: expect.any(WireError) });
  });

  it('ends with bytes that are no frames, after it has said so', async () => {
    const { frames, stops, error } = await converse([hello, encodeFrameHeader(MessageType.RUN, 0xffff_ffff)]);
    expect({ types: typesOf(frames), stops }).toEqual({ types: [MessageType.READY, MessageType.FAILED], stops: 1 });
    expect(decodeFailure(frames[1].payload)).toMatchObject({ kind: 'protocol', usable: false });
    expect(error).toBeInstanceOf(WireError);
  });

  it('ends with the pipe, and gives the backend back', async () => {
    const backend = new FakeBackend();
    async function* input(): AsyncGenerator<Uint8Array> {
      yield hello;
    }
    const write = () => Promise.reject(new Error('EPIPE'));
    const options = { makeBackend: () => backend, runsOfferedKernel: false };
    await expect(serveBackend(input(), write, options)).rejects.toThrow('EPIPE');
    expect(backend.stops).toBe(1);
  });
});
