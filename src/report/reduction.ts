/** The account that `vrrl reduce --json` prints, read back: nothing in it is believed before it was looked at. */

import { InputError } from '../base/errors.ts';
import type { Rate } from '../diff/index.ts';
import type { ReportedReduction, ReportedStage } from './report.ts';

type Members = Readonly<Record<string, unknown>>;

/**
 * What a report says of a reduction.
 *
 * @param ledger what was parsed from the JSON.
 * @throws InputError if it is no reduction.
 */
export function readReduction(ledger: unknown): ReportedReduction {
  const members = membersOf(ledger, 'the ledger');
  if (members['schemaVersion'] !== 1) throw broken('its schemaVersion is not 1');
  const judge = membersOf(members['judge'], 'judge');
  const original = membersOf(members['original'], 'original');
  const before = sizeOf(members['sizeBefore']);
  const after = sizeOf(members['size']);
  return {
    log: textOf(members['log'], 'log'),
    judge: `${textOf(judge['kind'], 'judge.kind')} ${textOf(judge['asked'], 'judge.asked')}`,
    reproduced: members['reproduced'] === true,
    slotsBefore: before?.slots,
    slotsAfter: after?.slots,
    epochsBefore: before?.epochs,
    epochsAfter: after?.epochs,
    rateBefore: rateIn(original['rate'], 'original.rate'),
    rateAfter: members['rate'] === undefined ? undefined : rateIn(members['rate'], 'rate'),
    runs: numberOf(members['runs'] ?? 0, 'runs') + numberOf(members['searchRuns'] ?? 0, 'searchRuns'),
    isMinimal: members['isMinimal'] === true,
    unresolved: numberOf(members['unresolved'] ?? 0, 'unresolved'),
    signature: optionalText(members['signature'], 'signature'),
    output: optionalText(members['output'], 'output'),
    token: optionalText(members['token'], 'token'),
    commands: listOf(members['seeAgain'] ?? [], 'seeAgain').map((line) => textOf(line, 'seeAgain')),
    stages: stagesOf(listOf(members['ledger'] ?? [], 'ledger')),
  };
}

/** Entries of one stage that follow each other, summed up. */
function stagesOf(entries: readonly unknown[]): ReportedStage[] {
  const stages: { stage: string; tried: number; accepted: number; runs: number }[] = [];
  for (const entry of entries) {
    const members = membersOf(entry, 'ledger[]');
    const stage = textOf(members['stage'], 'ledger[].stage');
    let current = stages.at(-1);
    if (current?.stage !== stage) {
      current = { stage, tried: 0, accepted: 0, runs: 0 };
      stages.push(current);
    }
    current.tried += 1;
    current.accepted += members['accepted'] === true ? 1 : 0;
    current.runs += numberOf(members['runs'], 'ledger[].runs');
  }
  return stages;
}

function sizeOf(value: unknown): { readonly slots: number; readonly epochs: number } | undefined {
  if (value === undefined) return undefined;
  const members = membersOf(value, 'size');
  return { slots: numberOf(members['slots'], 'size.slots'), epochs: numberOf(members['epochs'], 'size.epochs') };
}

function rateIn(value: unknown, name: string): Rate {
  const { count, total, low, high } = membersOf(value, name);
  return {
    count: numberOf(count, `${name}.count`),
    total: numberOf(total, `${name}.total`),
    low: shareOf(low, `${name}.low`),
    high: shareOf(high, `${name}.high`),
  };
}

function membersOf(value: unknown, name: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken(`${name} is no object`);
  return value as Members;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw broken(`${name} is no list`);
  return value;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw broken(`${name} is no text`);
  return value;
}

function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined ? undefined : textOf(value, name);
}

function numberOf(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw broken(`${name} is no count`);
  return value;
}

function shareOf(value: unknown, name: string): number {
  const share = numberOf(value, name);
  if (share > 1) throw broken(`${name} is more than 1`);
  return share;
}

function broken(what: string): InputError {
  return new InputError(`the ledger cannot be used: ${what}`, 'give the JSON that vrrl reduce --json printed.');
}
