/** Small pieces of text that several commands print. */

import { printable } from '../../src/base/printable.ts';
import { wrap } from '../../src/base/wrap.ts';

export { printable, wrap };

/**
 * The same for text of several lines.
 *
 * @param indent what lines after the first begin with. Some is needed where one of them could pass for a line of ours.
 */
export function printableLines(text: string, indent = '  '): string {
  return text.split(/\r?\n/).map(printable).join(`\n${indent}`);
}

/** Plain data with every text in it made printable. */
export function printableData<Data>(data: Data): Data {
  // Texts stay texts and everything else stays what it is, so the type is the same.
  return mapTexts(data) as Data;
}

function mapTexts(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(mapTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [printable(name), mapTexts(member)]));
}

/** A number with separators: 1,048,576. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 epoch`, `2 epochs`. */
export function plural(value: number, noun: string, many = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : many}`;
}

/** A share as a percentage with two significant digits: 0%, 0.19%, 7.1%, 100%. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100}%`;
  return `${Number((share * 100).toPrecision(2))}%`;
}

/** Lines of names and values, the values aligned. */
export function keyValues(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
