/** One schedule, access by access: a column a lane, a row an access. */

import type { Run, Seriality, TracedAccess } from '../../src/explore/index.ts';
import { findOpcode } from '../../src/kernel/index.ts';
import type { PlacedSlot } from '../../src/record/index.ts';
import type { NamedScenario } from '../explored-scenario.ts';
import { differencesOf, subjectJson } from './explore.ts';
import { table } from './table.ts';
import { plural, printable } from './text.ts';

/** Lanes that fit side by side. */
const MAX_COLUMNS = 6;

export interface ReplayedToken {
  readonly named: NamedScenario;
  readonly run: Run;
  readonly seriality: Seriality;
  readonly token: string;
}

/** The text that `explore --token` prints. */
export function renderReplayed({ named, run, seriality }: ReplayedToken): string {
  const { slots, kernel } = named.scenario;
  const contended = run.trace().filter(({ isContended }) => isContended);
  const verdict = {
    serial: 'an order of its slots gives the same',
    'not serial': 'no order of its slots gives this',
    unknown: 'whether an order of its slots gives this is not known',
  }[seriality];
  const named_ = (record: number) => slotText(slots[record], findOpcode(kernel, slots[record].slot.opcode)?.name);
  const lanes = [...new Set(contended.map(({ record }) => record))].sort((left, right) => left - right);
  const lines = [
    `${printable(named.name)}: ${plural(run.steps, 'step')}${run.isHung ? ', hung' : ''}; ${verdict}`,
    '',
    ...(lanes.length <= MAX_COLUMNS ? laneTable(contended, lanes, named_) : accessList(contended, named_)),
    '',
    ...differencesOf(named.scenario, run.outcome).map(
      ({ name, published, seen }) => `${name}: ${seen}, not ${published} as in the order of publishing`,
    ),
  ];
  return `${lines.map(printable).join('\n').trimEnd()}\n`;
}

function laneTable(
  accesses: readonly TracedAccess[],
  lanes: readonly number[],
  nameOf: (record: number) => string,
): string[] {
  const rows = accesses.map((access, index) => [
    String(index + 1),
    ...lanes.map((lane) => (lane === access.record ? accessText(access) : '')),
  ]);
  return table(['', ...lanes.map(nameOf)], rows);
}

function accessList(accesses: readonly TracedAccess[], nameOf: (record: number) => string): string[] {
  return table(
    ['', 'slot', 'access'],
    accesses.map((access, index) => [String(index + 1), nameOf(access.record), accessText(access)]),
  );
}

function slotText({ slotIndex, slot }: PlacedSlot, name: string | undefined): string {
  const args = Array.from(slot.args);
  while (args.at(-1) === 0) args.pop();
  return `${slotIndex}: ${name ?? `0x${slot.opcode.toString(16)}`}(${args.join(', ')})`;
}

function accessText({ kind, memory, word, found, stored }: TracedAccess): string {
  const place = `${memory}[${word}]`;
  if (kind === 'load') return `${place} is ${found}`;
  if (kind === 'store') return `${place} := ${stored}`;
  if (stored === undefined) return `${place} is ${found}, not exchanged`;
  return `${kind} ${place}: ${found} to ${stored}`;
}

/** The object that `explore --token --json` prints. */
export function replayedJson(tool: string, { named, run, seriality, token }: ReplayedToken): unknown {
  const { outcome, isHung, steps } = run;
  return {
    schemaVersion: 1,
    tool,
    ...subjectJson(named),
    token,
    seriality,
    hung: isHung,
    steps,
    done: outcome.done,
    pending: outcome.pending,
    faults: outcome.faults.length,
    differences: differencesOf(named.scenario, outcome),
    accesses: run.trace().map((access) => ({ ...access })),
    notes: named.notes,
  };
}
