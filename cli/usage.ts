/** Wrong use of the command line: what commander found, said as all other errors are said. */

import type { CommanderError } from '@commander-js/extra-typings';
import { InputError } from '../src/base/errors.ts';

/**
 * What commander's error comes to; undefined if it is none, such as help that was asked for.
 *
 * @param argv the command line that it is about.
 * @param commandNames the commands that there are.
 */
export function usageErrorOf(
  error: CommanderError,
  argv: readonly string[],
  commandNames: readonly string[],
): InputError | undefined {
  if (error.exitCode === 0) return undefined;
  const command = argv.find((word) => commandNames.includes(word));
  if (error.code === 'commander.help') return noCommand(argv);
  const [what, ...hints] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(hints.at(-1) ?? '')?.[1];
  const help = `vrrl ${command === undefined ? '' : `${command} `}--help`;
  const { problem, expected } = splitExpectation(what);
  if (suggestion !== undefined) return new InputError(problem, `did you mean ${suggestion}? ${help} lists all.`);
  return new InputError(problem, `${expected ?? `see ${help}.`}`);
}

/** Help that nobody asked for: commander prints it where a command is missing. */
function noCommand(argv: readonly string[]): InputError {
  const [, wanted] = argv;
  if (argv[0] === 'help' && wanted !== undefined) {
    return new InputError(`there is no command ${JSON.stringify(wanted)}`, 'name one of those above.');
  }
  return new InputError('no command was given', 'name one of those above; vrrl demo is a good start.');
}

/** `option '--replicas <n>' argument '0' is invalid. Expected a whole number …` says itself what to do. */
function splitExpectation(what: string): { problem: string; expected?: string } {
  const [problem, expectation] = what.split(/\. (?=Expected at|Expected a |Allowed )/);
  if (expectation === undefined) return { problem: what.replace(/\.$/, '').replace('. Expected ', ', expected ') };
  return {
    problem,
    expected: expectation.replace(/^Expected /, 'give ').replace(/^Allowed choices are /, 'choose one of '),
  };
}
