import { VrrlError } from '../base/errors.ts';

/** A line of a slots file is neither a slot nor the end of a batch. */
export class SlotLineError extends VrrlError {
  readonly code = 'VRRL_SLOT_LINE';
  /** Counted from 1. */
  readonly lineNumber: number;

  constructor(lineNumber: number, what: string, fix: string, options?: ErrorOptions) {
    super(`line ${lineNumber} of the slots: ${what}`, fix, options);
    this.lineNumber = lineNumber;
  }
}
