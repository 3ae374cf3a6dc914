import { VrrlError } from '../base/errors.ts';

/** An observation stream cannot be read at all: no intact header, or one that makes no sense. */
export class ObservationFormatError extends VrrlError {
  readonly code = 'VRRL_OBSERVATION_FORMAT';
  /** The storage, as it calls itself. */
  readonly label: string;
  /** The part of the stream that is wrong. */
  readonly field: string;

  constructor(label: string, field: string, what: string, fix: string, options?: ErrorOptions) {
    super(`observation stream \`${label}\`: ${field} ${what}`, fix, options);
    this.label = label;
    this.field = field;
  }
}
