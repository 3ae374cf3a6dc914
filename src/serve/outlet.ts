/** Frames on their way out, one after the other. */

import { isPromise } from '../backend/index.ts';
import { encodeFrameHeader, encodeReplayProgress, type Frame, MessageType, type Progress } from '../wire/index.ts';

/** Takes a frame in pieces. They are not changed afterwards, so they may wait in a pipe. */
export type Write = (...pieces: Uint8Array[]) => Promise<void> | void;

export class Outlet {
  readonly #write: Write;
  /** A frame that was offered and has not left yet. */
  #offered: Promise<void> | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Resolves when the frame has left. */
  async send({ type, payload }: Frame): Promise<void> {
    await this.#offered;
    await this.#write(encodeFrameHeader(type, payload.length), payload);
  }

  /** Sends a frame that nobody waits for, unless one is still on its way; whether it did. */
  offer({ type, payload }: Frame): boolean {
    if (this.#offered !== undefined) return false;
    const writing = this.#write(encodeFrameHeader(type, payload.length), payload);
    if (isPromise(writing)) this.#offered = this.#untilLeft(writing);
    return true;
  }

  #untilLeft(writing: Promise<void>): Promise<void> {
    const leaving = writing.then(() => {
      this.#offered = undefined;
    });
    // Whoever sends the next frame is told; until then nobody listens.
    leaving.catch(() => {});
    return leaving;
  }
}

/** A backend may say how far it is after every epoch; the host wants to know that it is alive. */
const PROGRESS_MS = 50;

/** How far one REPLAY is. */
export class ProgressReport {
  readonly #outlet: Outlet;
  #latest: Progress | undefined;
  #sent: Progress | undefined;
  #sentMs = Number.NEGATIVE_INFINITY;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  report(progress: Progress): void {
    this.#latest = progress;
    const now = performance.now();
    if (now - this.#sentMs < PROGRESS_MS || !this.#outlet.offer(frameOf(progress))) return;
    this.#sent = progress;
    this.#sentMs = now;
  }

  /** Sends the last word, if it was left out. */
  async finish(): Promise<void> {
    if (this.#latest !== undefined && this.#latest !== this.#sent) await this.#outlet.send(frameOf(this.#latest));
  }
}

function frameOf(progress: Progress): Frame {
  return { type: MessageType.PROGRESS, payload: encodeReplayProgress(progress) };
}
