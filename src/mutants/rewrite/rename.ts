/** Statements with other names for their locals. */

import type { Statement } from '../../kernel/index.ts';

/** Every name that statements declare, those of inner blocks included. */
export function declaredNames(statements: readonly Statement[]): string[] {
  return statements.flatMap((statement) => {
    const own = declaredBy(statement);
    return [...(own === undefined ? [] : [own]), ...innerBlocks(statement).flatMap(declaredNames)];
  });
}

/** The name that a statement declares for those after it. A loop's counter is its own affair, and counts too. */
export function declaredBy(statement: Statement): string | undefined {
  switch (statement.kind) {
    case 'let':
    case 'variable':
    case 'load':
    case 'atomic':
    case 'compareExchange':
    case 'loop':
      return statement.name;
    default:
      return undefined;
  }
}

function innerBlocks(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === 'if') return [statement.whenTrue, statement.whenFalse];
  return statement.kind === 'loop' ? [statement.body] : [];
}

/** The same statements with other names; what `renamed` does not have keeps its name. */
export function renameLocals(statements: readonly Statement[], renamed: ReadonlyMap<string, string>): Statement[] {
  // Statements are plain data, and names of locals stand in two places only: where one is declared or assigned, and in
  // the expression of kind `local`.
  return statements.map((statement) => renameIn(statement, renamed));
}

function renameIn<Node>(node: Node, renamed: ReadonlyMap<string, string>): Node {
  if (Array.isArray(node)) return node.map((member) => renameIn(member, renamed)) as Node;
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([field, value]) => {
    if (field === 'name' && typeof value === 'string') return [field, renamed.get(value) ?? value];
    return [field, renameIn(value, renamed)];
  });
  return Object.fromEntries(entries) as Node;
}
