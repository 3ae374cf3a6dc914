import { VrrlError } from '../base/errors.ts';

/** Bytes that are no frame, or a payload that is not what its message promises. */
export class WireError extends VrrlError {
  readonly code = 'VRRL_WIRE';

  constructor(what: string, options?: ErrorOptions) {
    super(what, 'keep to spec/backend-protocol.md; vrrl backend-check says where a runner does not.', options);
  }
}
