/** Text from elsewhere, so that it can be shown. */

/** Controls, invisible and bidirectional formatting, lone surrogates, separators of lines: what a terminal may obey. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text from elsewhere (names in files of others, paths, what modules say) as it may be printed: in one line, and with
 * nothing in it that a terminal takes for an order. What it has of that kind is escaped as in JSON.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  return Array.from({ length: character.length }, (_, unit) => codeUnit(character.charCodeAt(unit))).join('');
}

function codeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
