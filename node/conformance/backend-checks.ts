/** Checks that any backend can take, whatever it is made of. */

import { type Backend, PublishError, ReferenceBackend } from '../../src/backend/index.ts';
import { findOpcode, type Kernel } from '../../src/kernel/index.ts';
import type { ResolvedLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';
import { type Check, Skipped, Violation } from './check.ts';
import { describeReport, Subject, slot } from './subject.ts';

const MANY_EPOCHS = 200;
/** Probes of an ordinary epoch, if the ring has room. */
const SOME = 12;

export const BACKEND_CHECKS: readonly Check<Subject>[] = [
  { name: 'start', attempt: startsAlike },
  { name: 'accounting', attempt: accounts },
  { name: 'publish', attempt: refusesBeyondTheRing },
  { name: 'observe', attempt: observesAlike },
  { name: 'restore', attempt: restores },
  { name: 'epochs', attempt: runsManyEpochs },
  { name: 'full-ring', attempt: runsFullRing },
];

async function startsAlike(subject: Subject): Promise<string> {
  const fix = 'let START set everything that OBSERVE shows, or let its region be ignored.';
  await subject.start();
  const first = await subject.observe();
  await subject.start();
  subject.expectEqual(first, await subject.observe(), 'a second start gives another state', fix);
  await subject.runProbes(SOME);
  await subject.start();
  subject.expectEqual(first, await subject.observe(), 'a start after some work gives another state', fix);
  return `${subject.layout.snapshotWords} words, three times alike`;
}

async function accounts(subject: Subject): Promise<string> {
  await subject.start();
  const report = await subject.runProbes(SOME);
  await subject.run([]);
  return describeReport(report);
}

async function refusesBeyondTheRing(subject: Subject): Promise<string> {
  const { backend, probes } = subject;
  await subject.start();
  try {
    await backend.publish(backend.slotCount, probes.slots[0]);
    await backend.drain();
  } catch (error) {
    if (error instanceof PublishError) return 'a slot beyond the ring is refused';
    throw error;
  }
  throw new Violation('it took a slot beyond its ring', 'throw a PublishError.');
}

async function observesAlike(subject: Subject): Promise<string> {
  await subject.start();
  const first = await subject.observe();
  const fix = 'let OBSERVE change nothing but what it takes away.';
  subject.expectEqual(first, await subject.observe(), 'observed twice, it shows another state', fix);
  return 'observed twice, nothing changes';
}

async function restores(subject: Subject): Promise<string> {
  if (subject.backend.restore === undefined) throw new Skipped('it cannot restore, so isolated replay is not for it');
  await subject.start();
  await subject.runProbes(SOME);
  const state = await subject.observe();
  // What an observation takes away is not restored: only what stays can be compared with the state itself.
  const kept = keptWords(subject.layout);
  const fix = 'let RESTORE set all the words that OBSERVE gave.';
  await subject.start();
  await subject.restore(state);
  const restored = await subject.observe();
  const lost = kept.find((word) => restored[word] !== state[word]);
  if (lost !== undefined) {
    throw new Violation(`word ${lost} was ${state[lost]} and is restored as ${restored[lost]}`, fix);
  }
  await subject.runProbes(SOME);
  await subject.restore(state);
  subject.expectEqual(restored, await subject.observe(), 'restored again after some work, it shows another state', fix);
  return `${kept.length} words come back`;
}

/** Words that are compared one by one, but for cursors of records, which observing may set back. */
function keptWords({ regions, snapshotWords }: ResolvedLayout): number[] {
  const cursors = new Set(regions.map(({ usedWordsAt }) => usedWordsAt));
  const isExact = new Uint8Array(snapshotWords);
  for (const { start, count, equivalence } of regions) {
    if (equivalence === 'exact') isExact.fill(1, start, start + count);
  }
  return Array.from(isExact.keys()).filter((word) => isExact[word] === 1 && !cursors.has(word));
}

async function runsManyEpochs(subject: Subject): Promise<string> {
  await subject.start();
  for (let epoch = 0; epoch < MANY_EPOCHS; epoch += 1) {
    await subject.runProbes(SOME);
    await subject.observe();
  }
  return `${MANY_EPOCHS} epochs, all accounted for`;
}

async function runsFullRing(subject: Subject): Promise<string> {
  const { slotCount } = subject.backend;
  await subject.start();
  const report = await subject.runProbes(slotCount);
  await subject.observe();
  return `${slotCount} slots at once: ${describeReport(report)}`;
}

/** Whether a kernel of ours comes out as on the reference. Only slots whose order means nothing. */
export function comparesWithReference(kernel: Kernel): Check<Subject> {
  return {
    name: 'reference',
    async attempt(subject) {
      const reference = new Subject(new ReferenceBackend(kernel), subject.probes);
      const slots = comparableSlots(kernel);
      for (const each of [subject, reference]) await each.start();
      for (let epoch = 0; epoch < 8; epoch += 1) {
        const [expected, seen] = [await reference.run(slots), await subject.run(slots)];
        const words = (report: typeof seen) => JSON.stringify([report.done, report.pending, report.faults]);
        if (words(expected) !== words(seen)) {
          const what = `${describeReport(seen)}; the reference: ${describeReport(expected)}, or its faults differ`;
          throw new Violation(what, 'compare the handlers with spec/kernel.md.');
        }
        const fix = 'compare the handler that writes there with the kernel as vrrl kernel prints it.';
        subject.expectEqual(await reference.observe(), await subject.observe(), `epoch ${epoch} differs`, fix);
      }
      return `8 epochs of ${slots.length} slots as on the reference`;
    },
  };
}

/** Each writes a word of its own, or adds; the one in the middle faults. */
function comparableSlots(kernel: Kernel): ReturnType<typeof slot>[] {
  const base = ControlWord.OBSERVABLE_BASE;
  const slots = [
    slot(Opcode.NOP),
    slot(Opcode.STORE_U32, 0xdead_beef, base + 4),
    slot(Opcode.ATOMIC_ADD, 0xffff_ffff, base + 5),
    slot(Opcode.ATOMIC_ADD, 7, base + 5),
    slot(Opcode.STORE_U32, 1, kernel.controlWords),
    slot(Opcode.LOAD_U32, ControlWord.TENANT_MASKS, 6),
    slot(Opcode.PRINTF, 1, 2, 3),
    slot(Opcode.PRINTF, 4, 5, 6),
    slot(Opcode.BATCH_FENCE, 8, 0),
  ];
  const isKnown = ({ opcode }: { opcode: number }) => findOpcode(kernel, opcode) !== undefined;
  return kernel.controlWords >= base + 8 ? slots.filter(isKnown).slice(0, kernel.slotCount) : [slots[0]];
}

/** Makes a backend for one check, and gives it back. */
export async function withBackend<Result>(backend: Backend, use: () => Promise<Result>): Promise<Result> {
  try {
    return await use();
  } finally {
    await backend.stop();
  }
}
