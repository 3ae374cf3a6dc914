/**
 * A backend in a process of its own, in whatever language: everything goes through two pipes, as `spec/backend-protocol.md`
 * says. Slots are gathered here and sent with the drain, so that an epoch costs a round trip and not one a slot.
 */

import {
  type Backend,
  BackendFaultError,
  type DrainReport,
  type LoadedProgram,
  PublishError,
  type ReplayProgram,
  type Slot,
} from '../src/backend/index.ts';
import { isWord } from '../src/base/words.ts';
import {
  type FaultExplainer,
  faultExplainer,
  type Kernel,
  observationLayoutOf,
  type SlotFault,
} from '../src/kernel/index.ts';
import { type ObservationLayout, resolveLayout } from '../src/observe/index.ts';
import { ARGUMENT_COUNT } from '../src/protocol/index.ts';
import {
  type Drained,
  decodeDrained,
  decodeRefused,
  decodeWords,
  encodeWords,
  type Hello,
  helloFor,
  MessageType,
  PROGRAMS_FEATURE,
  type Ready,
  type Refused,
  RunPayload,
  WireError,
  type WireFault,
} from '../src/wire/index.ts';
import { expectEmpty, ProcessProgram } from './process-program.ts';
import { type RunnerOptions, RunnerProcess } from './runner-process.ts';

export interface ProcessBackendOptions extends RunnerOptions {
  /** Offered to the runner, which may run it or bring its own. */
  readonly kernel?: Kernel;
  /** Passed on as they are. */
  readonly options?: Readonly<Record<string, string>>;
}

/** What a RUN came to. */
type Ran = { readonly drained: Drained } | { readonly refused: Refused };

const EMPTY = new Uint8Array(0);

export class ProcessBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord?: number;
  readonly restore?: (snapshot: Uint32Array) => Promise<void>;
  readonly load?: (program: ReplayProgram) => Promise<LoadedProgram | undefined>;
  /** What the runner said about itself. */
  readonly ready: Ready;
  readonly #options: ProcessBackendOptions;
  readonly #hello: Hello;
  /** Where the words of faults are explained from; undefined if the runner has a kernel of its own. */
  readonly #explainWithKernel: FaultExplainer | undefined;
  readonly #run = new RunPayload();
  /** 1 for slots that were published and have not been reported as ended. */
  readonly #occupied: Uint8Array;
  #occupiedCount = 0;
  #runner: RunnerProcess | undefined;
  #starting: Promise<void> | undefined;
  /** The runner has one at most. */
  #program: ProcessProgram | undefined;

  /**
   * Starts the process and shakes hands, since the name and the layout are the runner's to say.
   *
   * @throws BackendFaultError if there is no such program, it does not speak the protocol, or it cannot run the kernel.
   */
  static async connect(options: ProcessBackendOptions): Promise<ProcessBackend> {
    const hello = helloFor(options.kernel, options.options);
    const { runner, ready } = await connect(options, hello);
    return new ProcessBackend(options, hello, runner, ready);
  }

  private constructor(options: ProcessBackendOptions, hello: Hello, runner: RunnerProcess, ready: Ready) {
    this.#options = options;
    this.#hello = hello;
    this.#runner = runner;
    this.ready = ready;
    this.name = ready.name;
    this.slotCount = ready.slotCount;
    this.layout = ready.layout;
    if (ready.epochWord !== undefined) this.epochWord = ready.epochWord;
    if (ready.canRestore) this.restore = (snapshot) => this.#restore(snapshot);
    if (hasPrograms(ready)) this.load = (program) => this.#load(program);
    const { kernel } = options;
    if (ready.kernel !== null && kernel !== undefined) this.#explainWithKernel = faultExplainer(kernel);
    this.#occupied = new Uint8Array(ready.slotCount);
  }

  /**
   * The conversation, for messages beyond this interface. It is another one after a fault or a stop.
   *
   * @throws BackendFaultError if the backend was stopped.
   */
  get runner(): RunnerProcess {
    if (this.#runner !== undefined) return this.#runner;
    throw this.#notRunning();
  }

  /** On a fresh process if the last one failed. */
  start(): Promise<void> {
    // Asked twice while a process starts, it must not start two.
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  publish(slotIndex: number, slot: Slot): void {
    if (this.#runner === undefined) throw this.#notRunning();
    if (!isWord(slotIndex) || slotIndex >= this.slotCount) throw beyondRing(slotIndex, this.slotCount);
    if (slot.args.length > ARGUMENT_COUNT) throw tooManyArguments(slot.args.length);
    if (this.#occupied[slotIndex] === 1) throw notFree(slotIndex);
    this.#run.add(slotIndex, slot);
    this.#occupy(slotIndex, true);
  }

  /** @throws PublishError if the runner does not take one of the slots; then it has taken none of them. */
  async drain(): Promise<DrainReport> {
    const run = this.#run;
    const answer = await this.runner.ask<Ran>(MessageType.RUN, run.bytes(), {
      [MessageType.DRAINED]: (payload) => ({ drained: this.#checkedDrained(decodeDrained(payload)) }),
      [MessageType.REFUSED]: (payload) => ({ refused: this.#checkedRefused(decodeRefused(payload)) }),
    });
    if ('refused' in answer) throw this.#refusal(answer.refused);
    const { done, pending, faults } = answer.drained;
    run.clear();
    this.#occupied.fill(0);
    this.#occupiedCount = 0;
    for (const slotIndex of pending) this.#occupy(slotIndex, true);
    const explained = faults.map((fault) => this.#explain(fault));
    return { done, pending, faults: explained.sort((left, right) => left.slotIndex - right.slotIndex) };
  }

  async observe(snapshot: Uint32Array): Promise<void> {
    await this.runner.ask(MessageType.OBSERVE, EMPTY, {
      [MessageType.WORDS]: (payload) => decodeWords(payload, snapshot, 'WORDS'),
    });
  }

  /** One way there and back instead of two. */
  async drainAndObserve(snapshot: Uint32Array): Promise<DrainReport> {
    const asked = this.runner.together(() => [this.drain(), this.observe(snapshot)] as const);
    const [drained, observed] = await Promise.allSettled(asked);
    if (drained.status === 'rejected') throw drained.reason;
    if (observed.status === 'rejected') throw observed.reason;
    return drained.value;
  }

  /** Gives back the process and its pipes; a later `start` makes another one. */
  async stop(): Promise<void> {
    // Why it does not start is told to whoever started it.
    await this.#starting?.catch(() => {});
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.stop();
  }

  async #start(): Promise<void> {
    if (this.#runner?.fault !== undefined) {
      const failed = this.#runner;
      this.#runner = undefined;
      await failed.stop();
    }
    this.#runner ??= await this.#connectAgain();
    await this.#runner.ask(MessageType.START, EMPTY, { [MessageType.DONE]: expectEmpty });
    this.#forgetSlots();
  }

  /** What was told once has been relied on since. */
  async #connectAgain(): Promise<RunnerProcess> {
    const { runner, ready } = await connect(this.#options, this.#hello);
    const isSame =
      ready.slotCount === this.slotCount &&
      ready.canRestore === this.ready.canRestore &&
      hasPrograms(ready) === hasPrograms(this.ready) &&
      ready.epochWord === this.epochWord &&
      JSON.stringify(ready.layout) === JSON.stringify(this.layout);
    if (isSame) return runner;
    const fault = runner.breach(new WireError('READY differs from what it said the first time'));
    await runner.stop();
    throw fault;
  }

  async #restore(snapshot: Uint32Array): Promise<void> {
    await this.runner.ask(MessageType.RESTORE, encodeWords(snapshot), { [MessageType.DONE]: expectEmpty });
    this.#forgetSlots();
  }

  async #load(program: ReplayProgram): Promise<LoadedProgram | undefined> {
    const { runner } = this;
    this.#forgetSlots();
    this.#program?.replace();
    const { ready, name, slotCount } = this;
    const fit = { slotCount, layout: resolveLayout(ready.layout) };
    const explain = (fault: WireFault) => this.#explain(fault);
    this.#program = await ProcessProgram.load(program, {
      runner,
      name,
      fit,
      explain,
      maxPayloadBytes: ready.maxPayloadBytes,
    });
    return this.#program;
  }

  #notRunning(): BackendFaultError {
    return new BackendFaultError(this.name, 'unavailable', 'it is not running', 'call start() first and wait for it.');
  }

  #forgetSlots(): void {
    this.#run.clear();
    this.#occupied.fill(0);
    this.#occupiedCount = 0;
  }

  #occupy(slotIndex: number, isOccupied: boolean): void {
    this.#occupied[slotIndex] = isOccupied ? 1 : 0;
    this.#occupiedCount += isOccupied ? 1 : -1;
  }

  /** Every slot that is reported was published, and none twice. */
  #checkedDrained(drained: Drained): Drained {
    const { done, pending, faults } = drained;
    const total = done + pending.length + faults.length;
    if (total > this.#occupiedCount) {
      throw new WireError(`DRAINED: ${total} slots ended or wait, and ${this.#occupiedCount} were published`);
    }
    const seen = new Set<number>();
    for (const slotIndex of [...pending, ...faults.map((fault) => fault.slotIndex)]) {
      if (this.#occupied[slotIndex] !== 1) throw new WireError(`DRAINED: slot ${slotIndex} was not published`);
      if (seen.has(slotIndex)) throw new WireError(`DRAINED: slot ${slotIndex} is reported twice`);
      seen.add(slotIndex);
    }
    return drained;
  }

  #checkedRefused(refused: Refused): Refused {
    if (refused.position < this.#run.count) return refused;
    throw new WireError(`REFUSED: position ${refused.position} of a RUN of ${this.#run.count} slots`);
  }

  /** None of the RUN was published, so its slots are free again; those that waited before still wait. */
  #refusal({ position, text }: Refused): PublishError {
    const run = this.#run;
    const slotIndex = run.slotIndexAt(position);
    for (let each = 0; each < run.count; each += 1) this.#occupy(run.slotIndexAt(each), false);
    run.clear();
    const why = text === '' ? 'it did not say why' : text.replace(/\.+$/, '');
    return new PublishError(
      `backend ${this.name} refused slot ${slotIndex}: ${why}`,
      'publish what the runner takes; nothing of this batch ran.',
    );
  }

  #explain(fault: WireFault): SlotFault {
    const { slotIndex, opcode, words } = fault;
    const text = fault.text.replace(/\.+$/, '');
    const explained = this.#explainWithKernel?.(slotIndex, opcode, words);
    if (explained !== undefined && (explained.reason !== 'UNKNOWN' || text === '')) return explained;
    const message = text === '' ? `fault words ${words[0]} and ${words[1]}` : text;
    return { slotIndex, opcode, reason: 'UNKNOWN', message, words };
  }
}

/** A process that has said who it is, and that can be what it says. */
async function connect(options: ProcessBackendOptions, hello: Hello): Promise<{ runner: RunnerProcess; ready: Ready }> {
  const runner = await RunnerProcess.spawn(options);
  try {
    const ready = await runner.handshake(hello);
    const problem = kernelProblem(options.kernel, ready);
    if (problem !== undefined) throw runner.breach(new WireError(`READY: ${problem}`));
    return { runner, ready };
  } catch (error) {
    await runner.stop();
    throw error;
  }
}

/** A runner that says that it runs the offered kernel has the ring and the memory of that kernel. */
function kernelProblem(kernel: Kernel | undefined, ready: Ready): string | undefined {
  if (ready.kernel === null) return undefined;
  if (kernel === undefined || ready.kernel !== kernel.identity) return 'it runs a kernel that was not offered';
  if (ready.slotCount !== kernel.slotCount) return `the kernel has ${kernel.slotCount} slots`;
  const expected = resolveLayout(observationLayoutOf(kernel));
  const actual = resolveLayout(ready.layout);
  const isSame = JSON.stringify([expected.areas, expected.regions]) === JSON.stringify([actual.areas, actual.regions]);
  return isSame ? undefined : "its layout is not the kernel's";
}

function hasPrograms({ features }: Ready): boolean {
  return features.includes(PROGRAMS_FEATURE);
}

function beyondRing(slotIndex: number, slotCount: number): PublishError {
  const what = `slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`;
  return new PublishError(what, 'give the runner a ring with at least that many slots.');
}

function tooManyArguments(count: number): PublishError {
  const what = `a slot has ${ARGUMENT_COUNT} argument words, ${count} were given`;
  return new PublishError(what, 'split the work over several slots.');
}

function notFree(slotIndex: number): PublishError {
  const what = `slot ${slotIndex} is not free: it was published and has not ended`;
  return new PublishError(what, 'drain before you publish into it again, or take another slot.');
}
