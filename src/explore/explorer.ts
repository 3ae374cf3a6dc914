/** The face of exploring: sample, exhaust, replay a token. */

import { InputError } from '../base/errors.ts';
import { isWord } from '../base/words.ts';
import { type Kernel, lowerToSteps, type StepProgram } from '../kernel/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { Enumeration } from './enumeration.ts';
import { OptimalSearch } from './optimal-search.ts';
import type {
  ExhaustOptions,
  ExhaustResult,
  MemoryModel,
  Run,
  RunListener,
  SampleOptions,
  SampleResult,
  SerialOptions,
  TracedAccess,
} from './run.ts';
import { makeSampler } from './samplers.ts';
import { type Decider, ScheduledRun, ScheduleFollower } from './schedule.ts';
import type { Search } from './search.ts';
import { GivenOrder, SerialOrders } from './serial-orders.ts';
import { SerialSearch } from './serial-search.ts';
import { SleepingSearch } from './sleeping-search.ts';
import { StepMachine } from './step-machine.ts';
import { damaged, decodeToken, encodeToken, MAX_STEPS_LIMIT, type TokenContent } from './token.ts';
import { traceSchedule } from './trace.ts';
import { WholeOpcodes } from './whole-opcodes.ts';

const DEFAULT_MAX_STEPS = 100_000;
const DEFAULT_MAX_RUNS = 1_000_000;
const DEFAULT_DEPTH = 3;
const MAX_DEPTH = 16;

/** A kernel lowered to steps: made once, for as many scenarios and runs as there are. */
export class Explorer {
  readonly #kernel: Kernel;
  readonly #program: StepProgram;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#program = lowerToSteps(kernel);
  }

  /**
   * Takes schedules at random and calls back with every run, until one answers true or all runs are used up.
   *
   * @throws InputError if an option is out of range or the scenario is of another kernel.
   */
  sample(scenario: Scenario, options: SampleOptions, onRun: RunListener): SampleResult {
    const { memory = 'sequential', sampler = 'uniform', seed = 1, depth = DEFAULT_DEPTH } = options;
    checkWord('seed', seed);
    checkRange('depth', depth, 1, MAX_DEPTH);
    checkRange('runs', options.runs, 0, Number.MAX_SAFE_INTEGER);
    const maxAccesses = checkedAccesses(options.maxAccesses);
    const run = this.#explored(scenario, memory, options.maxSteps);
    const drawing = makeSampler(sampler, { seed, depth });
    const whole = options.whole ?? new Set();
    const decider = whole.size === 0 ? drawing : new WholeOpcodes(drawing, whole);
    let [runs, accesses] = [0, 0];
    while (runs < options.runs && accesses < maxAccesses) {
      run.take(decider);
      runs += 1;
      accesses += run.accesses;
      if (onRun(run) === true) return { runs, accesses, stopped: true };
    }
    return { runs, accesses, stopped: false };
  }

  /**
   * Takes every schedule, or one of each class of those that differ in the order of commuting accesses only.
   *
   * @throws InputError as {@link sample}.
   */
  exhaust(scenario: Scenario, options: ExhaustOptions, onRun: RunListener): ExhaustResult {
    const { memory = 'sequential' } = options;
    return this.#search(scenario, memory, makeSearch(memory, options.reduction ?? true), options, onRun);
  }

  /**
   * Takes every order of whole slots, or one of each class of those that differ in the order of slots that commute only.
   *
   * @throws InputError as {@link sample}.
   */
  exhaustSerial(scenario: Scenario, options: SerialOptions, onRun: RunListener): ExhaustResult {
    const search = (options.reduction ?? true) ? new SerialSearch() : new SerialOrders();
    return this.#search(scenario, 'sequential', search, options, onRun);
  }

  /**
   * Takes the orders of whole slots that are given, each as a rank for every slot of the scenario: of those that can run
   * the one with the least rank goes first.
   *
   * @param maxAccesses as in {@link SampleOptions}.
   * @throws InputError if the scenario is of another kernel.
   */
  runSerially(
    scenario: Scenario,
    orders: Iterable<readonly number[]>,
    onRun: RunListener,
    maxAccesses?: number,
  ): SampleResult {
    const mostAccesses = checkedAccesses(maxAccesses);
    const run = this.#explored(scenario, 'sequential');
    const decider = new GivenOrder();
    let [runs, accesses] = [0, 0];
    for (const ranks of orders) {
      if (accesses >= mostAccesses) break;
      decider.ranks = ranks;
      run.take(decider);
      runs += 1;
      accesses += run.accesses;
      if (onRun(run) === true) return { runs, accesses, stopped: true };
    }
    return { runs, accesses, stopped: false };
  }

  #search(
    scenario: Scenario,
    memory: MemoryModel,
    search: Search,
    { maxRuns = DEFAULT_MAX_RUNS, maxAccesses, maxSteps }: SerialOptions,
    onRun: RunListener,
  ): ExhaustResult {
    checkRange('maxRuns', maxRuns, 1, Number.MAX_SAFE_INTEGER);
    const mostAccesses = checkedAccesses(maxAccesses);
    const run = this.#explored(scenario, memory, maxSteps);
    let [runs, accesses] = [0, 0];
    let complete = true;
    // Runs that are given up count for the limits only, since they take their time too.
    for (let tries = 0; tries < maxRuns && accesses + (search.extraEffort ?? 0) < mostAccesses; tries += 1) {
      const isWhole = run.search(search);
      accesses += run.accesses;
      if (isWhole) {
        runs += 1;
        if (run.isHung) complete = false;
        if (onRun(run) === true) return { runs, accesses, stopped: true, complete: false };
      }
      if (!search.next()) return { runs, accesses, stopped: false, complete };
    }
    return { runs, accesses, stopped: false, complete: false };
  }

  /**
   * Runs exactly what a token says.
   *
   * @throws TokenError if it is damaged, or of another kernel, version or scenario.
   */
  replay(scenario: Scenario, token: string): Run {
    const { memory, maxSteps, schedule } = decodeToken(scenario, token);
    const run = this.#explored(scenario, memory, maxSteps);
    const follower = new ScheduleFollower(schedule);
    run.take(follower);
    const problem = follower.end();
    if (problem !== undefined) throw damaged(problem);
    return run;
  }

  #explored(scenario: Scenario, memory: MemoryModel, maxSteps = DEFAULT_MAX_STEPS): ExploredRun {
    checkRange('maxSteps', maxSteps, 1, MAX_STEPS_LIMIT);
    if (scenario.kernel.identity !== this.#kernel.identity) {
      throw new InputError('the scenario is of another kernel', 'make an Explorer of the kernel of the scenario.');
    }
    return new ExploredRun(scenario, this.#program, memory, maxSteps);
  }
}

/** The run that listeners see; one object for all runs. */
class ExploredRun implements Run {
  readonly #scenario: Scenario;
  readonly #program: StepProgram;
  readonly #memory: MemoryModel;
  readonly #maxSteps: number;
  readonly #machine: StepMachine;
  readonly #taken = new ScheduledRun();

  constructor(scenario: Scenario, program: StepProgram, memory: MemoryModel, maxSteps: number) {
    this.#scenario = scenario;
    this.#program = program;
    this.#memory = memory;
    this.#maxSteps = maxSteps;
    this.#machine = new StepMachine(scenario, program, { memory, maxSteps });
  }

  take(decider: Decider): void {
    this.#machine.reset();
    this.#taken.take(this.#machine, decider);
  }

  /** False if the run was given up. */
  search(search: Search): boolean {
    this.#machine.reset();
    return search.take(this.#machine, this.#taken);
  }

  get outcome(): ScenarioOutcome {
    return this.#machine.outcome();
  }

  get isHung(): boolean {
    return this.#machine.isHung;
  }

  get steps(): number {
    return this.#machine.steps;
  }

  get accesses(): number {
    return this.#machine.accesses;
  }

  token(): string {
    return encodeToken(this.#scenario, this.#content());
  }

  trace(): readonly TracedAccess[] {
    return traceSchedule(this.#scenario, this.#program, this.#content());
  }

  #content(): TokenContent {
    const { lanes, options } = this.#taken;
    const schedule = { lanes: lanes.toArray(), options: options.toArray() };
    return { memory: this.#memory, maxSteps: this.#maxSteps, schedule };
  }
}

function makeSearch(memory: MemoryModel, reduction: boolean): Search {
  if (!reduction) return new Enumeration();
  return memory === 'sequential' ? new OptimalSearch() : new SleepingSearch();
}

const explorers = new WeakMap<Kernel, Explorer>();

function explorerOf({ kernel }: Scenario): Explorer {
  const known = explorers.get(kernel) ?? new Explorer(kernel);
  explorers.set(kernel, known);
  return known;
}

/** As {@link Explorer.sample}, with the kernel of the scenario. */
export function sample(scenario: Scenario, options: SampleOptions, onRun: RunListener): SampleResult {
  return explorerOf(scenario).sample(scenario, options, onRun);
}

/** As {@link Explorer.exhaust}, with the kernel of the scenario. */
export function exhaust(scenario: Scenario, options: ExhaustOptions, onRun: RunListener): ExhaustResult {
  return explorerOf(scenario).exhaust(scenario, options, onRun);
}

/** As {@link Explorer.exhaustSerial}, with the kernel of the scenario. */
export function exhaustSerial(scenario: Scenario, options: SerialOptions, onRun: RunListener): ExhaustResult {
  return explorerOf(scenario).exhaustSerial(scenario, options, onRun);
}

/** As {@link Explorer.runSerially}, with the kernel of the scenario. */
export function runSerially(
  scenario: Scenario,
  orders: Iterable<readonly number[]>,
  onRun: RunListener,
  maxAccesses?: number,
): SampleResult {
  return explorerOf(scenario).runSerially(scenario, orders, onRun, maxAccesses);
}

/** As {@link Explorer.replay}, with the kernel of the scenario. */
export function replayToken(scenario: Scenario, token: string): Run {
  return explorerOf(scenario).replay(scenario, token);
}

function checkWord(name: string, value: number): void {
  if (!isWord(value)) throw new InputError(`${name} ${value} is no u32`, `give a whole number from 0 to 4294967295.`);
}

/** No bound if none is given. */
function checkedAccesses(maxAccesses: number | undefined): number {
  if (maxAccesses === undefined) return Number.POSITIVE_INFINITY;
  checkRange('maxAccesses', maxAccesses, 1, Number.MAX_SAFE_INTEGER);
  return maxAccesses;
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new InputError(`${name} ${value} is not ${least} … ${most}`, `give a whole number from ${least} to ${most}.`);
}
