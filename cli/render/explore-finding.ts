/** What is told about a finding: the one line, the words, the accesses. */

import { findOpcode } from '../../src/kernel/index.ts';
import type { Scenario } from '../../src/scenario/index.ts';
import type { FindingDetails } from '../explore-judging.ts';
import type { Io } from '../io.ts';
import { type LaneNames, laneTable } from './lane-table.ts';
import { plural, wrap } from './text.ts';

const MAX_DIFFERENCES = 6;
const USUAL_WIDTH = 80;
const NARROWEST = 40;

/** Lines about a finding, not yet printable. */
export function findingLines(scenario: Scenario, details: FindingDetails, io: Io): string[] {
  const { summary, differences, accesses } = details;
  const width = widthOf(io);
  const more = differences.length - MAX_DIFFERENCES;
  return [
    ...(summary === undefined ? [] : wrap(summary, 0, width)),
    ...differences
      .slice(0, MAX_DIFFERENCES)
      .map(({ name, seen, nearest }) => `  ${name}: ${seen}; the nearest order of whole slots gives ${nearest}`),
    ...(more > 0 ? [`  and ${plural(more, 'more difference')}`] : []),
    ...(accesses.length === 0 ? [] : ['', ...laneTable(accesses, laneNames(scenario), width)]),
  ];
}

/** Slots by their place in the ring, as `dump` has them. */
export function laneNames({ slots, kernel }: Scenario): LaneNames {
  return {
    short: (record) => String(slots[record].slotIndex),
    long: (record) => {
      const { slotIndex, slot } = slots[record];
      const args = Array.from(slot.args);
      while (args.at(-1) === 0) args.pop();
      const name = findOpcode(kernel, slot.opcode)?.name ?? `0x${slot.opcode.toString(16)}`;
      return `${slotIndex}: ${name}(${args.join(', ')})`;
    },
  };
}

/** Characters of a line where data goes to. */
export function widthOf({ columns }: Io): number {
  return Math.max(NARROWEST, columns ?? USUAL_WIDTH);
}
