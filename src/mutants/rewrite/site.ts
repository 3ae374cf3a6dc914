/** Places in a kernel, and what a rule puts there. */

import { finishKernel, type Kernel, type OpcodeDefinition, type Statement } from '../../kernel/index.ts';
import { onlyRarely } from './rare.ts';
import { declaredNames } from './rename.ts';

/** A stretch of consecutive statements in one routine, and what takes its place. */
export interface Site {
  /** `turn`, or the name of an opcode. */
  readonly routine: string;
  /** Whether the stretch begins with this statement. It has to begin in one place of the routine exactly. */
  readonly begins: (statement: Statement) => boolean;
  /** Statements of the stretch. Default 1. */
  readonly length?: number;
  /** What takes the stretch's place. It has to declare the names that statements after it use. */
  readonly defect: (stretch: readonly Statement[]) => readonly Statement[];
}

/** How often a defect shows: in every slot, or in about one of so many, by a word of the slot that means nothing else. */
export interface Rarity {
  /** A power of two, at most 2³¹. */
  readonly oneIn: number;
}

/**
 * The kernel with all sites changed; undefined if one of them is not there exactly once.
 *
 * @throws KernelError if what comes out is no kernel.
 */
export function rewriteKernel(
  kernel: Kernel,
  name: string,
  sites: readonly Site[],
  rarity?: Rarity,
): Kernel | undefined {
  let turn: readonly Statement[] | undefined = kernel.turn;
  let opcodes: readonly OpcodeDefinition[] | undefined = kernel.opcodes;
  for (const site of sites) {
    if (site.routine === 'turn') turn = rewriteRoutine(turn, site, rarity);
    else opcodes = rewriteOpcode(opcodes, site, rarity);
    if (turn === undefined || opcodes === undefined) return undefined;
  }
  const { identity: _, ...definition } = kernel;
  return finishKernel({ ...definition, name: `${kernel.name}: ${name}`, turn, opcodes });
}

function rewriteOpcode(
  opcodes: readonly OpcodeDefinition[],
  site: Site,
  rarity: Rarity | undefined,
): readonly OpcodeDefinition[] | undefined {
  const changed = opcodes.find(({ name }) => name === site.routine);
  if (changed === undefined) return undefined;
  const body = rewriteRoutine(changed.body, site, rarity);
  return body === undefined
    ? undefined
    : opcodes.map((definition) => (definition === changed ? { ...definition, body } : definition));
}

function rewriteRoutine(
  routine: readonly Statement[],
  site: Site,
  rarity: Rarity | undefined,
): readonly Statement[] | undefined {
  const rewriting = new RoutineRewriting(routine, site, rarity);
  const rewritten = rewriting.block(routine);
  return rewriting.found === 1 ? rewritten : undefined;
}

class RoutineRewriting {
  found = 0;
  readonly #site: Site;
  readonly #rarity: Rarity | undefined;
  readonly #names: Set<string>;

  constructor(routine: readonly Statement[], site: Site, rarity: Rarity | undefined) {
    this.#site = site;
    this.#rarity = rarity;
    this.#names = new Set(declaredNames(routine));
  }

  block(statements: readonly Statement[]): Statement[] {
    const { begins, length = 1, defect } = this.#site;
    const rewritten: Statement[] = [];
    for (let at = 0; at < statements.length; at += 1) {
      if (!begins(statements[at])) {
        rewritten.push(this.#inside(statements[at]));
        continue;
      }
      this.found += 1;
      const stretch = statements.slice(at, at + length);
      const changed = defect(stretch);
      rewritten.push(
        ...(this.#rarity === undefined ? changed : onlyRarely(stretch, changed, this.#rarity, this.#names)),
      );
      at += length - 1;
    }
    return rewritten;
  }

  #inside(statement: Statement): Statement {
    if (statement.kind === 'if') {
      return { ...statement, whenTrue: this.block(statement.whenTrue), whenFalse: this.block(statement.whenFalse) };
    }
    return statement.kind === 'loop' ? { ...statement, body: this.block(statement.body) } : statement;
  }
}
