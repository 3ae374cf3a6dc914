import type { Command } from '@commander-js/extra-typings';
import type { Io } from './io.ts';

/** What a command gets besides its arguments, and where it leaves its exit code. */
export interface CommandContext {
  /** Looked at when a command runs, not before: options of the program may change it. */
  io: Io;
  exitCode: number;
}

/** A command that can be added to the program. */
export type AddCommand = (program: Command, context: CommandContext) => void;
