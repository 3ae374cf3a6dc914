/** A runner as the operating system sees it: a process group, two pipes, last words. What the bytes mean is not its business. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { guard } from './runner-guard.ts';

export interface ChildOptions {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  /** Default: this process's. */
  readonly cwd?: string;
  /** Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How a process ended: with a status, or by a signal. */
export interface ChildEnd {
  readonly status: number | null;
  readonly signal: string | null;
}

/** What is kept of standard error. */
const TAIL_BYTES = 4_096;
/** A pipe that is still open this long after its process has gone is held by somebody who left the group. */
const PIPE_GRACE_MS = 1_000;

type PipedProcess = ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable };

export class RunnerChild {
  readonly pid: number;
  /** Resolves when the process is gone and everything that it wrote has been handed over. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: PipedProcess;
  #tail: Buffer = Buffer.alloc(0);
  #hasExited = false;

  /** @throws the error of the system if it cannot be started. */
  static async spawn({ command, cwd, env }: ChildOptions): Promise<RunnerChild> {
    const [program, ...args] = command;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A session, and so a group, of its own: its own children are ended with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
    });
    // Throws what 'error' brings, if that comes first.
    await once(child, 'spawn');
    return new RunnerChild(child);
  }

  private constructor(child: PipedProcess) {
    this.#process = child;
    this.pid = child.pid ?? 0;
    const unguard = guard(() => this.kill());
    child.stderr.on('data', (piece: Buffer) => this.#keepTail(piece));
    // A pipe whose other end has gone is told by the end of the process, with a reason.
    for (const each of [child, child.stdin, child.stdout, child.stderr]) each.on('error', () => {});
    child.once('exit', () => this.#afterExit());
    this.ended = new Promise((resolve) => {
      child.once('close', (status, signal) => {
        unguard();
        resolve({ status, signal });
      });
    });
  }

  /** Has standard output handed over as it comes. Until then the process waits once its pipe is full. */
  readOutput(take: (piece: Buffer) => void): void {
    this.#process.stdout.on('data', take);
  }

  /** The last words on standard error. */
  get errorTail(): string {
    return this.#tail.toString('utf8');
  }

  /** Hands bytes to the pipe, which keeps what the process has not read yet. */
  write(...pieces: readonly Uint8Array[]): void {
    const { stdin } = this.#process;
    if (!stdin.writable) return;
    this.inOneWrite(() => {
      for (const piece of pieces) if (piece.length > 0) stdin.write(piece);
    });
  }

  /** Hands over in one call to the system what `write` writes. */
  inOneWrite<Result>(write: () => Result): Result {
    const { stdin } = this.#process;
    stdin.cork();
    try {
      return write();
    } finally {
      stdin.uncork();
    }
  }

  closeInput(): void {
    this.#process.stdin.end();
  }

  /** Ends the whole group at once. */
  kill(): void {
    // Once it has been waited for, its number may be somebody else's.
    if (!this.#hasExited) this.#killGroup();
  }

  /** Whether it is gone within so many milliseconds. */
  async endsWithin(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    try {
      return await Promise.race([this.ended.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether it keeps this process from ending: only while somebody waits for it. */
  hold(isHeld: boolean): void {
    const { stdin, stdout, stderr } = this.#process;
    for (const each of [this.#process, stdin, stdout, stderr]) {
      // As pipes they are sockets, though their types do not say so.
      if (each !== this.#process && !(each instanceof Socket)) continue;
      const handle = each as ChildProcess | Socket;
      if (isHeld) handle.ref();
      else handle.unref();
    }
  }

  /** Lets go of a process that even SIGKILL does not end, such as one that waits in a driver. */
  abandon(): void {
    this.#destroyPipes();
    this.#process.unref();
  }

  #keepTail(piece: Buffer): void {
    const joined = piece.length >= TAIL_BYTES ? piece : Buffer.concat([this.#tail, piece]);
    // A copy: a view would keep the whole piece alive.
    this.#tail = Buffer.from(joined.subarray(-TAIL_BYTES));
  }

  #afterExit(): void {
    this.#hasExited = true;
    this.#killGroup();
    const timer = setTimeout(() => this.#destroyPipes(), PIPE_GRACE_MS);
    timer.unref();
    this.#process.once('close', () => clearTimeout(timer));
  }

  #killGroup(): void {
    try {
      if (process.platform === 'win32') this.#process.kill('SIGKILL');
      else process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  }

  #destroyPipes(): void {
    const { stdin, stdout, stderr } = this.#process;
    for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
  }
}
