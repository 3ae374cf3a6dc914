/** Expressions and operators of the kernel language as JavaScript, for every lowering to it. */

import type { AtomicOperation, BinaryOperator, Expression } from './ir.ts';

/**
 * An expression as JavaScript.
 *
 * @param local how a local of the kernel is written.
 */
export function javaScriptExpression(expression: Expression, local: (name: string) => string): string {
  const text = (operand: Expression) => javaScriptExpression(operand, local);
  switch (expression.kind) {
    case 'constant':
      return String(expression.value);
    case 'local':
      return local(expression.name);
    case 'complement':
      return `(~${text(expression.operand)} >>> 0)`;
    case 'not':
      return `!${text(expression.operand)}`;
    case 'select': {
      const { condition, whenTrue, whenFalse } = expression;
      return `(${text(condition)} ? ${text(whenTrue)} : ${text(whenFalse)})`;
    }
    case 'binary':
      return OPERATORS[expression.operator](text(expression.left), text(expression.right));
  }
}

type BinaryText = (left: string, right: string) => string;

/** Every u32 is kept as a number 0 … 2³² − 1, hence the `>>> 0` wherever an operator could leave that range. */
const OPERATORS: Readonly<Record<BinaryOperator, BinaryText>> = {
  add: (left, right) => `((${left} + ${right}) >>> 0)`,
  subtract: (left, right) => `((${left} - ${right}) >>> 0)`,
  multiply: (left, right) => `(Math.imul(${left}, ${right}) >>> 0)`,
  divide: (left, right) => `divide(${left}, ${right})`,
  remainder: (left, right) => `remainder(${left}, ${right})`,
  and: (left, right) => `((${left} & ${right}) >>> 0)`,
  or: (left, right) => `((${left} | ${right}) >>> 0)`,
  xor: (left, right) => `((${left} ^ ${right}) >>> 0)`,
  shiftLeft: (left, right) => `((${left} << ${right}) >>> 0)`,
  shiftRight: (left, right) => `(${left} >>> ${right})`,
  minimum: (left, right) => `Math.min(${left}, ${right})`,
  maximum: (left, right) => `Math.max(${left}, ${right})`,
  equal: (left, right) => `(${left} === ${right})`,
  notEqual: (left, right) => `(${left} !== ${right})`,
  below: (left, right) => `(${left} < ${right})`,
  atMost: (left, right) => `(${left} <= ${right})`,
  above: (left, right) => `(${left} > ${right})`,
  atLeast: (left, right) => `(${left} >= ${right})`,
  both: (left, right) => `(${left} && ${right})`,
  either: (left, right) => `(${left} || ${right})`,
};

/** The word after a read-modify-write. Stores into a Uint32Array wrap by themselves. */
export const SERIAL_OPERATIONS: Readonly<Record<AtomicOperation, BinaryText>> = {
  add: (before, value) => `${before} + ${value}`,
  subtract: (before, value) => `${before} - ${value}`,
  and: (before, value) => `${before} & ${value}`,
  or: (before, value) => `${before} | ${value}`,
  xor: (before, value) => `${before} ^ ${value}`,
  minimum: (before, value) => `Math.min(${before}, ${value})`,
  maximum: (before, value) => `Math.max(${before}, ${value})`,
  exchange: (_before, value) => value,
};

/** What `divide` and `remainder` mean in the texts above; goes to the top of a program. */
export const DIVISION_HELPERS: readonly string[] = [
  'function divide(left, right) { return right === 0 ? left : (left / right) >>> 0; }',
  'function remainder(left, right) { return right === 0 ? 0 : left % right; }',
];
