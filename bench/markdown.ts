/** Tables and numbers for Markdown, and sections of a file that are written anew while the rest of it stays. */

import fs from 'node:fs';

/** A table whose columns are as wide as their widest cell. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

/** Three digits that count, and separators. */
export function number(value: number): string {
  return Number(value.toPrecision(value >= 1_000 ? 4 : 3)).toLocaleString('en-US');
}

/**
 * What puts lines between a file's markers for a section: `<!-- cpu: begin -->` and `<!-- cpu: end -->`.
 *
 * @throws Error if they are not there: at once, and not when everything has been measured.
 */
export function sectionWriter(file: string, section: string): (lines: readonly string[]) => void {
  const begin = `<!-- ${section}: begin -->`;
  const end = `<!-- ${section}: end -->`;
  const around = () => {
    const [before, after] = splitOnce(fs.readFileSync(file, 'utf8'), begin);
    const [, behind] = splitOnce(after, end);
    if (behind !== undefined) return { before, behind };
    throw new Error(`${file} has no section ${section}. Fix: put the lines ${begin} and ${end} where it is to be.`);
  };
  around();
  return (lines) => {
    const { before, behind } = around();
    fs.writeFileSync(file, `${before}${begin}\n\n${lines.join('\n')}\n\n${end}${behind}`);
  };
}

function splitOnce(text: string | undefined, separator: string): [before: string, after: string | undefined] {
  const at = text?.indexOf(separator) ?? -1;
  if (text === undefined || at < 0) return ['', undefined];
  return [text.slice(0, at), text.slice(at + separator.length)];
}
