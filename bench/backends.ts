/**
 * The CPU backends: how many slots and epochs they get through.
 *
 * Target: 20 million slots a second on the reference. The slots are a quarter each of STORE_U32, ATOMIC_ADD, LOAD_U32 and
 * COMPARE_SWAP on words that are drawn once.
 */

import { ThreadsBackend } from '../node/threads-backend.ts';
import { type Backend, KernelMachine, ReferenceBackend, type Slot } from '../src/backend/index.ts';
import { RandomWords } from '../src/base/random.ts';
import {
  bindLoweredKernel,
  defineKernel,
  type Kernel,
  type LoweredKernel,
  lowerToJavaScript,
  planMemory,
} from '../src/kernel/index.ts';
import { ControlWord, Opcode } from '../src/protocol/index.ts';
import { type Measurement, millionsPerSecond, sampleInTurn, thousandsPerSecond } from './measurement.ts';

const SLOTS_A_SAMPLE = 2_097_152;
const THREADS_EPOCHS_A_SAMPLE = 2_000;
const EPOCH_SLOTS = [64, 4_096] as const;

/** Runs everything. About a quarter of a minute. */
export async function measureBackends(rounds: number): Promise<Measurement[]> {
  const threads = EPOCH_SLOTS.map((slots) => new ThreadsBackend(kernelOf(slots), { seed: 1 }));
  try {
    for (const backend of threads) await backend.start();
    return await sampleInTurn(
      [
        ...EPOCH_SLOTS.map(runOnly),
        ...EPOCH_SLOTS.map(wholeEpochs),
        ...threads.map((backend) => threadsEpochs(backend)),
      ],
      rounds,
    );
  } finally {
    for (const backend of threads) await backend.stop();
  }
}

function kernelOf(slotCount: number): Kernel {
  return defineKernel({ name: 'bench', slotCount });
}

/** Publishing and collecting are outside of the clock, which runs for some microseconds an epoch. */
function runOnly(slotsPerEpoch: number) {
  const kernel = kernelOf(slotsPerEpoch);
  const machine = new KernelMachine(kernel, new ArrayBuffer(planMemory(kernel).totalBytes));
  const lowered = bindLoweredKernel(lowerToJavaScript(kernel, 'serial'), machine.memories);
  const slots = mixedSlots(slotsPerEpoch);
  machine.reset();
  return {
    name: `reference: run slots, epochs of ${slotsPerEpoch}`,
    unit: 'M slots/s',
    sample: () => {
      let nanoseconds = 0;
      for (let done = 0; done < SLOTS_A_SAMPLE; done += slotsPerEpoch) {
        for (let index = 0; index < slotsPerEpoch; index += 1) machine.publish(index, slots[index]);
        nanoseconds += timeTurns(lowered, machine);
        expectAllDone(machine.collect().done, slotsPerEpoch);
      }
      return millionsPerSecond(SLOTS_A_SAMPLE, nanoseconds / 1e6);
    },
  };
}

function timeTurns(lowered: LoweredKernel, { outstanding, outstandingCount }: KernelMachine): number {
  const begin = process.hrtime.bigint();
  lowered.runTurns(outstanding, 0, 1, outstandingCount);
  return Number(process.hrtime.bigint() - begin);
}

function wholeEpochs(slotsPerEpoch: number) {
  const backend = new ReferenceBackend(kernelOf(slotsPerEpoch));
  const slots = mixedSlots(slotsPerEpoch);
  return {
    name: `reference: publish, run and collect slots, epochs of ${slotsPerEpoch}`,
    unit: 'M slots/s',
    sample: async () => {
      const epochs = SLOTS_A_SAMPLE / slotsPerEpoch;
      return millionsPerSecond(SLOTS_A_SAMPLE, await timeEpochs(backend, slots, epochs));
    },
  };
}

function threadsEpochs(backend: ThreadsBackend) {
  const slots = mixedSlots(backend.slotCount);
  return {
    name: `threads (${backend.workerCount}): publish, run and collect epochs of ${backend.slotCount}`,
    unit: 'k epochs/s',
    sample: async () => {
      const epochs = Math.ceil((THREADS_EPOCHS_A_SAMPLE * EPOCH_SLOTS[0]) / backend.slotCount);
      return thousandsPerSecond(epochs, await timeEpochs(backend, slots, epochs));
    },
  };
}

/** Neither of the two ever hands out a promise here, and waiting for what is none would be measured too. */
async function timeEpochs(backend: Backend, slots: readonly Slot[], epochs: number): Promise<number> {
  const begin = performance.now();
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (let index = 0; index < slots.length; index += 1) backend.publish(index, slots[index]);
    const report = backend.drain();
    expectAllDone('done' in report ? report.done : (await report).done, slots.length);
  }
  return performance.now() - begin;
}

function expectAllDone(done: number, expected: number): void {
  if (done !== expected) throw new Error(`${done} of ${expected} slots were done`);
}

function mixedSlots(count: number): Slot[] {
  const random = new RandomWords(1);
  const word = () => ControlWord.OBSERVABLE_BASE + random.below(700);
  const observable = () => random.below(700);
  return Array.from({ length: count }, (_, index): Slot => {
    const mix = [
      { opcode: Opcode.STORE_U32, args: [random.next(), word()] },
      { opcode: Opcode.ATOMIC_ADD, args: [random.next(), word()] },
      { opcode: Opcode.LOAD_U32, args: [word(), observable()] },
      { opcode: Opcode.COMPARE_SWAP, args: [observable(), random.next(), random.next()] },
    ];
    return { tenant: index % 4, priority: 2, ...mix[index % mix.length] };
  });
}
