/**
 * A conversation with a runner: requests out, answers in, in order, each within a deadline.
 *
 * Whatever goes wrong ends the process and becomes one fault, which every request from then on is refused with.
 */

import path from 'node:path';
import { BACKEND_FAULT_KINDS, BackendFaultError, type BackendFaultKind, checkDeadline } from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import {
  decodeFailure,
  decodeReady,
  encodeFrameHeader,
  encodeHello,
  type Failure,
  type Frame,
  FrameReader,
  type Hello,
  HOST_MAX_PAYLOAD_BYTES,
  MAX_HELLO_BYTES,
  MessageType,
  messageName,
  oneLine,
  type Ready,
  readyVersion,
  WIRE_VERSION,
  WireError,
} from '../src/wire/index.ts';
import { type ChildEnd, type ChildOptions, RunnerChild } from './runner-child.ts';

export interface RunnerOptions extends ChildOptions {
  /** What errors call it until it has said its name. Default: its program. */
  readonly name?: string;
  /** A runner that is silent for longer while a request waits counts as hung. Default 60,000. */
  readonly deadlineMs?: number;
  /** How long it has to end by itself when it is told to stop. Default 2,000. */
  readonly graceMs?: number;
}

export interface RequestOptions {
  /** Instead of the runner's. PROGRESS begins it anew. */
  readonly deadlineMs?: number;
  /** Called with the payload of each PROGRESS before the answer; borrowed. If it is none, this throws a WireError. */
  readonly onProgress?: (payload: Uint8Array) => void;
  /** What a fault that comes in the place of the answer has in its evidence. */
  readonly evidence?: () => Readonly<Record<string, string | number>>;
}

/** What an answer of each type that is an answer at all means. */
export type Decoders<Answer> = Readonly<Record<number, (payload: Uint8Array) => Answer>>;

interface Waiting {
  readonly type: number;
  readonly options: RequestOptions;
  readonly resolve: (answer: Frame) => void;
  readonly reject: (reason: unknown) => void;
}

const DEFAULT_DEADLINE_MS = 60_000;
const DEFAULT_GRACE_MS = 2_000;
/** Timers take no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const EMPTY = new Uint8Array(0);

export class RunnerProcess {
  readonly pid: number;
  readonly #child: RunnerChild;
  readonly #deadlineMs: number;
  readonly #graceMs: number;
  readonly #reader = new FrameReader(HOST_MAX_PAYLOAD_BYTES);
  readonly #waiting: Waiting[] = [];
  /** Answers by the name of what they answer. */
  readonly #answered = new Map<string, number>();
  /** What errors call it: what the host calls it, until it has said its name. */
  #name: string;
  #maxPayloadBytes = MAX_HELLO_BYTES;
  #deadline: NodeJS.Timeout | undefined;
  #fault: BackendFaultError | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws BackendFaultError if there is no such program, or it cannot be started. */
  static async spawn(options: RunnerOptions): Promise<RunnerProcess> {
    checkDeadline(options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    const name = options.name ?? nameOf(options.command);
    try {
      return new RunnerProcess(await RunnerChild.spawn(options), name, options);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const fix = 'check its path and that it may be executed; a program beside you is ./program.';
      throw new BackendFaultError(name, 'unavailable', `it cannot be started: ${reason}`, fix, {}, { cause });
    }
  }

  private constructor(child: RunnerChild, name: string, options: RunnerOptions) {
    this.#child = child;
    this.#name = name;
    this.pid = child.pid;
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    child.readOutput((piece) => this.#receive(piece));
    void child.ended.then((end) => this.#fail(this.#ended(end)));
    child.hold(false);
  }

  /** Why it takes no more requests, if it does not. */
  get fault(): BackendFaultError | undefined {
    return this.#fault;
  }

  /**
   * The first exchange, which has to come before any other.
   *
   * @throws BackendFaultError if it speaks another version, or what it says about itself cannot be.
   */
  async handshake(hello: Hello): Promise<Ready> {
    const ready = await this.ask(MessageType.HELLO, encodeHello(hello), {
      [MessageType.READY]: (payload) => {
        const version = readyVersion(payload);
        return version === WIRE_VERSION ? decodeReady(payload) : version;
      },
    });
    if (typeof ready === 'number') throw this.#fail(this.#otherVersion(ready));
    this.#name = ready.name;
    this.#maxPayloadBytes = ready.maxPayloadBytes;
    return ready;
  }

  /**
   * Sends a request and returns what its answer means. Requests may be sent before the answers to earlier ones are here.
   *
   * @param payload borrowed until the answer is here.
   * @param decoders the answers that there may be; any other, and one that its decoder refuses with a WireError, is a breach
   *   of the protocol.
   * @throws BackendFaultError if the runner failed, now or before.
   */
  async ask<Answer>(
    type: number,
    payload: Uint8Array,
    decoders: Decoders<Answer>,
    options: RequestOptions = {},
  ): Promise<Answer> {
    const answer = await this.request(type, payload, options);
    const decode = decoders[answer.type];
    if (decode === undefined) {
      throw this.breach(new WireError(`${messageName(answer.type)} is no answer to ${messageName(type)}`));
    }
    try {
      return decode(answer.payload);
    } catch (error) {
      throw error instanceof WireError ? this.breach(error) : error;
    }
  }

  /** As {@link ask}, for whoever wants the frame as it came. A FAILED is thrown here too. */
  request(type: number, payload: Uint8Array = EMPTY, options: RequestOptions = {}): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) return reject(this.#fault);
      if (payload.length > this.#maxPayloadBytes) return reject(this.#tooLong(type, payload.length));
      this.#waiting.push({ type, options, resolve, reject });
      if (this.#waiting.length === 1) this.#waitForAnswer();
      this.#child.write(encodeFrameHeader(type, payload.length), payload);
    });
  }

  /**
   * Sends the requests that `ask` asks before it returns in one write: a way into the system takes about as long as what a
   * host does for a dozen slots, and the runner is woken once.
   */
  together<Result>(ask: () => Result): Result {
    return this.#child.inOneWrite(ask);
  }

  /** Ends the runner because it broke the protocol in a way that only the reader of an answer sees; returns the fault. */
  breach(error: WireError): BackendFaultError {
    return this.#fail(this.#faultOf('protocol', error.what, error.fix, {}, { cause: error }));
  }

  /** Asks it to end, and ends it if it does not. Idempotent, and never longer than twice the grace. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#fault === undefined) {
      this.#giveUp(this.#faultOf('unavailable', 'it was stopped', 'start it again.', {}));
      this.#child.hold(true);
      this.#child.write(encodeFrameHeader(MessageType.STOP, 0));
      this.#child.closeInput();
      if (await this.#child.endsWithin(this.#graceMs)) return;
      this.#child.kill();
    }
    if (!(await this.#child.endsWithin(this.#graceMs))) this.#child.abandon();
  }

  #receive(piece: Uint8Array): void {
    // What comes after a fault is of no use to anybody, but has to be read, or the process cannot end.
    if (this.#fault !== undefined) return;
    try {
      this.#reader.push(piece);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#take(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.breach(error);
    }
  }

  #take(frame: Frame): void {
    const waiting = this.#waiting[0];
    if (this.#fault !== undefined) return;
    if (waiting === undefined) throw new WireError(`${messageName(frame.type)} came without a request`);
    if (frame.type === MessageType.PROGRESS) return this.#progress(waiting, frame.payload);
    const failure = frame.type === MessageType.FAILED ? decodeFailure(frame.payload) : undefined;
    const fault = failure === undefined ? undefined : this.#reported(failure);
    if (fault !== undefined && failure?.usable !== true) return void this.#fail(fault);
    this.#waiting.shift();
    const name = messageName(waiting.type);
    this.#answered.set(name, (this.#answered.get(name) ?? 0) + 1);
    this.#waitForAnswer();
    if (fault === undefined) waiting.resolve(frame);
    else waiting.reject(fault);
  }

  #progress({ options, reject }: Waiting, payload: Uint8Array): void {
    this.#waitForAnswer();
    try {
      options.onProgress?.(payload);
    } catch (error) {
      if (error instanceof WireError) throw error;
      // The listener's error is its caller's; the conversation goes on.
      reject(error);
    }
  }

  /** Sets the clock for the oldest request, or stops it if there is none. */
  #waitForAnswer(): void {
    this.#stopClock();
    const [waiting] = this.#waiting;
    this.#child.hold(waiting !== undefined);
    if (waiting === undefined) return;
    const deadlineMs = waiting.options.deadlineMs ?? this.#deadlineMs;
    const deadline = setTimeout(
      // If this process was busy for so long, the answer may be in the pipe: it is read before immediates have their turn.
      () => setImmediate(() => deadline === this.#deadline && this.#fail(this.#hung(waiting.type, deadlineMs))),
      Math.min(deadlineMs, MAX_TIMER_MS),
    );
    this.#deadline = deadline;
  }

  #stopClock(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /** Ends the process with a fault; the first one counts. */
  #fail(fault: BackendFaultError): BackendFaultError {
    if (this.#fault !== undefined) return this.#fault;
    this.#giveUp(fault);
    this.#child.kill();
    return fault;
  }

  #giveUp(fault: BackendFaultError): void {
    this.#fault = fault;
    this.#stopClock();
    this.#child.hold(false);
    for (const { reject } of this.#waiting.splice(0)) reject(fault);
  }

  #hung(type: number, deadlineMs: number): BackendFaultError {
    const what = `${messageName(type)} was not answered within ${deadlineMs} ms`;
    const fix = 'look for what it waits for in its last words; --deadline-ms gives it more time.';
    return this.#faultOf('hang', what, fix, { deadlineMs });
  }

  #ended({ status, signal }: ChildEnd): BackendFaultError {
    const how = signal === null ? `with status ${status}` : `by ${signal}`;
    const where = this.#reader.isBetweenFrames ? '' : ', in the middle of a frame';
    const evidence = signal === null ? { exitStatus: status ?? -1 } : { signal };
    return this.#faultOf('crash', `its process ended ${how}${where}`, 'run it by itself to see why.', evidence);
  }

  #reported({ kind, message, fix, evidence }: Failure): BackendFaultError {
    const isKnown = (BACKEND_FAULT_KINDS as readonly string[]).includes(kind);
    const known = isKnown ? (kind as BackendFaultKind) : 'crash';
    const advice = fix ?? 'see what it said, and its last words; the log is not affected.';
    return this.#faultOf(known, message, advice, { ...evidence, ...(isKnown ? {} : { kind }) });
  }

  #otherVersion(version: number): BackendFaultError {
    const what = `it speaks version ${version} of the protocol, and vrrl speaks version ${WIRE_VERSION}`;
    return this.#faultOf('unavailable', what, 'use a runner and a vrrl of the same version.', {});
  }

  #tooLong(type: number, byteCount: number): InputError {
    const what = `${messageName(type)} of ${byteCount} bytes is longer than the ${this.#maxPayloadBytes} that ${this.#name} takes`;
    return new InputError(what, 'send less at once, or raise maxPayloadBytes in its READY.');
  }

  #faultOf(
    kind: BackendFaultKind,
    what: string,
    fix: string,
    evidence: Readonly<Record<string, string | number>>,
    options?: ErrorOptions,
  ): BackendFaultError {
    const answered = [...this.#answered].map(([name, count]) => `${name} ${count}`).join(', ');
    const [waiting] = this.#waiting;
    const known = {
      ...evidence,
      ...waiting?.options.evidence?.(),
      answered: answered === '' ? 'nothing' : answered,
      ...(waiting === undefined ? {} : { request: messageName(waiting.type) }),
      ...(this.#child.errorTail === '' ? {} : { standardError: this.#child.errorTail }),
    };
    const words = lastLine(this.#child.errorTail);
    return new BackendFaultError(this.#name, kind, words === '' ? what : `${what} (“${words}”)`, fix, known, options);
  }
}

const MAX_SHOWN_WORDS = 200;

/** The last line on standard error is most often the reason. */
function lastLine(tail: string): string {
  return oneLine(tail.trimEnd().split('\n').at(-1) ?? '', MAX_SHOWN_WORDS);
}

function nameOf(command: readonly string[]): string {
  return path.basename(command[0] ?? '') || 'exec';
}
