/**
 * A runner made of a backend: reads requests, answers each before it looks at the next.
 *
 * Bytes come and go through what the caller hands in, so this runs in a Node process, in Deno and in a page alike.
 */

import type { Backend } from '../backend/index.ts';
import { type Kernel, kernelFromJson } from '../kernel/index.ts';
import {
  decodeHello,
  encodeFrameHeader,
  encodeReady,
  type Frame,
  FrameReader,
  type Hello,
  HOST_MAX_PAYLOAD_BYTES,
  MessageType,
  messageName,
  type OfferedKernel,
  type Ready,
  WIRE_VERSION,
  WireError,
} from '../wire/index.ts';
import { declined, failureOf, unusableKernel } from './failures.ts';
import { DONE, ServedBackend, type SlotJudge } from './served-backend.ts';

/** Takes a frame in pieces. They are not changed afterwards, so they may wait in a pipe. */
export type Write = (...pieces: Uint8Array[]) => Promise<void> | void;

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

/** The same for whoever has bytes pushed at him. */
export class RunnerServer {
  readonly #write: Write;
  readonly #options: ServeOptions;
  readonly #reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);
  #served: ServedBackend | undefined;
  #isOver = false;

  constructor(write: Write, options: ServeOptions) {
    this.#write = write;
    this.#options = options;
  }

  /**
   * Takes the next bytes, and answers the requests that are whole by now; to be called again when it has resolved.
   *
   * @returns whether the conversation goes on.
   * @throws WireError if they are no frames.
   */
  async receive(piece: Uint8Array): Promise<boolean> {
    this.#reader.push(piece);
    for (let frame = this.#next(); frame !== undefined && !this.#isOver; frame = this.#next()) {
      await this.#send(await this.#answer(frame));
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
    await served?.backend.stop();
  }

  #next(): Frame | undefined {
    return this.#isOver ? undefined : this.#reader.next();
  }

  /** There is an answer to everything. */
  async #answer({ type, payload }: Frame): Promise<Frame> {
    try {
      return await this.#handle(type, payload);
    } catch (error) {
      return failureOf(error, this.#served?.backend.name ?? 'runner');
    }
  }

  #handle(type: number, payload: Uint8Array): Promise<Frame> | Frame {
    if (type === MessageType.HELLO) return this.#greet(payload);
    if (type === MessageType.STOP) return this.#stop();
    const served = this.#served;
    if (served === undefined) return declined('protocol', `${messageName(type)} came before HELLO`, 'say HELLO first.');
    if (type === MessageType.START) return served.start();
    if (type === MessageType.RUN) return served.run(payload);
    if (type === MessageType.OBSERVE) return served.observe();
    if (type === MessageType.RESTORE && served.backend.restore !== undefined) return served.restore(payload);
    const fix = 'ask only for what READY says that it has.';
    return declined('protocol', `${messageName(type)} is no request that it knows`, fix);
  }

  async #greet(payload: Uint8Array): Promise<Frame> {
    if (this.#served !== undefined) return declined('protocol', 'HELLO came twice', 'say it once.');
    const hello = decodeHello(payload);
    const { makeBackend, runsOfferedKernel = true, judgeSlot } = this.#options;
    let kernel: Kernel | undefined;
    try {
      if (hello.kernel !== null && runsOfferedKernel) kernel = acceptKernel(hello.kernel);
    } catch (error) {
      return unusableKernel(error);
    }
    this.#served = new ServedBackend(await makeBackend(hello, kernel), kernel, judgeSlot);
    return { type: MessageType.READY, payload: encodeReady(this.#ready(this.#served)) };
  }

  #ready({ backend, kernel }: ServedBackend): Parameters<typeof encodeReady>[0] {
    const { name, slotCount, layout, epochWord } = backend;
    const { device = () => ({}), features = [], probes = [] } = this.#options;
    return {
      ...{ version: WIRE_VERSION, name, slotCount, layout, maxPayloadBytes: HOST_MAX_PAYLOAD_BYTES },
      ...(epochWord === undefined ? {} : { epochWord }),
      canRestore: backend.restore !== undefined,
      kernel: kernel?.identity ?? null,
      ...{ features, device: device(), probes },
    };
  }

  /** Everything has been given back by the time that the host is told so. */
  async #stop(): Promise<Frame> {
    await this.close();
    return DONE;
  }

  async #send({ type, payload }: Frame): Promise<void> {
    await this.#write(encodeFrameHeader(type, payload.length), payload);
  }
}

/** @throws KernelError if the definition is none; WireError if it is another kernel than was announced. */
function acceptKernel({ identity, definition }: OfferedKernel): Kernel {
  const kernel = kernelFromJson(definition);
  if (kernel.identity === identity) return kernel;
  throw new WireError(`the kernel's identity is said to be ${identity}, and is ${kernel.identity}`);
}
