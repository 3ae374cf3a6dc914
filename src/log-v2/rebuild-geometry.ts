/** Where the slots of a log must be, told from where its records lie. */

import { MAX_CAPACITY } from '../log/index.ts';
import { FLIGHT_RECORD_BYTES, METADATA_OFFSET, PAGE_BYTES } from './layout.ts';
import type { FoundRecords } from './rebuild-evidence.ts';

/** Where the slots are. */
export interface SlotsGuess {
  readonly slotsOffset: number;
  readonly capacity: number;
  /** The records leave no other capacity. */
  readonly isCapacityKnown: boolean;
  /** What lies at positions of lower numbers is the log's. */
  readonly isWindowKnown: boolean;
}

const RECORDS_PER_PAGE = PAGE_BYTES / FLIGHT_RECORD_BYTES;
/** Pages before the first record that may hold slots whose records are all lost. */
const MAX_PAGES_BEFORE = 4_096;
/** A ring holds records of two turns, and some older ones where newer ones were lost; more are somebody's invention. */
const MAX_TURNS = 256;

/**
 * The record s lies at place o + (s − 1) mod c, with o the first place of the slots and c the capacity. So place − (s − 1)
 * is o − c · turn, and c divides what it differs from o by, for every record.
 *
 * @param knownOffset of the slots, where the metadata tells it.
 * @param end where something else seems to begin; undefined if nobody knows.
 * @returns undefined if the records lie nowhere that makes sense.
 */
export function guessSlots(
  records: FoundRecords,
  knownOffset: number | undefined,
  end: number | undefined,
): SlotsGuess | undefined {
  const [first, last] = [records.places[0], records.places[records.count - 1]];
  const turns = turnsOf(records);
  // A file that was cut short has less room than its ring had.
  const room =
    end === undefined || end < (last + 1) * FLIGHT_RECORD_BYTES ? undefined : Math.floor(end / FLIGHT_RECORD_BYTES);
  for (const mayLeaveOut of [false, true]) {
    const origins = knownOffset === undefined ? originsBefore(first) : [knownOffset / FLIGHT_RECORD_BYTES];
    for (const origin of origins) {
      const least = last - origin + 1;
      const measure = commonMeasure(origin, turns, least, mayLeaveOut);
      if (measure === undefined) continue;
      const capacity = capacityFor(measure, least, room && room - origin);
      if (capacity === undefined) continue;
      const isCapacityKnown = measure > 0 && measure < 2 * least;
      const isWindowKnown = isCapacityKnown || room !== undefined || measure === 0;
      return { slotsOffset: origin * FLIGHT_RECORD_BYTES, capacity, isCapacityKnown, isWindowKnown };
    }
  }
  return undefined;
}

/** Where number 1 would lie if the ring were endless, by turn; that of most records first. */
function turnsOf({ places, sequences, count }: FoundRecords): number[] {
  const times = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const turn = places[index] - (sequences[index] - 1);
    times.set(turn, (times.get(turn) ?? 0) + 1);
  }
  const byFrequency = [...times].sort(([, left], [, right]) => right - left);
  return byFrequency.slice(0, MAX_TURNS).map(([turn]) => turn);
}

/** Places at which slots may begin, the nearest first. */
function* originsBefore(first: number): Generator<number> {
  const least = (METADATA_OFFSET + PAGE_BYTES) / FLIGHT_RECORD_BYTES;
  const nearest = Math.floor(first / RECORDS_PER_PAGE) * RECORDS_PER_PAGE;
  for (let page = 0; page < MAX_PAGES_BEFORE; page += 1) {
    const origin = nearest - page * RECORDS_PER_PAGE;
    if (origin < least) return;
    yield origin;
  }
}

/**
 * What the capacity has to divide; 0 if the ring was never gone round. Undefined if that is less than the records need.
 *
 * @param mayLeaveOut records that no capacity puts where they are: somebody moved them.
 */
function commonMeasure(
  origin: number,
  turns: readonly number[],
  least: number,
  mayLeaveOut: boolean,
): number | undefined {
  let measure = 0;
  for (const [index, turn] of turns.entries()) {
    const distance = origin - turn;
    const next = distance < 0 ? 1 : greatestCommonDivisor(measure, distance);
    if (distance >= 0 && (next === 0 || next >= least)) measure = next;
    else if (!mayLeaveOut || index === 0) return undefined;
  }
  return measure;
}

function greatestCommonDivisor(left: number, right: number): number {
  let [one, other] = [left, right];
  while (other !== 0) [one, other] = [other, one % other];
  return one;
}

/** A divisor of the measure that the records fit in: the largest for which there is room, or else the smallest. */
function capacityFor(measure: number, least: number, room: number | undefined): number | undefined {
  const most = Math.min(MAX_CAPACITY, room ?? 0);
  // Nothing depends on the size of a ring that was never gone round.
  if (measure === 0) return Math.max(least, most);
  for (let value = Math.min(most, measure); value >= least; value -= 1) if (measure % value === 0) return value;
  for (let value = least; value <= Math.min(MAX_CAPACITY, measure); value += 1) if (measure % value === 0) return value;
  return undefined;
}
