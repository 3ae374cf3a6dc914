import { readFileSync } from 'node:fs';

export const spec: string = readFileSync(new URL('../../../spec/log-v2.md', import.meta.url), 'utf8');

/** The rows of the first table after a text, cells trimmed and without backquotes. */
export function tableAfter(mark: string): string[][] {
  const start = spec.indexOf(mark);
  if (start < 0) throw new Error(`spec/log-v2.md has no "${mark}"`);
  const lines = spec.slice(start).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first + 2, first + length).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** A table of byte, bytes, field, as the code has layouts. */
export function layoutAfter(mark: string): Record<string, { offset: number; bytes: number }> {
  const rows = tableAfter(mark).filter(([, bytes]) => bytes !== '');
  return Object.fromEntries(
    rows.map(([byte, bytes, field]) => [field, { offset: Number(byte), bytes: Number(bytes) }]),
  );
}
