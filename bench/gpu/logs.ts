/** The logs that the GPU benchmarks replay: made here, recorded on the reference, so that every machine has the same. */

import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, kernelToJson, opcode } from '../../src/kernel/index.ts';
import { RingLog, scanLogBytes } from '../../src/log/index.ts';
import { ObservationReader, ObservationWriter } from '../../src/observe/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';
import { RecordingSession, type SlotRequest } from '../../src/record/index.ts';
import { planReplay, type ReplayPlan } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';

/** Words of control memory that slots add to, and those that each slot stores to for itself. */
const COUNTERS = 16;
const FIRST_COUNTER: number = ControlWord.OBSERVABLE_BASE + 1;
const FIRST_OWN_WORD: number = FIRST_COUNTER + COUNTERS;

const RACY_ADD = 0x4000_0000;

/** An addition in two accesses: sound as long as nobody is in between. */
const racyAdd = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
  const before = $.load('control', word);
  $.store('control', word, before.plus(amount));
});

export function benchKernel(slotsOfEpoch: number): Kernel {
  return defineKernel({
    name: 'bench',
    slotCount: slotsOfEpoch,
    opcodes: [racyAdd],
    observableWords: Math.max(864, COUNTERS + 2 + slotsOfEpoch),
  });
}

export interface BenchLog {
  readonly kernel: Kernel;
  readonly plan: ReplayPlan;
}

/**
 * Epochs of so many slots each, the fence included. A third add, a third store to a word of their own, a third do both; or,
 * if racy, one in eight adds in two accesses.
 */
export async function benchLog(epochCount: number, slotsOfEpoch: number, isRacy = false): Promise<BenchLog> {
  const kernel = benchKernel(slotsOfEpoch);
  const log = new MemoryStorage();
  const stream = new MemoryStorage();
  const ring = RingLog.open(log, epochCount * slotsOfEpoch);
  const backend = new ReferenceBackend(kernel);
  const metadata = {
    tool: 'bench',
    kernel: kernelToJson(kernel),
    layout: backend.layout,
    backend: { name: 'reference' },
  };
  let writer: ObservationWriter | undefined;
  const session = await RecordingSession.start(backend, {
    kernel,
    log: ring,
    observations: (words) => {
      writer = ObservationWriter.create(stream, { ...metadata, log: { capacity: ring.capacity } }, words);
      return writer;
    },
  });
  for (let epoch = 0; epoch < epochCount; epoch += 1) {
    await session.publish(slotsOf(epoch, slotsOfEpoch - 1, isRacy));
    await session.endEpoch({ tag: epoch });
  }
  writer?.close();
  const observations = ObservationReader.open(new MemoryStorage(stream.toBytes()));
  return { kernel, plan: planReplay({ scan: scanLogBytes(log.toBytes()), observations }, { kernel }) };
}

export function slotsOf(epoch: number, count: number, isRacy = false): SlotRequest[] {
  return Array.from({ length: count }, (_, slot) => {
    if (isRacy && slot % 8 === 0) return { opcode: RACY_ADD, args: [1, FIRST_COUNTER] };
    const counter = FIRST_COUNTER + 1 + ((slot + epoch) % (COUNTERS - 1));
    if (slot % 3 === 0) return { opcode: Opcode.STORE_U32, args: [epoch * 64 + slot, FIRST_OWN_WORD + slot] };
    return { opcode: Opcode.ATOMIC_ADD, args: [slot % 3, counter] };
  });
}
