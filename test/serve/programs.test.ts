import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  Backend,
  LoadedProgram,
  ProgramResult,
  ProgramRunOptions,
  ReplayProgram,
} from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import {
  decodeReplayProgress,
  encodeLoad,
  encodeReplay,
  encodeSegment,
  MessageType,
  PROGRAMS_FEATURE,
} from '../../src/wire/index.ts';
import { FIT, meaningOf, programs, SIGNATURE_WORDS } from '../wire/programs.ts';
import { Conversation } from './conversation.ts';

const { snapshotWords } = FIT.layout;
const { LOAD, SEGMENT, REPLAY, REPLAYED, UNLOAD, DONE, PROGRESS } = MessageType;
const ONCE = encodeReplay({ mode: 'chained', replicas: 1 });

/** Takes programs up and does nothing with them; the layout is that of the generated programs. */
class TakingBackend implements Backend {
  readonly name = 'taking';
  readonly slotCount: number = FIT.slotCount;
  readonly layout = FIT.layout.source;
  readonly taken: ReplayProgram[] = [];
  readonly released: ReplayProgram[] = [];
  /** What `load` does before it takes a program up; undefined declines it. */
  onLoad: () => Promise<boolean> = async () => true;
  onRun: (options: ProgramRunOptions) => Promise<void> = async () => {};

  start(): void {}
  publish(): void {}
  drain(): { done: number; pending: number[]; faults: never[] } {
    return { done: 0, pending: [], faults: [] };
  }
  observe(): void {}
  stop(): void {}

  async load(program: ReplayProgram): Promise<LoadedProgram | undefined> {
    if (!(await this.onLoad())) return undefined;
    this.taken.push(program);
    return { run: (options) => this.#run(program, options), release: () => void this.released.push(program) };
  }

  async #run({ head }: ReplayProgram, options: ProgramRunOptions): Promise<ProgramResult> {
    await this.onRun(options);
    return {
      totals: new Uint32Array(8 * head.epochCount),
      captured: [],
      ...{ replicasRun: options.replicas, replicasCompared: 0, replicasDiverged: 0 },
      ...{ shape: 'wide', deviceMs: undefined },
    };
  }
}

async function talkTo(backend: Backend, afterWrite?: () => Promise<void>): Promise<Conversation> {
  const options = { makeBackend: () => backend, runsOfferedKernel: false };
  const conversation = new Conversation(options, afterWrite);
  await conversation.greet();
  return conversation;
}

function payloadsOf(program: ReplayProgram, words = 30): Uint8Array[] {
  return [...program.segments(words)].map((segment) => encodeSegment(segment, program.head, snapshotWords));
}

async function send(conversation: Conversation, program: ReplayProgram, words?: number): Promise<void> {
  await conversation.ask(LOAD, DONE, encodeLoad(program.head));
  for (const payload of payloadsOf(program, words)) await conversation.ask(SEGMENT, DONE, payload);
}

/** A program of some epochs and several segments, always the same. */
const [SOME] = fc.sample(
  programs.filter(({ head, segments }) => head.epochCount > 3 && [...segments(30)].length > 2),
  { seed: 7, numRuns: 1 },
);

describe('a program', () => {
  it('arrives as it was sent, and can be cut anew as often as the backend likes', async () => {
    await fc.assert(
      fc.asyncProperty(
        programs,
        fc.nat(200),
        fc.array(fc.nat(2_000), { minLength: 1 }),
        async (program, sent, asked) => {
          const backend = new TakingBackend();
          await send(await talkTo(backend), program, sent);
          const [taken] = backend.taken;
          expect(taken.head).toEqual(program.head);
          const meant = meaningOf(program.head, program.segments(1));
          for (const words of [0, ...asked, 2 ** 30]) {
            const segments = [...taken.segments(words)];
            expect(meaningOf(program.head, segments)).toEqual(meant);
            if (words === 2 ** 30) expect(segments.length).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is handed over with its last epoch, and replayed after that', async () => {
    const backend = new TakingBackend();
    const conversation = await talkTo(backend);
    await conversation.ask(LOAD, DONE, encodeLoad(SOME.head));
    for (const payload of payloadsOf(SOME)) {
      expect(backend.taken).toHaveLength(0);
      expect(await conversation.failure(REPLAY, ONCE)).toMatchObject({ usable: true, message: 'no program is loaded' });
      await conversation.ask(SEGMENT, DONE, payload);
    }
    expect(backend.taken).toHaveLength(1);
    await conversation.ask(REPLAY, REPLAYED, ONCE);
    await conversation.ask(REPLAY, REPLAYED, ONCE);
    expect(await conversation.failure(SEGMENT, payloadsOf(SOME)[0])).toMatchObject({ usable: true });
  });

  it('without epochs is complete with LOAD', async () => {
    const backend = new TakingBackend();
    const conversation = await talkTo(backend);
    const head = { epochCount: 0, slotCount: 0, slotWords: 8, signatureWords: SIGNATURE_WORDS };
    await conversation.ask(LOAD, DONE, encodeLoad(head));
    expect([...backend.taken[0].segments(10)]).toEqual([]);
    await conversation.ask(REPLAY, REPLAYED, ONCE);
  });

  it('is given back by UNLOAD, by the next LOAD and in the end, each time once', async () => {
    const backend = new TakingBackend();
    const conversation = await talkTo(backend);
    await send(conversation, SOME);
    await conversation.ask(UNLOAD, DONE);
    await conversation.ask(UNLOAD, DONE);
    expect(backend.released).toHaveLength(1);
    expect(await conversation.failure(REPLAY, ONCE)).toMatchObject({ usable: true });
    await send(conversation, SOME);
    await send(conversation, SOME);
    expect(backend.released).toHaveLength(2);
    await conversation.ask(MessageType.STOP, DONE);
    expect(backend.released).toEqual(backend.taken);
  });

  it('may be declined, which is no fault', async () => {
    const backend = new TakingBackend();
    const conversation = await talkTo(backend);
    backend.onLoad = async () => false;
    await conversation.ask(LOAD, DONE, encodeLoad(SOME.head));
    const payloads = payloadsOf(SOME);
    for (const payload of payloads.slice(0, -1)) await conversation.ask(SEGMENT, DONE, payload);
    const declined = await conversation.failure(SEGMENT, payloads.at(-1));
    expect(declined).toMatchObject({ kind: 'unavailable', usable: true });
    expect(await conversation.failure(REPLAY, ONCE)).toMatchObject({ kind: 'protocol', usable: true });
    backend.onLoad = async () => true;
    await send(conversation, SOME);
    await conversation.ask(REPLAY, REPLAYED, ONCE);
  });

  it('that breaks the backend is a crash of the segment that completed it', async () => {
    const backend = new TakingBackend();
    const conversation = await talkTo(backend);
    backend.onLoad = () => Promise.reject(new Error('out of buffers'));
    await conversation.ask(LOAD, DONE, encodeLoad(SOME.head));
    const payloads = payloadsOf(SOME);
    for (const payload of payloads.slice(0, -1)) await conversation.ask(SEGMENT, DONE, payload);
    expect(await conversation.failure(SEGMENT, payloads.at(-1))).toMatchObject({
      ...{ kind: 'crash', usable: false, message: 'it threw: out of buffers' },
    });
  });

  it('is a feature of those backends that have it', async () => {
    const taking = new Conversation({ makeBackend: () => new TakingBackend(), runsOfferedKernel: false });
    expect((await taking.greet()).features).toEqual([PROGRAMS_FEATURE]);
    const { load, ...stepping } = new TakingBackend();
    const methods = { start() {}, publish() {}, drain: () => new TakingBackend().drain(), observe() {}, stop() {} };
    const stepped = await talkTo({ ...stepping, ...methods });
    expect(await stepped.failure(LOAD, encodeLoad(SOME.head))).toMatchObject({ kind: 'protocol', usable: true });
  });
});

describe('a replay', () => {
  async function loaded(afterWrite?: () => Promise<void>): Promise<{ backend: TakingBackend; host: Conversation }> {
    const backend = new TakingBackend();
    const host = await talkTo(backend, afterWrite);
    await send(host, SOME);
    return { backend, host };
  }

  it('is asked for what the host asks for', async () => {
    const { backend, host } = await loaded();
    const asked: ProgramRunOptions[] = [];
    backend.onRun = async (options) => void asked.push(options);
    const request = { mode: 'chained', replicas: 5, firstReplica: 7, shape: 'resident', stress: { seed: 9 } } as const;
    await host.ask(REPLAY, REPLAYED, encodeReplay({ ...request, expectationsAreReplays: true }));
    expect(asked).toMatchObject([{ ...request, expectationsAreReplays: true }]);
  });

  it('is not asked of the backend where it cannot be', async () => {
    const { backend, host } = await loaded();
    const isolated = encodeReplay({ mode: 'isolated', replicas: 1 });
    expect(await host.failure(REPLAY, isolated)).toMatchObject({ kind: 'unavailable', usable: true });
    expect(await host.failure(REPLAY, new Uint8Array(0))).toMatchObject({ kind: 'protocol', usable: true });
    backend.onRun = () => Promise.reject(new InputError('there is no stress setting "gravity"', 'use another.'));
    expect(await host.failure(REPLAY, ONCE)).toMatchObject({ kind: 'unavailable', usable: true });
    backend.onRun = async () => {};
    await host.ask(REPLAY, REPLAYED, ONCE);
  });

  it('tells how far it is: at once, not at every epoch, and in the end how many there were', async () => {
    const { backend, host } = await loaded();
    backend.onRun = async ({ onProgress }) => {
      for (let epochs = 1; epochs <= 10_000; epochs += 1) onProgress?.(epochs);
    };
    const frames = await host.frames(REPLAY, encodeReplay({ mode: 'chained', replicas: 2_000 }));
    expect(frames.at(-1)?.type).toBe(REPLAYED);
    const told = frames.slice(0, -1).map(({ type, payload }) => {
      expect(type).toBe(PROGRESS);
      return decodeReplayProgress(payload);
    });
    const total = 2_000 * SOME.head.epochCount;
    expect(told[0]).toEqual({ done: 1, total });
    expect(told.at(-1)).toEqual({ done: 10_000, total });
    expect(told.length).toBeLessThan(1_000);
    for (const [index, { done }] of told.entries()) if (index > 0) expect(done).toBeGreaterThan(told[index - 1].done);
  });

  it('never has a frame written into another, however slow the pipe is', async () => {
    let inPipe = 0;
    let most = 0;
    const { backend, host } = await loaded(async () => {
      inPipe += 1;
      most = Math.max(most, inPipe);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inPipe -= 1;
    });
    backend.onRun = async ({ onProgress }) => {
      for (let epochs = 1; epochs <= 40; epochs += 1) {
        onProgress?.(epochs);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const frames = await host.frames(REPLAY, ONCE);
    expect(frames.at(-1)?.type).toBe(REPLAYED);
    expect(decodeReplayProgress(frames.at(-2)!.payload).done).toBe(40);
    expect(most).toBe(1);
  });
});
