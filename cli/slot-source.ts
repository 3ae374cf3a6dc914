/** Where the slots to record come from: a workload, or JSON lines. */

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { InputError } from '../src/base/errors.ts';
import { defineKernel, type Kernel } from '../src/kernel/index.ts';
import { MAX_CAPACITY } from '../src/log/index.ts';
import { type SlotLine, SlotLineReader, type SlotRequest } from '../src/record/index.ts';
import { findWorkload, type WorkloadPlan } from '../src/workloads/index.ts';
import { isBackendModule } from './backends.ts';
import type { Io } from './io.ts';
import { resizeKernel } from './kernel-choice.ts';
import { readAll, STANDARD_INPUT } from './log-source.ts';
import { kernelFromFile } from './user-modules.ts';

/** Where slots come from. */
export interface SlotSource {
  readonly kernel: Kernel | undefined;
  pieces(): AsyncIterable<SlotPiece> | Iterable<SlotPiece>;
  /** Lines about the result, once everything has run. */
  describe(snapshot: Uint32Array): readonly string[];
  /** What is wrong with the result, if that can be told. */
  problem(snapshot: Uint32Array): string | undefined;
  close(): Promise<void>;
}

/**
 * The pieces of a source, the first of them read by the time this settles: input that is wrong from its beginning on is
 * found out before anything is made or replaced for it.
 */
export async function beginPieces(source: SlotSource): Promise<AsyncIterable<SlotPiece>> {
  const pieces = source.pieces();
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<SlotPiece> {
    try {
      for (let step = first; step.done !== true; step = await iterator.next()) yield step.value;
    } finally {
      await iterator.return?.();
    }
  }
  return all();
}

/** Slots to publish, and if an epoch ends behind them, how. */
export interface SlotPiece {
  readonly slots: readonly SlotRequest[];
  readonly end?: { readonly tag: number; readonly fence?: boolean };
}

/** Of standard input: a log of the most records keeps a sixteenth of it. */
const MAX_INPUT_BYTES: number = 16 * MAX_CAPACITY;

export interface SourceOptions {
  readonly workload?: string | undefined;
  readonly input?: string | undefined;
  readonly slots?: string | undefined;
  readonly backend: string;
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
  readonly patterns?: readonly string[] | undefined;
  readonly maxEpochs?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * The source that the options name.
 *
 * @throws InputError if they name none, or what it is made of cannot be used.
 */
export function sourceOf(io: Io, options: SourceOptions): Promise<SlotSource> {
  const { workload, slots } = options;
  if (workload !== undefined && slots === undefined) return workloadSource(io, workload, options);
  if (slots !== undefined && workload === undefined) return slotSource(io, slots, options);
  throw new InputError('one of --workload and --slots is needed, and not both', 'name where the slots come from.');
}

async function workloadSource(io: Io, name: string, options: SourceOptions): Promise<SlotSource> {
  const workload = findWorkload(name);
  if (options.input === undefined) {
    throw new InputError(`workload ${name} needs a file to work on`, 'name one with --input FILE.');
  }
  if (options.kernel !== undefined || options.controlWords !== undefined) {
    throw new InputError(`workload ${name} brings its own kernel`, 'leave --kernel and --control-words out.');
  }
  const { slotCount, seed, patterns, maxEpochs } = options;
  const plan: WorkloadPlan = workload.plan(await readInput(io, options.input), {
    ...(slotCount === undefined ? {} : { slotCount }),
    ...(seed === undefined ? {} : { seed }),
    ...(patterns === undefined ? {} : { patterns }),
    ...(maxEpochs === undefined ? {} : { maxEpochs }),
  });
  return {
    kernel: plan.kernel,
    pieces: () => workloadPieces(plan),
    describe: (snapshot) => plan.describe(snapshot),
    problem: (snapshot) => plan.check?.(snapshot),
    close: async () => {},
  };
}

function* workloadPieces(plan: WorkloadPlan): Generator<SlotPiece> {
  for (const { slots, tag } of plan.epochs()) yield { slots, end: { tag } };
}

async function readInput(io: Io, path: string): Promise<Uint8Array> {
  if (path === STANDARD_INPUT) return readAll(io, MAX_INPUT_BYTES);
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`the input cannot be read: ${reason}`, 'check the path given with --input.', { cause });
  }
}

/** Opens the file with the slots at once: an old log must not be replaced before it is known that there are any. */
async function slotSource(io: Io, path: string, options: SourceOptions): Promise<SlotSource> {
  const isForeign = isBackendModule(options.backend) && options.kernel === undefined;
  const kernel = isForeign ? undefined : await slotKernel(options);
  const file = path === STANDARD_INPUT ? undefined : await openSlots(path);
  const chunks: AsyncIterable<Uint8Array> = file?.createReadStream() ?? io.input;
  return {
    kernel,
    pieces: () => slotPieces(new SlotLineReader(kernel), chunks, options.maxEpochs ?? Number.POSITIVE_INFINITY),
    describe: () => [],
    problem: () => undefined,
    // Reading to the end has closed it already.
    close: async () => file?.close().catch(() => {}),
  };
}

async function openSlots(path: string): Promise<FileHandle> {
  const file = await open(path);
  const isFolder = (await file.stat()).isDirectory();
  if (!isFolder) return file;
  await file.close();
  throw new InputError(
    `the slots are to come from \`${path}\`, which is a folder`,
    'name a file with slots as JSON lines.',
  );
}

/** The kernel that slots are for, with the sizes asked for. */
async function slotKernel(options: SourceOptions): Promise<Kernel> {
  const kernel =
    options.kernel === undefined ? defineKernel({ name: 'built-in' }) : await kernelFromFile(options.kernel);
  return resizeKernel(kernel, options);
}

/**
 * Slots up to the line that ends their batch; what is left at the end of the input is a batch too. What has been read is
 * handed on with every chunk, so that a program may take its time, or die, with what it asked for in the log.
 */
async function* slotPieces(
  reader: SlotLineReader,
  chunks: AsyncIterable<Uint8Array>,
  maxEpochs: number,
): AsyncGenerator<SlotPiece> {
  let epochs = 0;
  let isEpochOpen = false;
  for await (const lines of lineGroups(reader, chunks)) {
    for (const piece of piecesOf(lines)) {
      yield piece;
      isEpochOpen = piece.end === undefined;
      if (piece.end !== undefined) epochs += 1;
      if (epochs >= maxEpochs) return;
    }
  }
  if (isEpochOpen) yield { slots: [], end: { tag: 0 } };
}

/** The lines that end in each chunk, then the one that ends with the input. */
async function* lineGroups(
  reader: SlotLineReader,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Iterable<SlotLine>> {
  for await (const chunk of chunks) yield reader.push(chunk);
  yield reader.end();
}

function* piecesOf(lines: Iterable<SlotLine>): Generator<SlotPiece> {
  let slots: SlotRequest[] = [];
  try {
    for (const line of lines) {
      if (line.kind === 'slot') {
        slots.push(line.slot);
        continue;
      }
      const end = { tag: line.tag, ...(line.fence ? {} : { fence: false }) };
      yield { slots, end };
      slots = [];
    }
  } catch (error) {
    // What came before the line at fault was accepted.
    if (slots.length > 0) yield { slots };
    throw error;
  }
  if (slots.length > 0) yield { slots };
}
