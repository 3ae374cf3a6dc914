/** Which locals of a routine anything depends on. */

import type { Expression, Statement } from './ir.ts';

/** The names that expressions of these statements mention. Names are unique in a routine, so that is all there is to it. */
export function usedNames(statements: readonly Statement[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const statement of statements) collect(statement, used);
  return used;
}

function collect(statement: Statement, used: Set<string>): void {
  for (const part of Object.values(statement)) {
    if (Array.isArray(part)) for (const inner of part) collect(inner, used);
    else if (typeof part === 'object') collectExpression(part, used);
  }
}

function collectExpression(expression: Expression, used: Set<string>): void {
  if (expression.kind === 'local') used.add(expression.name);
  else for (const part of Object.values(expression)) if (typeof part === 'object') collectExpression(part, used);
}
