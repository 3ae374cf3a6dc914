/** What the process says with its exit code, and how errors become one. */

import { CommanderError } from '@commander-js/extra-typings';
import { BackendFaultError } from '../src/backend/index.ts';
import { VrrlError } from '../src/base/errors.ts';
import type { Judgement, Verdict } from '../src/diff/index.ts';
import { type Io, ReaderGone } from './io.ts';

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
  INTERRUPTED: 130,
} as const;

const CODE_BY_VERDICT: Readonly<Record<Verdict, number>> = {
  agree: ExitCode.AGREE,
  diverge: ExitCode.DIVERGED,
  unknown: ExitCode.UNKNOWN,
};

export function exitCodeOf(verdict: Verdict): number {
  return CODE_BY_VERDICT[verdict];
}

/** A backend that failed outweighs the verdict: whoever runs this in CI has to know that a part of it did not happen. */
export function exitCodeOfJudgement(judgement: Judgement): number {
  if (judgement.backends.some((backend) => backend.fault !== undefined)) return ExitCode.BACKEND_FAULT;
  return exitCodeOf(judgement.verdict);
}

/** Prints an error as people should see it and returns the exit code that goes with it. */
export function reportError(io: Io, error: unknown): number {
  if (error instanceof ReaderGone) return ExitCode.AGREE;
  if (error instanceof CommanderError) {
    // Commander has printed its message, or the help that was asked for.
    return error.exitCode === 0 ? ExitCode.AGREE : ExitCode.BAD_INPUT;
  }
  if (error instanceof VrrlError) {
    io.note(`vrrl: ${error.message}\n`);
    return error instanceof BackendFaultError ? ExitCode.BACKEND_FAULT : ExitCode.BAD_INPUT;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.note(`vrrl: this is a bug in vrrl, please report it.\n${text}\n`);
  return ExitCode.BAD_INPUT;
}
