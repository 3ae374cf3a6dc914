/** What exactly differs between two outcomes of an epoch, and which slots can have to do with it. */

import type { SlotTally } from '../backend/index.ts';
import { hex64 } from '../base/words.ts';
import { footprintOf, type Kernel, type SlotFault, touches } from '../kernel/index.ts';
import { RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import {
  compareSnapshots,
  type RecordDifference,
  type RegionDifference,
  type ResolvedLayout,
  type WordDifference,
} from '../observe/index.ts';
import { argumentsOf, type ComparableOutcome, type PlannedEpoch, type ReplayPlan } from '../replay/index.ts';
import type { Divergence, InvolvedSlot } from './judgement.ts';

/** An outcome, and where it comes from. */
export interface OutcomeSource extends ComparableOutcome {
  readonly source: string;
  readonly replica: number;
  readonly snapshot: Uint32Array | undefined;
  readonly tally: SlotTally;
  readonly faults: readonly SlotFault[];
  /** Slots that were PUBLISHED already when the epoch began, as far as it is known. */
  readonly pendingBefore: readonly number[];
}

interface DifferenceContext {
  /** Undefined if the records are not at hand; then no slots are named. */
  readonly plan: ReplayPlan | undefined;
  readonly layout: ResolvedLayout;
  readonly kernel: Kernel | undefined;
  readonly epoch: Pick<PlannedEpoch, 'ordinal' | 'deviceEpoch'> & Partial<PlannedEpoch>;
  readonly expected: OutcomeSource;
  readonly seen: OutcomeSource;
}

type Found = Pick<Divergence, 'kind' | 'where' | 'region' | 'expected' | 'seen' | 'differenceCount'>;

/** At most this many slots are listed. */
const MAX_SLOTS = 12;

/** Describes the first difference between two outcomes whose signatures differ. */
export function describeDifference(context: DifferenceContext): Divergence {
  const { epoch, expected, seen } = context;
  const word = firstDifference(context);
  return {
    epoch: epoch.ordinal,
    deviceEpoch: epoch.deviceEpoch,
    backend: seen.source,
    replica: seen.replica,
    comparedWith: expected.source,
    ...word.found,
    ...involvedSlots(context, word.difference),
  };
}

/** What is found, and the word or region it is about, for finding the slots. */
interface Located {
  readonly found: Found;
  readonly difference: RegionDifference | undefined;
}

function firstDifference({ layout, expected, seen }: DifferenceContext): Located {
  if (expected.snapshot !== undefined && seen.snapshot !== undefined) {
    const difference = compareSnapshots(layout, expected.snapshot, seen.snapshot).differences.at(0);
    if (difference !== undefined) return { found: describeRegion(difference), difference };
  }
  const slots = describeTally(expected, seen);
  if (slots !== undefined) return { found: slots, difference: undefined };
  return { found: describeDigest(layout, expected, seen), difference: undefined };
}

function describeRegion(difference: RegionDifference): Found {
  const region = difference.region.name;
  if (difference.kind === 'words') {
    const first: WordDifference = difference.words[0];
    const expected = String(first.expected);
    const seen = String(first.seen);
    return { kind: 'word', where: first.name, region, expected, seen, differenceCount: difference.count };
  }
  const first: RecordDifference = difference.missing[0] ?? difference.extra[0];
  const times = (copies: number) => `(${first.words.join(', ')}) ${copies} times`;
  return {
    kind: 'record',
    where: region,
    region,
    expected: times(first.expectedCopies),
    seen: times(first.seenCopies),
    differenceCount: difference.missingCount + difference.extraCount,
  };
}

function describeTally(expected: OutcomeSource, seen: OutcomeSource): Found | undefined {
  const say = ({ done, faulted, pending }: SlotTally, faults: readonly SlotFault[]) => {
    const why = faults.length === 0 ? '' : ` (slot ${faults[0].slotIndex}: ${faults[0].message})`;
    return `${done} done, ${faulted} faulted${why}, ${pending} waiting`;
  };
  const isSame =
    expected.tally.done === seen.tally.done &&
    expected.tally.faulted === seen.tally.faulted &&
    expected.tally.pending === seen.tally.pending;
  if (isSame && expected.tally.faulted === 0) return undefined;
  return {
    kind: 'slots',
    where: 'slots',
    region: 'slots',
    expected: say(expected.tally, expected.faults),
    seen: say(seen.tally, seen.faults),
    differenceCount: 1,
  };
}

/** Without words, the digests at least say in which region it is; not in one that dropped records, which proves nothing. */
function describeDigest(layout: ResolvedLayout, expected: ComparableOutcome, seen: ComparableOutcome): Found {
  const differs = (index: number) => expected.signature[index] !== seen.signature[index];
  const found = layout.regions.findIndex((_, each) => {
    const isJudged = expected.overflowed?.[each] !== true && seen.overflowed?.[each] !== true;
    return isJudged && (differs(2 * each) || differs(2 * each + 1));
  });
  const index = Math.max(0, found);
  const region = layout.regions[index].name;
  const digest = ({ signature }: ComparableOutcome) =>
    `digest ${hex64(signature[2 * index], signature[2 * index + 1])}`;
  return { kind: 'digest', where: region, region, expected: digest(expected), seen: digest(seen), differenceCount: 1 };
}

/** The slots that ran in the epoch and whose footprint has the word, or for records the area that they are in. */
function involvedSlots(
  context: DifferenceContext,
  difference: RegionDifference | undefined,
): Pick<Divergence, 'slots' | 'unlistedSlotCount'> {
  const { plan, layout, kernel } = context;
  if (plan === undefined || kernel === undefined || difference === undefined) {
    return { slots: [], unlistedSlotCount: undefined };
  }
  const { region } = difference;
  const area = layout.areas.find((candidate) => candidate.name === region.area);
  if (area === undefined) return { slots: [], unlistedSlotCount: undefined };
  const word = difference.kind === 'words' ? difference.words[0].index - area.start : region.start - area.start;
  const slots: InvolvedSlot[] = [];
  let unlistedSlotCount = 0;
  for (const record of recordsThatRan(plan, context.epoch, context.seen.pendingBefore)) {
    const slot = involvedSlot(plan, kernel, record);
    // Every slot that is served counts itself; blaming all of them for DONE_COUNT says nothing, but it is true.
    if (!touches(footprintOf(kernel, { ...slot, tenant: slot.tenantId }).writes, area.name, word)) continue;
    if (slots.length < MAX_SLOTS) slots.push(slot);
    else unlistedSlotCount += 1;
  }
  return { slots, unlistedSlotCount };
}

/** The epoch's own records, and before them those of older epochs whose slots still waited. */
function* recordsThatRan(
  { columns }: ReplayPlan,
  { firstRecord = 0, endRecord = 0 }: DifferenceContext['epoch'],
  pendingBefore: readonly number[],
): Generator<number> {
  const newestRecords = pendingBefore.map((slotIndex) =>
    firstRecord === 0 ? -1 : columns.slotIndex.lastIndexOf(slotIndex, firstRecord - 1),
  );
  yield* newestRecords.filter((record) => record >= 0).sort((left, right) => left - right);
  for (let record = firstRecord; record < endRecord; record += 1) yield record;
}

function involvedSlot(plan: ReplayPlan, kernel: Kernel, record: number): InvolvedSlot {
  const { columns } = plan;
  const opcode = columns.opcode[record];
  const definition = kernel.opcodes.find((candidate) => candidate.code === opcode);
  const args = argumentsOf(plan, record);
  return {
    record,
    slotIndex: columns.slotIndex[record],
    opcode,
    name: definition?.name ?? `0x${opcode.toString(16)}`,
    tenantId: columns.tenantId[record],
    args: args.slice(0, definition?.argumentNames.length ?? RECORD_ARGUMENT_COUNT),
  };
}
