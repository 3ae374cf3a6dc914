/** The pipes of a runner: requests in, frames out, and an end to the process when its host has gone. */

import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

const STANDARD_OUTPUT = 1;
/** How long a request may take that nobody waits for any more; the time that a host would give it. */
const GRACE_MS = 2_000;
/** Requests that wait while one is answered; a host that has sent more has to wait itself. */
const MOST_WAITING_BYTES = 2 ** 26;

/** Standard output, or the descriptor that the host has put its pipe on so that nobody else prints there. */
export function frameOutput(descriptor: number): Writable {
  return descriptor === STANDARD_OUTPUT ? process.stdout : new Socket({ fd: descriptor });
}

/** Resolves when the pipe has taken all of it. */
export function writeAll(output: Writable, pieces: readonly Uint8Array[]): Promise<void> {
  const last = pieces.length - 1;
  for (const piece of pieces.slice(0, last)) output.write(piece);
  return new Promise((resolve, reject) => {
    output.write(pieces[last], (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Requests as they come. They are read while one is answered, too: where the host has gone there is nobody to end a
 * process that waits for a driver, so it ends itself.
 */
export async function* requestPieces(input: Readable): AsyncGenerator<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let hasEnded = false;
  let wake = () => {};
  input.on('data', (piece: Uint8Array) => {
    waiting.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes > MOST_WAITING_BYTES) input.pause();
    wake();
  });
  const end = () => {
    if (!hasEnded) setTimeout(() => process.exit(1), GRACE_MS);
    hasEnded = true;
    wake();
  };
  for (const event of ['end', 'close', 'error']) input.on(event, end);
  for (;;) {
    const piece = waiting.shift();
    if (piece !== undefined) {
      waitingBytes -= piece.length;
      if (waitingBytes <= MOST_WAITING_BYTES) input.resume();
      yield piece;
    } else if (hasEnded) return;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
