/** The front of a stream that nobody needs any more. */
export interface DeadSegments {
  readonly count: number;
  /** Where the first live byte is. */
  readonly end: number;
  readonly lastOrdinal: number;
  /** The sequence number of the first live frame. */
  readonly nextSequence: number;
}

/**
 * Which bytes of a stream still mean something to its log.
 *
 * A segment is an epoch's frame and every frame since the one of the epoch before. It is dead once the newest record that
 * any of its frames speaks of is; a stream is cut between segments, so what is kept is a suffix, copied as it is.
 */
export class LiveSegments {
  #ends: number[] = [];
  #newestRecords: number[] = [];
  #ordinals: number[] = [];
  #nextSequences: number[] = [];
  /** The first so many segments are dead. */
  #dead = 0;
  #openNewestRecord = 0;
  /** Added to a stored end it gives the position in the stream as it is now. */
  #shiftBytes = 0;

  /** Notes a record that the segment in the making speaks of. */
  touch(recordSequence: number): void {
    this.#openNewestRecord = Math.max(this.#openNewestRecord, recordSequence);
  }

  /** Closes the segment in the making with its epoch, whose frame ends at `end`, where frame `nextSequence` comes next. */
  close(ordinal: number, end: number, nextSequence: number): void {
    this.#ends.push(end - this.#shiftBytes);
    this.#newestRecords.push(this.#openNewestRecord);
    this.#ordinals.push(ordinal);
    this.#nextSequences.push(nextSequence);
    this.#openNewestRecord = 0;
  }

  /** Declares every record before `firstLive` dead; a value lower than before changes nothing. */
  dropBefore(firstLive: number): void {
    while (this.#dead < this.#ends.length && this.#newestRecords[this.#dead] < firstLive) this.#dead++;
  }

  /** The dead segments; `undefined` if there are none. */
  get dead(): DeadSegments | undefined {
    if (this.#dead === 0) return undefined;
    const last = this.#dead - 1;
    return {
      count: this.#dead,
      end: this.#ends[last] + this.#shiftBytes,
      lastOrdinal: this.#ordinals[last],
      nextSequence: this.#nextSequences[last],
    };
  }

  /** Forgets the dead segments after the stream was rewritten without them; what is left moved by `shiftBytes`. */
  forgetDead(shiftBytes: number): void {
    this.#ends = this.#ends.slice(this.#dead);
    this.#newestRecords = this.#newestRecords.slice(this.#dead);
    this.#ordinals = this.#ordinals.slice(this.#dead);
    this.#nextSequences = this.#nextSequences.slice(this.#dead);
    this.#dead = 0;
    this.#shiftBytes += shiftBytes;
  }
}
