/** The levels access-serial and weak: what interleavings of single accesses give, of some slots by themselves. */

import {
  exhaust,
  type MemoryModel,
  placeOf,
  type Run,
  sample,
  type TracedAccess,
  tracedCommute,
} from '../explore/index.ts';
import { findOpcode } from '../kernel/index.ts';
import { compareSnapshots } from '../observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { type AccessOrder, orderAccesses } from './access-model.ts';
import type { Budget } from './budget.ts';
import type { SmallContradiction } from './contradiction.ts';
import type { AccessRow, Level, Witness } from './explanation.ts';
import { type Question, withFoldedRecords } from './question.ts';
import { reachedOf } from './slot-shape.ts';
import { listText } from './tell.ts';
import { nameWeakShape } from './weak-shape.ts';
import { WholeRuns } from './whole-runs.ts';

export interface AccessAnswer {
  readonly kind: 'legal' | 'broken promise' | 'not sequential' | 'unknown';
  readonly holds: Level | undefined;
  /** Opcodes concerned. */
  readonly opcodes: readonly string[];
  readonly argument: readonly string[];
  readonly witness: Witness | undefined;
  readonly rows: readonly AccessRow[];
  readonly weakShape: string | undefined;
  readonly notKnown: readonly string[];
}

const NOTHING_TOLD = {
  opcodes: [],
  argument: [],
  witness: undefined,
  rows: [],
  weakShape: undefined,
  notKnown: [],
} as const;

/** Where nobody wants to know more than that no order of whole slots gives it. */
export const ACCESSES_NOT_ASKED: AccessAnswer = {
  ...NOTHING_TOLD,
  kind: 'unknown',
  holds: undefined,
  notKnown: ['what single accesses give was not asked'],
};

/** Says what single accesses make of a question that no order of whole slots answers. */
export function answerByAccesses(question: Question, small: SmallContradiction, budget: Budget): AccessAnswer {
  const search = new AccessSearch(question, small.question, budget);
  const isFair = small.lost === undefined || small.lost.writers === small.question.slots.length;
  return isFair ? search.run() : search.runUnfair();
}

interface FoundRun {
  readonly token: string;
  readonly trace: readonly TracedAccess[];
  readonly memory: MemoryModel;
  readonly isWhole: boolean;
}

/** Runs that were looked at for one that answers a question. */
interface Looked {
  /** One that leaves slots whole that promised it, if there is one; otherwise any that answers. */
  readonly found: FoundRun | undefined;
  /** All there are were looked at. */
  readonly isComplete: boolean;
}

/** What ends a search: any run that answers, or one that leaves those slots whole that are to be. */
type Wanted = 'any' | 'whole';

class AccessSearch {
  readonly #question: Question;
  readonly #small: Question;
  readonly #budget: Budget;

  constructor(question: Question, small: Question, budget: Budget) {
    this.#question = question;
    this.#small = small;
    this.#budget = budget;
  }

  run(): AccessAnswer {
    // Nothing but slots that are to be whole: whatever their accesses would give, it is a violation.
    const isViolation = areWhole(this.#small);
    const { found, isComplete } = this.#look(this.#small, 'sequential', isViolation ? 'any' : 'whole');
    if (found === undefined) {
      if (isComplete) return this.#notSequential(this.#small);
      if (isViolation) return this.#broken(undefined, undefined);
      return this.#unknown(
        `no interleaving that gives it was found in ${this.#budget.runs} runs, and these are not all`,
      );
    }
    if (found.isWhole) return this.#legalInAll(found);
    if (isComplete || isViolation) return this.#brokenInAll(found);
    const ordered = this.#orderAccesses(this.#small, (slot) => promises(this.#small, slot));
    if (ordered?.verdict === 'none') return this.#brokenInAll(found);
    return this.#unknown('whether an interleaving that keeps promises gives it: not all were looked at', found);
  }

  /**
   * The same where slots were left out because of what they do as a whole. What accesses of the rest give may be an
   * example of how it came about; that they do not give it means nothing.
   */
  runUnfair(): AccessAnswer {
    const isViolation = areWhole(this.#question);
    const { found } = this.#look(this.#small, 'sequential', isViolation ? 'any' : 'whole');
    const ofAll = this.#drawn(this.#question, isViolation ? 'any' : 'whole');
    if (isViolation) return this.#broken(found, ofAll === undefined ? undefined : 'access-serial');
    if (found?.isWhole) return ofAll?.isWhole ? this.#legal(found, this.#small) : this.#legalInAll(found);
    return this.#unknown(`not all interleavings of the ${this.#question.slots.length} slots were looked at`);
  }

  /** A violation; which it is the whole component says, of which more is asked. */
  #brokenInAll(found: FoundRun): AccessAnswer {
    if (this.#isAll(this.#small)) return this.#broken(found, 'access-serial');
    const ordered = this.#orderAccesses(this.#question, () => false, MAX_NODES_OF_ALL);
    if (ordered?.verdict === 'found') return this.#broken(found, 'access-serial');
    if (ordered?.verdict === 'none') return this.#notSequential(this.#question);
    const all = this.#look(this.#question, 'sequential', 'any');
    if (all.found === undefined && all.isComplete) return this.#notSequential(this.#question);
    return this.#broken(found, all.found === undefined ? undefined : 'access-serial');
  }

  #isAll({ slots, askedWords }: Question): boolean {
    return slots.length === this.#question.slots.length && askedWords.length === this.#question.askedWords.length;
  }

  /** What explains the contradiction may not explain the rest of the component: it is asked whole. */
  #legalInAll(found: FoundRun): AccessAnswer {
    const whole = (slot: number) => promises(this.#question, slot);
    const ordered = this.#orderAccesses(this.#question, whole);
    if (ordered?.verdict === 'found') return this.#legal(found, this.#small);
    if (ordered?.verdict === 'none') {
      const torn = this.#orderAccesses(this.#question, () => false);
      if (torn?.verdict === 'found') return this.#broken(found, 'access-serial');
      if (torn?.verdict === 'none') return this.#notSequential(this.#question);
    }
    const all = this.#look(this.#question, 'sequential', 'whole');
    if (all.found?.isWhole) return this.#legal(all.found, this.#question);
    if (all.found !== undefined && all.isComplete) return this.#broken(all.found, 'access-serial');
    if (all.found === undefined && all.isComplete) return this.#notSequential(this.#question);
    const count = this.#question.slots.length;
    return this.#unknown(`the interleaving explains these slots; for all ${count} that share words none was found`);
  }

  #orderAccesses(
    asked: Question,
    isWhole: (slot: number) => boolean,
    most: number = Number.POSITIVE_INFINITY,
  ): AccessOrder | undefined {
    // One half is for running them.
    const maxNodes = Math.min(most, Math.floor(this.#budget.nodesFor(1) / 2));
    const ordered = orderAccesses(asked, isWhole, maxNodes);
    this.#budget.spendNodes(ordered?.nodes ?? 0, 1);
    return ordered;
  }

  /** @param asked the question that the run answers. */
  #legal(found: FoundRun, asked: Question): AccessAnswer {
    const torn = this.#small.slots.filter(
      (slot) => !promises(this.#small, slot) && partsOf(this.#small, slot).length > 1,
    );
    const why =
      torn.length > 0
        ? 'their opcodes never promised to happen at once'
        : 'what lanes do around their opcodes is no part of what these promised';
    return this.#answer({
      kind: 'legal',
      holds: 'access-serial',
      opcodes: opcodesOf(this.#small, torn),
      argument: [`Their single accesses in another order do give it, and ${why}.`],
      ...this.#shown(asked, found),
    });
  }

  #broken(found: Looked['found'], holds: Level | undefined): AccessAnswer {
    // A contradiction may be explained by itself, and break promises only with the rest of its component.
    const ofSmall = tornOpcodes(this.#small);
    const opcodes = ofSmall.length > 0 ? ofSmall : tornOpcodes(this.#question);
    const how = found === undefined ? '' : 'Only with other accesses in between theirs is it given: ';
    return this.#answer({
      kind: 'broken promise',
      holds,
      opcodes,
      argument: opcodes.length === 0 ? [] : [`${how}${listText(opcodes)} promised to happen at once.`],
      ...(found === undefined ? {} : this.#shown(this.#small, found)),
    });
  }

  /** @param asked a question that no interleaving answers. */
  #notSequential(asked: Question): AccessAnswer {
    const { found, isComplete } = this.#look(asked, 'relaxed', 'any');
    // What relaxed memory does to the slots of a contradiction says nothing of the rest.
    if (found !== undefined && !this.#isAll(asked)) return this.#notSequential(this.#question);
    const none = 'No interleaving of their single accesses gives it either.';
    // What runs slots lets stores be late, and no load.
    if (found === undefined && isComplete && this.#givesWithLateLoads(asked)) {
      if (!this.#isAll(asked)) return this.#notSequential(this.#question);
      return this.#answer({
        kind: 'not sequential',
        holds: 'weak',
        weakShape: 'load buffering',
        argument: [
          none,
          'Relaxed memory does, in which a load may be answered after a later store of its slot: load buffering.',
        ],
      });
    }
    if (found === undefined) {
      return this.#answer({
        kind: 'not sequential',
        holds: isComplete ? 'coherence' : undefined,
        argument: [none, ...(isComplete ? ['Nor does relaxed memory, in which lanes see stores late.'] : [])],
        notKnown: isComplete ? [] : ['whether relaxed memory gives it: not all that it can do was looked at'],
      });
    }
    const shape = nameWeakShape(found.trace);
    const cycle = shape?.cycle.map((access) => traceText(asked, access)) ?? [];
    return this.#answer({
      kind: 'not sequential',
      holds: 'weak',
      weakShape: shape?.name,
      argument: [
        none,
        `Relaxed memory does, in which lanes see stores late${shape === undefined ? '; it has none of the usual shapes' : `: ${shape.name}`}.`,
        ...(cycle.length > 0 ? [`In a circle: ${cycle.join('; ')}; and so on from the first.`] : []),
      ],
      ...this.#shown(asked, found),
    });
  }

  #givesWithLateLoads(asked: Question): boolean {
    const maxNodes = Math.floor(this.#budget.nodesFor(1) / 2);
    const ordered = orderAccesses(asked, () => false, maxNodes, 'relaxed');
    this.#budget.spendNodes(ordered?.nodes ?? 0, 1);
    return ordered?.verdict === 'found';
  }

  /** @param found a run of the slots of the contradiction that answers, and breaks promises. */
  #unknown(reason: string, found?: FoundRun): AccessAnswer {
    const isOfAll = found !== undefined && this.#isAll(this.#small);
    return this.#answer({
      kind: 'unknown',
      holds: isOfAll ? 'access-serial' : undefined,
      notKnown: [reason],
      ...(found === undefined ? {} : this.#shown(this.#small, found)),
    });
  }

  #answer(given: Pick<AccessAnswer, 'kind' | 'holds'> & Partial<AccessAnswer>): AccessAnswer {
    return { ...NOTHING_TOLD, ...given };
  }

  #shown(question: Question, { token, trace, memory }: FoundRun): Pick<AccessAnswer, 'rows' | 'witness'> {
    return {
      rows: trace.filter((access) => isShown(question, access)).map((access) => rowOf(question, access)),
      witness: { kind: 'accesses', memory, token, slots: [...question.slots] },
    };
  }

  /**
   * Looks at all interleavings, and if there are too many, at some.
   *
   * @param wanted what ends the search: any that answers, or one that leaves those slots whole that are to be.
   */
  #look(question: Question, memory: MemoryModel, wanted: Wanted): Looked {
    const scenario = partOf(question);
    let found: FoundRun | undefined;
    let unitsToKeep = 0;
    const isOver = () => this.#budget.unitsLeft <= unitsToKeep;
    const onRun = this.#listener(question, memory, { wanted, isOver }, (run) => {
      found = run;
    });
    const share = (part: number) => {
      unitsToKeep = this.#budget.unitsLeft * (1 - part);
      return Math.max(1, Math.ceil(this.#budget.runsLeft * part));
    };
    const all = exhaust(scenario, { memory, maxRuns: share(SHARE_OF_ALL), maxSteps: MAX_STEPS }, onRun);
    const whole = drawnWhole(question, wanted);
    const isWanted = () => found !== undefined && (wanted === 'any' || found.isWhole);
    for (const sampler of ['pct', 'urw'] as const) {
      if (all.complete || isWanted() || this.#budget.isSpent) break;
      sample(scenario, { memory, sampler, whole, runs: share(SHARE_OF_SAMPLES), maxSteps: MAX_STEPS }, onRun);
    }
    return { found, isComplete: all.complete };
  }

  /** A run that answers, of a few: where many slots meet, one is drawn sooner than it is come by in taking one and all. */
  #drawn(question: Question, wanted: Wanted): FoundRun | undefined {
    let found: FoundRun | undefined;
    const runs = Math.min(MAX_DRAWN, Math.ceil(this.#budget.runsLeft * SHARE_OF_SAMPLES));
    const whole = drawnWhole(question, wanted);
    if (this.#budget.isSpent || runs <= 0) return undefined;
    const isOver = () => this.#budget.isSpent;
    const onRun = this.#listener(question, 'sequential', { wanted, isOver }, (run) => {
      found = run;
    });
    sample(partOf(question), { memory: 'sequential', sampler: 'urw', whole, runs, maxSteps: MAX_STEPS }, onRun);
    return found;
  }

  /** Calls back with a first run that answers a question, and with one that leaves slots whole; true ends the search. */
  #listener(
    question: Question,
    memory: MemoryModel,
    { wanted, isOver }: { readonly wanted: Wanted; readonly isOver: () => boolean },
    onFound: (found: FoundRun) => void,
  ): (run: Run) => boolean {
    const whole = wholeRecords(question);
    let hasFound = false;
    return (run) => {
      this.#budget.spendRun(run.steps);
      if (isOver()) return true;
      if (run.isHung || !answers(run, question)) return false;
      const trace = run.trace();
      const isWhole = keepsWhole(trace, whole);
      if (!hasFound || isWhole) onFound({ token: run.token(), trace, memory, isWhole });
      hasFound = true;
      return isWhole || wanted === 'any';
    };
  }
}

/** States looked at to tell of a violation that is found already how strong a demand all slots still meet. */
const MAX_NODES_OF_ALL = 10_000;
/** What taking one and all may spend of what is left, and what drawing some may. */
const SHARE_OF_ALL = 0.6;
const SHARE_OF_SAMPLES = 0.2;
/** Runs of many slots that are drawn before anything else is done about them. */
const MAX_DRAWN = 200;
/** Of one lane in one run: an interleaving in which a loop goes on for longer explains nothing to anybody. */
const MAX_STEPS = 10_000;

/** A question's slots by themselves. */
export function partOf({ analysis, slots, initial }: Question): Scenario {
  const { scenario, batchOf } = analysis;
  const batchEnds = slots.flatMap((slot, index) =>
    index + 1 === slots.length || batchOf[slot] !== batchOf[slots[index + 1]] ? [index + 1] : [],
  );
  const words = initial.slice();
  return { kernel: scenario.kernel, initial: words, slots: slots.map((slot) => scenario.slots[slot]), batchEnds };
}

function answers({ outcome }: Run, question: Question): boolean {
  const { askedWords, askedRegions, analysis, outcome: wanted, waiting } = question;
  const isWanted = (words: Uint32Array) => askedWords.every((word) => words[word] === wanted.words[word]);
  const { controlWords } = analysis.scenario.kernel;
  const words = question.initial[controlWords] === 0 ? outcome.words : withFoldedRecords(question, outcome.words);
  if (!isWanted(words) || !hasFaults(outcome, question)) return false;
  if (waiting !== undefined && waiting !== outcome.pending) return false;
  if (askedRegions.length === 0) return true;
  const regions = askedRegions.map((region) => analysis.layout.regions[region]);
  return compareSnapshots({ ...analysis.layout, regions }, wanted.words, words).differences.length === 0;
}

/** Whether the slots faulted that were seen to. */
function hasFaults({ faults: given }: ScenarioOutcome, { slots, faults, analysis }: Question): boolean {
  const byRing = new Map(given.map((fault) => [fault.slotIndex, fault.words]));
  return slots.every((slot) => {
    const expected = faults[slot];
    const words = byRing.get(analysis.scenario.slots[slot].slotIndex);
    if (expected === undefined) return true;
    return expected === 'none' ? words === undefined : words?.[0] === expected[0] && words[1] === expected[1];
  });
}

/**
 * Whether a run is, but for the order of accesses that do not concern each other, one in which the opcodes of those records
 * are whole: with the accesses of each of them drawn together, what has to come before what goes in no circle (conflict
 * serializability).
 */
function keepsWhole(trace: readonly TracedAccess[], whole: ReadonlySet<number>): boolean {
  if (whole.size === 0) return true;
  const accesses = trace.filter(({ isContended }) => isContended);
  const groupOf = groupsOf(trace, whole).filter((_, index) => trace[index].isContended);
  const after = new Map<number, Set<number>>();
  for (const [later, access] of accesses.entries()) {
    for (let earlier = 0; earlier < later; earlier += 1) {
      const other = accesses[earlier];
      const isOrdered = other.record === access.record || !tracedCommute(other, access);
      if (!isOrdered || groupOf[earlier] === groupOf[later]) continue;
      after.set(groupOf[earlier], (after.get(groupOf[earlier]) ?? new Set()).add(groupOf[later]));
    }
  }
  return !hasCircle(after);
}

/** By access, a number that those have in common that are drawn together. */
function groupsOf(trace: readonly TracedAccess[], whole: ReadonlySet<number>): readonly number[] {
  const runs = new Map([...whole].map((record) => [record, new WholeRuns()]));
  const firstOf = new Map<string, number>();
  return trace.map((access, index) => {
    const { record, memory, isTurn } = access;
    const ofRecord = memory === 'ring' ? undefined : runs.get(record);
    if (ofRecord === undefined) return index;
    const key = `${record} ${ofRecord.next({ isTurn, place: placeOf(access) })}`;
    const first = firstOf.get(key) ?? index;
    firstOf.set(key, first);
    return first;
  });
}

function hasCircle(after: ReadonlyMap<number, ReadonlySet<number>>): boolean {
  const state = new Map<number, 'open' | 'closed'>();
  const visit = (node: number): boolean => {
    if (state.get(node) === 'open') return true;
    if (state.get(node) === 'closed') return false;
    state.set(node, 'open');
    for (const next of after.get(node) ?? []) if (visit(next)) return true;
    state.set(node, 'closed');
    return false;
  };
  return [...after.keys()].some(visit);
}

function promises({ analysis }: Question, slot: number): boolean {
  const { kernel, slots } = analysis.scenario;
  return findOpcode(kernel, slots[slot].slot.opcode)?.promisesAtomicity ?? false;
}

/** Of the slots of a question, counted among themselves, those that are to be whole. */
function wholeRecords(question: Question): ReadonlySet<number> {
  return new Set(question.slots.flatMap((slot, record) => (promises(question, slot) ? [record] : [])));
}

/** The same where runs are drawn for what is wanted. */
function drawnWhole(question: Question, wanted: Wanted): ReadonlySet<number> {
  return wanted === 'whole' ? wholeRecords(question) : new Set();
}

/** Whether nobody comes in between any accesses of a question's slots, so that their single accesses give nothing else. */
function areWhole(question: Question): boolean {
  return question.slots.every((slot) => partsOf(question, slot).length <= 1);
}

/** How many accesses a slot makes at a time: several only where it promised to. */
function partsOf(question: Question, slot: number): readonly number[] {
  const { analysis, stateWords } = question;
  const { steps, isOpaque, records } = analysis.shapes[slot];
  const isWhole = promises(question, slot);
  // Of what its lane does around the opcode nothing is known either.
  if (isOpaque) return isWhole ? [2, 1] : [1, 1];
  const states = new Set(stateWords);
  const reached = steps.filter((step) => reachedOf(step, states).length > 0);
  if (!isWhole) return [...reached, ...records].map(() => 1);
  const counts = new Map<number, number>();
  const ofOpcode = reached.find(({ isOfOpcode }) => isOfOpcode)?.run ?? RECORDS_ALONE;
  for (const run of [...reached.map((step) => step.run), ...records.map(() => ofOpcode)]) {
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return [...counts.values()];
}

/** The run of records that an opcode appends and does nothing else. */
const RECORDS_ALONE = -1;

/** Opcodes that promise to be whole and make more than one access. */
function tornOpcodes(question: Question): string[] {
  const torn = question.slots.filter(
    (slot) => promises(question, slot) && partsOf(question, slot).some((accesses) => accesses > 1),
  );
  return opcodesOf(question, torn);
}

function opcodesOf({ analysis }: Question, slots: readonly number[]): string[] {
  const { kernel, slots: placed } = analysis.scenario;
  const names = slots.map((slot) => {
    const { opcode } = placed[slot].slot;
    return findOpcode(kernel, opcode)?.name ?? `opcode ${opcode}`;
  });
  return [...new Set(names)];
}

function flatWord({ analysis }: Question, { memory, word }: TracedAccess): number | undefined {
  if (memory === 'control') return word;
  return memory === 'debug' ? analysis.scenario.kernel.controlWords + word : undefined;
}

function isShown(question: Question, access: TracedAccess): boolean {
  const word = flatWord(question, access);
  return word !== undefined && question.stateWords.includes(word);
}

function rowOf(question: Question, access: TracedAccess): AccessRow {
  const { record, kind, memory, word, found, stored } = access;
  return { slot: question.slots[record], kind, word: `${memory}[${word}]`, read: found, written: stored };
}

function traceText(question: Question, access: TracedAccess): string {
  const { slot, kind, word, read, written } = rowOf(question, access);
  const what = written === undefined ? `finds ${read} in ${word}` : `leaves ${written} in ${word}`;
  return `slot ${slot} (${kind}) ${what}`;
}
