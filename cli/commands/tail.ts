/** `vrrl tail`: the records of a log while its writer is at work. */

import { setTimeout as pause } from 'node:timers/promises';
import { InputError } from '../../src/base/errors.ts';
import { StorageError } from '../../src/storage/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { STANDARD_INPUT } from '../log-source.ts';
import type { Gap, Tail, TailEvent, TailStart } from '../log-tail.ts';
import { integer } from '../options.ts';
import { recordJson, recordText } from '../render/record-line.ts';
import { count, plural, printable } from '../render/text.ts';
import { openTail } from '../set-tail.ts';

const AFTER_HELP = `
Lines are those of vrrl dump, from the oldest record that is there unless --from or --last says otherwise. Records that
the writer overwrote before they were read, and records that are lost, are reported where they are missing: on standard
error, or with --json as an object with a member "event" (spec/tail-event.schema.json) among the records.
It ends when the writer closes the log and all was printed. A writer that was killed closes nothing: the next one may go
on, and tail with it; --idle-ms ends the wait. Of a set of logs (record --rotate) it prints one after the other.
Exit codes: 0 nothing was missed, 3 something was overwritten unread or lost, 2 no log that can be followed.

Examples:
  $ vrrl tail run.vrrl
  $ vrrl tail run.vrrl --last 10 --no-follow
  $ vrrl tail run.vrrl --last 0 --retry --json | jq -c 'select(.event or .opcode == 7)'`;

const MOST_MS = 86_400_000;

export const addTail: AddCommand = (program, context) => {
  program
    .command('tail')
    .description('print the records of a v2 log as its writer appends them; exit 3 if any were missed')
    .argument('<log>', 'log file, or the manifest of a set of logs')
    .option('--from <n>', 'begin with this sequence number', integer(1, Number.MAX_SAFE_INTEGER - 1))
    .option('--last <n>', 'begin with so many of the newest records', integer(0, Number.MAX_SAFE_INTEGER - 1))
    .option('--no-follow', 'print what is there now, and end')
    .option('--idle-ms <n>', 'end when nothing has come for so long', integer(1, MOST_MS))
    .option('--retry', 'wait for a log that is not there yet, and on after a close or for another of that name')
    .option('--json', 'print one JSON object a line (spec/dump-record.schema.json)')
    .option('-q, --quiet', 'nothing on standard error')
    .addHelpText('after', AFTER_HELP)
    .action(async (path, options) => {
      refuseContradictions(path, options);
      const tally = await new Following(context.io, path, options).run();
      if (tally.lapped + tally.lost > 0) context.exitCode = ExitCode.UNKNOWN;
    });
};

interface TailOptions extends TailStart {
  readonly follow: boolean;
  readonly idleMs?: number | undefined;
  readonly retry?: true | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

function refuseContradictions(path: string, { from, last, follow, retry }: TailOptions): void {
  if (path === STANDARD_INPUT) {
    const what = 'standard input cannot be followed: nobody goes on writing to what came through a pipe';
    throw new InputError(what, "name the log's file, or print it with vrrl dump -.");
  }
  if (from !== undefined && last !== undefined) {
    throw new InputError('--from and --last both say where to begin', 'give one of them.');
  }
  if (!follow && retry) throw new InputError('--retry waits, and --no-follow does not', 'give one of them.');
}

/** What was printed, and what could not be. */
interface Tally {
  records: number;
  lapped: number;
  lost: number;
}

/** A run of the command: from log to log, if need be, until there is a reason to end. */
class Following {
  readonly #io: Io;
  readonly #path: string;
  readonly #options: TailOptions;
  readonly #pace: Pace;
  readonly #tally: Tally = { records: 0, lapped: 0, lost: 0 };

  constructor(io: Io, path: string, options: TailOptions) {
    this.#io = io;
    this.#path = path;
    this.#options = options;
    this.#pace = new Pace(options.idleMs);
  }

  async run(): Promise<Tally> {
    let tail = await this.#open(this.#options);
    try {
      for (;;) {
        const end = this.#options.follow ? await this.#follow(tail) : await this.#printAll(tail);
        if (end !== undefined) {
          this.#note(summary(this.#path, this.#tally, end));
          return this.#tally;
        }
        tail.close();
        // All of the new log is news.
        tail = await this.#open({});
        await this.#announceOther();
      }
    } finally {
      tail.close();
    }
  }

  /** Opens the log, with `--retry` when there is one. */
  async #open(start: TailStart): Promise<Tail> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return openTail(this.#path, start);
      } catch (error) {
        const mayCome = error instanceof StorageError && error.systemCode === 'ENOENT' && this.#options.retry === true;
        if (!mayCome || this.#pace.isOver()) throw error;
      }
      if (isFirst) this.#note(`${this.#path} is not there yet; waiting for it.`);
      await this.#pace.rest();
    }
  }

  /** Prints what comes; why it ended, or undefined if there is another log of that name. */
  async #follow(tail: Tail): Promise<string | undefined> {
    const isRetrying = this.#options.retry === true;
    for (;;) {
      await this.#printNews(tail);
      // In this order: what was written before a close is there for the look after it was seen.
      const closedAt = tail.closedAt();
      const isReplaced = isRetrying && tail.isReplaced();
      if ((await this.#printNews(tail)) > 0) continue;
      if (closedAt !== undefined) await this.#printRest(tail, closedAt);
      if (isReplaced) return undefined;
      if (closedAt !== undefined && !isRetrying) return 'its writer closed it';
      if (this.#pace.isOver()) return `nothing came for ${count(this.#options.idleMs ?? 0)} ms`;
      await this.#pace.rest();
    }
  }

  /** Prints what is there now, and nothing that comes meanwhile. */
  async #printAll(tail: Tail): Promise<string> {
    const newest = tail.newestSequence();
    await this.#printNews(tail, newest);
    // Whatever does not show itself then is being overwritten, or lost.
    await pause(SHORTEST_PAUSE_MS);
    await this.#printRest(tail, newest);
    return 'that is all there was';
  }

  /** Everything up to `newest`, what is not there as gaps. */
  async #printRest(tail: Tail, newest: number): Promise<void> {
    for (;;) {
      await this.#printNews(tail, newest);
      const gap = tail.passMissing(newest);
      if (gap === undefined) return;
      await this.#print([gap]);
    }
  }

  /** Prints until there is nothing new, or what comes next is beyond `newest`; how much there was. */
  async #printNews(tail: Tail, newest: number = Number.POSITIVE_INFINITY): Promise<number> {
    let total = 0;
    for (;;) {
      const events = tail.look(newest);
      if (events.length === 0) break;
      await this.#print(events);
      total += events.length;
    }
    if (total > 0) this.#pace.restart();
    return total;
  }

  async #print(events: readonly TailEvent[]): Promise<void> {
    const print = this.#options.json ? recordJson : recordText;
    let piece = '';
    for (const event of events) {
      if (event.kind === 'record') {
        piece += print(event.record);
        this.#tally.records += 1;
        continue;
      }
      this.#tally[event.kind] += sizeOf(event);
      if (this.#options.json) {
        piece += `${JSON.stringify(eventObject(event))}\n`;
        continue;
      }
      // What comes before a gap is printed before it is reported.
      if (piece !== '') await this.#io.write(piece);
      piece = '';
      this.#note(`vrrl: ${gapSentence(event, this.#path)}`);
    }
    if (piece !== '') await this.#io.write(piece);
  }

  async #announceOther(): Promise<void> {
    if (this.#options.json) await this.#io.write(`${JSON.stringify({ schemaVersion: 1, event: 'replaced' })}\n`);
    else this.#note(`${this.#path} is another log now, and numbers begin anew.`);
  }

  #note(line: string): void {
    if (this.#options.quiet !== true) this.#io.note(`${printable(line)}\n`);
  }
}

const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** How long to wait before the next look: the longer, the longer nothing has come. */
class Pace {
  readonly #idleMs: number;
  #pauseMs = SHORTEST_PAUSE_MS;
  #lastNews = performance.now();

  constructor(idleMs = Number.POSITIVE_INFINITY) {
    this.#idleMs = idleMs;
  }

  /** Something has come. */
  restart(): void {
    this.#pauseMs = SHORTEST_PAUSE_MS;
    this.#lastNews = performance.now();
  }

  isOver(): boolean {
    return performance.now() - this.#lastNews >= this.#idleMs;
  }

  async rest(): Promise<void> {
    const left = this.#lastNews + this.#idleMs - performance.now();
    await pause(Math.max(SHORTEST_PAUSE_MS, Math.min(this.#pauseMs, left)));
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs);
  }
}

function sizeOf({ firstSequence, lastSequence }: Gap): number {
  return lastSequence - firstSequence + 1;
}

/** What `--json` prints in place of records that cannot be had. */
function eventObject({ kind, firstSequence, lastSequence }: Gap) {
  return { schemaVersion: 1, event: kind, firstSequence, lastSequence };
}

function gapSentence(gap: Gap, path: string): string {
  const { kind, firstSequence, lastSequence } = gap;
  const isOne = firstSequence === lastSequence;
  const which = isOne ? `record ${firstSequence}` : `records ${firstSequence} to ${lastSequence}`;
  if (kind === 'lost') {
    return `${which} ${isOne ? 'is' : 'are'} lost. Fix: none possible here; vrrl verify ${path} says what became of it.`;
  }
  const what = `${which} ${isOne ? 'was' : 'were'} overwritten before ${isOne ? 'it' : 'they'} could be read`;
  return `${what}. Fix: read faster, or record with a larger --capacity.`;
}

function summary(path: string, { records, lapped, lost }: Tally, end: string): string {
  const missed = [
    ...(lapped > 0 ? [`${count(lapped)} overwritten unread`] : []),
    ...(lost > 0 ? [`${count(lost)} lost`] : []),
  ];
  const sentence = `${path}: ${[plural(records, 'record'), ...missed].join(', ')}; ${end}.`;
  if (missed.length === 0) return sentence;
  return `vrrl: ${sentence} Fix: vrrl verify ${path} says what is lost; what was overwritten is gone.`;
}
