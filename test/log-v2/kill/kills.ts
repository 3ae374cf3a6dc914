/** Kills writers at random moments, one after the other on the same log, and looks at what each of them left. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { FileAccess } from '../../../node/file-medium.ts';
import { createFlightLogFile } from '../../../node/flight-log-file.ts';
import { RandomWords } from '../../../src/base/random.ts';
import { BrokenPromise } from '../crash/broken-promise.ts';
import { checkLeft, type Said } from './check-left.ts';
import { CAPACITY, JOURNAL_BYTES, LAYOUT } from './work.mjs';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** The URL of the folder of a build: writers load `node/` and `src/` of it. */
  readonly modules: string;
  /** The path of `appender.mjs`. */
  readonly appender: string;
  readonly progress?: (done: number) => void;
}

/** What was done and seen. */
export interface KillCounts {
  kills: number;
  /** Writers that were killed before they had opened the log. */
  inOpening: number;
  records: number;
  frames: number;
  syncs: number;
  /** What a kill caught in the middle: appends that began and did not complete. */
  unfinished: number;
  /** Records that were whole although nobody was told. */
  untold: number;
}

export interface KillResult {
  readonly counts: KillCounts;
  readonly broken: string | undefined;
}

const ACCESSES: readonly FileAccess[] = ['mapped', 'plain'];
const MOST_LINES = 400;
const MOST_OPENING_MS = 90;
/** A new log from time to time, since an old one only ever wraps. */
const ROUNDS_OF_A_LOG = 50;

/** Half of the kills on a mapping, half on plain writes, side by side. */
export async function runKills(options: KillOptions): Promise<KillResult> {
  const counts: KillCounts = { kills: 0, inOpening: 0, records: 0, frames: 0, syncs: 0, unfinished: 0, untold: 0 };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-kills-'));
  try {
    const lanes = ACCESSES.map((access, lane) => new Lane(options, access, lane, folder, counts).run());
    const broken = await Promise.all(lanes);
    return { counts, broken: broken.find((each) => each !== undefined) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The logs of one kind of access, with one writer at a time. */
class Lane {
  readonly #options: KillOptions;
  readonly #access: FileAccess;
  readonly #folder: string;
  readonly #counts: KillCounts;
  readonly #random: RandomWords;
  readonly #seed: number;
  #file = '';
  #said: Said = newSaid();

  constructor(options: KillOptions, access: FileAccess, lane: number, folder: string, counts: KillCounts) {
    this.#options = options;
    this.#access = access;
    this.#folder = folder;
    this.#counts = counts;
    this.#seed = (options.seed + lane) >>> 0;
    this.#random = new RandomWords(this.#seed);
  }

  /** Returns the promise that was broken, if one was. */
  async run(): Promise<string | undefined> {
    for (let round = 0; this.#counts.kills < this.#options.kills; round += 1) {
      if (round % ROUNDS_OF_A_LOG === 0) this.#begin(round);
      await this.#killOne(round);
      this.#counts.kills += 1;
      this.#options.progress?.(this.#counts.kills);
      try {
        const left = checkLeft(fs.readFileSync(this.#file), this.#said, this.#seed);
        this.#counts.unfinished += left.unfinished;
        this.#counts.untold += left.untold;
      } catch (error) {
        if (!(error instanceof BrokenPromise)) throw error;
        return `${error.message} (${this.#access}, round ${round} of seed ${this.#seed}, ${JSON.stringify(this.#said)})`;
      }
    }
    return undefined;
  }

  #begin(round: number): void {
    if (this.#file !== '') fs.rmSync(this.#file);
    this.#file = path.join(this.#folder, `${this.#access}-${round}.vrrl`);
    const metadata = { tool: 'kill test', layout: LAYOUT };
    createFlightLogFile(this.#file, { capacity: CAPACITY, journalBytes: JOURNAL_BYTES, metadata }).log.close();
    this.#said = newSaid();
  }

  async #killOne(round: number): Promise<void> {
    const { appender, modules } = this.#options;
    const args = [appender, modules, this.#file, this.#access, String(this.#seed), String(round)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const isEarly = this.#random.below(6) === 0;
    const lastLine = 1 + this.#random.below(MOST_LINES);
    const timer = isEarly ? setTimeout(() => child.kill('SIGKILL'), this.#random.below(MOST_OPENING_MS)) : undefined;
    const lines = await linesUntilKilled(child, lastLine);
    clearTimeout(timer);
    if (child.signalCode !== 'SIGKILL') throw new Error(`a writer ended by itself, with ${child.exitCode}`);
    this.#take(lines, round);
  }

  #take(lines: readonly string[], round: number): void {
    const said = this.#said;
    said.round = round;
    said.hasOpened = false;
    for (const line of lines) {
      const [kind, first, second] = line.split(' ');
      if (kind === 'open') this.#open(Number(first), Number(second), round);
      else if (kind === 'record') said.record = Number(first);
      else if (kind === 'frame') said.frame = Number(first);
      else [said.synced, said.syncedFrame] = [Number(first), Number(second)];
      if (kind === 'frame') this.#counts.frames += 1;
      if (kind === 'sync') this.#counts.syncs += 1;
    }
    if (!said.hasOpened) this.#counts.inOpening += 1;
    else this.#counts.records += said.record - (said.firsts.at(-1)?.sequence ?? 1) + 1;
  }

  /** What the writer found, which is what the check said that it would. */
  #open(next: number, newestFrame: number, round: number): void {
    const said = this.#said;
    if (next !== said.newest + 1 || newestFrame !== said.newestFrame) {
      throw new BrokenPromise(
        'numbersOnce',
        `${next} and frame ${newestFrame} are opened, not ${JSON.stringify(said)}`,
      );
    }
    said.hasOpened = true;
    said.firsts.push({ sequence: next, round });
    [said.record, said.synced] = [next - 1, next - 1];
    [said.frame, said.syncedFrame] = [newestFrame, newestFrame];
  }
}

function newSaid(): Said {
  const [record, frame] = [0, 2];
  const numbers = { record, frame, synced: record, syncedFrame: frame, newest: record, newestFrame: frame };
  return { round: 0, hasOpened: false, firsts: [], ...numbers };
}

/** What a writer said; it is killed once it has said so many lines, and goes on while that is read. */
async function linesUntilKilled(child: ChildProcess, lastLine: number): Promise<string[]> {
  let text = '';
  let count = 0;
  child.stdout?.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
    for (const character of piece) if (character === '\n') count += 1;
    if (count >= lastLine) child.kill('SIGKILL');
  });
  // Once its streams have ended too.
  await once(child, 'close');
  return text.split('\n').slice(0, -1);
}
