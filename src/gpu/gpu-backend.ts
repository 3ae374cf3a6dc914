/**
 * A kernel on a GPU, with the device at hand: in a page, or in the process that the driver may take down.
 *
 * Stepping from the host runs every batch in the wide shape, a round trip each. A whole program runs on the device.
 */

import {
  type Backend,
  type DrainReport,
  KernelMachine,
  type LoadedProgram,
  PublishError,
  type ReplayProgram,
  type Slot,
} from '../backend/index.ts';
import { type FaultExplainer, faultExplainer, type Kernel, observationLayoutOf, planMemory } from '../kernel/index.ts';
import { type ObservationLayout, type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import { ARGUMENT_COUNT, ControlWord, SLOT_WORDS, SlotWord } from '../protocol/index.ts';
import { uploadTables, zeroWords } from './buffers.ts';
import { compilePipelines, PipelineCache } from './compile.ts';
import { canBeLoaded, DeviceProgram, type DeviceProgramOptions, PROGRAM_BINDINGS } from './device-program.ts';
import { bindBuffers, bindingsOf, gridOf } from './dispatch.ts';
import { explainReported, REPORTED_FAULT_WORDS } from './faults.ts';
import { BatchWord, batchWords, lanesShader, ReportWord, reportWords } from './lanes-wgsl.ts';

export interface GpuOptions {
  /** What reports call it. Default `gpu`. */
  readonly name?: string;
  /** Lanes of a workgroup when a batch is run; few show more races between workgroups. Default 16. */
  readonly wideLanes?: number;
  /** Lanes of a workgroup that works for one replica of a program, at least 32. Default 64. */
  readonly residentLanes?: number;
  /** Of the device, for the memories of replicas that run at once. Default 1 GiB, or less where the device has less. */
  readonly memoryBytes?: number;
  /** Of the device, for outcomes of a program that are handed back; there is room for a few in any case. Default 16 MiB. */
  readonly capturedBytes?: number;
  /** Words of a segment of a program: what is uploaded in one piece. Default 4 Mi. */
  readonly segmentWords?: number;
  /** Slots that the first submission of a program serves; later ones go by what it took. Default 2 Mi. */
  readonly firstSubmissionSlots?: number;
}

const WORD_BYTES = 4;
const DEFAULT_MEMORY_BYTES = 2 ** 30;
const DEFAULT_CAPTURED_BYTES = 16 * 2 ** 20;
/** An upload that needs no buffer beyond what every adapter allows. */
const DEFAULT_SEGMENT_WORDS = 2 ** 22;
const DEFAULT_FIRST_SUBMISSION_SLOTS = 2 ** 21;

type Stepping = Readonly<Record<'publish' | 'serve' | 'collect', GPUComputePipeline>>;

/** What is on the device while it runs. */
interface OnDevice {
  readonly memory: GPUBuffer;
  readonly batch: GPUBuffer;
  readonly report: GPUBuffer;
  readonly readable: GPUBuffer;
  readonly tables: GPUBuffer;
  readonly layout: GPUBindGroupLayout;
  readonly group: GPUBindGroup;
}

export class GpuBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord: number = ControlWord.EPOCH;
  readonly #device: GPUDevice;
  readonly #kernel: Kernel;
  readonly #resolved: ResolvedLayout;
  readonly #options: GpuOptions;
  /** What the next drain hands over, in the order of {@link BatchWord}. */
  readonly #batch: Uint32Array<ArrayBuffer>;
  readonly #snapshot: Uint32Array;
  readonly #occupied: Uint8Array;
  readonly #explain: FaultExplainer;
  /** The host's side of the kernel sets memory here before it is uploaded. */
  readonly #image: ArrayBuffer;
  readonly #machine: KernelMachine;
  #publishedCount = 0;
  /** Since the last drain. */
  #hasObserved = false;
  #pending: readonly number[] = [];
  #onDevice: OnDevice | undefined;
  #pipelines: PipelineCache | undefined;
  #steppingPipelines: Promise<Stepping> | undefined;

  constructor(device: GPUDevice, kernel: Kernel, options: GpuOptions = {}) {
    this.#device = device;
    this.#kernel = kernel;
    this.#options = options;
    this.name = options.name ?? 'gpu';
    this.slotCount = kernel.slotCount;
    this.layout = observationLayoutOf(kernel);
    this.#resolved = resolveLayout(this.layout);
    this.#batch = new Uint32Array(batchWords(kernel));
    this.#snapshot = new Uint32Array(this.#resolved.snapshotWords);
    this.#occupied = new Uint8Array(kernel.slotCount);
    this.#explain = faultExplainer(kernel);
    this.#image = new ArrayBuffer(planMemory(kernel).totalBytes);
    this.#machine = new KernelMachine(kernel, this.#image);
  }

  async start(): Promise<void> {
    this.#onDevice ??= await this.#create();
    this.#setMemory((machine) => machine.reset());
  }

  publish(slotIndex: number, slot: Slot): void {
    const problem = this.#problemWith(slotIndex, slot);
    if (problem !== undefined) throw new PublishError(problem, 'drain first, or take another slot.');
    const at = BatchWord.SLOTS + this.#publishedCount * SLOT_WORDS;
    const words = this.#batch;
    words[at] = slotIndex;
    words[at + SlotWord.OPCODE] = slot.opcode;
    words[at + SlotWord.TENANT] = slot.tenant;
    words[at + SlotWord.PRIORITY] = slot.priority;
    for (let index = 0; index < ARGUMENT_COUNT; index += 1)
      words[at + SlotWord.ARGUMENTS + index] = slot.args[index] ?? 0;
    this.#publishedCount += 1;
    this.#occupied[slotIndex] = 1;
  }

  /** The report and what is observed come back in one piece: `observe` after it costs nothing. */
  async drain(): Promise<DrainReport> {
    const on = this.#running();
    const items = this.#publishedCount + this.#pending.length;
    if (items === 0) return { done: 0, pending: [], faults: [] };
    const pipelines = await this.#stepping(on);
    const { queue } = this.#device;
    queue.writeBuffer(on.batch, 0, this.#batch, 0, this.#finishBatch());
    const encoder = this.#device.createCommandEncoder();
    encoder.clearBuffer(on.report, 0, ReportWord.LISTS * WORD_BYTES);
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, on.group);
    this.#dispatch(pass, pipelines.publish, Math.max(1, this.#publishedCount));
    this.#dispatch(pass, pipelines.serve, items);
    this.#dispatch(pass, pipelines.collect, items);
    pass.end();
    this.#copyBack(encoder, on);
    queue.submit([encoder.finish()]);
    const report = await this.#readBack(on);
    this.#hasObserved = false;
    this.#publishedCount = 0;
    this.#pending = report.pending;
    this.#occupied.fill(0);
    for (const slotIndex of report.pending) this.#occupied[slotIndex] = 1;
    return report;
  }

  observe(snapshot: Uint32Array): void {
    snapshot.set(this.#snapshot);
    // The host takes the debug log's records: the device forgets them before the next batch.
    this.#snapshot[this.#kernel.controlWords] = 0;
    this.#hasObserved = true;
  }

  restore(snapshot: Uint32Array): void {
    this.#setMemory((machine) => machine.restore(snapshot));
  }

  /** Takes a whole program up, to be replayed on the device. */
  async load(program: ReplayProgram): Promise<LoadedProgram | undefined> {
    const options = this.#programOptions();
    if (!canBeLoaded(this.#device, this.#kernel, this.#resolved, program.head, options)) return undefined;
    const pipelines = this.#programPipelines();
    const loaded = new DeviceProgram(this.#device, this.#kernel, this.#resolved, program.head, pipelines, options);
    for (const segment of program.segments(this.#options.segmentWords ?? DEFAULT_SEGMENT_WORDS)) {
      if (!loaded.add(segment)) {
        loaded.release();
        return undefined;
      }
    }
    return loaded;
  }

  stop(): void {
    const on = this.#onDevice;
    this.#onDevice = undefined;
    if (on === undefined) return;
    const { memory, batch, report, readable, tables } = on;
    for (const each of [memory, batch, report, readable, tables]) each.destroy();
  }

  #programOptions(): DeviceProgramOptions {
    const { residentLanes, memoryBytes, capturedBytes, firstSubmissionSlots } = this.#options;
    return {
      lanes: residentLanes ?? 64,
      memoryBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES,
      capturedBytes: capturedBytes ?? DEFAULT_CAPTURED_BYTES,
      firstSubmissionSlots: firstSubmissionSlots ?? DEFAULT_FIRST_SUBMISSION_SLOTS,
    };
  }

  /** Compiled when a batch is first run: a program needs none of them, and drivers take long and much memory for one. */
  #stepping({ layout }: OnDevice): Promise<Stepping> {
    this.#steppingPipelines ??= compilePipelines(this.#device, lanesShader(this.#kernel, this.#lanes()), layout, [
      'publish',
      'serve',
      'collect',
    ] as const);
    return this.#steppingPipelines;
  }

  #programPipelines(): PipelineCache {
    this.#pipelines ??= new PipelineCache(this.#device, PROGRAM_BINDINGS);
    return this.#pipelines;
  }

  async #create(): Promise<OnDevice> {
    const device = this.#device;
    const kernel = this.#kernel;
    const layout = device.createBindGroupLayout({ entries: BINDINGS });
    const memory = zeroWords(device, planMemory(kernel).totalBytes / WORD_BYTES);
    const tables = uploadTables(device, kernel);
    const batch = zeroWords(device, batchWords(kernel));
    const report = zeroWords(device, reportWords(kernel));
    const readable = device.createBuffer({
      size: (reportWords(kernel) + this.#resolved.snapshotWords) * WORD_BYTES,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const group = bindBuffers(device, layout, [memory, tables, batch, report]);
    return { memory, batch, report, readable, tables, layout, group };
  }

  #lanes(): number {
    return this.#options.wideLanes ?? 16;
  }

  #running(): OnDevice {
    if (this.#onDevice !== undefined) return this.#onDevice;
    throw new PublishError('the GPU is not running', 'call start() first and wait for it.');
  }

  /** Memory as the host's side of the kernel would set it. */
  #setMemory(set: (machine: KernelMachine) => void): void {
    set(this.#machine);
    this.#device.queue.writeBuffer(this.#running().memory, 0, this.#image);
    this.#machine.observe(this.#snapshot);
    this.#publishedCount = 0;
    this.#pending = [];
    this.#occupied.fill(0);
  }

  #problemWith(slotIndex: number, { args }: Slot): string | undefined {
    if (!(slotIndex >= 0 && slotIndex < this.slotCount)) {
      return `slot ${slotIndex} is beyond the ring, which has ${this.slotCount} slots`;
    }
    if (args.length > ARGUMENT_COUNT) return `a slot has ${ARGUMENT_COUNT} argument words, ${args.length} were given`;
    return this.#occupied[slotIndex] === 1 ? `slot ${slotIndex} is PUBLISHED already` : undefined;
  }

  /** Writes the head and the slots that wait, and says how many words the batch has. */
  #finishBatch(): number {
    const batch = this.#batch;
    const pendingAt = BatchWord.SLOTS + this.#publishedCount * SLOT_WORDS;
    batch[BatchWord.PUBLISHED] = this.#publishedCount;
    batch[BatchWord.WAITING] = this.#pending.length;
    batch[BatchWord.TAKES_LOG] = this.#hasObserved ? 1 : 0;
    batch.set(this.#pending, pendingAt);
    return pendingAt + this.#pending.length;
  }

  #dispatch(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline, items: number): void {
    pass.setPipeline(pipeline);
    pass.dispatchWorkgroups(...gridOf(this.#device, Math.ceil(items / this.#lanes())));
  }

  #copyBack(encoder: GPUCommandEncoder, { memory, report, readable }: OnDevice): void {
    const reportBytes = reportWords(this.#kernel) * WORD_BYTES;
    const { controlByteOffset } = planMemory(this.#kernel);
    encoder.copyBufferToBuffer(report, 0, readable, 0, reportBytes);
    encoder.copyBufferToBuffer(memory, controlByteOffset, readable, reportBytes, this.#snapshot.byteLength);
  }

  async #readBack({ readable }: OnDevice): Promise<DrainReport> {
    await readable.mapAsync(GPUMapMode.READ);
    try {
      const words = new Uint32Array(readable.getMappedRange());
      this.#snapshot.set(words.subarray(reportWords(this.#kernel)));
      return this.#reportFrom(words);
    } finally {
      readable.unmap();
    }
  }

  #reportFrom(words: Uint32Array): DrainReport {
    const pendingEnd = ReportWord.LISTS + words[ReportWord.PENDING];
    const faultsStart = ReportWord.LISTS + this.slotCount;
    const faults = Array.from({ length: words[ReportWord.FAULTED] }, (_, index) =>
      explainReported(this.#explain, words.subarray(faultsStart + index * REPORTED_FAULT_WORDS)),
    );
    return {
      done: words[ReportWord.DONE],
      // Lanes list them in any order.
      pending: Array.from(words.subarray(ReportWord.LISTS, pendingEnd)).sort((left, right) => left - right),
      faults: faults.sort((left, right) => left.slotIndex - right.slotIndex),
    };
  }
}

/** In the order of the shader's bindings. */
const BINDINGS = bindingsOf(['storage', 'read-only-storage', 'read-only-storage', 'storage']);
