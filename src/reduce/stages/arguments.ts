/**
 * Simpler slots: arguments towards zero and towards each other, the first tenant, the usual priority. Never so that a slot
 * touches other words of the protocol than before, or that words of it which were two are one.
 */

import type { Slot } from '../../backend/index.ts';
import { ControlWord, Priority } from '../../protocol/index.ts';
import { type LogCandidate, placesOf, slotCountOf, withPlaces } from '../candidate.ts';
import type { Decider } from '../decide.ts';
import { straysIntoProtocol } from '../protocol-words.ts';
import type { Stage } from './stage.ts';

/** Rewrites slots; the same slot comes back where there is nothing to rewrite. */
type Rewrite = (slot: Slot, index: number) => Slot;

/**
 * Every value wherever it stands, so that words that several slots share stay shared; then every argument alone, which brings
 * values together that need not differ. Both until nothing changes any more.
 */
export const reduceArguments: Stage = async (candidate, decider) => {
  let current = await plainTenants(candidate, decider);
  for (let isChanged = true; isChanged; ) {
    const before = current;
    current = await simplerValues(current, decider);
    current = await simplerArguments(current, decider);
    isChanged = current !== before && decider.runsLeft > 0;
  }
  return { candidate: current };
};

async function plainTenants(candidate: LogCandidate, decider: Decider<LogCandidate>): Promise<LogCandidate> {
  const tenant = (slot: Slot) => (slot.tenant === 0 ? slot : { ...slot, tenant: 0 });
  const first = await tryRewrite(candidate, decider, 'the first tenant', tenant);
  const priority = (slot: Slot) => (slot.priority === Priority.NORMAL ? slot : { ...slot, priority: Priority.NORMAL });
  return await tryRewrite(first, decider, 'the usual priority', priority);
}

/** Each value by the simplest other one that still fails, in all slots at once. */
async function simplerValues(candidate: LogCandidate, decider: Decider<LogCandidate>): Promise<LogCandidate> {
  let current = candidate;
  for (const value of valuesOf(candidate).toReversed()) {
    for (const simpler of simplerThan(value, valuesOf(current))) {
      const replace = (slot: Slot) => withArguments(slot, (each) => (each === value ? simpler : each));
      const next = await tryRewrite(current, decider, `${simpler} for ${value} everywhere`, replace);
      if (next === current) continue;
      current = next;
      break;
    }
  }
  return current;
}

async function simplerArguments(candidate: LogCandidate, decider: Decider<LogCandidate>): Promise<LogCandidate> {
  let current = candidate;
  for (const [index, { placed }] of placesOf(candidate).entries()) {
    for (let argument = 0; argument < placed.slot.args.length; argument += 1) {
      current = await simplerArgument(current, decider, index, argument);
    }
  }
  return current;
}

async function simplerArgument(
  candidate: LogCandidate,
  decider: Decider<LogCandidate>,
  index: number,
  argument: number,
): Promise<LogCandidate> {
  const value = placesOf(candidate)[index].placed.slot.args[argument];
  if (value === 0) return candidate;
  for (const simpler of simplerThan(value, valuesOf(candidate))) {
    const replace: Rewrite = (slot, each) =>
      each === index ? withArguments(slot, (old, at) => (at === argument ? simpler : old)) : slot;
    const what = `${simpler} for ${value} as argument ${argument} of slot ${index}`;
    const next = await tryRewrite(candidate, decider, what, replace);
    if (next !== candidate) return next;
  }
  return candidate;
}

/** What may stand for a value, the simplest first: nought, one, the first observables, what other slots have. */
function simplerThan(value: number, others: readonly number[]): number[] {
  const candidates = [0, 1, ...FIRST_OBSERVABLES, ...others.slice(0, MOST_OTHERS)];
  return [...new Set(candidates)].filter((each) => each < value).toSorted((left, right) => left - right);
}

/** As many as a slot may have words that stay apart and are worth naming simply. */
const FIRST_OBSERVABLES = [0, 1, 2].map((word) => ControlWord.OBSERVABLE_BASE + word);

/** Of the values of other slots so many are tried. */
const MOST_OTHERS = 4;

/** The different arguments of all slots, rising. */
function valuesOf(candidate: LogCandidate): number[] {
  const values = new Set<number>();
  for (const { placed } of placesOf(candidate)) for (const value of Array.from(placed.slot.args)) values.add(value);
  return [...values].toSorted((left, right) => left - right);
}

function withArguments(slot: Slot, rewrite: (value: number, argument: number) => number): Slot {
  const args = Array.from(slot.args, rewrite);
  return args.every((value, index) => value === slot.args[index]) ? slot : { ...slot, args };
}

/**
 * Whether two arguments of a slot that may be words become one: what gets in its own way is another failure. Told by their
 * values: that LOAD_U32 counts the place of its result from the first observable is not looked at.
 */
function becomesItsOwnNeighbour(before: Slot, after: Slot): boolean {
  const args = Array.from(after.args);
  return args.some((value, index) => {
    const other = value < ControlWord.OBSERVABLE_BASE ? -1 : args.indexOf(value, index + 1);
    return other > 0 && before.args[index] !== before.args[other];
  });
}

/** The candidate with its slots rewritten if it still fails so, or else as it was. */
async function tryRewrite(
  candidate: LogCandidate,
  decider: Decider<LogCandidate>,
  what: string,
  rewrite: Rewrite,
): Promise<LogCandidate> {
  const places = placesOf(candidate);
  const rewritten = places.map((place, index) => {
    const slot = rewrite(place.placed.slot, index);
    return slot === place.placed.slot ? place : { ...place, placed: { ...place.placed, slot } };
  });
  if (rewritten.every((place, index) => place === places[index])) return candidate;
  const { kernel } = candidate;
  const strays = rewritten.some(({ placed }, index) => {
    const before = places[index].placed;
    if (placed === before) return false;
    if (becomesItsOwnNeighbour(before.slot, placed.slot)) return true;
    return kernel !== undefined && straysIntoProtocol(kernel, placed.slotIndex, before.slot, placed.slot);
  });
  if (strays) return candidate;
  const next = withPlaces(candidate, rewritten);
  const size = slotCountOf(candidate);
  return (await decider.fails(next, { stage: 'arguments', what, sizeBefore: size, size })) ? next : candidate;
}
