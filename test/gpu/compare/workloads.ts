/** Sound workloads, an epoch a dispatch with a lane a slot: real lanes, and what does not depend on them must agree. */

import { KernelMachine, ReferenceBackend } from '../../../src/backend/index.ts';
import { type Kernel, lowerToWgsl, planMemory } from '../../../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../../../src/observe/index.ts';
import { RecordingSession, type SlotRequest } from '../../../src/record/index.ts';
import { findWorkload } from '../../../src/workloads/index.ts';
import type { TestGpu, TestProgram } from './test-gpu.ts';

const SOUND = ['histogram', 'dfa', 'bank', 'packed', 'printf'];
const INPUT = new TextEncoder().encode(
  'the ring holds the slots\nand the lanes claim them\nthe end of the thing\n'.repeat(6),
);
const WORKGROUP_LANES = 16;

function laneEntry(slotCount: number): string {
  return `@compute @workgroup_size(${WORKGROUP_LANES}) fn main(@builtin(global_invocation_id) lane: vec3u) {
  instanceStart = 0u;
  if (lane.x < ${slotCount}u) { _ = turn(lane.x); }
}`;
}

/** What differs from the reference, a sentence an epoch. */
export async function compareWorkloads(gpu: TestGpu): Promise<string[]> {
  const problems: string[] = [];
  for (const name of SOUND) {
    const plan = findWorkload(name).plan(INPUT, { slotCount: 64 });
    const program = await gpu.compile(plan.kernel, lowerToWgsl(plan.kernel) + laneEntry(plan.kernel.slotCount));
    const lanes = new GpuLanes(plan.kernel, program);
    const session = await RecordingSession.start(new ReferenceBackend(plan.kernel), { kernel: plan.kernel });
    for (const { slots, tag } of plan.epochs()) {
      await session.publish(slots);
      await session.endEpoch({ tag });
      const seen = await lanes.runEpoch(slots, tag);
      const { differences } = compareSnapshots(resolveLayout(session.layout.source), session.snapshot, seen);
      if (differences.length > 0)
        problems.push(`${name}, epoch ${session.epochCount - 1}: ${JSON.stringify(differences[0])}`);
    }
  }
  return problems;
}

/** The memory of one kernel, carried from dispatch to dispatch. */
class GpuLanes {
  readonly #machine: KernelMachine;
  readonly #words: Uint32Array;
  readonly #program: TestProgram;

  constructor(kernel: Kernel, program: TestProgram) {
    const buffer = new ArrayBuffer(planMemory(kernel).totalBytes);
    this.#machine = new KernelMachine(kernel, buffer);
    this.#machine.reset();
    this.#words = new Uint32Array(buffer);
    this.#program = program;
  }

  async runEpoch(slots: readonly SlotRequest[], tag: number): Promise<Uint32Array> {
    const withFence = [...slots, { opcode: 7, args: [slots.length, tag] }];
    for (const [slotIndex, { opcode, tenant = 0, priority = 2, args = [] }] of withFence.entries()) {
      this.#machine.publish(slotIndex, { opcode, tenant, priority, args });
    }
    this.#words.set(await this.#program.run(this.#words, Math.ceil(this.#machine.kernel.slotCount / WORKGROUP_LANES)));
    const { pending, faults } = this.#machine.collect();
    if (pending.length + faults.length > 0) throw new Error(`not all slots were served: ${JSON.stringify(faults)}`);
    const snapshot = new Uint32Array(this.#machine.layout.areas.reduce((sum, { words }) => sum + words, 0));
    this.#machine.observe(snapshot);
    return snapshot;
  }
}
