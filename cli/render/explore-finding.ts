/** What is told about a finding: the one line, the words, the accesses. */

import { type LaneNames, laneAccess, laneRows, laneTable, type TracedAccess } from '../../src/explore/index.ts';
import { findOpcode, type Kernel } from '../../src/kernel/index.ts';
import { opcodeName } from '../../src/protocol/index.ts';
import type { PlacedSlot } from '../../src/record/index.ts';
import type { Scenario } from '../../src/scenario/index.ts';
import type { FindingDetails } from '../explore-judging.ts';
import type { Io } from '../io.ts';
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
    ...(accesses.length === 0 ? [] : ['', ...accessLines(scenario, accesses, io)]),
  ];
}

/** Accesses as a table, not yet printable. */
export function accessLines(scenario: Scenario, accesses: readonly TracedAccess[], io: Io): string[] {
  return laneTable(laneRows(accesses.map(laneAccess)), { names: laneNames(scenario), width: widthOf(io) });
}

/** Slots by their place in the ring, as `dump` has them. */
export function laneNames({ slots, kernel }: Scenario): LaneNames {
  return {
    short: (record) => String(slots[record].slotIndex),
    long: (record) => {
      const { slotIndex, slot } = slots[record];
      return `${slotIndex}: ${callText(kernel, slot)}`;
    },
  };
}

/** `ATOMIC_ADD(1, 170)`: the arguments that the opcode names, and more if they are not 0. */
export function callText(kernel: Kernel | undefined, { opcode, args }: PlacedSlot['slot']): string {
  const known = kernel && findOpcode(kernel, opcode);
  const used = Array.from(args).findLastIndex((word) => word !== 0) + 1;
  const shown = Array.from(args).slice(0, Math.max(used, known?.argumentNames.length ?? 0));
  return `${known?.name ?? opcodeName(opcode) ?? `0x${opcode.toString(16)}`}(${shown.join(', ')})`;
}

/** Characters of a line where data goes to. */
export function widthOf({ columns }: Io): number {
  return Math.max(NARROWEST, columns ?? USUAL_WIDTH);
}
