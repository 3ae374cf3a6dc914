/**
 * A program on a GPU, in the resident shape: the log lies in buffers of the device, and workgroups replay it there.
 *
 * Replicas run in waves of as many as their memories fit. Epochs are cut into dispatches that take about a fifth of a
 * second each, by what the dispatches before took: a driver that sees one run for long takes it for hung.
 */

import {
  type CapturedOutcome,
  type CapturedRelation,
  EPOCH_TOTAL_WORDS,
  type LoadedProgram,
  type ProgramHead,
  type ProgramResult,
  type ProgramRunOptions,
  type ProgramSegment,
} from '../backend/index.ts';
import { type Kernel, planMemory, touchesOwnSlotOnly } from '../kernel/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { downloadWords, uploadTables, uploadWords, zeroWords } from './buffers.ts';
import { compilePipelines } from './compile.ts';
import { MAX_DIGESTED_REGIONS } from './digest-wgsl.ts';
import { type FaultExplainer, faultExplainer } from './faults.ts';
import {
  CAPTURED_HEAD_WORDS,
  CapturedWord,
  MAX_CAPTURED_FAULTS,
  PARAMETERS,
  REPLICA_WORDS,
  RESULTS_HEAD_WORDS,
  ReplicaFlag,
  RunOption,
  replayShader,
} from './replay-wgsl.ts';

const WORD_BYTES = 4;
/** Of the device's memory for outcomes that are handed back. */
const CAPTURED_BYTES = 16 * 2 ** 20;
const MAX_CAPTURED = 4_096;
/** Of the device's memory for replicas; more replicas run in waves. */
const INSTANCE_BYTES = 2 ** 30;
const DISPATCH_MS = 200;
/** Slots that the first dispatch of a program serves; later ones go by what it took. */
const FIRST_DISPATCH_SLOTS = 2 ** 20;

export interface ResidentOptions {
  /** Lanes of a workgroup. Default 64. */
  readonly lanes?: number;
}

/**
 * Whether a kernel's programs can be replayed by the resident shader: a slot's status must be nobody's but its lane's and
 * the host's, and the regions must fit a mask.
 */
export function canBeResident(kernel: Kernel, layout: ResolvedLayout): boolean {
  return touchesOwnSlotOnly(kernel) && layout.regions.length <= MAX_DIGESTED_REGIONS;
}

type Parameters = Record<(typeof PARAMETERS)[number], number>;

interface UploadedSegment {
  readonly epochCount: number;
  readonly batchEndsAt: number;
  readonly expectationsAt: number;
  readonly slots: GPUBuffer;
  readonly plan: GPUBuffer;
  readonly states: GPUBuffer;
}

export class ResidentProgram implements LoadedProgram {
  readonly #device: GPUDevice;
  readonly #layout: ResolvedLayout;
  readonly #head: ProgramHead;
  readonly #bindings: GPUBindGroupLayout;
  readonly #pipelines: Readonly<Record<'chained' | 'isolated', GPUComputePipeline>>;
  readonly #tables: GPUBuffer;
  readonly #parameters: GPUBuffer;
  readonly #instanceBytes: number;
  readonly #segments: UploadedSegment[] = [];
  readonly #capturedLimit: number;
  readonly #explain: FaultExplainer;
  #dispatchSlots = FIRST_DISPATCH_SLOTS;

  private constructor(
    device: GPUDevice,
    kernel: Kernel,
    layout: ResolvedLayout,
    head: ProgramHead,
    bindings: GPUBindGroupLayout,
    pipelines: Readonly<Record<'chained' | 'isolated', GPUComputePipeline>>,
  ) {
    this.#device = device;
    this.#layout = layout;
    this.#head = head;
    this.#bindings = bindings;
    this.#pipelines = pipelines;
    this.#tables = uploadTables(device, kernel);
    this.#parameters = uploadWords(device, new Uint32Array(PARAMETERS.length), GPUBufferUsage.UNIFORM);
    this.#instanceBytes = planMemory(kernel).totalBytes;
    this.#explain = faultExplainer(kernel);
    this.#capturedLimit = Math.max(4, Math.min(MAX_CAPTURED, Math.floor(CAPTURED_BYTES / (this.#capturedWords * 4))));
  }

  /** Compiles what replays programs of that shape. */
  static async compile(
    device: GPUDevice,
    kernel: Kernel,
    layout: ResolvedLayout,
    head: ProgramHead,
    { lanes = 64 }: ResidentOptions = {},
  ): Promise<ResidentProgram> {
    const bindings = device.createBindGroupLayout({ entries: BINDINGS });
    const code = replayShader(kernel, layout, { lanes, slotWords: head.slotWords });
    const pipelines = await compilePipelines(device, code, bindings, ['chained', 'isolated'] as const);
    return new ResidentProgram(device, kernel, layout, head, bindings, pipelines);
  }

  /** Takes up the next segment; it is copied. */
  add({ epochCount, slots, epochs, batchEnds, expectations, states }: ProgramSegment): void {
    const plan = new Uint32Array(epochs.length + batchEnds.length + expectations.length);
    plan.set(epochs);
    plan.set(batchEnds, epochs.length);
    plan.set(expectations, epochs.length + batchEnds.length);
    this.#segments.push({
      epochCount,
      batchEndsAt: epochs.length,
      expectationsAt: epochs.length + batchEnds.length,
      slots: uploadWords(this.#device, slots),
      plan: uploadWords(this.#device, plan),
      states: uploadWords(this.#device, states),
    });
  }

  async run(options: ProgramRunOptions): Promise<ProgramResult> {
    const { mode, replicas } = options;
    const results = zeroWords(this.#device, this.#resultWords());
    const instances = Math.min(this.#instancesThatFit(), this.#instancesWanted(mode, replicas));
    const memory = zeroWords(this.#device, (instances * this.#instanceBytes) / WORD_BYTES);
    // A wave of isolated replicas is not bounded by their memory, but its tasks are counted in a word.
    const waveSize = mode === 'chained' ? instances : Math.max(1, Math.floor(2 ** 31 / this.#head.epochCount));
    const flags = new FlagCounts();
    let epochsRun = 0;
    try {
      for (let first = 0; first < replicas; first += waveSize) {
        const count = Math.min(waveSize, replicas - first);
        const wave = new Wave(first, count, instances, memory, zeroWords(this.#device, count * REPLICA_WORDS), results);
        await this.#runWave(wave, options, (epochs) => {
          epochsRun += epochs;
          options.onProgress?.(epochsRun);
        });
        flags.add(await downloadWords(this.#device, wave.replicas, 0, count * REPLICA_WORDS));
        wave.replicas.destroy();
      }
      return {
        ...(await this.#collect(results)),
        replicasRun: replicas,
        ...flags.counts(),
        shape: 'resident',
        deviceMs: undefined,
      };
    } finally {
      results.destroy();
      memory.destroy();
    }
  }

  release(): void {
    for (const { slots, plan, states } of this.#segments) for (const each of [slots, plan, states]) each.destroy();
    this.#tables.destroy();
    this.#parameters.destroy();
    this.#segments.length = 0;
  }

  get #capturedWords(): number {
    return CAPTURED_HEAD_WORDS + this.#head.signatureWords + this.#layout.snapshotWords;
  }

  #capturedAt(): number {
    return RESULTS_HEAD_WORDS + this.#head.epochCount * EPOCH_TOTAL_WORDS;
  }

  #resultWords(): number {
    return this.#capturedAt() + this.#capturedLimit * this.#capturedWords;
  }

  #instancesThatFit(): number {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const bytes = Math.min(maxStorageBufferBindingSize, maxBufferSize, INSTANCE_BYTES);
    return Math.max(1, Math.floor(bytes / this.#instanceBytes));
  }

  #instancesWanted(mode: ProgramRunOptions['mode'], replicas: number): number {
    return mode === 'chained' ? replicas : Math.min(MAX_ISOLATED_INSTANCES, replicas * this.#head.epochCount);
  }

  async #runWave(wave: Wave, options: ProgramRunOptions, onEpochs: (count: number) => void): Promise<void> {
    for (const segment of this.#segments) {
      const group = this.#bind(segment, wave);
      const replicasAtOnce = options.mode === 'chained' ? wave.count : 1;
      const end = options.mode === 'chained' ? segment.epochCount : segment.epochCount * wave.count;
      for (let first = 0; first < end; ) {
        const next = Math.min(end, first + this.#epochsOfDispatch(replicasAtOnce));
        const begin = performance.now();
        this.#dispatch(segment, wave, group, options, first, next);
        await this.#device.queue.onSubmittedWorkDone();
        this.#adapt(performance.now() - begin);
        onEpochs((next - first) * replicasAtOnce);
        first = next;
      }
    }
  }

  #epochsOfDispatch(replicasAtOnce: number): number {
    const slotsOfEpoch = Math.max(1, this.#head.slotCount / Math.max(1, this.#head.epochCount));
    return Math.max(1, Math.floor(this.#dispatchSlots / slotsOfEpoch / replicasAtOnce));
  }

  #adapt(elapsedMs: number): void {
    if (elapsedMs < DISPATCH_MS / 2) this.#dispatchSlots = Math.min(2 ** 40, this.#dispatchSlots * 2);
    else if (elapsedMs > DISPATCH_MS * 2) this.#dispatchSlots = Math.max(1, this.#dispatchSlots / 2);
  }

  #dispatch(
    segment: UploadedSegment,
    wave: Wave,
    group: GPUBindGroup,
    { mode, replicas, firstReplica = 0, expectationsAreReplays = false }: ProgramRunOptions,
    first: number,
    end: number,
  ): void {
    const parameters: Parameters = {
      firstReplica: firstReplica + wave.first,
      replicaCount: wave.count,
      allReplicas: firstReplica + replicas,
      first,
      end,
      epochCount: segment.epochCount,
      batchEndsAt: segment.batchEndsAt,
      expectationsAt: segment.expectationsAt,
      capturedAt: this.#capturedAt(),
      capturedLimit: this.#capturedLimit,
      options: expectationsAreReplays ? RunOption.FAULTS_UNCOMPARED : 0,
    };
    const words = Uint32Array.from(PARAMETERS, (name) => parameters[name]);
    this.#device.queue.writeBuffer(this.#parameters, 0, words);
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipelines[mode]);
    pass.setBindGroup(0, group);
    const workgroups = mode === 'chained' ? wave.count : Math.min(wave.instances, end - first);
    pass.dispatchWorkgroups(...this.#grid(workgroups, mode === 'isolated'));
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** As many workgroups, in two dimensions where one is too short; an isolated one may be too few, never too many. */
  #grid(workgroups: number, neverMore: boolean): [number, number] {
    const longest = this.#device.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups <= longest) return [workgroups, 1];
    return [longest, neverMore ? Math.floor(workgroups / longest) : Math.ceil(workgroups / longest)];
  }

  #bind(segment: UploadedSegment, wave: Wave): GPUBindGroup {
    const buffers = [
      wave.memory,
      this.#tables,
      segment.slots,
      segment.plan,
      segment.states,
      wave.results,
      wave.replicas,
      this.#parameters,
    ];
    return this.#device.createBindGroup({
      layout: this.#bindings,
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
  }

  async #collect(results: GPUBuffer): Promise<Pick<ProgramResult, 'totals' | 'captured'>> {
    const head = await downloadWords(this.#device, results, 0, this.#capturedAt());
    const count = Math.min(head[0], this.#capturedLimit);
    const words = await downloadWords(this.#device, results, this.#capturedAt(), count * this.#capturedWords);
    const captured = Array.from({ length: count }, (_, index) =>
      readCaptured(
        words.subarray(index * this.#capturedWords, (index + 1) * this.#capturedWords),
        this.#head,
        this.#explain,
      ),
    );
    return { totals: head.subarray(RESULTS_HEAD_WORDS), captured };
  }
}

/** More would not run any faster: every compute unit has more of them than it can hold. */
const MAX_ISOLATED_INSTANCES = 16_384;

/** Replicas that run together. */
class Wave {
  readonly first: number;
  readonly count: number;
  readonly instances: number;
  readonly memory: GPUBuffer;
  readonly replicas: GPUBuffer;
  readonly results: GPUBuffer;

  constructor(
    first: number,
    count: number,
    instances: number,
    memory: GPUBuffer,
    replicas: GPUBuffer,
    results: GPUBuffer,
  ) {
    this.first = first;
    this.count = count;
    this.instances = instances;
    this.memory = memory;
    this.replicas = replicas;
    this.results = results;
  }
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

const RELATIONS: readonly CapturedRelation[] = ['same', 'different', 'undecided', 'no expectation'];

function readCaptured(words: Uint32Array, { signatureWords }: ProgramHead, explain: FaultExplainer): CapturedOutcome {
  const faulted = words[CapturedWord.FAULTED];
  const faults = Array.from({ length: Math.min(faulted, MAX_CAPTURED_FAULTS) }, (_, index) =>
    explain(words.subarray(CapturedWord.FAULTS + 4 * index)),
  );
  return {
    epoch: words[CapturedWord.EPOCH],
    replica: words[CapturedWord.REPLICA],
    relation: RELATIONS[words[CapturedWord.RELATION]],
    done: words[CapturedWord.DONE],
    faulted,
    pending: words[CapturedWord.PENDING],
    faults,
    signature: words.slice(CAPTURED_HEAD_WORDS, CAPTURED_HEAD_WORDS + signatureWords),
    snapshot: words.slice(CAPTURED_HEAD_WORDS + signatureWords),
  };
}

const storage = (binding: number): GPUBindGroupLayoutEntry => ({
  binding,
  visibility: 4,
  buffer: { type: 'storage' },
});
const readOnly = (binding: number): GPUBindGroupLayoutEntry => ({
  binding,
  visibility: 4,
  buffer: { type: 'read-only-storage' },
});

/** In the order of the shader's bindings; 4 is GPUShaderStage.COMPUTE, which is not there before a GPU is. */
const BINDINGS: readonly GPUBindGroupLayoutEntry[] = [
  storage(0),
  readOnly(1),
  readOnly(2),
  readOnly(3),
  readOnly(4),
  storage(5),
  storage(6),
  { binding: 7, visibility: 4, buffer: { type: 'uniform' } },
];
