/** The logs that the GPU benchmarks replay: made here, recorded on the reference, so that every machine has the same. */

import { KernelMachine, ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, opcode, planMemory } from '../../src/kernel/index.ts';
import { RECORD_ARGUMENT_COUNT } from '../../src/log/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { planReplay, type ReplayPlan, recordInMemory, type SlotsOfEpoch } from '../../src/replay/index.ts';
import type { LogKind, RowPlan } from './rows.ts';

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

/** What a log is made of; rows that have it in common have the log in common. */
export type LogPlan = Pick<RowPlan, 'epochs' | 'slotsOfEpoch' | 'log'>;

/** Logs that were made, for rows to share. */
export class LogShelf {
  readonly #logs = new Map<string, Promise<BenchLog>>();

  get({ epochs, slotsOfEpoch, log }: LogPlan): Promise<BenchLog> {
    const key = `${epochs} ${slotsOfEpoch} ${log}`;
    const made = this.#logs.get(key) ?? benchLog({ epochs, slotsOfEpoch, log });
    this.#logs.set(key, made);
    return made;
  }

  /** Forgets all of them: a large one takes hundreds of megabytes. */
  clear(): void {
    this.#logs.clear();
  }
}

/** Records the log in memory, the fence of each epoch included in its slots. */
async function benchLog({ epochs, slotsOfEpoch, log }: LogPlan): Promise<BenchLog> {
  const kernel = benchKernel(slotsOfEpoch);
  const work = epochsOf(epochs, slotsOfEpoch, log);
  const options = { capacity: epochs * slotsOfEpoch, tool: 'bench' };
  return {
    kernel,
    plan: planReplay(await recordInMemory(new ReferenceBackend(kernel), kernel, work, options), { kernel }),
  };
}

function* epochsOf(epochs: number, slotsOfEpoch: number, kind: LogKind): Iterable<SlotsOfEpoch> {
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const tag = kind === 'repeated' ? 0 : epoch;
    yield { slots: slotsOf(tag, slotsOfEpoch - 1, kind === 'racing'), tag };
  }
}

/** A third store to a word of their own, a third add 1 and a third 2; or, if racy, one in eight adds in two accesses. */
export function slotsOf(epoch: number, count: number, isRacy = false): SlotRequest[] {
  return Array.from({ length: count }, (_, slot) => {
    if (isRacy && slot % 8 === 0) return { opcode: RACY_ADD, args: [1, FIRST_COUNTER] };
    const counter = FIRST_COUNTER + 1 + ((slot + epoch) % (COUNTERS - 1));
    if (slot % 3 === 0) return { opcode: Opcode.STORE_U32, args: [epoch * 64 + slot, FIRST_OWN_WORD + slot] };
    return { opcode: Opcode.ATOMIC_ADD, args: [slot % 3, counter] };
  });
}

/** All memory of a fresh kernel with the first epoch's slots in its ring, published. */
export function firstEpochImage({ kernel, plan: { columns, epochs } }: BenchLog): Uint32Array<ArrayBuffer> {
  const image = new ArrayBuffer(planMemory(kernel).totalBytes);
  const machine = new KernelMachine(kernel, image);
  machine.reset();
  for (let record = epochs[0].firstRecord; record < epochs[0].endRecord; record += 1) {
    const argsAt = record * RECORD_ARGUMENT_COUNT;
    machine.publish(columns.slotIndex[record], {
      opcode: columns.opcode[record],
      tenant: columns.tenantId[record],
      priority: Priority.NORMAL,
      args: [...columns.args.subarray(argsAt, argsAt + RECORD_ARGUMENT_COUNT)],
    });
  }
  return new Uint32Array(image);
}

/** The words that were recorded when a log's last epoch had drained. */
export function lastWords({ plan: { epochs, observations } }: BenchLog): Uint32Array {
  const observed = epochs.at(-1)?.observed;
  const words = observed === undefined ? undefined : observations?.wordsAfter(observed);
  if (words === undefined) throw new Error('the log of a benchmark has no words of its last epoch');
  return words;
}
