/** The other side of the command line while it is fuzzed: standard streams in memory, now and then broken. */

import { type Io, OutputError, ReaderGone } from '../cli/io.ts';
import type { Random } from './command-line-files.ts';

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** Standard output was closed or full on purpose, so what is there may be cut anywhere. */
  readonly wasInterrupted: boolean;
  /** Promises that failed and were nobody's. */
  readonly rejections: readonly string[];
}

/** Runs against standard streams of its own. The real standard input is never read. */
export async function runWithFakeIo(
  random: Random,
  input: Uint8Array,
  run: (io: Io) => Promise<number>,
): Promise<Outcome> {
  const out: string[] = [];
  const err: string[] = [];
  const rejections: string[] = [];
  const breakage = random() % 16;
  let wasInterrupted = false;
  const io: Io = {
    async write(text) {
      if (breakage > 1 || random() % 2 === 0) return void out.push(text);
      wasInterrupted = true;
      throw breakage === 0 ? new ReaderGone() : new OutputError(new Error('ENOSPC: no space left on device, write'));
    },
    async writeBytes() {},
    note: (text) => void err.push(text),
    input: pieces(input, 1 + (random() % 200)),
    env: [{}, { NO_COLOR: '1' }, { FORCE_COLOR: '1' }][random() % 3],
    writesToTerminal: random() % 4 === 0,
    // A progress bar would write to the real standard error.
    notesToTerminal: false,
  };
  const onRejection = (reason: unknown) => void rejections.push(String(reason));
  process.on('unhandledRejection', onRejection);
  try {
    const exitCode = await run(io);
    // Rejections are reported once the queue of promises is empty.
    await new Promise((resolve) => setImmediate(resolve));
    return { exitCode, out: out.join(''), err: err.join(''), wasInterrupted, rejections };
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}
