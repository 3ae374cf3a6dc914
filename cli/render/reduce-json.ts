/** A reduction as programs get it: `spec/reduction.schema.json`. */

import type { TracedAccess } from '../../src/explore/index.ts';
import { findOpcode } from '../../src/kernel/index.ts';
import { opcodeName } from '../../src/protocol/index.ts';
import { type LogCandidate, type Reduction, type ScheduleComparison, slotCountOf } from '../../src/reduce/index.ts';
import type { ReducedRecording } from '../reduction.ts';
import { commandsFor, type WrittenFiles } from './reduce.ts';

/** The object that `reduce --json` prints. */
export function reductionJson(reduced: ReducedRecording, files: WrittenFiles, tool: string): unknown {
  const {
    logPath,
    choice,
    judge,
    epochs,
    searchRuns,
    reduction,
    failure,
    rate,
    schedule,
    notes,
    legalRuns,
    isOnlyLegal,
  } = reduced;
  const { kernel } = choice;
  return {
    schemaVersion: 1,
    tool,
    log: logPath,
    kernel: {
      source: choice.source,
      ...(kernel === undefined ? {} : { name: kernel.name, identity: kernel.identity }),
    },
    judge,
    reproduced: reduction !== undefined,
    original: { epochs, rate },
    searchRuns,
    legalRuns,
    isOnlyLegal,
    ...(reduction === undefined ? {} : reproducerJson(reduced, reduction, files)),
    ...(failure === undefined
      ? {}
      : {
          failure: { epoch: failure.epoch, where: failure.where, expected: failure.expected, seen: failure.seen },
        }),
    ...(schedule === undefined ? {} : { schedule: scheduleJson(schedule) }),
    notes,
  };
}

function scheduleJson({
  token,
  switches,
  switchesBefore,
  isFewest,
  failing,
  passing,
  sharedAccesses,
}: ScheduleComparison) {
  const accesses = { failing: failing.map(accessJson), passing: passing?.map(accessJson) };
  return { token, switches, switchesBefore, isFewest, ...accesses, sharedAccesses };
}

function accessJson({ isTurn: _, ...access }: TracedAccess): unknown {
  return access;
}

function reproducerJson(reduced: ReducedRecording, reduction: Reduction, { output, testFile }: WrittenFiles) {
  const { reproducer, original, signature, rateAfter, isMinimal, unresolved, alpha, rateDecidedFor, runs, ledger } =
    reduction;
  return {
    signature,
    sizeBefore: sizesOf(original),
    size: reproducer && sizesOf(reproducer),
    slots: reproducer && slotsOf(reproducer),
    stress: reproducer?.stress,
    output,
    testFile,
    rate: rateAfter,
    isMinimal,
    unresolved,
    alpha,
    rateDecidedFor,
    runs,
    seeAgain: commandsFor(reduced, reduction, { output, testFile }),
    ledger,
  };
}

function sizesOf(candidate: LogCandidate) {
  return {
    epochs: candidate.epochs.length,
    batches: candidate.epochs.reduce((sum, { batchEnds }) => sum + batchEnds.length, 0),
    slots: slotCountOf(candidate),
    ring: candidate.slotCount,
    startsFresh: candidate.initial === undefined,
  };
}

function slotsOf({ kernel, epochs }: LogCandidate) {
  return epochs.flatMap(({ slots, batchEnds }, epoch) =>
    slots.map(({ slotIndex, slot }, index) => {
      const { opcode, tenant, priority, args } = slot;
      const name = (kernel && findOpcode(kernel, opcode)?.name) ?? opcodeName(opcode);
      const batch = batchEnds.findIndex((end) => index < end);
      return { epoch, batch, slotIndex, opcode, name, tenant, priority, args: Array.from(args) };
    }),
  );
}
