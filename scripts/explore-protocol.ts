/**
 * Every pair and triple of the built-in opcodes over two words, in both memory models: which outcomes no order of whole
 * slots gives. `node scripts/run-typescript.js scripts/explore-protocol.ts`; what it prints is summed up in
 * docs/protocol-findings.md.
 */

import { exhaust, judgeSeriality, type MemoryModel, OutcomeCensus, SerialTrials } from '../src/explore/index.ts';
import { defineKernel } from '../src/kernel/index.ts';
import { ControlWord, Opcode, type OpcodeName, opcodeName, Priority } from '../src/protocol/index.ts';
import { scenarioOfSlots } from '../src/scenario/index.ts';

const FIRST = ControlWord.OBSERVABLE_BASE;
const SECOND = FIRST + 1;
const MAX_RUNS = 50_000;
/** A LOAD_U32 of DONE_COUNT, then one of the second word: the whole of a packed slot. */
const PACKED_LOADS = [0x0003_0602, 0x0303, ControlWord.DONE_COUNT, 0, 0, SECOND, 2, 0];

/** What is tried of each opcode: number, then arguments. */
const SLOTS: readonly (readonly number[])[] = [
  [Opcode.NOP],
  [Opcode.STORE_U32, 1, FIRST],
  [Opcode.STORE_U32, 2, SECOND],
  [Opcode.ATOMIC_ADD, 1, FIRST],
  [Opcode.LOAD_U32, FIRST, 1],
  [Opcode.LOAD_U32, SECOND, 0],
  [Opcode.COMPARE_SWAP, FIRST, 0, 1],
  [Opcode.COMPARE_SWAP, FIRST, 1, 2],
  [Opcode.MEMCPY, FIRST, FIRST + 2, 2],
  [Opcode.MEMCPY, FIRST, SECOND, 1],
  [Opcode.BATCH_FENCE, 1, 7],
  [Opcode.PRINTF, 1, 2, 3],
  [Opcode.PACKED_SLOT, ...PACKED_LOADS],
  [Opcode.SHUTDOWN],
];

const kernel = defineKernel({ name: 'built-in' });
for (const memory of ['sequential', 'relaxed'] as const) {
  for (const size of [2, 3]) survey(memory, size);
}

interface Example {
  readonly slots: readonly (readonly number[])[];
  readonly token: string;
  sets: number;
}

function survey(memory: MemoryModel, size: number): void {
  const examples = new Map<string, Example>();
  let [sets, incomplete] = [0, 0];
  for (const slots of choices(SLOTS, size)) {
    sets += 1;
    const { token, isComplete } = firstFinding(memory, slots);
    if (!isComplete) incomplete += 1;
    if (token === undefined) continue;
    const names = slots.map(([code]) => opcodeName(code) as OpcodeName).join(' + ');
    const known = examples.get(names);
    if (known === undefined) examples.set(names, { slots, token, sets: 1 });
    else known.sets += 1;
  }
  const found = [...examples.values()].reduce((sum, example) => sum + example.sets, 0);
  console.log(
    `\n${memory}, ${size} slots: ${sets} sets, ${found} with findings, ${incomplete} not searched to the end`,
  );
  for (const [names, example] of examples) {
    console.log(`  ${names} (${example.sets}): ${JSON.stringify(example.slots)} ${example.token}`);
  }
}

function firstFinding(memory: MemoryModel, slots: readonly (readonly number[])[]) {
  const scenario = scenarioOfSlots(
    kernel,
    slots.map(([opcode, ...args], slotIndex) => ({
      slotIndex,
      slot: { opcode, tenant: 0, priority: Priority.NORMAL, args },
    })),
  );
  const census = new OutcomeCensus(scenario);
  const { complete } = exhaust(scenario, { memory, maxRuns: MAX_RUNS }, (run) => census.add(run));
  const outcomes = census.outcomes();
  const serialities = judgeSeriality(scenario, outcomes, new SerialTrials(scenario));
  const finding = outcomes[serialities.indexOf('not serial')];
  return { token: finding?.token, isComplete: complete };
}

/** Every choice of so many, order apart, each as often as it likes. */
function choices<T>(from: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return from.flatMap((first, index) => choices(from.slice(index), size - 1).map((rest) => [first, ...rest]));
}
