/** What a backend says about itself, checked before anything relies on it. */

import { isWord } from '../base/words.ts';
import { type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import type { Backend } from './backend.ts';
import { BackendFaultError } from './errors.ts';

/**
 * The layout of what a backend observes.
 *
 * @throws ObservationFormatError or InputError if its layout is none.
 * @throws BackendFaultError if its other properties contradict the layout, or are not what they should be.
 */
export function layoutOf(backend: Backend): ResolvedLayout {
  const { name, slotCount, epochWord } = backend;
  const layout = resolveLayout(backend.layout);
  if (!isWord(slotCount) || slotCount === 0) {
    throw contradiction(name, `its slotCount is ${slotCount}`, 'give the number of slots that its ring has.');
  }
  if (epochWord !== undefined && !(isWord(epochWord) && epochWord < layout.snapshotWords)) {
    const what = `its epochWord is ${epochWord}, and a snapshot of it has ${layout.snapshotWords} words`;
    throw contradiction(name, what, 'give the index of EPOCH in what observe() writes, or leave it out.');
  }
  return layout;
}

function contradiction(backend: string, what: string, fix: string): BackendFaultError {
  return new BackendFaultError(backend, 'protocol', what, fix);
}
