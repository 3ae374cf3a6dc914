/** What the command line talks to, so that tests and the fuzzer can be the other side. */

import pc from 'picocolors';
import { VrrlError } from '../src/base/errors.ts';

export interface Io {
  /**
   * Data. Returns when it is with the system: a reader that is slow slows the writer down.
   *
   * @throws ReaderGone, OutputError
   */
  write(text: string): Promise<void>;
  /** The same for data that is no text. */
  writeBytes(bytes: Uint8Array): Promise<void>;
  /** Everything that is not data: progress, summaries of what was done, errors. Never throws. */
  note(text: string): void;
  /** Standard input. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `write` goes to a terminal, and whether `note` does. */
  readonly writesToTerminal: boolean;
  readonly notesToTerminal: boolean;
  /** Characters of a line of the terminal that `write` goes to; absent if that is not known. */
  readonly columns?: number | undefined;
}

/** Thrown out of `write` when nobody reads any more, as with `vrrl dump run.vrrl | head`. Not an error. */
export class ReaderGone extends Error {}

/** Standard output takes no more, and not because its reader left: a disk is full. */
export class OutputError extends VrrlError {
  readonly code = 'VRRL_OUTPUT';

  constructor(cause: Error) {
    const fix = 'free some space where it goes, or send it elsewhere; what was printed is not whole.';
    super(`standard output cannot be written: ${cause.message}`, fix, { cause });
  }
}

/** The process's own streams. */
export function processIo(): Io {
  const { stdout, stderr, stdin } = process;
  // Without a listener a failed write would end the process. Those of stdout reach whoever wrote; of one to stderr there
  // is nobody left to tell.
  for (const stream of [stdout, stderr]) stream.on('error', () => {});
  const write = (data: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      stdout.write(data, (error) => (error ? reject(whyNotWritten(error)) : resolve()));
    });
  return {
    write,
    writeBytes: write,
    note: (text) => void stderr.write(text),
    input: stdin,
    env: process.env,
    writesToTerminal: stdout.isTTY === true,
    notesToTerminal: stderr.isTTY === true,
    columns: stdout.isTTY === true ? stdout.columns : undefined,
  };
}

function whyNotWritten(error: NodeJS.ErrnoException): Error {
  const isGone = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
  return isGone ? new ReaderGone() : new OutputError(error);
}

export type Colours = ReturnType<typeof pc.createColors>;

/** Colours for data: only on a terminal, never with NO_COLOR, always with FORCE_COLOR. */
export function coloursOf(io: Io): Colours {
  const isForced = isSet(io.env['FORCE_COLOR']) && io.env['FORCE_COLOR'] !== '0';
  const isForbidden = isSet(io.env['NO_COLOR']);
  return pc.createColors(!isForbidden && (isForced || io.writesToTerminal));
}

/** The same, but for colours: what `--no-color` asks for. */
export function withoutColours(io: Io): Io {
  return { ...io, env: { ...io.env, NO_COLOR: '1' } };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
