/** Transfers between accounts: results that depend on the order of slots, beside an invariant that must not. */

import { RandomWords } from '../base/random.ts';
import { defineKernel, type Kernel, type OpcodeDefinition, opcode, type Value } from '../kernel/index.ts';
import type { Region } from '../observe/index.ts';
import { ControlWord, Opcode, TENANT_OPCODE_BASE } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { amountText, batchesOf, countText, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import { countLines, firstOf, hashBytes, linesOf } from './lines.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** Few enough that transfers of a batch meet. */
const ACCOUNTS = 16;
const OPENING_BALANCE = 1_000;
const MONEY = ACCOUNTS * OPENING_BALANCE;
/** Large enough against the opening balance that some are refused. */
const LARGEST_AMOUNT = 400;
/** Of the compareExchange loop: each failed turn means that another transfer got through. */
const MAX_TURNS = 64;
/** Slots of a batch that want to bring the generation from the same value to the next one. */
const COMPETITORS = 3;
/** The competitors, one transfer, and the fence. */
const LEAST_SLOT_COUNT: number = COMPETITORS + 2;

const TRANSFER = TENANT_OPCODE_BASE + 2;
const AUDIT = TENANT_OPCODE_BASE + 3;

/** Where things are in control memory. */
const Word = {
  /** Exact: one addition a transfer. */
  ATTEMPTED: 161,
  /** Exact: of the competitors of a batch one wins, whichever it is. */
  GENERATION: 162,
  /** Exact: what the audits summed up. */
  AUDITED: 163,
  /** The rest depends on the order. */
  APPLIED: 164,
  REFUSED: 165,
  CONTENDED: 166,
  BALANCES: 167,
  /** Where COMPARE_SWAP leaves the value that it found, which tells who came last. */
  GENERATION_SEEN: ControlWord.OBSERVABLE_BASE + 162,
} as const;
const OBSERVABLE_WORDS: number = Word.GENERATION_SEEN + 1 - ControlWord.OBSERVABLE_BASE;

export const bank: Workload = {
  name: 'bank',
  summary: 'moves money between 16 accounts, a transfer a line of the input, and audits the total',
  orderNote:
    'Whether a balance suffices depends on which transfers came before, so balances and the split into applied, refused ' +
    'and contended are ignored, and so is the value that COMPARE_SWAP found last. Money is neither made nor lost: the ' +
    'audited total, the transfers attempted, the generation and all counters of the protocol are compared exactly.',
  plan: planBank,
};

function planBank(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options, LEAST_SLOT_COUNT);
  const transfersPerEpoch = ring.batchSlots - COMPETITORS;
  const ownEpochs = Math.ceil(ACCOUNTS / ring.batchSlots) + 1;
  const extent = extentOf(countLines(input), transfersPerEpoch, ring, ownEpochs);
  const transfers = () => transfersOf(firstOf(linesOf(input), extent.taken), ring.seed);
  const expected = { attempted: extent.taken, generation: Math.ceil(extent.taken / transfersPerEpoch) };
  function* epochs(): Generator<readonly SlotRequest[]> {
    yield* batchesOf(openings(), ring.batchSlots);
    let generation = 0;
    for (const batch of batchesOf(transfers(), transfersPerEpoch)) {
      yield [...competitors(generation), ...batch];
      generation += 1;
    }
    yield [{ opcode: AUDIT }];
  }
  return {
    kernel: bankKernel(ring.slotCount),
    epochs: () => numberedBatches(epochs()),
    describe: (snapshot) => [...describeBank(snapshot), ...describeCut(extent, 'transfer')],
    check: (snapshot) => checkBank(snapshot, expected),
  };
}

function bankKernel(slotCount: number): Kernel {
  return defineKernel({
    name: 'bank',
    slotCount,
    observableWords: OBSERVABLE_WORDS,
    opcodes: [transferOpcode(), auditOpcode()],
    regions: [
      ignored('transfer outcomes', Word.APPLIED, 3),
      ignored('balances', Word.BALANCES, ACCOUNTS),
      ignored('generation seen last', Word.GENERATION_SEEN, 1),
    ],
  });
}

function ignored(name: string, start: number, count: number): Region {
  return { name, area: 'control', start, count, equivalence: 'ignored' };
}

function transferOpcode(): OpcodeDefinition {
  return opcode('TRANSFER', TRANSFER, ['from', 'to', 'amount'], ($, from, to, amount) => {
    $.atomicAdd('control', Word.ATTEMPTED, 1);
    const fromWord = $.let(from.plus(Word.BALANCES), 'fromWord');
    const outcome = $.variable(Word.CONTENDED, 'outcome');
    $.loop(
      { below: MAX_TURNS, atMost: MAX_TURNS },
      () => {
        const balance = $.load('control', fromWord, 'balance');
        $.if(balance.isBelow(amount), () => {
          $.assign(outcome, Word.REFUSED);
          $.break();
        });
        const seen = $.compareExchange('control', fromWord, balance, balance.minus(amount), 'seen');
        $.if(seen.equals(balance), () => {
          $.assign(outcome, Word.APPLIED);
          $.break();
        });
      },
      'turn',
    );
    $.if(outcome.equals(Word.APPLIED), () => $.atomicAdd('control', to.plus(Word.BALANCES), amount));
    // Three constant indices rather than one computed: what a transfer may touch can then be told without running it.
    for (const word of [Word.APPLIED, Word.REFUSED, Word.CONTENDED]) {
      $.if(outcome.equals(word), () => $.atomicAdd('control', word, 1));
    }
  });
}

/** Sums the balances one after the other: right only where no transfer runs beside it, hence an epoch of its own. */
function auditOpcode(): OpcodeDefinition {
  return opcode('AUDIT', AUDIT, [], ($) => {
    const total = $.variable(0, 'total');
    $.loop({ below: ACCOUNTS, atMost: ACCOUNTS }, (account: Value) => {
      const balance = $.load('control', account.plus(Word.BALANCES), 'balance');
      $.assign(total, total.plus(balance));
    });
    $.store('control', Word.AUDITED, total);
  });
}

function* openings(): Generator<SlotRequest> {
  for (let account = 0; account < ACCOUNTS; account += 1) {
    yield { opcode: Opcode.STORE_U32, args: [OPENING_BALANCE, Word.BALANCES + account] };
  }
}

function competitors(generation: number): SlotRequest[] {
  const args = [Word.GENERATION, generation, generation + 1];
  return Array.from({ length: COMPETITORS }, () => ({ opcode: Opcode.COMPARE_SWAP, args }));
}

function* transfersOf(lines: Iterable<Uint8Array>, seed: number): Generator<SlotRequest> {
  for (const line of lines) {
    const random = new RandomWords(hashBytes(line, seed));
    const from = random.below(ACCOUNTS);
    const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    yield { opcode: TRANSFER, args: [from, to, 1 + random.below(LARGEST_AMOUNT)] };
  }
}

function describeBank(snapshot: Uint32Array): string[] {
  const [applied, refused, contended] = snapshot.subarray(Word.APPLIED, Word.BALANCES);
  const balances = Array.from(snapshot.subarray(Word.BALANCES, Word.BALANCES + ACCOUNTS));
  return [
    `${amountText(snapshot[Word.ATTEMPTED], 'transfer')} attempted: ${countText(applied)} applied, ${countText(refused)} refused, ${countText(contended)} gave up contended`,
    `balances ${balances.join(' ')}`,
    `audited total ${countText(snapshot[Word.AUDITED])} of ${countText(MONEY)}, generation ${countText(snapshot[Word.GENERATION])}`,
  ];
}

function checkBank(
  snapshot: Uint32Array,
  expected: { readonly attempted: number; readonly generation: number },
): string | undefined {
  const sum = (start: number, end: number) => snapshot.subarray(start, end).reduce((total, word) => total + word, 0);
  const facts: readonly (readonly [what: string, seen: number, expected: number])[] = [
    ['transfers attempted', snapshot[Word.ATTEMPTED], expected.attempted],
    ['transfers applied, refused or contended', sum(Word.APPLIED, Word.BALANCES), expected.attempted],
    ['the sum of all balances', sum(Word.BALANCES, Word.BALANCES + ACCOUNTS), MONEY],
    ['the audited total', snapshot[Word.AUDITED], MONEY],
    ['the generation', snapshot[Word.GENERATION], expected.generation],
  ];
  const wrong = facts.find(([, seen, right]) => seen !== right);
  return wrong && `${wrong[0]}: ${countText(wrong[1])}, expected ${countText(wrong[2])}`;
}
