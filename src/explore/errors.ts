import { InputError } from '../base/errors.ts';

/** A schedule token is damaged, or belongs to something else than it is to be replayed with. */
export class TokenError extends InputError {}
