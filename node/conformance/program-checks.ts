/** Checks of backends that replay whole programs: what comes of a program is what comes of stepping it. */

import {
  type Backend,
  DrainTally,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  LONG_SLOT_WORDS,
  type LoadedProgram,
  ProgramEpochFlag,
  type ProgramResult,
  type ProgramShape,
  type ReplayProgram,
  SIGNATURE_TALLY_WORDS,
  signatureWords,
} from '../../src/backend/index.ts';
import { compareSnapshots, DIGEST_WORDS, digestSnapshot, hasOverflowed } from '../../src/observe/index.ts';
import { digestFaults } from '../../src/record/index.ts';
import type { SlotToRun } from '../../src/wire/index.ts';
import { type Check, Skipped, Violation } from './check.ts';
import { type EpochToReplay, programOfEpochs } from './epochs-program.ts';
import type { Subject } from './subject.ts';

const EPOCHS = 6;
const REPLICAS = 3;
/** Slots of an epoch, if the ring has room. */
const SLOTS = 12;
/** The epoch that is expected to come out as it does not. */
const ODD_EPOCH = 3;
const ALL_FLAGS = ProgramEpochFlag.REPLAYABLE + ProgramEpochFlag.JUDGED + ProgramEpochFlag.SAMPLED;

export const PROGRAMS_CHECK: Check<Subject> = { name: 'programs', attempt: replaysPrograms };

/** What an epoch showed when it was stepped. */
interface Stepped {
  readonly before: Uint32Array;
  readonly after: Uint32Array;
  readonly tally: DrainTally;
}

async function replaysPrograms(subject: Subject): Promise<string> {
  const { backend } = subject;
  if (backend.load === undefined) throw new Skipped('it replays no programs, so it is stepped');
  const shape = await replaysChained(subject);
  await noticesWhatIsOdd(subject);
  if (backend.restore !== undefined) await replaysIsolated(subject);
  const modes = backend.restore === undefined ? 'chained' : 'chained and isolated';
  return `${EPOCHS} epochs, ${REPLICAS} replicas, ${modes}, ${shape}: as when they are stepped`;
}

async function replaysChained(subject: Subject): Promise<ProgramShape> {
  // Behind a fault the state is not known, so that the next epoch is not reached.
  const batches = await batchesOf(subject, 'done');
  const stepped = await stepTwice(subject, batches, false);
  const states = [stepped[0].before];
  const result = await replay(subject, epochsOf(subject, batches, stepped, states), 'chained');
  expectAsStepped(subject, result, stepped);
  await subject.start();
  subject.expectEqual(
    stepped[0].before,
    await subject.observe(),
    'a start after a program gives another state',
    'let START set everything that OBSERVE shows, whatever ran before.',
  );
  return result.shape;
}

async function replaysIsolated(subject: Subject): Promise<void> {
  const batches = await batchesOf(subject, 'ended');
  const stepped = await stepTwice(subject, batches, true);
  const states = stepped.map(({ before }) => before);
  const result = await replay(subject, epochsOf(subject, batches, stepped, states), 'isolated');
  expectAsStepped(subject, result, stepped);
}

/** An expectation that cannot be met has to be noticed, and everything behind it is an echo. */
async function noticesWhatIsOdd(subject: Subject): Promise<void> {
  const batches = await batchesOf(subject, 'done');
  const stepped = await stepTwice(subject, batches, false);
  const epochs = epochsOf(subject, batches, stepped, [stepped[0].before]);
  const { expectation } = epochs[ODD_EPOCH];
  // One done slot more than there can be: no region that dropped records excuses it.
  if (expectation !== undefined) expectation.signature[expectation.signature.length - SIGNATURE_TALLY_WORDS] += 1;
  const { totals, replicasDiverged, captured } = await replay(subject, epochs, 'chained');
  const fix = 'compare every word of the signature, and end a chained replica with its first judged difference.';
  const different = totals[ODD_EPOCH * EPOCH_TOTAL_WORDS + EpochTotal.DIFFERENT];
  if (different !== REPLICAS || replicasDiverged !== REPLICAS) {
    const what = `${REPLICAS} replicas are not as expected in epoch ${ODD_EPOCH}, it counts ${different} in the epoch`;
    throw new Violation(`${what} and ${replicasDiverged} in all`, fix);
  }
  const ranLater = totals[(ODD_EPOCH + 1) * EPOCH_TOTAL_WORDS + EpochTotal.RUN];
  if (ranLater !== 0) throw new Violation(`${ranLater} replicas went on after they had diverged`, fix);
  if (captured.some(({ epoch, relation }) => epoch === ODD_EPOCH && relation === 'different')) return;
  throw new Violation('no outcome came back of the epoch that was not as expected', 'hand back what is different.');
}

/** Slots for an epoch, in two batches: probes that end by themselves, each in a slot of its own. */
async function batchesOf(subject: Subject, how: 'done' | 'ended'): Promise<SlotToRun[][]> {
  const { slots } = subject.probes;
  const { slotCount } = subject.backend;
  await subject.start();
  const { pending, faults } = await subject.run(slots);
  const leftOut = new Set([...pending, ...(how === 'done' ? faults.map(({ slotIndex }) => slotIndex) : [])]);
  const ending = slots.filter((_, slotIndex) => slotIndex < slotCount && !leftOut.has(slotIndex));
  if (ending.length === 0) throw new Skipped('none of its probes ends without a fault');
  const count = Math.min(SLOTS, slotCount);
  const all = Array.from({ length: count }, (_, slotIndex) => ({ slotIndex, ...ending[slotIndex % ending.length] }));
  const half = Math.ceil(count / 2);
  return [all.slice(0, half), all.slice(half)];
}

async function stepTwice(subject: Subject, batches: readonly SlotToRun[][], isIsolated: boolean): Promise<Stepped[]> {
  const [first, second] = [await step(subject, batches, isIsolated), await step(subject, batches, isIsolated)];
  const isSteady = first.every(({ after }, epoch) => {
    return compareSnapshots(subject.layout, after, second[epoch].after).equal;
  });
  if (isSteady) return first;
  throw new Skipped('its probes come out differently each time, so a program of them may too');
}

async function step(subject: Subject, batches: readonly SlotToRun[][], isIsolated: boolean): Promise<Stepped[]> {
  const { backend } = subject;
  const stepped: Stepped[] = [];
  await subject.start();
  let before = await subject.observe();
  await subject.start();
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    if (isIsolated) await backend.restore?.(before);
    const tally = new DrainTally();
    for (const batch of batches) {
      for (const slot of batch) await backend.publish(slot.slotIndex, slot);
      tally.add(await backend.drain());
    }
    const after = await subject.observe();
    stepped.push({ before, after, tally });
    before = after;
  }
  return stepped;
}

/** As many epochs as were stepped, each with what it showed as its expectation. */
function epochsOf(
  { layout }: Subject,
  batches: readonly SlotToRun[][],
  stepped: readonly Stepped[],
  states: readonly Uint32Array[],
): EpochToReplay[] {
  return stepped.map(({ after, tally }, epoch) => {
    const signature = new Uint32Array(signatureWords(layout));
    digestSnapshot(layout, after, signature);
    const { done, faulted, pending, faults } = tally;
    signature.set([done, faulted, pending, ...digestFaults(faults)], layout.regions.length * DIGEST_WORDS);
    const overflowed = layout.regions.reduce(
      (mask, region, index) => mask + (hasOverflowed(region, after) ? 2 ** index : 0),
      0,
    );
    const state = states[epoch];
    return { batches, flags: ALL_FLAGS, expectation: { overflowed, signature }, ...(state && { state }) };
  });
}

async function replay(
  { backend, layout }: Subject,
  epochs: readonly EpochToReplay[],
  mode: 'chained' | 'isolated',
): Promise<ProgramResult> {
  const loaded = await load(
    backend,
    programOfEpochs(epochs, { slotWords: LONG_SLOT_WORDS, signatureWords: signatureWords(layout) }),
  );
  try {
    return await loaded.run({ mode, replicas: REPLICAS });
  } finally {
    await loaded.release();
  }
}

async function load(backend: Backend, program: ReplayProgram): Promise<LoadedProgram> {
  await backend.start();
  const loaded = await backend.load?.(program);
  if (loaded !== undefined) return loaded;
  throw new Skipped('it does not take up a program of its own probes');
}

/** @throws Violation if an epoch came out other than when it was stepped, or no words of it came back. */
function expectAsStepped(subject: Subject, { totals, captured }: ProgramResult, stepped: readonly Stepped[]): void {
  for (const [epoch, { after, tally }] of stepped.entries()) {
    const total = (word: number) => totals[epoch * EPOCH_TOTAL_WORDS + word];
    const outcome = captured.find((each) => each.epoch === epoch);
    if (outcome === undefined) {
      throw new Violation(`epoch ${epoch} is sampled, and no words of it came back`, 'hand them back of one replica.');
    }
    const fix = 'run it as if it had been stepped, and take the digest by spec/observation.md.';
    subject.expectEqual(after, outcome.snapshot, `epoch ${epoch} is not as when it is stepped`, fix);
    const counts = ({ done, faulted, pending }: Pick<DrainTally, 'done' | 'faulted' | 'pending'>) =>
      `${done} done, ${faulted} faulted, ${pending} waiting`;
    if (counts(outcome) !== counts(tally)) {
      throw new Violation(`epoch ${epoch}: ${counts(outcome)}; stepped: ${counts(tally)}`, fix);
    }
    const asExpected = total(EpochTotal.SAME) + total(EpochTotal.UNDECIDED);
    if (total(EpochTotal.RUN) !== REPLICAS || asExpected !== REPLICAS) {
      const what = `of ${REPLICAS} replicas ${total(EpochTotal.RUN)} ran epoch ${epoch}, ${asExpected} of them as expected`;
      throw new Violation(what, fix);
    }
  }
}
