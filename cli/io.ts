/** What the command line talks to, so that tests and the fuzzer can be the other side. */

import { once } from 'node:events';
import pc from 'picocolors';

export interface Io {
  /** Data. Returns when more may be written: a reader that is slow slows the writer down. */
  write(text: string): Promise<void>;
  /** Everything that is not data: progress, summaries of what was done, errors. */
  note(text: string): void;
  /** Standard input. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `write` goes to a terminal, and whether `note` does. */
  readonly writesToTerminal: boolean;
  readonly notesToTerminal: boolean;
}

/** Thrown out of `write` when nobody reads any more, as with `vrrl dump run.vrrl | head`. Not an error. */
export class ReaderGone extends Error {}

/** The process's own streams. */
export function processIo(): Io {
  const { stdout, stderr, stdin } = process;
  let isGone = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isGone = true;
  });
  return {
    async write(text) {
      if (isGone) throw new ReaderGone();
      if (stdout.write(text)) return;
      // The error that says that the pipe is closed ends the waiting too.
      await Promise.race([once(stdout, 'drain'), once(stdout, 'close'), once(stdout, 'error')]).catch(() => {});
      if (isGone) throw new ReaderGone();
    },
    note: (text) => void stderr.write(text),
    input: stdin,
    env: process.env,
    writesToTerminal: stdout.isTTY === true,
    notesToTerminal: stderr.isTTY === true,
  };
}

/** Colours for one of the two streams: only on a terminal, never with NO_COLOR, always with FORCE_COLOR. */
export function coloursFor(io: Io, toTerminal: boolean, wanted = true): ReturnType<typeof pc.createColors> {
  const forced = isSet(io.env['FORCE_COLOR']) && io.env['FORCE_COLOR'] !== '0';
  const forbidden = !wanted || isSet(io.env['NO_COLOR']);
  return pc.createColors(!forbidden && (forced || toTerminal));
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
