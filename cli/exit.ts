/** What the process says with its exit code, and how errors become one. */

import { BackendFaultError } from '../src/backend/index.ts';
import { InputError, VrrlError } from '../src/base/errors.ts';
import type { Judgement, Verdict } from '../src/diff/index.ts';
import { fixForSystem } from '../src/storage/index.ts';
import { type Io, ReaderGone } from './io.ts';
import { printableLines } from './render/text.ts';

export const ExitCode = {
  /** Everything agrees, or what was asked for is done. */
  AGREE: 0,
  DIVERGED: 1,
  /** Wrong use, or input that cannot be read. */
  BAD_INPUT: 2,
  /** Records are lost, or there is no telling. */
  UNKNOWN: 3,
  /** A backend failed. */
  BACKEND_FAULT: 4,
} as const;

const CODE_BY_VERDICT: Readonly<Record<Verdict, number>> = {
  agree: ExitCode.AGREE,
  diverge: ExitCode.DIVERGED,
  unknown: ExitCode.UNKNOWN,
};

export function exitCodeOf(verdict: Verdict): number {
  return CODE_BY_VERDICT[verdict];
}

/**
 * A backend that failed outweighs the verdict: whoever runs this in CI has to know that a part of it did not happen. And
 * what is left of a log that lost records agrees, but not the log.
 */
export function exitCodeOfJudgement(judgement: Judgement, lostRecords: number): number {
  if (judgement.backends.some((backend) => backend.fault !== undefined)) return ExitCode.BACKEND_FAULT;
  if (judgement.verdict === 'agree' && lostRecords > 0) return ExitCode.UNKNOWN;
  return exitCodeOf(judgement.verdict);
}

/** The same error, with what can be done about it on a command line. */
export function withAdvice(error: VrrlError, fix: string): InputError {
  return new InputError(error.what, fix, { cause: error });
}

/** Prints an error as people should see it and returns the exit code that goes with it. */
export function reportError(io: Io, error: unknown): number {
  if (error instanceof ReaderGone) return ExitCode.AGREE;
  const known = isSystemError(error) ? ofSystem(error) : error;
  if (known instanceof VrrlError) {
    io.note(`vrrl: ${printableLines(known.message)}\n`);
    return known instanceof BackendFaultError ? ExitCode.BACKEND_FAULT : ExitCode.BAD_INPUT;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.note(
    `${printableLines(text)}\nvrrl: this is a bug in vrrl. Fix: please report it with the lines above and the command.\n`,
  );
  return ExitCode.BAD_INPUT;
}

/** A call to the system that failed names the call and the path itself: `ENOENT: no such file or directory, open 'x'`. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function ofSystem(error: NodeJS.ErrnoException): InputError {
  return new InputError(error.message, fixForSystem(error.code), { cause: error });
}
