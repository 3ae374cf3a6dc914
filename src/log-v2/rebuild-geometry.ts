/** Where the slots of a log must be, told from where its records lie. */

import { MAX_CAPACITY } from '../log/index.ts';
import { FLIGHT_RECORD_BYTES, METADATA_OFFSET, PAGE_BYTES } from './layout.ts';
import type { FoundRecords } from './rebuild-evidence.ts';

/** Where the slots are. */
export interface SlotsGuess {
  readonly slotsOffset: number;
  readonly capacity: number;
  /** Records of two turns leave no other capacity. */
  readonly isCapacityKnown: boolean;
  /** What lies at positions of lower numbers is the log's. */
  readonly isWindowKnown: boolean;
}

const RECORDS_PER_PAGE = PAGE_BYTES / FLIGHT_RECORD_BYTES;
/** Pages before the first record that may hold slots whose records are all lost. */
const MAX_PAGES_BEFORE = 4_096;

/**
 * The record s lies at place o + (s − 1) mod c, with o the first place of the slots and c the capacity. So place − (s − 1)
 * is o − c · turn: the same for all records of one turn of the ring, and c less for those of the next.
 *
 * @param knownOffset of the slots, where the metadata tells it.
 * @param end where something else begins; undefined if nobody knows, and then no more room is taken than records need.
 * @returns undefined if the records lie nowhere that makes sense.
 */
export function guessSlots(
  records: FoundRecords,
  knownOffset: number | undefined,
  end: number | undefined,
): SlotsGuess | undefined {
  const [first, last] = placesOf(records);
  const turns = commonTurns(records);
  const room = end === undefined ? undefined : Math.floor(end / FLIGHT_RECORD_BYTES);
  const [newestTurn, olderTurn] = turns;
  if (newestTurn === undefined) return undefined;
  const step = olderTurn === undefined ? undefined : olderTurn - newestTurn;
  const origins = knownOffset === undefined ? originsBefore(first) : [knownOffset / FLIGHT_RECORD_BYTES];
  for (const origin of origins) {
    const capacity = capacityFor(origin, newestTurn, step, last - origin + 1, room && room - origin);
    if (capacity === undefined) continue;
    const isCapacityKnown = step !== undefined;
    const isWindowKnown = isCapacityKnown || room !== undefined || origin === newestTurn;
    return { slotsOffset: origin * FLIGHT_RECORD_BYTES, capacity, isCapacityKnown, isWindowKnown };
  }
  return undefined;
}

function placesOf({ places, count }: FoundRecords): [first: number, last: number] {
  return [places[0], places[count - 1]];
}

/** The newest turn that has records of any number, and the one before it; records that were moved are outliers. */
function commonTurns({ places, sequences, count }: FoundRecords): number[] {
  const times = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const turn = places[index] - (sequences[index] - 1);
    times.set(turn, (times.get(turn) ?? 0) + 1);
  }
  const byFrequency = [...times].sort(([, left], [, right]) => right - left);
  return byFrequency
    .slice(0, 2)
    .map(([turn]) => turn)
    .sort((left, right) => left - right);
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

/** A capacity for which all records of a turn are where they belong. */
function capacityFor(
  origin: number,
  turn: number,
  step: number | undefined,
  least: number,
  room: number | undefined,
): number | undefined {
  const most = Math.min(MAX_CAPACITY, room ?? MAX_CAPACITY);
  const distance = origin - turn;
  if (distance < 0 || least > most) return undefined;
  if (step !== undefined) {
    const fits = step >= least && step <= most && distance % step === 0;
    return fits ? step : undefined;
  }
  // The ring was never gone round, so nothing depends on its size.
  if (distance === 0) return room === undefined ? least : most;
  const largest = Math.min(most, distance);
  for (let each = 0; each <= largest - least; each += 1) {
    const value = room === undefined ? least + each : largest - each;
    if (distance % value === 0) return value;
  }
  return undefined;
}
