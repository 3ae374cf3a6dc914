import { VrrlError } from '../base/errors.ts';

/** A line of a history is no operation of the model. */
export class HistoryError extends VrrlError {
  readonly code = 'VRRL_HISTORY';
  /** Counted from 1. */
  readonly lineNumber: number;

  constructor(lineNumber: number, what: string, fix: string, options?: ErrorOptions) {
    super(`line ${lineNumber} of the history: ${what}`, fix, options);
    this.lineNumber = lineNumber;
  }
}
