import type { FindingList } from './findings.ts';
import type { Salt } from './frame-buffer.ts';
import type { Frame, FrameReader } from './frame-reader.ts';
import { FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, FrameKind, MAX_HEADER_BYTES } from './stream-format.ts';

/**
 * Summing payloads that turn out damaged may cost this many times the storage's size. A frame that fails is looked
 * through for frames inside it, which finds what is left of a stream that lost bytes; without a limit, nested headers
 * made on purpose would cost time in the square of the size. Beyond it a failed frame is skipped whole.
 */
const FAILED_SUM_BUDGET = 4;

/** The first intact header frame, wherever damage before it lets it start; `undefined` if there is none. */
export function findHeader(frames: FrameReader): Frame | undefined {
  const budget = new SumBudget(frames);
  for (let position = 0; position + FRAME_HEADER_BYTES <= frames.size; ) {
    const frame = frames.frameAt(position);
    const isHeader = frame?.kind === FrameKind.HEADER && frame.payloadBytes <= MAX_HEADER_BYTES;
    if (frame === undefined || !isHeader) {
      position += FRAME_ALIGNMENT_BYTES;
      continue;
    }
    if (frames.isIntact(frame)) return frame;
    position = budget.positionAfterFailed(frame);
  }
  return undefined;
}

/**
 * Calls `onFrame` for every intact frame of the stream that `salt` names, in order of position and sequence, and notes
 * everything else as a finding. Returns the last frame.
 */
export function scanFrames(
  frames: FrameReader,
  salt: Salt,
  findings: FindingList,
  onFrame: (frame: Frame) => void,
): Frame | undefined {
  const budget = new SumBudget(frames);
  const gap = new Gap(findings);
  let last: Frame | undefined;
  for (let position = 0; position + FRAME_HEADER_BYTES <= frames.size; ) {
    const frame = frames.frameAt(position);
    if (frame === undefined) {
      position += FRAME_ALIGNMENT_BYTES;
    } else if (frame.salt[0] !== salt[0] || frame.salt[1] !== salt[1]) {
      gap.foreignFrames++;
      position += FRAME_ALIGNMENT_BYTES;
    } else if (!frames.isIntact(frame)) {
      position = budget.positionAfterFailed(frame);
    } else if (last !== undefined && frame.sequence <= last.sequence) {
      gap.staleFrames++;
      position = frame.end;
    } else {
      gap.close(last, frame, frame.position);
      onFrame(frame);
      last = frame;
      position = frame.end;
    }
  }
  gap.close(last, undefined, frames.size);
  return last;
}

class SumBudget {
  readonly #size: number;
  #spentBytes = 0;

  constructor(frames: FrameReader) {
    this.#size = frames.size;
  }

  /** Where to look on after a frame whose payload is damaged. */
  positionAfterFailed(frame: Frame): number {
    this.#spentBytes += frame.payloadBytes;
    const isSpent = this.#spentBytes > this.#size * FAILED_SUM_BUDGET;
    return isSpent ? frame.end : frame.position + FRAME_ALIGNMENT_BYTES;
  }
}

/** The stretch between two frames that were accepted, and what was met in it. */
class Gap {
  foreignFrames = 0;
  staleFrames = 0;
  readonly #findings: FindingList;

  constructor(findings: FindingList) {
    this.#findings = findings;
  }

  /** Notes what lies between the last frame and the next, which is `undefined` at the end of the storage. */
  close(last: Frame | undefined, next: Frame | undefined, end: number): void {
    const start = last?.end ?? 0;
    const missing = last === undefined || next === undefined ? 0 : next.sequence - last.sequence - 1;
    if (end > start) this.#noteBytes(start, end - start, next === undefined);
    if (missing > 0) this.#noteMissing(start, missing);
    this.foreignFrames = 0;
    this.staleFrames = 0;
  }

  #noteBytes(position: number, bytes: number, isEnd: boolean): void {
    const { loss } = this.#findings;
    loss.foreignFrames += this.foreignFrames;
    loss.staleFrames += this.staleFrames;
    const where = `${bytes} bytes at ${position}`;
    if (this.foreignFrames > 0) {
      this.#findings.add('foreign', position, bytes, `${where} hold frames of another stream (${this.foreignFrames})`);
    } else if (this.staleFrames > 0) {
      this.#findings.add(
        'stale',
        position,
        bytes,
        `${where} hold frames older than what is before (${this.staleFrames})`,
      );
    } else if (isEnd) {
      loss.tornBytes += bytes;
      this.#findings.add('torn', position, bytes, `the last ${where} are no whole frame`);
    } else {
      loss.damagedBytes += bytes;
      this.#findings.add('damaged', position, bytes, `${where} hold no intact frame`);
    }
  }

  #noteMissing(position: number, frames: number): void {
    this.#findings.loss.missingFrames += frames;
    this.#findings.add('missing', position, 0, `frames are not there that were written at ${position} (${frames})`);
  }
}
