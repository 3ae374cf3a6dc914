/** Operations as people write them down. */

import type { HistoryOperation } from './history.ts';
import { type Member, showValue } from './values.ts';

/** `cas(from 1, to 2)`. */
export function describeInput({ name, input }: Pick<HistoryOperation, 'name' | 'input'>): string {
  const members = Array.from(input, ([member, value]) => {
    return member === 'value' ? showValue(value) : `${member} ${showValue(value)}`;
  });
  return `${name}(${members.join(', ')})`;
}

/** `cas(from 1, to 2) → ok`; what nobody saw the end of has a question mark. */
export function describeOperation(operation: Pick<HistoryOperation, 'name' | 'input' | 'output'>): string {
  const { output } = operation;
  if (output === undefined) return `${describeInput(operation)} → ?`;
  const answers = Array.from(output, ([member, value]) => {
    if (member === 'ok') return value === true ? 'ok' : 'not ok';
    return member === 'value' ? showValue(value) : `${member} ${showValue(value)}`;
  });
  return answers.length === 0 ? describeInput(operation) : `${describeInput(operation)} → ${answers.join(', ')}`;
}

/** A value as sentences show it. */
export function describeValue(value: Member): string {
  return showValue(value);
}
