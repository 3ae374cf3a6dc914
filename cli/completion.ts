/** `vrrl complete`: shell completion, by a package that prints to the console. */

import tab from '@bomb.sh/tab/commander';
import type { Command } from '@commander-js/extra-typings';
import type { Command as PlainCommand } from 'commander';
import type { Io } from './io.ts';

export const COMPLETE = 'complete';

const AFTER_HELP = `
Examples:
  $ source <(vrrl complete bash)
  $ vrrl complete zsh > ~/.zsh/completions/_vrrl
  $ vrrl complete fish > ~/.config/fish/completions/vrrl.fish`;

/** Adds the command. All others have to be there already. */
export function addCompletion(program: Command): void {
  // The same class at run time; the extra typings only narrow its generics.
  tab(program as unknown as PlainCommand);
  program.commands
    .find((command) => command.name() === COMPLETE)
    ?.description('print a script that teaches a shell to complete commands and options')
    .addHelpText('after', AFTER_HELP);
}

/** Runs the command and writes what it prints. */
export async function runCompletion(io: Io, run: () => Promise<unknown>): Promise<void> {
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => void printed.push(text);
  try {
    await run();
  } finally {
    console.log = log;
  }
  if (printed.length > 0) await io.write(`${letFilesComplete(printed.join('\n'))}\n`);
}

/**
 * The package tells shells never to complete file names, and nearly every command takes one. Where it has nothing to
 * offer, `:4` (no files) becomes `:0`; and bash needs to be told at registration what to do then.
 */
function letFilesComplete(text: string): string {
  if (text === ':4') return ':0';
  return text.replace(/^complete -F (\S+) vrrl$/m, 'complete -o bashdefault -o default -F $1 vrrl');
}
