/** A backend that lives on from replay to replay: what it has compiled is of use again. */

import type { Backend } from '../backend/index.ts';

/** The same backend, which is not stopped by whoever has it; whoever made it has to stop the original. */
export function keptRunning(backend: Backend): Backend {
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === 'stop') return () => undefined;
      const member: unknown = Reflect.get(target, name, target);
      // Private members are the target's own.
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
