/** The words of a command that was given as one text. No shell looks at it: a name with a `;` in it is a name. */

import { InputError } from '../src/base/errors.ts';

/**
 * Splits at white space. Quotes of either kind keep white space together and are left out; within double quotes, and
 * outside of quotes, a backslash takes the next character as it is. There are no variables, wildcards or pipes.
 *
 * @throws InputError if there is no word, or a quote is left open.
 */
export function commandWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '\\' && quote !== "'" && at + 1 < text.length) {
      at += 1;
      word = (word ?? '') + text[at];
    } else if (letter === quote) quote = undefined;
    else if (quote === undefined && (letter === '"' || letter === "'")) {
      quote = letter;
      word ??= '';
    } else if (quote === undefined && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + letter;
  }
  if (word !== undefined) words.push(word);
  if (quote !== undefined) throw new InputError(`the command ${text} leaves a ${quote} open`, 'close it.');
  if ((words[0] ?? '') === '') {
    throw new InputError('the command names no program', "name one, as in --backend 'exec:./my-runner --fast'.");
  }
  return words;
}
