/**
 * Making a list smaller while it keeps a property: A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing
 * input" (IEEE Transactions on Software Engineering 28(2), 2002), then element by element until none can be left out.
 */

/** Asked whether a part of a list of `sizeBefore` still has the property. */
export type ListTest<Element> = (part: readonly Element[], sizeBefore: number) => Promise<boolean>;

/** The same for a list without one of its elements, in the pass of that number, from 1. */
export type PassTest<Element> = (part: readonly Element[], sizeBefore: number, pass: number) => Promise<boolean>;

/**
 * Takes out large parts first. The result has the property if the list has; it is 1-minimal if the test is deterministic, and
 * nearly so otherwise.
 *
 * As in the paper, but for one thing: of pieces that got smaller only the complements are tried. A piece is part of a larger one
 * that was rejected before, or all that is left, so that on its own it rarely has the property; 1-minimality needs the
 * complements alone.
 */
export async function ddmin<Element>(
  list: readonly Element[],
  keepsProperty: ListTest<Element>,
): Promise<readonly Element[]> {
  let current = list;
  let pieces = 2;
  while (current.length >= 2) {
    const smaller = await withoutSomePieces(current, pieces, keepsProperty);
    if (smaller !== undefined) {
      current = smaller.list;
      pieces = Math.max(2, Math.min(smaller.pieces, current.length));
    } else if (pieces < current.length) pieces = Math.min(2 * pieces, current.length);
    else break;
  }
  return current;
}

/** Goes over all pieces once, from the last to the first, and leaves out every one that is not needed. */
async function withoutSomePieces<Element>(
  list: readonly Element[],
  pieces: number,
  keepsProperty: ListTest<Element>,
): Promise<{ readonly list: readonly Element[]; readonly pieces: number } | undefined> {
  let current = list;
  let left = pieces;
  for (let piece = pieces - 1; piece >= 0; piece -= 1) {
    if (left < 2) break;
    // Pieces after this one may be gone; where it begins and ends in the list that there was tells where it is in this one.
    const begin = Math.floor((piece * list.length) / pieces);
    const end = Math.floor(((piece + 1) * list.length) / pieces);
    const rest = [...current.slice(0, begin), ...current.slice(end)];
    if (!(await keepsProperty(rest, current.length))) continue;
    current = rest;
    left -= 1;
  }
  return left < pieces ? { list: current, pieces: left } : undefined;
}

/**
 * Leaves out single elements until a whole pass finds none that can be: the result is 1-minimal.
 *
 * @param keepsProperty is told the number of the pass, since the last one is what the result rests on.
 */
export async function oneByOne<Element>(
  list: readonly Element[],
  keepsProperty: PassTest<Element>,
): Promise<readonly Element[]> {
  let current = list;
  for (let pass = 1; ; pass += 1) {
    const before = current.length;
    for (let index = current.length - 1; index >= 0; index -= 1) {
      const rest = [...current.slice(0, index), ...current.slice(index + 1)];
      if (await keepsProperty(rest, current.length, pass)) current = rest;
    }
    if (current.length === before) return current;
  }
}
