/** Scores of a backend, counted. */

import { FATES, type Fate, type Score } from './score.ts';

/** How all mutants fared in one way of running them. */
export interface ScoreSummary {
  readonly backend: string;
  readonly stress?: boolean;
  readonly counts: Readonly<Record<Fate, number>>;
  /** Killed, of those that can be killed there: equivalent and unobservable ones are none. */
  readonly killed: number;
  readonly killable: number;
}

/** A summary for each backend, with stress and without, in the order in which they come. */
export function summarize(scores: readonly Score[]): ScoreSummary[] {
  const columns = new Map<string, Score[]>();
  for (const score of scores) {
    const key = columnOf(score);
    columns.set(key, [...(columns.get(key) ?? []), score]);
  }
  return [...columns.values()].map((column) => {
    const counts = Object.fromEntries(
      FATES.map((fate) => [fate, column.filter((score) => score.fate === fate).length]),
    ) as Record<Fate, number>;
    const { backend, stress } = column[0];
    const killable = counts.killed + counts.survived;
    return { backend, ...(stress === undefined ? {} : { stress }), counts, killed: counts.killed, killable };
  });
}

/** What a way of running mutants is called. */
export function columnOf({ backend, stress }: Pick<Score, 'backend' | 'stress'>): string {
  if (stress === undefined) return backend;
  return stress ? `${backend}, stress` : `${backend}, no stress`;
}
