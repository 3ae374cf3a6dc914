/** Where a runner's frames go, and what ends it with its host. */

import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';

const STANDARD_OUTPUT = 1;

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

/** Where a process keeps its parent's number when that has gone, as in Windows, nothing comes of this. */
export function endWithHost(): void {
  const watch = new Worker(new URL('orphan-watch.js', import.meta.url));
  // Without it everything works but this.
  watch.on('error', () => {});
  watch.unref();
}
