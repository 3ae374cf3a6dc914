/** The ladder: what was seen of an epoch is held against one demand after the other, the weakest first. */

import { BackendFaultError, PublishError } from '../backend/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { ACCESSES_NOT_ASKED, type AccessAnswer, answerByAccesses } from './access-level.ts';
import { analyseEpoch, type EpochAnalysis } from './analysis.ts';
import { Budget } from './budget.ts';
import { type SmallContradiction, shrinkContradiction } from './contradiction.ts';
import { concernedWords, tellContradiction } from './contradiction-text.ts';
import { type ExplainVerdict, type Explanation, LEVELS } from './explanation.ts';
import { type Question, questionOf } from './question.ts';
import { compareOutcomes, joinOrders, replayOrder } from './replay-order.ts';
import { answerComponent } from './serial-level.ts';
import { SlotMachine } from './slot-machine.ts';
import { listText, slotText } from './tell.ts';
import { checkWords } from './word-checks.ts';

export interface ExplainOptions {
  /**
   * What it may spend on all its searches together, in states of serial orders of short slots. An interleaving takes about
   * as many as it has accesses, and states of long slots take more. Default {@link DEFAULT_NODES}.
   */
  readonly maxNodes?: number;
  /**
   * Interleavings of single accesses run before it gives up, over all of the epoch. With 0 the question ends at whole slots, for
   * whoever wants no more than `violated`. Default {@link DEFAULT_RUNS}.
   */
  readonly maxRuns?: number;
}

export const DEFAULT_NODES = 1_000_000;
export const DEFAULT_RUNS = 20_000;

/**
 * Explains how an epoch came out.
 *
 * Everything is bounded by counts, so the answer is the same everywhere. A verdict of `unserializable` rests on a search
 * that came to its end, one of `serializable` on an order that was replayed.
 */
export function explain(scenario: Scenario, outcome: ScenarioOutcome, options: ExplainOptions = {}): Explanation {
  return new Ladder(scenario, outcome, options).run();
}

class Ladder {
  readonly #scenario: Scenario;
  readonly #outcome: ScenarioOutcome;
  readonly #analysis: EpochAnalysis;
  readonly #budget: Budget;
  readonly #asksAccesses: boolean;
  readonly #assumed: string[] = [];
  readonly #notKnown: string[] = [];

  constructor(scenario: Scenario, outcome: ScenarioOutcome, { maxNodes, maxRuns }: ExplainOptions) {
    this.#scenario = scenario;
    this.#outcome = outcome;
    this.#budget = new Budget(maxNodes ?? DEFAULT_NODES, maxRuns ?? DEFAULT_RUNS);
    this.#asksAccesses = maxRuns !== 0;
    this.#analysis = analyseEpoch(scenario);
  }

  run(): Explanation {
    const publishOrder = [...this.#scenario.slots.keys()];
    if (this.#gives(publishOrder)) return this.#explainedBy(publishOrder, true);
    const { unsupported, shapes } = this.#analysis;
    if (unsupported !== undefined) return this.#unknown(unsupported);
    if (this.#scenario.batchEnds.length > 1 && shapes.some(({ end, mayWait }) => end === undefined && mayWait)) {
      return this.#unknown('a slot may be left waiting and get another turn in a later batch');
    }
    const finding = checkWords(this.#analysis, this.#outcome);
    if (finding !== undefined) {
      const { level, shape, summary, argument, slots, words } = finding;
      return this.#explanation({
        verdict: 'unserializable',
        violated: level,
        holds: level === 'coherence' ? 'provenance' : undefined,
        summary,
        argument,
        slots: this.#slotTexts(slots),
        contradiction: {
          shape,
          slots,
          words: concernedWords(this.#analysis, this.#outcome, words, undefined),
          isMinimal: true,
          nearestOrder: undefined,
        },
      });
    }
    return this.#bySlots();
  }

  /** Component by component. The weakest demand that one violates is told; what is not known outweighs what is legal. */
  #bySlots(): Explanation {
    const machine = new SlotMachine(this.#scenario.kernel, this.#scenario.slots);
    const orders: (readonly number[])[] = [];
    /** By component of which nothing is known, how many slots it has. */
    const stuck: number[] = [];
    let torn: Explanation | undefined;
    for (const component of this.#analysis.components) {
      const question = questionOf(this.#analysis, this.#outcome, component);
      const { answer, lost } = answerComponent(question, machine, this.#budget);
      if (answer.verdict === 'found') orders.push(answer.order);
      else if (answer.verdict === 'none') {
        const small =
          lost === undefined
            ? shrinkContradiction(question, answer, machine, this.#budget)
            : { question: lost.question, answer, isMinimal: lost.isMinimal, lost };
        const told = this.#explainContradiction(question, small);
        if (torn === undefined || isWorse(told, torn)) torn = told;
      } else stuck.push(component.slots.length);
    }
    if (torn !== undefined && (torn.verdict !== 'serializable' || stuck.length === 0)) return this.#upToDate(torn);
    if (stuck.length > 0) return this.#unknown(stuckText(stuck));
    const order = joinOrders(this.#analysis, orders);
    if (this.#gives(order)) return this.#explainedBy(order, false);
    return this.#unknown(
      'an order was found, but replayed it gave something else: please report this as a bug of vrrl',
    );
  }

  #explainContradiction(question: Question, small: SmallContradiction): Explanation {
    const told = tellContradiction(small);
    const access = this.#asksAccesses ? answerByAccesses(question, small, this.#budget) : ACCESSES_NOT_ASKED;
    if (!small.isMinimal && this.#budget.isSpent) {
      this.#notKnown.push('whether the contradiction can be made smaller: that much was not looked at');
    }
    this.#notKnown.push(...access.notKnown);
    return this.#explanation({
      ...CONCLUSIONS[access.kind],
      holds: access.holds,
      ...(access.kind === 'not sequential'
        ? { violated: access.holds === 'coherence' ? 'weak' : 'access-serial' }
        : {}),
      summary: summaryOf(told.summary, access),
      argument: [...told.argument, ...access.argument],
      slots: this.#slotTexts(small.question.slots),
      contradiction: told.contradiction,
      witness: access.witness,
      accesses: access.rows,
      weakShape: access.weakShape,
      brokenPromises: access.kind === 'broken promise' ? access.opcodes : [],
    });
  }

  /** What was counted since it was told counts too. */
  #upToDate(explanation: Explanation): Explanation {
    const { nodes, runs } = this.#budget;
    return { ...explanation, nodes, runs, notKnown: [...new Set(this.#notKnown)] };
  }

  #gives(order: readonly number[]): boolean {
    try {
      const replayed = replayOrder(this.#scenario, order);
      const { isSame, isUnknown, words } = compareOutcomes(this.#analysis.layout, replayed, this.#outcome);
      if (isSame && isUnknown) this.#notKnown.push(...words.unknown.map(({ reason }) => reason));
      return isSame;
    } catch (error) {
      // An order that publishes into a slot of the ring that still waits is none.
      if (error instanceof PublishError) return false;
      if (!(error instanceof BackendFaultError)) throw error;
      this.#notKnown.push(`a slot did not come to its end when it was replayed: ${error.what}`);
      return false;
    }
  }

  #explainedBy(order: readonly number[], isPublishOrder: boolean): Explanation {
    const shown = order.length > 12 ? [...order.slice(0, 12), '…'] : order;
    return this.#explanation({
      verdict: 'serializable',
      holds: 'slot-serial',
      summary: isPublishOrder
        ? 'what was seen is what the slots give in the order of publishing'
        : `legal: the slots in the order ${shown.join(', ')} give what was seen`,
      argument: ['The order was replayed on the reference, and every observed word came out as it was seen.'],
      witness: { kind: 'slots', order, isPublishOrder },
      slots: this.#slotTexts([...this.#scenario.slots.keys()]),
    });
  }

  #unknown(...reasons: readonly string[]): Explanation {
    this.#notKnown.push(...reasons);
    return this.#explanation({ verdict: 'unknown', summary: listText(reasons), argument: [] });
  }

  #explanation(found: Pick<Explanation, 'verdict' | 'summary' | 'argument'> & Partial<Explanation>): Explanation {
    return {
      violated: undefined,
      holds: undefined,
      witness: undefined,
      contradiction: undefined,
      weakShape: undefined,
      slots: [],
      brokenPromises: [],
      accesses: [],
      assumed: this.#assumed,
      notKnown: [...new Set(this.#notKnown)],
      nodes: this.#budget.nodes,
      runs: this.#budget.runs,
      ...found,
    };
  }

  #slotTexts(slots: readonly number[]): Explanation['slots'] {
    return slots.map((slot) => slotText(this.#analysis, slot));
  }
}

/** One sentence for all parts of an epoch of which no order was found. */
function stuckText(sizes: readonly number[]): string {
  const what =
    sizes.length === 1
      ? `${sizes[0]} slots that share words`
      : `${sizes.length} groups of slots that share words, of up to ${Math.max(...sizes)} slots`;
  return `for ${what}, no order was found among those tried`;
}

const VERDICTS: readonly ExplainVerdict[] = ['unserializable', 'unknown', 'serializable'];

function isWorse(one: Explanation, other: Explanation): boolean {
  const verdict = VERDICTS.indexOf(one.verdict) - VERDICTS.indexOf(other.verdict);
  return verdict < 0 || (verdict === 0 && levelOf(one) < levelOf(other));
}

function levelOf({ violated }: Explanation): number {
  return violated === undefined ? LEVELS.length : LEVELS.indexOf(violated);
}

const CONCLUSIONS = {
  legal: { verdict: 'serializable', violated: 'slot-serial' },
  'broken promise': { verdict: 'unserializable', violated: 'slot-serial' },
  'not sequential': { verdict: 'unserializable' },
  unknown: { verdict: 'unknown', violated: 'slot-serial' },
} as const;

function summaryOf(told: string, { kind, opcodes, weakShape, witness }: AccessAnswer): string {
  switch (kind) {
    case 'legal':
      return opcodes.length === 0
        ? `legal: others saw what lanes do around their opcodes by itself, which is no part of a promise (${told})`
        : `legal: accesses of ${listText(opcodes)} came in between others, which they never promised not to (${told})`;
    case 'broken promise':
      return opcodes.length === 0 ? told : `${told}; ${listText(opcodes)} promised to happen at once`;
    case 'not sequential':
      return weakShape === undefined ? told : `${weakShape}: ${told}, nor does any of their accesses`;
    case 'unknown':
      return witness === undefined
        ? `${told}; whether an order of their accesses does is not known`
        : `${told}; orders of their accesses do, of which it is not known whether any keeps what opcodes promised`;
  }
}
