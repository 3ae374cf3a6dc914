/** The operators of the kernel language, evaluated here and now. The one place that says what they mean in numbers. */

import type { BinaryOperator } from './ir.ts';

/** Applies an operator to two u32 (or two bool, for the logical ones). */
export function evaluateBinary(
  operator: BinaryOperator,
  left: number | boolean,
  right: number | boolean,
): number | boolean {
  if (typeof left === 'boolean' || typeof right === 'boolean') {
    return operator === 'both' ? Boolean(left && right) : Boolean(left || right);
  }
  switch (operator) {
    case 'add':
      return (left + right) >>> 0;
    case 'subtract':
      return (left - right) >>> 0;
    case 'multiply':
      return Math.imul(left, right) >>> 0;
    case 'divide':
      return right === 0 ? left : Math.floor(left / right);
    case 'remainder':
      return right === 0 ? 0 : left % right;
    case 'and':
      return (left & right) >>> 0;
    case 'or':
      return (left | right) >>> 0;
    case 'xor':
      return (left ^ right) >>> 0;
    case 'shiftLeft':
      return (left << (right & 31)) >>> 0;
    case 'shiftRight':
      return left >>> (right & 31);
    case 'minimum':
      return Math.min(left, right);
    case 'maximum':
      return Math.max(left, right);
    case 'equal':
      return left === right;
    case 'notEqual':
      return left !== right;
    case 'below':
      return left < right;
    case 'atMost':
      return left <= right;
    case 'above':
      return left > right;
    case 'atLeast':
      return left >= right;
    case 'both':
    case 'either':
      throw new TypeError(`${operator} wants conditions`);
  }
}
