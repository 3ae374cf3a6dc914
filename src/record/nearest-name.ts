/** What somebody may have meant by a name that is not there. */

/** The name that takes the fewest edits, if they are few enough for a slip of the fingers. */
export function nearestName(wanted: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  // A third of the letters may be wrong; more would suggest something else altogether.
  let fewest = Math.floor(Math.min(wanted.length, MAX_COMPARED_LENGTH) / 3) + 1;
  if (wanted.length > MAX_COMPARED_LENGTH) return undefined;
  for (const name of names) {
    const edits = editsBetween(wanted.toUpperCase(), name.toUpperCase());
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = name;
  }
  return nearest;
}

const MAX_COMPARED_LENGTH = 100;

/**
 * Insertions, deletions, replacements and swaps of neighbours that make one of the other: the restricted distance of
 * F. J. Damerau, "A Technique for Computer Detection and Correction of Spelling Errors", CACM 7(3), 1964.
 */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = last[column - 1] + (from[row - 1] === to[column - 1] ? 0 : 1);
      let edits = Math.min(replaced, last[column] + 1, current[column - 1] + 1);
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) edits = Math.min(edits, beforeLast[column - 2] + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length];
}
