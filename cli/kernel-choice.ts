/** Which kernel a log is replayed with: the one given, the recorded one, or the built-in one with inferred sizes. */

import { VrrlError } from '../src/base/errors.ts';
import { defineKernel, finishKernel, type Kernel, KernelError, kernelFromJson } from '../src/kernel/index.ts';
import { inferSizes, type Recording } from '../src/replay/index.ts';
import { withAdvice } from './exit.ts';
import { kernelFromFile } from './user-modules.ts';

export interface KernelChoice {
  /** Undefined if the recording is of a backend whose kernel vrrl does not know. */
  readonly kernel: Kernel | undefined;
  readonly source: 'given' | 'recorded' | 'assumed' | 'foreign';
  /** What was assumed, for people. */
  readonly notes: readonly string[];
}

/** Sizes asked for on the command line; those that are not stay as they are. */
export interface SizeOverrides {
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
}

export interface KernelOverrides extends SizeOverrides {
  readonly kernel?: string | undefined;
}

/**
 * Chooses the kernel.
 *
 * With `needsKernel` false, because every backend is somebody's own, none is assumed.
 *
 * @throws InputError, KernelError if the given or the recorded one cannot be used.
 */
export async function chooseKernel(
  recording: Recording,
  overrides: KernelOverrides,
  needsKernel: boolean,
): Promise<KernelChoice> {
  if (overrides.kernel !== undefined) {
    const kernel = resizeKernel(await kernelFromFile(overrides.kernel), overrides);
    return { kernel, source: 'given', notes: notesOnGiven(kernel, recording) };
  }
  const recorded = recordedKernel(recording);
  if (recording.observations !== undefined && (recorded === null || recorded === undefined)) {
    return { kernel: undefined, source: 'foreign', notes: ['the recording is of a kernel that vrrl does not know'] };
  }
  if (recorded !== undefined && recorded !== null) {
    const own = kernelFromJson(recorded);
    const kernel = resizeKernel(own, overrides);
    return { kernel, source: 'recorded', notes: notesOnOther(kernel, own) };
  }
  if (needsKernel) return assumeKernel(recording, overrides);
  return {
    kernel: undefined,
    source: 'foreign',
    notes: ['the backends bring their own kernel; --kernel FILE names one'],
  };
}

/** As the observations describe it; a log without observations may do so, too. */
export function recordedKernel({ log, observations }: Recording): unknown {
  return observations === undefined ? log.kernel : observations.header.kernel;
}

/** What a kernel that was given rests on: the recorded one is another, or nobody knows which that was. */
function notesOnGiven(kernel: Kernel, recording: Recording): string[] {
  const recorded = recordedKernel(recording);
  if (recorded === null || recorded === undefined) {
    return [`the recording names no kernel: ${nameOf(kernel)} is taken for it (--kernel)`];
  }
  try {
    return notesOnOther(kernel, kernelFromJson(recorded));
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return [`the recorded kernel cannot be read: ${nameOf(kernel)} is taken for it (--kernel)`];
  }
}

function notesOnOther(kernel: Kernel, recorded: Kernel): string[] {
  if (kernel.identity === recorded.identity) return [];
  return [
    `what ${nameOf(recorded)} recorded is replayed with ${nameOf(kernel)}: what differs may be the kernel's doing`,
  ];
}

function nameOf({ name, identity }: Kernel): string {
  return `kernel ${name} ${identity.slice(0, 12)}`;
}

function assumeKernel({ log }: Recording, overrides: KernelOverrides): KernelChoice {
  const inferred = inferSizes(log.columns);
  const { slotCount = inferred.slotCount, controlWords = inferred.controlWords } = overrides;
  const how = (given: number | undefined) => (given === undefined ? 'inferred' : 'given');
  const kernel = resizeKernel(defineKernel({ name: 'built-in' }), { slotCount, controlWords });
  const notes = [
    'the log names no kernel: the built-in one is assumed (--kernel FILE gives another)',
    `slots: ${slotCount} (${how(overrides.slotCount)}), control words: ${controlWords} (${how(overrides.controlWords)})`,
  ];
  return { kernel, source: 'assumed', notes };
}

/**
 * A kernel in other sizes.
 *
 * @throws InputError if a handler names a word that is not there then.
 */
export function resizeKernel(kernel: Kernel, sizes: SizeOverrides): Kernel {
  const { slotCount = kernel.slotCount, controlWords = kernel.controlWords } = sizes;
  if (slotCount === kernel.slotCount && controlWords === kernel.controlWords) return kernel;
  try {
    return finishKernel({ ...kernel, slotCount, controlWords });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const own = `${kernel.slotCount} slots and ${kernel.controlWords} control words`;
    throw withAdvice(error, `ask for other sizes; kernel ${kernel.name} was made for ${own}.`);
  }
}
