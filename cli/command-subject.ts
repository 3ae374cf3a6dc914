/** Candidates judged by somebody's own command, as `git bisect run` has commits judged. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { observedWith, writeCandidateLog } from '../node/candidate-log.ts';
import { VERSION } from '../node/version.ts';
import { InputError } from '../src/base/errors.ts';
import { type LogCandidate, type Runs, referenceOutcomes, type Subject } from '../src/reduce/index.ts';

/** What stands for the path of the log in a command. */
const PLACE = '{}';
/** The command says that it cannot tell. */
const CANNOT_TELL = 125;
/** Beyond that a shell reports signals: the command was killed, and has said nothing. */
const GREATEST_ANSWER = 127;

export interface CommandSubjectOptions {
  /** A line for the shell, with `{}` where the path of a log belongs. */
  readonly command: string;
  /** Every run says the same. */
  readonly isDeterministic: boolean;
  readonly origin: { readonly ordinal: number; readonly sequence: number };
}

export class CommandSubject implements Subject<LogCandidate> {
  readonly name = 'the command';
  readonly isDeterministic: boolean;
  readonly #options: CommandSubjectOptions;
  readonly #folder: string;
  #written: LogCandidate | undefined;

  /** @throws InputError if the command has no place for the log. */
  constructor(options: CommandSubjectOptions) {
    if (!options.command.includes(PLACE)) {
      throw new InputError(
        `the command ${JSON.stringify(options.command)} does not say where the log goes`,
        `put ${PLACE} where its path belongs: --test 'vrrl replay ${PLACE} --backend ./mine.mjs'.`,
      );
    }
    this.isDeterministic = options.isDeterministic;
    this.#options = options;
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-reduce-'));
  }

  async run(candidate: LogCandidate, most: number, wanted: string | undefined): Promise<Runs> {
    const failures = new Map<string, number>();
    const file = await this.#write(candidate);
    for (let runs = 1; runs <= most; runs += 1) {
      const code = await exitCodeOf(commandFor(this.#options.command, file));
      if (code === CANNOT_TELL) {
        return { runs: runs - 1, failures, unresolved: `the command ended with ${CANNOT_TELL}: it cannot tell` };
      }
      if (code === 0) continue;
      const signature = `exit code ${code}`;
      failures.set(signature, (failures.get(signature) ?? 0) + 1);
      if (signature === wanted) return { runs, failures, unresolved: undefined };
    }
    return { runs: most, failures, unresolved: undefined };
  }

  close(): void {
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The log has what the serial reference shows, so that a replay of it on a sound backend agrees. */
  async #write(candidate: LogCandidate): Promise<string> {
    const file = path.join(this.#folder, 'candidate.vrrl');
    if (this.#written === candidate) return file;
    fs.rmSync(file, { force: true });
    const { kernel } = candidate;
    const observed = kernel && observedWith(kernel, candidate, await referenceOutcomes(candidate));
    const { origin } = this.#options;
    writeCandidateLog(file, candidate, observed, { tool: `vrrl ${VERSION}`, backend: 'reference', origin });
    this.#written = candidate;
    return file;
  }
}

/** The command with a path in it, quoted for a shell where it has to be. */
export function commandFor(command: string, file: string): string {
  const quoted = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
  return command.replaceAll(PLACE, quoted);
}

function exitCodeOf(line: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // What it prints is of no interest: standard output is ours.
    const child = spawn(line, { shell: true, stdio: ['ignore', 'ignore', 'ignore'] });
    child.on('error', (cause) => reject(commandFailed(line, cause.message, cause)));
    child.on('exit', (code, signal) => {
      if (code !== null && code <= GREATEST_ANSWER) resolve(code);
      else reject(commandFailed(line, `it ended with ${signal ?? code}, which says neither yes nor no`));
    });
  });
}

function commandFailed(line: string, what: string, cause?: unknown): InputError {
  const fix = 'have it end with 0 if the log is good, 1 if it is bad, 125 if it cannot tell.';
  return new InputError(`the command ${JSON.stringify(line)} failed: ${what}`, fix, { cause });
}
