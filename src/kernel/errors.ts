import { VrrlError } from '../base/errors.ts';

/** A kernel is not well-formed. `problems` has one sentence for each thing found, with the place it was found at. */
export class KernelError extends VrrlError {
  readonly code = 'VRRL_KERNEL';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], fix: string) {
    super(`the kernel is not well-formed: ${problems.join('; ')}`, fix);
    this.problems = problems;
  }
}
