// A resolve hook: `vrrl` and `vrrl/…` mean the copy that is running, whoever imports them. Plain JavaScript because Node
// loads it into a thread of its own, from a checkout's tests as well as from the package.

/**
 * @param {string} specifier
 * @param {{ parentURL?: string }} context
 * @param {(specifier: string, context: object) => unknown} nextResolve
 */
export function resolve(specifier, context, nextResolve) {
  if (specifier !== 'vrrl' && !specifier.startsWith('vrrl/')) return nextResolve(specifier, context);
  // A package may import itself by name, so asking from here finds this package's own exports map.
  return nextResolve(specifier, { ...context, parentURL: import.meta.url });
}
