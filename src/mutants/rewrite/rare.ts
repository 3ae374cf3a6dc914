/**
 * Defects that show rarely.
 *
 * Real ones hang on data: a wrap that is met once in thousands of turns, a path that few requests take. Here it is a word
 * of the slot that means nothing else (its last argument, the *lot*), which workloads draw at random.
 */

import type { Statement } from '../../kernel/index.ts';
import { ARGUMENT_COUNT, SlotWord } from '../../protocol/index.ts';
import { constant, local, operation } from './expressions.ts';
import { declaredBy, declaredNames, renameLocals } from './rename.ts';
import type { Rarity } from './site.ts';

/** The argument that workloads draw at random: no opcode of theirs uses it. */
export const LOT_ARGUMENT: number = ARGUMENT_COUNT - 1;

/** 2³² divided by the golden ratio, made odd: its multiples spread well (D. Knuth, volume 3, section 6.4). */
const SPREAD = 0x9e37_79b1;

/** A slot with it meets a defect of any rarity. */
export const LOT_THAT_STRIKES = 0;

/** Whether a slot with that lot meets a defect of that rarity: what the rewritten kernel computes. */
export function isStruck(lot: number, { oneIn }: Rarity): boolean {
  return Math.imul(lot, SPREAD) >>> 0 < 2 ** 32 / oneIn;
}

/**
 * The defect where the slot's lot says so, else the statements as they were. Names that the statements declare are
 * there afterwards, from whichever side.
 *
 * @param names those that are taken in the routine; new ones are added.
 */
export function onlyRarely(
  usual: readonly Statement[],
  defect: readonly Statement[],
  { oneIn }: Rarity,
  names: Set<string>,
): Statement[] {
  const exported = handedOutBy(usual);
  const lot = unique('lot', names);
  const index = operation('add', local('slotBase'), constant(SlotWord.ARGUMENTS + LOT_ARGUMENT));
  const spread = operation('multiply', local(lot), constant(SPREAD));
  const condition = operation('below', spread, constant(2 ** 32 / oneIn));
  return [
    { kind: 'load', name: lot, memory: 'ring', index, access: 'plain' },
    ...exported.map((name): Statement => ({ kind: 'variable', name, value: constant(0) })),
    {
      kind: 'if',
      condition,
      whenTrue: side(defect, exported, 'Rare', names),
      whenFalse: side(usual, exported, 'Usual', names),
    },
  ];
}

/** Statements in a block of their own: their names are made their own, and what others need is handed out. */
function side(
  statements: readonly Statement[],
  exported: readonly string[],
  suffix: string,
  names: Set<string>,
): Statement[] {
  const renamed = new Map(declaredNames(statements).map((name) => [name, unique(`${name}${suffix}`, names)]));
  const handedOut = handedOutBy(statements);
  return [
    ...renameLocals(statements, renamed),
    ...exported
      .filter((name) => handedOut.includes(name))
      .map((name): Statement => ({ kind: 'assign', name, value: local(renamed.get(name) ?? name) })),
  ];
}

/** What statements after these may use. */
function handedOutBy(statements: readonly Statement[]): string[] {
  return statements.flatMap((statement) => (statement.kind === 'loop' ? [] : (declaredBy(statement) ?? [])));
}

function unique(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let suffix = 2; names.has(name); suffix += 1) name = `${wanted}${suffix}`;
  names.add(name);
  return name;
}
