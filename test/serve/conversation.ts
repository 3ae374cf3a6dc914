/** A host in this thread, in front of a server: frames in, frames out, no pipes. */

import { RunnerServer, type ServeOptions } from '../../src/serve/index.ts';
import {
  decodeFailure,
  decodeReady,
  encodeFrame,
  encodeHello,
  type Failure,
  type Frame,
  FrameReader,
  type Hello,
  HOST_MAX_PAYLOAD_BYTES,
  helloFor,
  MessageType,
  type Ready,
} from '../../src/wire/index.ts';

export class Conversation {
  readonly server: RunnerServer;
  readonly #reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);

  /** @param afterWrite awaited by the server after each frame, as a slow pipe would make it wait. */
  constructor(options: ServeOptions, afterWrite?: () => Promise<void>) {
    this.server = new RunnerServer((...pieces) => {
      for (const piece of pieces) this.#reader.push(piece);
      return afterWrite?.();
    }, options);
  }

  /** Everything that the server says to a request. */
  async frames(type: number, payload?: Uint8Array): Promise<Frame[]> {
    await this.server.receive(encodeFrame(type, payload));
    return this.heard();
  }

  /** What was said since the last time. */
  heard(): Frame[] {
    const frames: Frame[] = [];
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) frames.push(frame);
    return frames;
  }

  /** The only answer to a request, which has to be of that type. */
  async ask(type: number, answer: number, payload?: Uint8Array): Promise<Uint8Array> {
    const frames = await this.frames(type, payload);
    const answers = frames.filter((frame) => frame.type !== MessageType.PROGRESS);
    const [only] = answers;
    if (answers.length !== 1 || only?.type !== answer) {
      const seen = answers.map((each) => (each.type === MessageType.FAILED ? decodeFailure(each.payload) : each.type));
      throw new Error(`${type} was answered with ${JSON.stringify(seen)}`);
    }
    return only.payload;
  }

  async failure(type: number, payload?: Uint8Array): Promise<Failure> {
    return decodeFailure(await this.ask(type, MessageType.FAILED, payload));
  }

  async greet(hello: Hello = helloFor(undefined)): Promise<Ready> {
    return decodeReady(await this.ask(MessageType.HELLO, MessageType.READY, encodeHello(hello)));
  }
}
