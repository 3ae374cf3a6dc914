/** Reports of small recordings, replayed on backends that show what a test tells them to. */

import { ReferenceBackend } from '../../src/backend/index.ts';
import { judge } from '../../src/diff/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { planReplay, type Recording, type ReplayMode, recordInMemory, replayOn } from '../../src/replay/index.ts';
import { makeReport, type Report, type ReportInput } from '../../src/report/index.ts';

export const WORD = 170;
export const RACY_ADD = 0x4000_0001;

/** Loads, adds and stores: each access by itself, and nothing is promised. */
export function racyKernel(name = 'racy', promisesAtomicity = false): Kernel {
  const add = opcode(
    'RACY_ADD',
    RACY_ADD,
    ['amount', 'word'],
    ($, amount, word) => {
      const before = $.load('control', word, 'before');
      $.store('control', word, before.plus(amount));
    },
    { promisesAtomicity },
  );
  return defineKernel({ name, slotCount: 16, opcodes: [add] });
}

/** What a backend shows after an epoch, in place of what is there. */
export type Change = (words: Uint32Array, epoch: number) => void;

/** The reference, but for what a test changes. */
class OddBackend extends ReferenceBackend {
  readonly #change: Change;
  #epoch = 0;

  constructor(kernel: Kernel, change: Change) {
    super(kernel);
    this.#change = change;
  }

  override start(): void {
    super.start();
    this.#epoch = 0;
  }

  override observe(words: Uint32Array): void {
    super.observe(words);
    this.#change(words, this.#epoch);
    this.#epoch += 1;
  }
}

export interface ReportOptions extends Partial<ReportInput> {
  readonly kernel?: Kernel;
  /** Whether the kernel is known when it is reported. Default true. */
  readonly knowsKernel?: boolean;
  readonly replicas?: number;
  readonly mode?: ReplayMode;
  /** What happens on the way from recording to replay. */
  readonly damage?: (recording: Recording) => Recording;
}

/** Records epochs on the reference, replays them there and on an odd backend, and reports. */
export async function reportOn(
  epochs: readonly (readonly SlotRequest[])[],
  change: Change,
  {
    kernel = racyKernel(),
    knowsKernel = true,
    replicas = 4,
    mode = 'chained',
    damage = (recording) => recording,
    ...input
  }: ReportOptions = {},
): Promise<Report> {
  const backend = new ReferenceBackend(kernel);
  const recorded = await recordInMemory(
    backend,
    kernel,
    epochs.map((slots) => ({ slots })),
    { capacity: 4_096, tool: 'test' },
  );
  const plan = planReplay(damage(recorded), { kernel });
  const replays = [
    await replayOn(plan, new ReferenceBackend(kernel), { replicas, mode }),
    { ...(await replayOn(plan, new OddBackend(kernel, change), { replicas, mode })), backend: 'odd' },
  ];
  return makeReport({
    tool: 'vrrl 0',
    log: 'run.vrrl',
    plan,
    replays,
    judgement: judge(plan, replays, kernel),
    kernel: knowsKernel ? kernel : undefined,
    kernelSource: knowsKernel ? 'recorded' : 'foreign',
    lost: 0,
    notes: [],
    devices: new Map(),
    seeAgain: { seed: undefined, versions: { vrrl: '0' } },
    commands: () => [{ what: 'replay', line: 'vrrl replay run.vrrl' }],
    ...input,
  });
}

export const additionsBy = (code: number, slots = 2): SlotRequest[] =>
  Array.from({ length: slots }, () => ({ opcode: code, args: [1, WORD] }));

/** One of two additions is lost in the third epoch. */
export function lostUpdate(options: ReportOptions = {}): Promise<Report> {
  const epochs = Array.from({ length: 5 }, () => additionsBy(RACY_ADD));
  return reportOn(
    epochs,
    (words, epoch) => {
      if (epoch === 2) words[WORD] -= 1;
    },
    options,
  );
}
