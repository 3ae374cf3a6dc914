/** The other side of the command line: what a terminal, pipes and an environment are to the process. */

import { expect } from 'vitest';
import type { Io } from '../../cli/io.ts';
import { runCli } from '../../cli/program.ts';

export interface FakeOptions {
  /** What is on standard input, in these pieces. Nothing: reading it fails the test. */
  readonly input?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether standard output is a terminal. Standard error never is: a progress bar would write to the real one. */
  readonly terminal?: boolean;
  /** Characters of its lines. Default: nobody knows. */
  readonly columns?: number;
  /** Told what goes to standard output, as it goes. */
  readonly onWrite?: (text: string) => void;
  /** Told of every note as it is made. */
  readonly onNote?: (text: string) => void;
}

/** A whole run, as its caller sees it. */
export interface Run {
  readonly exitCode: number;
  /** What went to standard output. */
  readonly out: string;
  /** What went to standard error. */
  readonly err: string;
}

/** A run in this process. */
export interface FakeRun extends Run {
  /** What went to standard output and is no text. */
  readonly bytes: Uint8Array;
}

/** Runs a command line in this process, and checks what holds for every run. */
export async function vrrl(argv: readonly string[], options: FakeOptions = {}): Promise<FakeRun> {
  const out: string[] = [];
  const err: string[] = [];
  const pieces: Uint8Array[] = [];
  const io: Io = {
    write: async (text) => {
      out.push(text);
      options.onWrite?.(text);
    },
    writeBytes: async (bytes) => void pieces.push(bytes.slice()),
    note: (text) => {
      err.push(text);
      options.onNote?.(text);
    },
    input: inputOf(options.input),
    env: options.env ?? {},
    writesToTerminal: options.terminal === true,
    notesToTerminal: false,
    ...(options.columns === undefined ? {} : { columns: options.columns }),
  };
  const exitCode = await runCli(argv, io);
  const run = { exitCode, out: out.join(''), err: err.join(''), bytes: Buffer.concat(pieces) };
  expectConventions(argv, run);
  return run;
}

/** What every run owes its caller, whatever it was asked to do. */
export function expectConventions(argv: readonly string[], { exitCode, out, err }: Run): void {
  const what = `vrrl ${argv.join(' ')}\n${err}`;
  expect([0, 1, 2, 3, 4], what).toContain(exitCode);
  expect(err, what).not.toContain('this is a bug in vrrl');
  // A message goes on until the next one: what somebody's module says may have several lines.
  const messages = `\n${err.trimEnd()}`.split('\nvrrl: ').slice(1);
  for (const message of messages) expect(message, what).toMatch(/\. Fix: .*[.?)]$/);
  if (exitCode === 2) {
    expect(messages, `${what} is refused, once`).toHaveLength(1);
    expect(out, `${what} is refused, but there is data`).toBe('');
  }
}

/** The same for a command that prints one JSON object. */
export async function vrrlJson(argv: readonly string[], options: FakeOptions = {}): Promise<Run & { json: unknown }> {
  const run = await vrrl(argv, options);
  return { ...run, json: JSON.parse(run.out) };
}

async function* inputOf(pieces: FakeOptions['input']): AsyncGenerator<Uint8Array> {
  if (pieces === undefined) throw new Error('standard input was read, though nothing is on it');
  for await (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}
