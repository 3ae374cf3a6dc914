/** Searching for many words at once: tables, loops and real memory traffic, in slots that need nothing of each other. */

import { InputError } from '../base/errors.ts';
import { MAX_WORD, WORD_BYTES } from '../base/words.ts';
import { defineKernel, type Kernel, type OpcodeDefinition, opcode } from '../kernel/index.ts';
import { ControlWord, Opcode, TENANT_OPCODE_BASE } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { type Automaton, buildAutomaton } from './automaton.ts';
import { amountText, batchesOf, countText, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** Short ones, most of which overlap: a `there` holds three others. */
const DEFAULT_PATTERNS: readonly string[] = ['the', 'he', 'her', 'there', 'and', 'in'];
const MAX_INPUT_BYTES = 16 * 1024 * 1024;
/** A state each, and 1 KiB of transitions a state. */
const MAX_PATTERN_BYTES = 16_384;
/** Bytes of the input that a slot answers for. */
const BYTES_PER_SLOT = 256;
const DFA_SCAN = TENANT_OPCODE_BASE + 1;
/** Word 160 is the fence's; then a count a pattern, then a first offset a pattern. */
const FIRST_COUNT: number = ControlWord.OBSERVABLE_BASE + 1;
const NOT_FOUND = MAX_WORD;
const MAX_DESCRIBED = 16;

export const dfa: Workload = {
  name: 'dfa',
  summary: 'finds words in the input with an automaton: how often each, and where first',
  orderNote:
    'Counts are sums and first offsets are minima, both atomic, so no word depends on the order of slots: everything is ' +
    'compared exactly. The words are set before the first scan, in epochs of their own.',
  plan: planDfa,
};

interface Pattern {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** What the host knows of a search: everything that slots, checks and descriptions are made from. */
interface Search {
  readonly patterns: readonly Pattern[];
  /** How far a slot has to look back so that it sees a match that ends in its first byte. */
  readonly lookBehind: number;
  readonly text: Uint8Array;
}

function planDfa(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options);
  const patterns = patternsOf(options.patterns ?? DEFAULT_PATTERNS);
  if (input.length > MAX_INPUT_BYTES) throw inputTooLong(input.length);
  const ownEpochs = Math.ceil(patterns.length / ring.batchSlots);
  const extent = extentOf(input.length, BYTES_PER_SLOT * ring.batchSlots, ring, ownEpochs);
  const longest = patterns.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
  const search: Search = { patterns, lookBehind: longest - 1, text: input.subarray(0, extent.taken) };
  function* epochs(): Generator<readonly SlotRequest[]> {
    yield* batchesOf(notFoundYet(search), ring.batchSlots);
    yield* batchesOf(scans(search), ring.batchSlots);
  }
  return {
    kernel: dfaKernel(search, ring.slotCount),
    epochs: () => numberedBatches(epochs()),
    describe: (snapshot) => [...describeMatches(snapshot, search), ...describeCut(extent, 'byte')],
    check: (snapshot) => checkMatches(snapshot, search),
  };
}

function dfaKernel(search: Search, slotCount: number): Kernel {
  const automaton = buildAutomaton(search.patterns.map(({ bytes }) => bytes));
  const { transitions, outputStarts, outputs } = automaton;
  return defineKernel({
    name: 'dfa',
    slotCount,
    observableWords: FIRST_COUNT - ControlWord.OBSERVABLE_BASE + 2 * search.patterns.length,
    tables: {
      text: packBytes(search.text),
      transitions,
      outputStarts,
      outputs,
      patternBytes: Uint32Array.from(search.patterns, ({ bytes }) => bytes.length),
    },
    opcodes: [scanOpcode(search, automaton)],
  });
}

/**
 * Walks from `lookBehind` bytes before its stretch, where the automaton starts afresh, and counts what ends within it. A
 * match that began earlier than that would be longer than the longest pattern.
 */
function scanOpcode({ patterns, lookBehind }: Search, { mostOutputs }: Automaton): OpcodeDefinition {
  return opcode('DFA_SCAN', DFA_SCAN, ['start', 'length', 'lookBehind'], ($, start, length, behind) => {
    const state = $.variable(0, 'state');
    $.loop(
      { from: start.minus(behind), below: start.plus(length), atMost: BYTES_PER_SLOT + lookBehind },
      (position) => {
        const word = $.load('text', position.shiftRight(2), 'word');
        const byte = $.let(word.shiftRight(position.and(3).shiftLeft(3)).and(0xff), 'byte');
        const next = $.load('transitions', state.shiftLeft(8).plus(byte), 'next');
        $.assign(state, next);
        $.if(position.isAtLeast(start), () => {
          const outputStart = $.load('outputStarts', state, 'outputStart');
          const outputEnd = $.load('outputStarts', state.plus(1), 'outputEnd');
          $.loop(
            { from: outputStart, below: outputEnd, atMost: mostOutputs },
            (output) => {
              const pattern = $.load('outputs', output, 'pattern');
              const patternBytes = $.load('patternBytes', pattern, 'patternBytes');
              $.atomicAdd('control', pattern.plus(FIRST_COUNT), 1);
              const firstOffset = pattern.plus(FIRST_COUNT + patterns.length);
              $.atomicMinimum('control', firstOffset, position.plus(1).minus(patternBytes));
            },
            'output',
          );
        });
      },
      'position',
    );
  });
}

/** The minimum needs something to be below. */
function* notFoundYet({ patterns }: Search): Generator<SlotRequest> {
  for (let pattern = 0; pattern < patterns.length; pattern += 1) {
    yield { opcode: Opcode.STORE_U32, args: [NOT_FOUND, FIRST_COUNT + patterns.length + pattern] };
  }
}

function* scans({ text, lookBehind }: Search): Generator<SlotRequest> {
  for (let start = 0; start < text.length; start += BYTES_PER_SLOT) {
    const length = Math.min(BYTES_PER_SLOT, text.length - start);
    yield { opcode: DFA_SCAN, args: [start, length, Math.min(start, lookBehind)] };
  }
}

/** Four bytes a word, the first in the lowest bits; a table cannot be empty. */
function packBytes(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.max(1, Math.ceil(bytes.length / WORD_BYTES)));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function describeMatches(snapshot: Uint32Array, { patterns }: Search): string[] {
  const lines = patterns.slice(0, MAX_DESCRIBED).map(({ text }, pattern) => {
    const count = snapshot[FIRST_COUNT + pattern];
    const first = snapshot[FIRST_COUNT + patterns.length + pattern];
    return count === 0
      ? `${quote(text)} not found`
      : `${quote(text)} × ${countText(count)}, first at byte ${countText(first)}`;
  });
  return patterns.length <= MAX_DESCRIBED
    ? lines
    : [...lines, `and ${amountText(patterns.length - MAX_DESCRIBED, 'more pattern')}`];
}

function checkMatches(snapshot: Uint32Array, { patterns, text }: Search): string | undefined {
  for (const [index, pattern] of patterns.entries()) {
    const expected = searchNaively(text, pattern.bytes);
    const count = snapshot[FIRST_COUNT + index];
    const first = snapshot[FIRST_COUNT + patterns.length + index];
    if (count !== expected.count) {
      return `${quote(pattern.text)} was counted ${amountText(count, 'time')}, it is there ${amountText(expected.count, 'time')}`;
    }
    if (count > 0 && first !== expected.first) {
      return `${quote(pattern.text)} was found first at byte ${countText(first)}, it is at ${countText(expected.first)}`;
    }
    if (count === 0 && first !== NOT_FOUND) {
      return `${quote(pattern.text)} was found at byte ${countText(first)}, but is not there`;
    }
  }
  return undefined;
}

/** Every place one by one, for a check that shares nothing with the automaton. */
function searchNaively(text: Uint8Array, pattern: Uint8Array): { count: number; first: number } {
  let count = 0;
  let first = NOT_FOUND;
  for (let start = text.indexOf(pattern[0]); start !== -1; start = text.indexOf(pattern[0], start + 1)) {
    if (!pattern.every((byte, offset) => text[start + offset] === byte)) continue;
    if (count === 0) first = start;
    count += 1;
  }
  return { count, first };
}

function patternsOf(texts: readonly string[]): Pattern[] {
  const encoder = new TextEncoder();
  const patterns = texts.map((text) => ({ text, bytes: encoder.encode(text) }));
  if (patterns.length === 0) throw new InputError('there is no pattern to search for', 'name at least one.');
  if (texts.includes('')) {
    throw new InputError('a pattern is empty, and would match everywhere', 'give it at least one byte.');
  }
  const distinct = new Set(patterns.map(({ bytes }) => String(bytes)));
  if (distinct.size < patterns.length) {
    throw new InputError('a pattern is given twice', 'give each pattern once.');
  }
  const byteCount = patterns.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (byteCount > MAX_PATTERN_BYTES) {
    throw new InputError(
      `the patterns have ${countText(byteCount)} bytes, expected at most ${countText(MAX_PATTERN_BYTES)}`,
      'search for fewer or shorter ones.',
    );
  }
  return patterns;
}

function inputTooLong(byteCount: number): InputError {
  return new InputError(
    `the input has ${countText(byteCount)} bytes, expected at most ${countText(MAX_INPUT_BYTES)}`,
    'search a part of it.',
  );
}

/** As JSON has it, and not too long for a line. */
function quote(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(short);
}
