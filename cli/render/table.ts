import Table from 'cli-table3';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without rules, a line a row: aligned for people, one row a line for grep. */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[]): string[] {
  const layout = new Table({ chars: NO_LINES, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } });
  if (head !== undefined) layout.push([...head]);
  for (const row of rows) layout.push([...row]);
  return layout
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}
