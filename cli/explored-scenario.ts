/** What `vrrl explore` explores: an epoch of a log, slots that somebody wrote down, or slots that are drawn. */

import { InputError } from '../src/base/errors.ts';
import { RandomWords } from '../src/base/random.ts';
import type { Kernel } from '../src/kernel/index.ts';
import { ControlWord, Opcode, Priority } from '../src/protocol/index.ts';
import type { SlotRequest } from '../src/record/index.ts';
import { planReplay } from '../src/replay/index.ts';
import { type Scenario, type ScenarioOutcome, scenarioOfEpoch, scenarioOfSlots } from '../src/scenario/index.ts';
import type { Io } from './io.ts';
import { chooseKernel } from './kernel-choice.ts';
import { openRecordingSource } from './log-source.ts';
import { type SlotPiece, sourceOf } from './slot-source.ts';

export interface ScenarioFlags {
  readonly epoch?: number | undefined;
  readonly slots?: string | undefined;
  readonly workload?: string | undefined;
  readonly input?: string | undefined;
  readonly generate?: number | undefined;
  readonly seed?: number | undefined;
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
}

/** A scenario, what it is called, and what was seen of it if it was recorded. */
export interface NamedScenario {
  readonly name: string;
  readonly scenario: Scenario;
  readonly recorded: ScenarioOutcome | undefined;
  readonly notes: readonly string[];
}

/**
 * Finds what the command line names.
 *
 * @throws InputError if it names nothing or more than one thing, or what it names cannot be explored.
 */
export async function exploredScenario(
  io: Io,
  logPath: string | undefined,
  flags: ScenarioFlags,
): Promise<NamedScenario> {
  const named = [logPath, flags.slots, flags.workload, flags.generate].filter((source) => source !== undefined);
  if (named.length !== 1) {
    const what = named.length === 0 ? 'nothing to explore was named' : 'more than one thing to explore was named';
    throw new InputError(what, 'name a log with --epoch N, or one of --slots, --workload and --generate.');
  }
  return logPath === undefined ? writtenScenario(io, flags) : recordedScenario(io, logPath, flags);
}

async function recordedScenario(io: Io, logPath: string, flags: ScenarioFlags): Promise<NamedScenario> {
  if (flags.epoch === undefined) {
    throw new InputError('one epoch of a log is explored', 'name it with --epoch N.');
  }
  const recording = await openRecordingSource(io, logPath, {});
  try {
    const choice = await chooseKernel(recording, flags, true);
    const { kernel } = choice;
    if (kernel === undefined) {
      throw new InputError('vrrl does not know the kernel of this recording', 'give it with --kernel FILE.');
    }
    const plan = planReplay(recording, { kernel });
    const epoch = plan.epochs.find(({ ordinal }) => ordinal === flags.epoch);
    if (epoch === undefined) {
      throw new InputError(`the log has no epoch ${flags.epoch}`, 'see vrrl info for those that it has.');
    }
    const { scenario, recorded, problems } = scenarioOfEpoch(plan, epoch, kernel);
    if (scenario === undefined) {
      throw new InputError(`epoch ${flags.epoch} cannot be run: ${problems.join('; ')}`, 'take another epoch.');
    }
    return { name: `epoch ${flags.epoch} of ${logPath}`, scenario, recorded, notes: [...choice.notes, ...problems] };
  } finally {
    recording.close();
  }
}

/** Slots that were written down, the pieces of a workload, or drawn ones. */
async function writtenScenario(io: Io, flags: ScenarioFlags): Promise<NamedScenario> {
  // Drawn slots need a kernel as slots from a file do, and no file.
  const slots = flags.generate === undefined ? flags.slots : '-';
  const source = await sourceOf(io, { ...flags, slots, backend: 'reference' });
  try {
    const { kernel } = source;
    if (kernel === undefined) throw new InputError('the slots have no kernel', 'give one with --kernel FILE.');
    if (flags.generate !== undefined) {
      const { generate: count, seed = 1 } = flags;
      const scenario = placed(kernel, drawnSlots(count, seed));
      return { name: `${count} slots drawn with seed ${seed}`, scenario, recorded: undefined, notes: [] };
    }
    const epoch = flags.epoch ?? 0;
    const requests = await slotsOfPiece(source.pieces(), epoch);
    const name = flags.workload === undefined ? `epoch ${epoch} of the slots` : `epoch ${epoch} of ${flags.workload}`;
    return { name, scenario: placed(kernel, requests), recorded: undefined, notes: [] };
  } finally {
    await source.close();
  }
}

async function slotsOfPiece(pieces: AsyncIterable<SlotPiece> | Iterable<SlotPiece>, epoch: number) {
  const requests: SlotRequest[] = [];
  let ended = 0;
  for await (const { slots, end } of pieces) {
    if (ended === epoch) requests.push(...slots);
    if (end !== undefined && ended === epoch) {
      // As a session does that records them.
      if (end.fence !== false) requests.push(fence(requests.length, end.tag));
      break;
    }
    if (end !== undefined) ended += 1;
  }
  if (requests.length > 0) return requests;
  throw new InputError(`there are no slots in epoch ${epoch}`, 'name another with --epoch, or give slots.');
}

function fence(itemCount: number, tag: number): SlotRequest {
  return { opcode: Opcode.BATCH_FENCE, args: [itemCount, tag] };
}

/** Slot after slot of the ring; beyond its end the host waits and begins again. */
function placed(kernel: Kernel, requests: readonly SlotRequest[]): Scenario {
  return scenarioOfSlots(
    kernel,
    requests.map(({ opcode, tenant = 0, priority = Priority.NORMAL, args = [] }, index) => ({
      slotIndex: index % kernel.slotCount,
      slot: { opcode, tenant, priority, args },
    })),
  );
}

/** Slots of the built-in opcodes over two words, so that they get in each other's way. */
function drawnSlots(count: number, seed: number): SlotRequest[] {
  const random = new RandomWords(seed);
  const word = () => ControlWord.OBSERVABLE_BASE + random.below(2);
  const makers: (() => SlotRequest)[] = [
    () => ({ opcode: Opcode.STORE_U32, args: [random.below(4), word()] }),
    () => ({ opcode: Opcode.ATOMIC_ADD, args: [1 + random.below(3), word()] }),
    () => ({ opcode: Opcode.LOAD_U32, args: [word(), random.below(2)] }),
    () => ({ opcode: Opcode.COMPARE_SWAP, args: [word(), random.below(2), 1 + random.below(3)] }),
    () => ({ opcode: Opcode.MEMCPY, args: [ControlWord.OBSERVABLE_BASE, ControlWord.OBSERVABLE_BASE + 2, 2] }),
    () => fence(count, random.below(4)),
  ];
  return Array.from({ length: count }, () => makers[random.below(makers.length)]());
}
