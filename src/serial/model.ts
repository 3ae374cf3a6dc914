/** What the search is given and what it answers. */

/** What operations do to a state; the state is the model's own and changes in place. */
export interface SerialModel {
  /** Operations are numbered from 0 to this − 1. */
  readonly operationCount: number;
  /** Applies an operation to the state; false if what it is known to have answered does not fit, and then the state is as before. */
  apply(operation: number): boolean;
  /** Takes back the newest applied operation, which is this one. */
  undo(operation: number): void;
  /** Whether the state may be the last one; asked when every operation that has to be there is applied. */
  isFinal(): boolean;
  /** A hash of the state, 32 bits, kept up incrementally by the model. */
  stateHash(): number;
  /** The state as something to keep and compare exactly later. */
  captureState(): unknown;
  /** Whether the state now equals a captured one. */
  equalsState(captured: unknown): boolean;
  /** Optional: whether nothing can come of this state any more; only prunes. */
  isHopeless?(): boolean;
  /**
   * Optional: whether an operation leaves every state as it was, like a read. Such an operation is applied as soon as it
   * fits, and nothing else is tried in its place: any order that has it later has it here just as well.
   */
  changesNothing?(operation: number): boolean;
}

/** Which operations come before which. */
export type SerialOrder =
  /**
   * An operation comes before those that are called after it returned: `return[a] < call[b]`. Equal times order nothing;
   * a return of Infinity orders nothing either.
   */
  | { readonly call: ArrayLike<number>; readonly return: ArrayLike<number> }
  /** Pairs of (before, after), and what follows from them. Pairs that go in a circle leave no order. */
  | { readonly pairs: readonly (readonly [number, number])[] };

export interface SerialSearchOptions {
  /** Default: any operation may come before any other. */
  readonly order?: SerialOrder | undefined;
  /** Operations that may be left out (calls whose end nobody saw). An order that does without them is legal. */
  readonly isOptional?: ((operation: number) => boolean) | undefined;
  /**
   * Operations of one class are interchangeable: they do the same and have answered the same. Of a class they are only
   * tried in rising number, so of two of them the one with the higher number must not be called or return earlier, and
   * must come after and before the same others. Undefined: every operation its own.
   */
  readonly classOf?: ((operation: number) => number) | undefined;
  /** A number for each operation; those with smaller ones are tried first. Default: by call, then number. */
  readonly preference?: ArrayLike<number> | undefined;
  /**
   * States visited before it gives up; bounded by nodes, never by time, so that the answer is the same everywhere.
   * Default {@link DEFAULT_MAX_NODES}.
   */
  readonly maxNodes?: number | undefined;
}

export type SerialSearchResult =
  /** A witness: applied in this order, every operation fits and the state is a final one. */
  | { readonly verdict: 'found'; readonly order: readonly number[]; readonly nodes: number }
  /** There is none. `longest` is the first prefix that fitted with the most operations that may not be left out. */
  | { readonly verdict: 'none'; readonly longest: readonly number[]; readonly nodes: number }
  /** It gave up. */
  | { readonly verdict: 'unknown'; readonly longest: readonly number[]; readonly nodes: number };
