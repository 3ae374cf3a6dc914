/**
 * A runner made of a backend: reads requests, answers each before it looks at the next.
 *
 * Bytes come and go through what the caller hands in, so this runs in a Node process, in Deno and in a page alike.
 */

import type { Backend } from '../backend/index.ts';
import { type Kernel, kernelFromJson } from '../kernel/index.ts';
import {
  decodeHello,
  encodeReady,
  type Frame,
  FrameReader,
  type Hello,
  HOST_MAX_PAYLOAD_BYTES,
  MessageType,
  messageName,
  type OfferedKernel,
  PROGRAMS_FEATURE,
  type Ready,
  WIRE_VERSION,
  WireError,
} from '../wire/index.ts';
import { broken, declined, failureOf, unusableKernel } from './failures.ts';
import { Outlet, ProgressReport, type Write } from './outlet.ts';
import { DONE, ServedBackend, type SlotJudge } from './served-backend.ts';
import { ServedPrograms } from './served-programs.ts';

export interface ServeOptions {
  /**
   * Makes the backend once the host has said HELLO. Throws a BackendFaultError of kind `unavailable` if it cannot run
   * here, or not this kernel; the host is told. The server stops the backend in the end.
   *
   * @param kernel the offered kernel; undefined if none was offered, or `runsOfferedKernel` is false.
   */
  readonly makeBackend: (hello: Hello, kernel: Kernel | undefined) => Backend | Promise<Backend>;
  /** Whether the backend runs the offered kernel, or something of its own. Default true. */
  readonly runsOfferedKernel?: boolean;
  /** What it runs on, for people. Asked once, after `makeBackend`. */
  readonly device?: () => Readonly<Record<string, string>>;
  /** Parts of the protocol, beyond what the backend's methods show, that its host may use. */
  readonly features?: readonly string[];
  /** Slots that it is happy to be checked with. */
  readonly probes?: Ready['probes'];
  /**
   * Why a slot cannot be published, for a runtime that does not allow all that fit its ring. To find out only when it is
   * published is too late: then the slots before it have been.
   */
  readonly judgeSlot?: SlotJudge;
}

/**
 * Answers requests until STOP or the end of the input.
 *
 * @throws WireError if the input is no sequence of frames, or ends in the middle of one.
 */
export async function serveBackend(
  input: AsyncIterable<Uint8Array>,
  write: Write,
  options: ServeOptions,
): Promise<void> {
  const server = new RunnerServer(write, options);
  try {
    for await (const piece of input) if (!(await server.receive(piece))) return;
    server.expectEnd();
  } finally {
    await server.close();
  }
}

/** A backend, once there is one. */
interface Served {
  readonly steps: ServedBackend;
  /** If the backend takes programs up. */
  readonly programs: ServedPrograms | undefined;
}

/** The same for whoever has bytes pushed at him. */
export class RunnerServer {
  readonly #options: ServeOptions;
  readonly #outlet: Outlet;
  readonly #reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);
  #served: Served | undefined;
  /** The longest payload that the host takes. */
  #maxAnswerBytes = HOST_MAX_PAYLOAD_BYTES;
  #isOver = false;

  constructor(write: Write, options: ServeOptions) {
    this.#outlet = new Outlet(write);
    this.#options = options;
  }

  /**
   * Takes the next bytes, and answers the requests that are whole by now; to be called again when it has resolved.
   *
   * @returns whether the conversation goes on.
   * @throws WireError if they are no frames; the host has been told.
   */
  async receive(piece: Uint8Array): Promise<boolean> {
    this.#reader.push(piece);
    try {
      for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
        await this.#outlet.send(this.#fitting(await this.#answer(frame)));
      }
    } catch (error) {
      if (error instanceof WireError) await this.#outlet.send(broken(error));
      throw error;
    }
    return !this.#isOver;
  }

  /** @throws WireError if the input must not end here. */
  expectEnd(): void {
    if (!this.#reader.isBetweenFrames) throw new WireError('the input ends in the middle of a frame');
  }

  /** Gives the backend back. Idempotent. */
  async close(): Promise<void> {
    this.#isOver = true;
    const served = this.#served;
    this.#served = undefined;
    try {
      await served?.programs?.unload();
    } finally {
      await served?.steps.backend.stop();
    }
  }

  #next(): Frame | undefined {
    return this.#isOver ? undefined : this.#reader.next();
  }

  /** There is an answer to everything. */
  async #answer({ type, payload }: Frame): Promise<Frame> {
    try {
      return await this.#handle(type, payload);
    } catch (error) {
      return failureOf(error, this.#served?.steps.backend.name ?? 'runner');
    }
  }

  #fitting(answer: Frame): Frame {
    const { length } = answer.payload;
    if (length <= this.#maxAnswerBytes) return answer;
    const what = `${messageName(answer.type)} takes ${length} bytes, and the host takes ${this.#maxAnswerBytes}`;
    return declined('out-of-memory', what, 'ask for less at once.');
  }

  #handle(type: number, payload: Uint8Array): Promise<Frame> | Frame {
    if (type === MessageType.HELLO) return this.#greet(payload);
    if (type === MessageType.STOP) return this.#stop();
    if (this.#served === undefined) {
      return declined('protocol', `${messageName(type)} came before HELLO`, 'say HELLO first.');
    }
    const { steps, programs } = this.#served;
    const unknown = declined('protocol', `it has no ${messageName(type)}`, 'ask for what READY says that it has.');
    return step(steps, type, payload) ?? this.#replay(programs, type, payload) ?? unknown;
  }

  #replay(programs: ServedPrograms | undefined, type: number, payload: Uint8Array): Promise<Frame> | undefined {
    if (type === MessageType.LOAD) return programs?.load(payload);
    if (type === MessageType.SEGMENT) return programs?.add(payload);
    if (type === MessageType.REPLAY) return programs?.replay(payload, new ProgressReport(this.#outlet));
    if (type === MessageType.UNLOAD) return programs?.unload();
    return undefined;
  }

  async #greet(payload: Uint8Array): Promise<Frame> {
    if (this.#served !== undefined) return declined('protocol', 'HELLO came twice', 'say it once.');
    const hello = decodeHello(payload);
    const { makeBackend, runsOfferedKernel = true } = this.#options;
    let kernel: Kernel | undefined;
    try {
      if (hello.kernel !== null && runsOfferedKernel) kernel = acceptKernel(hello.kernel);
    } catch (error) {
      return unusableKernel(error);
    }
    const backend = await makeBackend(hello, kernel);
    try {
      this.#served = this.#serve(backend, kernel);
    } catch (error) {
      await backend.stop();
      throw error;
    }
    this.#maxAnswerBytes = hello.maxPayloadBytes;
    return { type: MessageType.READY, payload: encodeReady(this.#ready(this.#served)) };
  }

  #serve(backend: Backend, kernel: Kernel | undefined): Served {
    const steps = new ServedBackend(backend, kernel, this.#options.judgeSlot);
    return { steps, programs: backend.load === undefined ? undefined : new ServedPrograms(steps) };
  }

  #ready({ steps, programs }: Served): Parameters<typeof encodeReady>[0] {
    const { name, slotCount, layout, epochWord, restore } = steps.backend;
    const { device = () => ({}), features = [], probes = [] } = this.#options;
    return {
      ...{ version: WIRE_VERSION, name, slotCount, layout, maxPayloadBytes: HOST_MAX_PAYLOAD_BYTES },
      ...(epochWord === undefined ? {} : { epochWord }),
      canRestore: restore !== undefined,
      kernel: steps.kernel?.identity ?? null,
      features: [...(programs === undefined ? [] : [PROGRAMS_FEATURE]), ...features],
      ...{ device: device(), probes },
    };
  }

  /** Everything has been given back by the time that the host is told so. */
  async #stop(): Promise<Frame> {
    await this.close();
    return DONE;
  }
}

function step(steps: ServedBackend, type: number, payload: Uint8Array): Promise<Frame> | undefined {
  if (type === MessageType.START) return steps.start();
  if (type === MessageType.RUN) return steps.run(payload);
  if (type === MessageType.OBSERVE) return steps.observe();
  if (type === MessageType.RESTORE && steps.backend.restore !== undefined) return steps.restore(payload);
  return undefined;
}

/** @throws KernelError if the definition is none; WireError if it is another kernel than was announced. */
function acceptKernel({ identity, definition }: OfferedKernel): Kernel {
  const kernel = kernelFromJson(definition);
  if (kernel.identity === identity) return kernel;
  throw new WireError(`the kernel's identity is said to be ${identity}, and is ${kernel.identity}`);
}
