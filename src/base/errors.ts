/**
 * The root of every error that vrrl throws on purpose.
 *
 * Programs tell errors apart by `code`, which is stable; people read `message`, which always ends in a `Fix:` sentence.
 */
export abstract class VrrlError extends Error {
  /** Stable and machine-readable, `VRRL_` followed by capitals. */
  abstract readonly code: string;
  /** What is the matter, for whoever says it again in a sentence of his own. No full stop. */
  readonly what: string;
  /** What the reader can do about it, without the word "Fix". */
  readonly fix: string;

  constructor(what: string, fix: string, options?: ErrorOptions) {
    super(`${what}. Fix: ${fix}`, options);
    this.name = new.target.name;
    this.what = what;
    this.fix = fix;
  }
}

/** A value handed to a public function or the command line cannot be used. */
export class InputError extends VrrlError {
  readonly code = 'VRRL_INPUT';
}
