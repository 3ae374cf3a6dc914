/** What is checked of whole programs on a device that is at hand, section by section. */

import fc from 'fast-check';
import { type Backend, type ProgramShape, ReferenceBackend } from '../../../src/backend/index.ts';
import { type Judgement, judge, type Rate } from '../../../src/diff/index.ts';
import { GpuBackend, type GpuOptions } from '../../../src/gpu/index.ts';
import { type Kernel, planMemory, touchesOwnSlotOnly } from '../../../src/kernel/index.ts';
import { Opcode } from '../../../src/protocol/index.ts';
import {
  type BackendReplay,
  planReplay,
  type ReplayOptions,
  type ReplayPlan,
  replayOn,
  type StressRequest,
} from '../../../src/replay/index.ts';
import { findWorkload } from '../../../src/workloads/index.ts';
import { anyKernelCase, type KernelCase } from '../../kernel/random-kernel.ts';
import { anySoundProgram, soundKernel } from '../../replay/programs.ts';
import { type Program, recordingOf, recordRun } from '../../replay/recordings.ts';
import {
  COMBINATIONS,
  type DeviceOptions,
  differences,
  keptLoading,
  MODES,
  RESIDENT,
  WIDE,
  warmUp,
} from './compare-replays.ts';
import { compareDigests } from './digests.ts';
import { checkLimits } from './limits.ts';
import { checkPermutations } from './permutations.ts';
import { planPlaced } from './placed-slots.ts';
import { anyRecording, programFor } from './random-programs.ts';
import { SLOTS, scenarioKernel, withOpcodes } from './scenario-kernel.ts';
import { BAG_OVERFLOWING, LOGS, ORDERED, OVERFLOWING, RACING, SCENARIOS, type Scenario } from './scenarios.ts';

async function sessionPlan(program: Program, kernel: Kernel): Promise<ReplayPlan> {
  return planReplay(recordingOf(await recordRun(program, new ReferenceBackend(kernel), { kernel })), { kernel });
}

/** What differs from stepping in any of the combinations. A log alone has no states to start epochs from. */
export async function compareAll(
  plan: ReplayPlan,
  kernel: Kernel,
  device: Backend,
  combinations: readonly DeviceOptions[] = COMBINATIONS,
): Promise<string[]> {
  const problems: string[] = [];
  for (const combination of combinations) {
    if (plan.observations === undefined && combination.mode === 'isolated') continue;
    problems.push(...(await differences({ plan, kernel, device }, combination)));
  }
  return problems;
}

/** Scenarios and logs without observations, on any backend that takes programs up. */
export async function compareScenarios(
  device: Backend,
  scenarios: readonly Scenario[] = [...SCENARIOS, ...LOGS],
  combinations: readonly DeviceOptions[] = COMBINATIONS,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, program, options, isLogOnly } of scenarios) {
    const plan = await planPlaced(program, { kernel: scenarioKernel, ...options, isLogOnly: isLogOnly === true });
    const found = await compareAll(plan, scenarioKernel, device, combinations);
    problems.push(...found.map((problem) => `${name}: ${problem}`));
  }
  return problems;
}

/** What a property found, in words. */
async function problemsOf<T>(
  property: fc.IAsyncProperty<T>,
  options: { readonly seed: number; readonly numRuns: number },
): Promise<string[]> {
  const details = await fc.check(property, { ...options, endOnFailure: false });
  return details.failed ? [`${details.errorInstance}\n${fc.defaultReportMessage(details)}`] : [];
}

async function comparePrograms(device: Backend, seed: number, numRuns: number): Promise<string[]> {
  const property = fc.asyncProperty(anyRecording, async ({ program, ...options }) => {
    const plan = await planPlaced(program, { kernel: scenarioKernel, ...options });
    const problems = await compareAll(plan, scenarioKernel, device);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });
  return await problemsOf(property, { seed, numRuns });
}

const SOUND_CODES = new Set<number>([
  Opcode.NOP,
  Opcode.STORE_U32,
  Opcode.ATOMIC_ADD,
  Opcode.BATCH_FENCE,
  Opcode.PRINTF,
  Opcode.PACKED_SLOT,
]);

/** Programs as a session records them, of built-in opcodes, packed ones among them. */
async function compareSound(gpu: GPUDevice, seed: number, numRuns: number): Promise<string[]> {
  const kernel = withOpcodes(soundKernel, SOUND_CODES);
  const device = keptLoading(new GpuBackend(gpu, kernel));
  const property = fc.asyncProperty(anySoundProgram, async (program) => {
    const problems = await compareAll(await sessionPlan(program, kernel), kernel, device);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });
  return await problemsOf(property, { seed, numRuns });
}

/** Random kernels, a slot at a time: the lowering beside the reference's, through the shaders of programs. */
async function compareKernels(gpu: GPUDevice, seed: number, numRuns: number): Promise<string[]> {
  const loadable = anyKernelCase.filter(({ kernel }) => touchesOwnSlotOnly(kernel));
  const cases = fc.sample(loadable, { seed, numRuns });
  // Side by side: most of it is a driver that compiles.
  const found = await Promise.all(cases.map((made, index) => compareKernel(gpu, made, seed + index)));
  return found.flatMap((problems, index) =>
    problems.map((problem) => `seed ${seed}, kernel ${index}: ${problem}\n${fc.stringify(cases[index])}`),
  );
}

async function compareKernel(gpu: GPUDevice, made: KernelCase, seed: number): Promise<string[]> {
  const { kernel } = made;
  try {
    const plan = await planPlaced(programFor(made, seed), { kernel });
    const device = keptLoading(new GpuBackend(gpu, kernel));
    await warmUp(plan, device);
    return await compareAll(plan, kernel, device);
  } catch (error) {
    return [String(error)];
  }
}

const TEXT = new TextEncoder().encode('the ring holds the slots\nand the lanes claim them\nthe end\n'.repeat(3));
export const WORKLOADS: readonly string[] = ['histogram', 'dfa', 'bank', 'packed', 'printf'];

/** A workload as it is recorded, with a kernel that has no opcode that it does not use. */
export async function workloadPlan(name: string): Promise<{ readonly kernel: Kernel; readonly plan: ReplayPlan }> {
  const workload = findWorkload(name).plan(TEXT, { slotCount: 40 });
  const program = Array.from(workload.epochs(), ({ slots }) => [...slots]);
  const used = new Set(program.flatMap((slots) => slots.map(({ opcode }) => opcode)));
  const inner = used.has(Opcode.PACKED_SLOT) ? [Opcode.NOP, Opcode.STORE_U32, Opcode.ATOMIC_ADD] : [];
  const kernel = withOpcodes(workload.kernel, new Set([...used, ...inner, Opcode.BATCH_FENCE]));
  return { kernel, plan: await sessionPlan(program, kernel) };
}

/** All in the wide shape, and by turns in a mode of the resident one: each is compiled for itself. */
async function compareWorkloads(gpu: GPUDevice, seed: number): Promise<string[]> {
  const found = await Promise.all(
    WORKLOADS.map(async (name, index) => {
      const { kernel, plan } = await workloadPlan(name);
      const device = keptLoading(new GpuBackend(gpu, kernel));
      const combinations = [...WIDE, ...RESIDENT.filter((_, mode) => (seed + index) % WORKLOADS.length === mode)];
      await warmUp(plan, device, combinations);
      return (await compareAll(plan, kernel, device, combinations)).map((problem) => `${name}: ${problem}`);
    }),
  );
  return found.flat();
}

const SCRATCH_BYTES = 4 * 65_536;

/** Cut small, in waves, in many submissions: nobody can see how a device was fed. */
async function compareSizes(gpu: GPUDevice): Promise<string[]> {
  const few = SCRATCH_BYTES + Math.ceil(2.5 * planMemory(scenarioKernel).totalBytes);
  const sizes: readonly GpuOptions[] = [
    { segmentWords: 1, memoryBytes: 1, capturedBytes: 0 },
    { segmentWords: 400, memoryBytes: few, firstSubmissionSlots: 1 },
  ];
  const names = ['slots that wait', 'faults', 'lost epochs', 'log 1'];
  const scenarios = [...SCENARIOS, ...LOGS].filter(({ name }) => names.includes(name));
  const problems: string[] = [];
  for (const options of sizes) {
    const device = keptLoading(new GpuBackend(gpu, scenarioKernel, options));
    const found = await compareScenarios(device, scenarios, UNSTRESSED);
    found.push(...(await compareReplicaNumbers(device)));
    problems.push(...found.map((problem) => `${JSON.stringify(options)}: ${problem}`));
  }
  return problems;
}

/** Whoever runs together, a replica has its number: each of these has another outcome, and says whose it is. */
async function compareReplicaNumbers(device: Backend): Promise<string[]> {
  const plan = await planPlaced(ORDERED, { kernel: scenarioKernel });
  const { epochs } = await replayOn(plan, device, { shape: 'wide', replicas: 12, stress: SHUFFLED });
  const numbers = epochs[0].outcomes.map(({ firstReplica }) => firstReplica);
  const isRight = new Set(numbers).size === numbers.length && numbers.every((number) => number < 12);
  return isRight ? [] : [`outcomes of replicas ${numbers.join(', ')}`];
}

const UNSTRESSED: readonly DeviceOptions[] = MODES.flatMap((mode) => [
  { mode, shape: 'wide' },
  { mode, shape: 'resident' },
]);

/** What is to be known of a replay of something that does not always come out the same. */
export interface OddReplay {
  readonly verdict: Judgement['verdict'];
  readonly fault: string | undefined;
  readonly replicasOnDevice: number | undefined;
  readonly divergedReplicas: Rate | undefined;
  readonly epochs: Judgement['epochs'];
  readonly mostOutcomes: number | undefined;
  readonly firstDivergence: { readonly kind: string; readonly where: string; readonly slots: number } | undefined;
  readonly each: readonly OddEpoch[];
}

interface OddEpoch {
  readonly replicas: number;
  readonly differing: number;
  readonly listed: number;
  readonly listedReplicas: number;
  readonly unlisted: number;
  /** Listed outcomes that are not as recorded, and how many of them have their words. */
  readonly odd: number;
  readonly withWords: number;
  readonly reasons: readonly string[];
}

export async function replayOddly(
  plan: ReplayPlan,
  kernel: Kernel,
  device: Backend,
  options: ReplayOptions,
): Promise<OddReplay> {
  const replay = await replayOn(plan, device, options);
  const { verdict, epochs, firstDivergence, backends } = judge(plan, [replay], kernel);
  const { divergedReplicas, mostOutcomes } = backends[0];
  return {
    ...{ verdict, epochs, mostOutcomes, divergedReplicas },
    fault: replay.fault?.message,
    replicasOnDevice: replay.onDevice?.replicas,
    firstDivergence: firstDivergence && {
      kind: firstDivergence.kind,
      where: firstDivergence.where,
      slots: firstDivergence.slots.length,
    },
    each: replay.epochs.map(oddEpochOf),
  };
}

function oddEpochOf(epoch: BackendReplay['epochs'][number]): OddEpoch {
  const { outcomes, expected } = epoch;
  const odd = outcomes.filter(({ signature }) => signature.join() !== expected?.signature.join());
  return {
    replicas: epoch.replicas,
    differing: epoch.replicasDiffering,
    listed: outcomes.length,
    listedReplicas: outcomes.reduce((sum, { count }) => sum + count, 0),
    unlisted: epoch.unlistedCount,
    odd: odd.length,
    withWords: odd.filter(({ snapshot }) => snapshot !== undefined).length,
    reasons: epoch.unknownReasons,
  };
}

/** Lanes in an order that is drawn anew each time. */
const SHUFFLED: StressRequest = { settings: { seed: 5, shuffleLanes: 1, shuffleGroups: 1 } };
const MANY_REPLICAS = 60;

/** By name: replays of what races, and of what drops records as the schedule will have it. */
export async function replayOdds(
  device: Backend,
  shapes: readonly ProgramShape[] = ['wide', 'resident'],
): Promise<Readonly<Record<string, OddReplay>>> {
  const kernel = scenarioKernel;
  const [racing, ordered, overflowing, bag] = await Promise.all(
    [RACING, ORDERED, OVERFLOWING, BAG_OVERFLOWING].map((program) => planPlaced(program, { kernel })),
  );
  const odds: Record<string, OddReplay> = {};
  const replay = async (name: string, plan: ReplayPlan, options: ReplayOptions) => {
    odds[name] = await replayOddly(plan, kernel, device, { replicas: MANY_REPLICAS, ...options });
  };
  for (const shape of shapes) {
    await replay(`racing, chained, ${shape}`, racing, { mode: 'chained', shape });
    await replay(`racing, isolated, ${shape}`, racing, { mode: 'isolated', shape });
  }
  await replay('orderedChained', ordered, { mode: 'chained', stress: SHUFFLED });
  await replay('orderedIsolated', ordered, { mode: 'isolated', stress: SHUFFLED });
  await replay('overflowing', overflowing, { mode: 'chained', stress: SHUFFLED });
  await replay('bagOverflowing', bag, { mode: 'isolated', stress: SHUFFLED });
  return odds;
}

/** Every replay with room for four outcomes. */
async function replayCrowded(gpu: GPUDevice): Promise<OddReplay> {
  const device = keptLoading(new GpuBackend(gpu, scenarioKernel, { capturedBytes: 0 }));
  const plan = await planPlaced(ORDERED, { kernel: scenarioKernel });
  return await replayOddly(plan, scenarioKernel, device, {
    ...{ replicas: MANY_REPLICAS, shape: 'wide', mode: 'isolated', stress: SHUFFLED },
  });
}

export interface SectionOptions {
  readonly seed: number;
  /** How many random ones there are of each kind. */
  readonly programs: number;
  readonly kernels: number;
}

export interface Report {
  readonly problems: Readonly<Record<string, readonly string[]>>;
  readonly odds: Readonly<Record<string, OddReplay>>;
  readonly ringSlots: number;
}

export async function runSections(
  gpu: GPUDevice,
  { seed, programs, kernels }: SectionOptions,
  onSection: (name: string, elapsedMs: number) => void,
): Promise<Report> {
  const device = keptLoading(new GpuBackend(gpu, scenarioKernel));
  const problems: Record<string, readonly string[]> = {};
  const timed = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const begin = performance.now();
    const result = await run();
    onSection(name, performance.now() - begin);
    return result;
  };
  const section = async (name: string, run: () => Promise<string[]>) => {
    problems[name] = await timed(name, run);
  };
  await section('permutations', () => checkPermutations(gpu));
  await section('digests', () => compareDigests(gpu, seed));
  await section('scenarios', async () => {
    const named = (name: string) => SCENARIOS.filter((scenario) => scenario.name === name)[0].program;
    const plans = ['sound slots', 'slots of twelve arguments'].map((name) =>
      planPlaced(named(name), { kernel: scenarioKernel }),
    );
    await Promise.all(plans.map(async (plan) => warmUp(await plan, device)));
    return await compareScenarios(device);
  });
  await section('programs', () => comparePrograms(device, seed, programs));
  await section('sound', () => compareSound(gpu, seed, programs));
  await section('kernels', () => compareKernels(gpu, seed, kernels));
  await section('workloads', () => compareWorkloads(gpu, seed));
  await section('sizes', () => compareSizes(gpu));
  await section('limits', () => checkLimits(gpu));
  const odds = await timed('odds', () => replayOdds(device));
  const crowded = await timed('crowded', () => replayCrowded(gpu));
  return { problems, odds: { ...odds, crowded }, ringSlots: SLOTS };
}
