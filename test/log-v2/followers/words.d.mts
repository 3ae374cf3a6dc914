export const CONTROL: { readonly READY: 0; readonly STOP: 1; readonly DONE: 2; readonly WORDS: number };
export const COUNTS: readonly ['reads', 'nothing', 'taken', 'changed', 'unproven', 'laps', 'lapped', 'lost', 'wrong'];
export const HEAD: number;
export function wordOf(seed: number, sequence: number, word: number): number;
