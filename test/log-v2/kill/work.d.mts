import type { FlightEntry } from '../../../src/log-v2/index.ts';
import type { ObservationMetadata } from '../../../src/observe/index.ts';

export const MOST_RECORDS: number;
export const CAPACITY: number;
export const JOURNAL_BYTES: number;
export const STATE_WORDS: number;
export const LAYOUT: ObservationMetadata['layout'];
export function wordOf(seed: number, number: number, index: number): number;
export function entryOf(seed: number, number: number, round: number): FlightEntry;
export function stateOf(seed: number, frame: number): Uint32Array;
