/**
 * A program on a GPU: the log lies in buffers of the device, and is replayed there.
 *
 * Replicas run in waves of as many as their memories fit. Work is cut into submissions that take about a fifth of a second
 * each, by what the ones before took: a driver that sees one run for long takes it for hung, and a host that hears nothing
 * does too.
 */

import {
  type CheckedStress,
  checkedStress,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  type LoadedProgram,
  NO_STRESS,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramResult,
  type ProgramRunOptions,
  type ProgramSegment,
  type ProgramShape,
  SCRATCH_WORDS,
} from '../backend/index.ts';
import { type FaultExplainer, faultExplainer, type Kernel, planMemory, touchesOwnSlotOnly } from '../kernel/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { downloadWords, uploadTables, uploadWords, zeroWords } from './buffers.ts';
import { readCaptured } from './captured.ts';
import type { PipelineCache } from './compile.ts';
import { DeviceClock } from './device-clock.ts';
import { LEAST_LANES, MAX_DIGESTED_REGIONS, sharedBytes } from './digest-wgsl.ts';
import { bindBuffers, bindingsOf, gridOf, smallerGridOf } from './dispatch.ts';
import {
  CAPTURED_HEAD_WORDS,
  INSTANCE_STATE_WORDS,
  PARAMETERS,
  type Parameters,
  REPLICA_WORDS,
  RESULTS_HEAD_WORDS,
  ReplicaFlag,
  RunOption,
} from './program-layout.ts';
import { replayShader } from './replay-wgsl.ts';

const WORD_BYTES = 4;
const MAX_CAPTURED = 4_096;
/** There is room for so many outcomes however long they are. */
const LEAST_CAPTURED = 4;
const SUBMISSION_MS = 200;
/** A submission of more would take longer to encode than to run. */
const MAX_DISPATCH_PAIRS = 4_096;
/** More would not run any faster: every compute unit has more of them than it can hold. */
const MAX_ISOLATED_INSTANCES = 16_384;
/** Tasks of a wave are counted in a word. */
const MAX_TASKS = 2 ** 31;

export interface DeviceProgramOptions {
  /** Lanes of a workgroup that works for one replica, at most: fewer where the device has no room for their sums. */
  readonly lanes: number;
  /** For the memories of replicas. */
  readonly memoryBytes: number;
  /** For outcomes that are handed back. */
  readonly capturedBytes: number;
  /** Slots that the first submission serves; later ones go by what it took. */
  readonly firstSubmissionSlots: number;
}

/**
 * Whether a program can be replayed on the device: a slot's status must be nobody's but its lane's and the host's, the
 * regions must fit a mask, and what there is one of must fit a buffer.
 */
export function canBeLoaded(
  device: GPUDevice,
  kernel: Kernel,
  layout: ResolvedLayout,
  head: ProgramHead,
  { capturedBytes }: DeviceProgramOptions,
): boolean {
  if (!touchesOwnSlotOnly(kernel) || layout.regions.length > MAX_DIGESTED_REGIONS) return false;
  const instanceBytes = planMemory(kernel).totalBytes + SCRATCH_WORDS * WORD_BYTES;
  const resultBytes = resultWords(head, layout, capturedBytes) * WORD_BYTES;
  return Math.max(instanceBytes, resultBytes) <= mostBytesBound(device);
}

/** Bytes of the longest buffer that a shader of the device reaches. */
function mostBytesBound({ limits }: GPUDevice): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

function capturedWords({ signatureWords }: ProgramHead, { snapshotWords }: ResolvedLayout): number {
  return CAPTURED_HEAD_WORDS + signatureWords + snapshotWords;
}

/** How many outcomes there is room for. */
function capturedLimit(head: ProgramHead, layout: ResolvedLayout, capturedBytes: number): number {
  const fitting = Math.floor(capturedBytes / (capturedWords(head, layout) * WORD_BYTES));
  return Math.max(LEAST_CAPTURED, Math.min(MAX_CAPTURED, fitting));
}

/** Words of the results before the first outcome. */
function totalsEnd({ epochCount }: ProgramHead): number {
  return RESULTS_HEAD_WORDS + epochCount * EPOCH_TOTAL_WORDS;
}

function resultWords(head: ProgramHead, layout: ResolvedLayout, capturedBytes: number): number {
  return totalsEnd(head) + capturedLimit(head, layout, capturedBytes) * capturedWords(head, layout);
}

/** Rows of shares are read four at a time; a device may have less room for them than the lanes that were asked for need. */
function lanesFor({ limits }: GPUDevice, layout: ResolvedLayout, wanted: number): number {
  let lanes = Math.min(wanted, limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  lanes -= lanes % 4;
  while (lanes > LEAST_LANES && sharedBytes(layout, lanes) > limits.maxComputeWorkgroupStorageSize) lanes -= 4;
  return Math.max(LEAST_LANES, lanes);
}

interface UploadedSegment extends BatchFigures {
  readonly epochCount: number;
  readonly slotCount: number;
  readonly batchEndsAt: number;
  readonly expectationsAt: number;
  readonly slots: GPUBuffer;
  readonly plan: GPUBuffer;
  readonly states: GPUBuffer;
}

/** Buffers that instances run in, kept from run to run. */
interface Space {
  /** How many fit. */
  readonly instanceCount: number;
  readonly memory: GPUBuffer;
  readonly instances: GPUBuffer;
  readonly results: GPUBuffer;
}

/** Replicas that run together. */
interface Wave extends Space {
  readonly first: number;
  readonly count: number;
  readonly replicas: GPUBuffer;
}

/** A run, as far as all of its submissions share it. */
interface Run {
  readonly options: ProgramRunOptions;
  readonly shape: ProgramShape;
  readonly stress: CheckedStress;
  readonly pipelines: Pipelines;
  readonly onEpochs: (count: number) => void;
}

type EntryPoint = 'residentChained' | 'residentIsolated' | 'wideServe' | 'wideStep';
/** Those that a run needs. */
type Pipelines = Readonly<Partial<Record<EntryPoint, GPUComputePipeline>>>;

export class DeviceProgram implements LoadedProgram {
  readonly #device: GPUDevice;
  readonly #kernel: Kernel;
  readonly #layout: ResolvedLayout;
  readonly #head: ProgramHead;
  readonly #options: DeviceProgramOptions;
  readonly #pipelines: PipelineCache;
  readonly #tables: GPUBuffer;
  readonly #parameters: GPUBuffer;
  readonly #clock: DeviceClock;
  readonly #instanceBytes: number;
  readonly #segments: UploadedSegment[] = [];
  readonly #capturedLimit: number;
  readonly #explain: FaultExplainer;
  #submissionSlots: number;
  #submissionCount = 0;
  #space: Space | undefined;

  constructor(
    device: GPUDevice,
    kernel: Kernel,
    layout: ResolvedLayout,
    head: ProgramHead,
    pipelines: PipelineCache,
    options: DeviceProgramOptions,
  ) {
    this.#device = device;
    this.#kernel = kernel;
    this.#layout = layout;
    this.#head = head;
    this.#options = { ...options, lanes: lanesFor(device, layout, options.lanes) };
    this.#pipelines = pipelines;
    this.#tables = uploadTables(device, kernel);
    this.#parameters = uploadWords(device, new Uint32Array(PARAMETERS.length), GPUBufferUsage.UNIFORM);
    this.#clock = new DeviceClock(device);
    this.#instanceBytes = planMemory(kernel).totalBytes;
    this.#explain = faultExplainer(kernel);
    this.#capturedLimit = capturedLimit(head, layout, options.capturedBytes);
    this.#submissionSlots = options.firstSubmissionSlots;
  }

  /** Takes up the next segment; it is copied. False if it has an epoch that not even an empty batch is published in. */
  add({ epochCount, slots, epochs, batchEnds, expectations, states }: ProgramSegment): boolean {
    const figures = batchFigures(epochs, batchEnds);
    if (figures.fewestBatches === 0) return false;
    const plan = new Uint32Array(epochs.length + batchEnds.length + expectations.length);
    plan.set(epochs);
    plan.set(batchEnds, epochs.length);
    plan.set(expectations, epochs.length + batchEnds.length);
    this.#segments.push({
      epochCount,
      slotCount: slots.length / this.#head.slotWords,
      ...figures,
      batchEndsAt: epochs.length,
      expectationsAt: epochs.length + batchEnds.length,
      slots: uploadWords(this.#device, slots),
      plan: uploadWords(this.#device, plan),
      states: uploadWords(this.#device, states),
    });
    return true;
  }

  async run(options: ProgramRunOptions): Promise<ProgramResult> {
    const stress = checkedStress(options.stress);
    const shape = options.shape ?? 'wide';
    const pipelines = await this.#pipelinesFor(shape, options.mode, stress.lanes);
    const { instanceCount, waveSize } = this.#sizes(options, stress);
    const space = this.#spaceFor(instanceCount);
    const flags = new FlagCounts();
    let epochsRun = 0;
    const onEpochs = (count: number) => {
      epochsRun += count;
      options.onProgress?.(epochsRun);
    };
    this.#clock.reset();
    for (let first = 0; first < options.replicas; first += waveSize) {
      const count = Math.min(waveSize, options.replicas - first);
      const replicas = zeroWords(this.#device, count * REPLICA_WORDS);
      const wave = { ...space, first, count, instanceCount, replicas };
      await this.#runWave(wave, { options, shape, stress, pipelines, onEpochs });
      flags.add(await downloadWords(this.#device, replicas, 0, count * REPLICA_WORDS));
      replicas.destroy();
    }
    const counted = { replicasRun: options.replicas, ...flags.counts() };
    return { ...(await this.#collect(space.results)), ...counted, shape, deviceMs: this.#clock.elapsedMs };
  }

  release(): void {
    for (const { slots, plan, states } of this.#segments) for (const each of [slots, plan, states]) each.destroy();
    this.#tables.destroy();
    this.#parameters.destroy();
    this.#clock.destroy();
    this.#destroySpace();
    this.#segments.length = 0;
  }

  async #pipelinesFor(shape: ProgramShape, mode: ProgramRunOptions['mode'], serveLanes: number): Promise<Pipelines> {
    if (shape === 'wide') {
      const [wideServe, wideStep] = await Promise.all([
        this.#pipeline('wideServe', serveLanes),
        this.#pipeline('wideStep', NO_STRESS.lanes),
      ]);
      return { wideServe, wideStep };
    }
    const entryPoint = mode === 'chained' ? 'residentChained' : 'residentIsolated';
    return { [entryPoint]: await this.#pipeline(entryPoint, NO_STRESS.lanes) };
  }

  #pipeline(entryPoint: EntryPoint, serveLanes: number): Promise<GPUComputePipeline> {
    const options = { lanes: this.#options.lanes, serveLanes, slotWords: this.#head.slotWords };
    return this.#pipelines.pipeline(replayShader(this.#kernel, this.#layout, options), entryPoint);
  }

  /**
   * Where so many instances run. What an earlier run left there is of no account: an instance restores all of its memory
   * before its first epoch. Only the counts begin with zero.
   */
  #spaceFor(instanceCount: number): Space {
    if (this.#space === undefined || this.#space.instanceCount < instanceCount) {
      this.#destroySpace();
      const words = (instanceCount * this.#instanceBytes) / WORD_BYTES + SCRATCH_WORDS;
      this.#space = {
        instanceCount,
        memory: zeroWords(this.#device, words),
        instances: zeroWords(this.#device, instanceCount * INSTANCE_STATE_WORDS),
        results: zeroWords(this.#device, resultWords(this.#head, this.#layout, this.#options.capturedBytes)),
      };
    }
    this.#clear(this.#space.results, totalsEnd(this.#head));
    return this.#space;
  }

  #destroySpace(): void {
    if (this.#space === undefined) return;
    const { memory, instances, results } = this.#space;
    for (const each of [memory, instances, results]) each.destroy();
    this.#space = undefined;
  }

  /** How many memories there are, and how many replicas a wave has. Isolated ones are not bounded by their memory. */
  #sizes(
    { mode, replicas }: ProgramRunOptions,
    { mostInstances }: CheckedStress,
  ): { instanceCount: number; waveSize: number } {
    const mostBytes = mostBytesBound(this.#device);
    const bytes = Math.min(mostBytes, this.#options.memoryBytes) - SCRATCH_WORDS * WORD_BYTES;
    const fitting = Math.max(1, Math.floor(bytes / this.#instanceBytes));
    if (mode === 'chained') {
      const instanceCount = Math.min(fitting, replicas);
      return { instanceCount, waveSize: instanceCount };
    }
    const epochCount = Math.max(1, this.#head.epochCount);
    const most = mostInstances === 0 ? MAX_ISOLATED_INSTANCES : mostInstances;
    const instanceCount = Math.min(fitting, replicas * epochCount, most);
    // Each has a few words of its own.
    const counted = Math.floor(mostBytes / (REPLICA_WORDS * WORD_BYTES));
    return { instanceCount, waveSize: Math.max(1, Math.min(counted, Math.floor(MAX_TASKS / epochCount))) };
  }

  async #runWave(wave: Wave, run: Run): Promise<void> {
    for (const segment of this.#segments) {
      const group = this.#bind(segment, wave);
      if (run.shape === 'resident') await this.#runResident(segment, wave, group, run);
      else await this.#runWide(segment, wave, group, run);
    }
  }

  async #runResident(segment: UploadedSegment, wave: Wave, group: GPUBindGroup, run: Run): Promise<void> {
    const isChained = run.options.mode === 'chained';
    const replicasAtOnce = isChained ? wave.count : 1;
    const end = isChained ? segment.epochCount : segment.epochCount * wave.count;
    const slotsOfEpoch = Math.max(1, segment.slotCount / Math.max(1, segment.epochCount));
    for (let first = 0; first < end; ) {
      const epochs = Math.max(1, Math.floor(this.#submissionSlots / slotsOfEpoch / replicasAtOnce));
      const next = Math.min(end, first + epochs);
      await this.#submit(this.#parametersOf(segment, wave, run, { first, end: next }), (pass) => {
        pass.setBindGroup(0, group);
        setPipeline(pass, isChained ? run.pipelines.residentChained : run.pipelines.residentIsolated);
        const workgroups = isChained ? wave.count : Math.min(wave.instanceCount, next - first);
        pass.dispatchWorkgroups(...(isChained ? gridOf : smallerGridOf)(this.#device, workgroups));
      });
      run.onEpochs((next - first) * replicasAtOnce);
      first = next;
    }
  }

  /** Serving and taking stock in turns, as often as the instance with the most batches needs it. */
  async #runWide(segment: UploadedSegment, wave: Wave, group: GPUBindGroup, run: Run): Promise<void> {
    const isChained = run.options.mode === 'chained';
    const instanceCount = isChained ? wave.count : wave.instanceCount;
    const end = isChained ? segment.epochCount : segment.epochCount * wave.count;
    const rounds = isChained ? segment.batchCount : Math.ceil(end / instanceCount) * segment.mostBatches;
    const slotsOfRound = Math.max(1, segment.slotCount / Math.max(1, segment.batchCount)) * instanceCount;
    const epochsOfRound = (segment.epochCount * wave.count) / Math.max(1, rounds);
    const { pipelines, stress } = run;
    const served = Math.max(1, Math.ceil(segment.longestBatch / stress.lanes));
    const stepGrid = gridOf(this.#device, instanceCount);
    const serveGrid = gridOf(this.#device, instanceCount * served + stress.stressGroups);
    for (let round = 0; round < rounds; ) {
      const count = Math.min(MAX_DISPATCH_PAIRS, Math.max(1, Math.floor(this.#submissionSlots / slotsOfRound)));
      const next = Math.min(rounds, round + count);
      const isFirst = round === 0;
      if (isFirst) this.#clear(wave.instances, wave.instanceCount * INSTANCE_STATE_WORDS);
      const parameters = this.#parametersOf(segment, wave, run, { first: 0, end, groupsOfInstance: served });
      await this.#submit({ ...parameters, instanceCount }, (pass) => {
        pass.setBindGroup(0, group);
        const dispatch = (pipeline: GPUComputePipeline | undefined, grid: readonly [number, number]) => {
          setPipeline(pass, pipeline);
          pass.dispatchWorkgroups(...grid);
        };
        if (isFirst) dispatch(pipelines.wideStep, stepGrid);
        for (let each = round; each < next; each += 1) {
          dispatch(pipelines.wideServe, serveGrid);
          dispatch(pipelines.wideStep, stepGrid);
        }
      });
      run.onEpochs(Math.round(epochsOfRound * next) - Math.round(epochsOfRound * round));
      round = next;
    }
  }

  #parametersOf(
    segment: UploadedSegment,
    wave: Wave,
    { options, stress }: Run,
    own: Pick<Parameters, 'first' | 'end'> & Partial<Parameters>,
  ): Parameters {
    const { mode, replicas, firstReplica = 0, expectationsAreReplays = false } = options;
    return {
      ...stress,
      firstReplica: firstReplica + wave.first,
      replicaCount: wave.count,
      allReplicas: firstReplica + replicas,
      instanceCount: wave.instanceCount,
      epochCount: segment.epochCount,
      batchEndsAt: segment.batchEndsAt,
      expectationsAt: segment.expectationsAt,
      capturedAt: totalsEnd(this.#head),
      capturedLimit: this.#capturedLimit,
      options:
        (expectationsAreReplays ? RunOption.FAULTS_UNCOMPARED : 0) + (mode === 'isolated' ? RunOption.ISOLATED : 0),
      groupsOfInstance: 1,
      seed: (stress.seed + Math.imul(this.#submissionCount, 0x9e37_79b9)) >>> 0,
      scratchAt: (wave.instanceCount * this.#instanceBytes) / WORD_BYTES,
      ...own,
    };
  }

  /** Submits one pass and waits for it; how long it took says how much the next one may do. */
  async #submit(parameters: Parameters, encode: (pass: GPUComputePassEncoder) => void): Promise<void> {
    const { queue } = this.#device;
    const begin = performance.now();
    queue.writeBuffer(
      this.#parameters,
      0,
      Uint32Array.from(PARAMETERS, (name) => parameters[name]),
    );
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass(this.#clock.passDescriptor());
    encode(pass);
    pass.end();
    this.#clock.resolve(encoder);
    queue.submit([encoder.finish()]);
    this.#submissionCount += 1;
    await this.#clock.finish();
    this.#adapt(performance.now() - begin);
  }

  #adapt(elapsedMs: number): void {
    if (elapsedMs < SUBMISSION_MS / 2) this.#submissionSlots = Math.min(2 ** 40, this.#submissionSlots * 2);
    else if (elapsedMs > SUBMISSION_MS * 2) this.#submissionSlots = Math.max(1, this.#submissionSlots / 2);
  }

  #clear(buffer: GPUBuffer, words: number): void {
    const encoder = this.#device.createCommandEncoder();
    encoder.clearBuffer(buffer, 0, words * WORD_BYTES);
    this.#device.queue.submit([encoder.finish()]);
  }

  #bind(segment: UploadedSegment, { memory, instances, replicas, results }: Wave): GPUBindGroup {
    const { slots, plan, states } = segment;
    const buffers = [memory, this.#tables, slots, plan, states, results, replicas, this.#parameters, instances];
    return bindBuffers(this.#device, this.#pipelines.layout, buffers);
  }

  async #collect(results: GPUBuffer): Promise<Pick<ProgramResult, 'totals' | 'captured'>> {
    const head = await downloadWords(this.#device, results, 0, totalsEnd(this.#head));
    const count = Math.min(head[0], this.#capturedLimit);
    const size = capturedWords(this.#head, this.#layout);
    const words = await downloadWords(this.#device, results, totalsEnd(this.#head), count * size);
    const captured = Array.from({ length: count }, (_, index) =>
      readCaptured(words.subarray(index * size, (index + 1) * size), this.#head, this.#explain),
    );
    const totals = head.subarray(RESULTS_HEAD_WORDS);
    // The shader counts those too that there was no room for.
    for (let at: number = EpochTotal.CAPTURED; at < totals.length; at += EPOCH_TOTAL_WORDS) totals[at] = 0;
    for (const { epoch } of captured) totals[epoch * EPOCH_TOTAL_WORDS + EpochTotal.CAPTURED] += 1;
    return { totals, captured };
  }
}

function setPipeline(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline | undefined): void {
  if (pipeline === undefined) throw new Error('a pipeline is used that was not asked for');
  pass.setPipeline(pipeline);
}

interface BatchFigures {
  readonly batchCount: number;
  /** Of an epoch. */
  readonly fewestBatches: number;
  readonly mostBatches: number;
  readonly longestBatch: number;
}

function batchFigures(epochs: Uint32Array, batchEnds: Uint32Array): BatchFigures {
  let fewestBatches = Number.POSITIVE_INFINITY;
  let mostBatches = 0;
  for (let at = 0; at < epochs.length; at += PROGRAM_EPOCH_WORDS) {
    const batches = epochs[at + ProgramEpochWord.END_BATCH] - epochs[at + ProgramEpochWord.FIRST_BATCH];
    fewestBatches = Math.min(fewestBatches, batches);
    mostBatches = Math.max(mostBatches, batches);
  }
  let longestBatch = 0;
  for (const [index, end] of batchEnds.entries())
    longestBatch = Math.max(longestBatch, end - (batchEnds[index - 1] ?? 0));
  return { batchCount: batchEnds.length, fewestBatches, mostBatches, longestBatch };
}

/** How many replicas have a flag. */
class FlagCounts {
  #compared = 0;
  #diverged = 0;

  add(replicas: Uint32Array): void {
    for (let at = 0; at < replicas.length; at += REPLICA_WORDS) {
      if ((replicas[at] & ReplicaFlag.COMPARED) !== 0) this.#compared += 1;
      if ((replicas[at] & ReplicaFlag.DIVERGED) !== 0) this.#diverged += 1;
    }
  }

  counts(): Pick<ProgramResult, 'replicasCompared' | 'replicasDiverged'> {
    return { replicasCompared: this.#compared, replicasDiverged: this.#diverged };
  }
}

/** In the order of the shader's bindings; what the cache of pipelines is made with. */
export const PROGRAM_BINDINGS: readonly GPUBindGroupLayoutEntry[] = bindingsOf([
  'storage',
  'read-only-storage',
  'read-only-storage',
  'read-only-storage',
  'read-only-storage',
  'storage',
  'storage',
  'uniform',
  'storage',
]);
