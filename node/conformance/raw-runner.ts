/** A runner at the level of bytes, for checks that send what a well-behaved host would not. */

import {
  decodeFailure,
  encodeFrame,
  encodeHello,
  type Frame,
  FrameReader,
  type Hello,
  HOST_MAX_PAYLOAD_BYTES,
  MessageType,
  messageName,
} from '../../src/wire/index.ts';
import { RunnerChild } from '../runner-child.ts';
import { Violation } from './check.ts';

export class RawRunner {
  readonly child: RunnerChild;
  /** The payloads of every PROGRESS so far. */
  readonly progress: Uint8Array[] = [];
  readonly #reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);
  readonly #timeoutMs: number;
  #arrived: () => void = () => {};
  #hasEnded = false;

  static async spawn(command: readonly string[], timeoutMs: number): Promise<RawRunner> {
    return new RawRunner(await RunnerChild.spawn({ command }), timeoutMs);
  }

  private constructor(child: RunnerChild, timeoutMs: number) {
    this.child = child;
    this.#timeoutMs = timeoutMs;
    child.readOutput((piece) => {
      this.#reader.push(piece);
      this.#arrived();
    });
    void child.ended.then(() => {
      this.#hasEnded = true;
      this.#arrived();
    });
  }

  send(type: number, payload?: Uint8Array): void {
    this.child.write(encodeFrame(type, payload));
  }

  /**
   * The next frame but PROGRESS, or undefined if the process ends first.
   *
   * @throws Violation if nothing comes in time.
   */
  async next(toWhat: string): Promise<Frame | undefined> {
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      const frame = this.#reader.next();
      if (frame?.type === MessageType.PROGRESS) {
        this.progress.push(frame.payload);
        continue;
      }
      if (frame !== undefined || this.#hasEnded) return frame;
      const left = deadline - performance.now();
      if (left <= 0) {
        const fix = 'read whole frames, however they come, answer each, and flush standard output after it.';
        throw new Violation(`${toWhat} was not answered within ${this.#timeoutMs} ms`, fix);
      }
      await this.#somethingHappens(left);
    }
  }

  /** The answer to a request, which has to be of one type. */
  async expect(type: number, toWhat: string): Promise<Frame> {
    const frame = await this.next(toWhat);
    if (frame?.type === type) return frame;
    const seen = frame === undefined ? 'the end of the process' : described(frame);
    throw new Violation(`the answer to ${toWhat} is ${seen}`, `answer with ${messageName(type)}.`);
  }

  /** Shakes hands and starts. */
  async begin(hello: Hello): Promise<void> {
    this.send(MessageType.HELLO, encodeHello(hello));
    await this.expect(MessageType.READY, 'HELLO');
    await this.exchange(MessageType.START, MessageType.DONE);
  }

  async exchange(request: number, answer: number, payload?: Uint8Array): Promise<Uint8Array> {
    this.send(request, payload);
    return (await this.expect(answer, messageName(request))).payload;
  }

  /** @throws Violation unless it ends by itself, with status 0. */
  async expectEnd(afterWhat: string): Promise<string> {
    const fix = 'end with status 0 after STOP, and when standard input ends.';
    if (!(await this.child.endsWithin(this.#timeoutMs))) {
      throw new Violation(`it still runs ${this.#timeoutMs} ms after ${afterWhat}`, fix);
    }
    const { status, signal } = await this.child.ended;
    if (status === 0) return `ends with status 0 after ${afterWhat}`;
    throw new Violation(
      `it ends ${signal === null ? `with status ${status}` : `by ${signal}`} after ${afterWhat}`,
      fix,
    );
  }

  async close(): Promise<void> {
    this.child.kill();
    if (!(await this.child.endsWithin(this.#timeoutMs))) this.child.abandon();
  }

  #somethingHappens(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function described({ type, payload }: Frame): string {
  const name = messageName(type);
  return type === MessageType.FAILED ? `${name}: ${decodeFailure(payload).message}` : name;
}
