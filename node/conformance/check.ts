/** What a conformance check is: a name, a sentence, and an attempt that says what it saw. */

export interface CheckReport {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  /** What was seen, what is wrong, or why there was nothing to see. */
  readonly detail: string;
}

export interface Check<Subject> {
  readonly name: string;
  /**
   * Returns what was seen.
   *
   * @throws whatever is wrong, or {@link Skipped}.
   */
  attempt(subject: Subject): Promise<string>;
}

/** There is nothing to check: the subject does not have it. */
export class Skipped extends Error {}

/** Something is not as the protocol wants it. The sentence ends in what to do about it. */
export class Violation extends Error {
  constructor(what: string, fix: string) {
    super(`${what}. Fix: ${fix}`);
  }
}

/** Runs one check; whatever it throws is its result. */
export async function runCheck(name: string, attempt: () => Promise<string>): Promise<CheckReport> {
  try {
    return { name, result: 'pass', detail: await attempt() };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, result: error instanceof Skipped ? 'skip' : 'fail', detail };
  }
}
