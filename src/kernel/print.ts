/** Kernels as text that people read and compare. Not parsed back: kernels travel as JSON. */

import { type Kernel, memoriesOf } from './definition.ts';
import type { BinaryOperator, Expression, OpcodeDefinition, Statement } from './ir.ts';

const SYMBOLS: Readonly<Record<BinaryOperator, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  remainder: '%',
  and: '&',
  or: '|',
  xor: '^',
  shiftLeft: '<<',
  shiftRight: '>>',
  minimum: 'min',
  maximum: 'max',
  equal: '==',
  notEqual: '!=',
  below: '<',
  atMost: '<=',
  above: '>',
  atLeast: '>=',
  both: '&&',
  either: '||',
};

/** The whole kernel, a line a statement. */
export function printKernel(kernel: Kernel): string {
  const lines = [
    `kernel ${kernel.name}`,
    `  identity ${kernel.identity}`,
    `  slots ${kernel.slotCount}, tenants ${kernel.tenantCount}`,
    ...memoriesOf(kernel).map(
      (memory) => `  memory ${memory.name}[${memory.words}]${memory.readOnly ? ' read-only' : ''}`,
    ),
    ...kernel.regions.map(
      (region) => `  region "${region.name}" ${region.area}[${region.start}, +${region.count}] ${region.equivalence}`,
    ),
    '',
    'turn(slotIndex, slotBase)',
    ...printStatements(kernel.turn, 1),
  ];
  for (const definition of kernel.opcodes) lines.push('', ...printOpcode(definition));
  return `${lines.join('\n')}\n`;
}

function printOpcode(definition: OpcodeDefinition): string[] {
  const code = definition.code < 0x10000 ? String(definition.code) : `0x${definition.code.toString(16)}`;
  const promise = definition.promisesAtomicity ? ' atomic' : '';
  return [
    `opcode ${definition.name} = ${code} (${definition.argumentNames.join(', ')})${promise}`,
    ...printStatements(definition.body, 1),
  ];
}

function printStatements(statements: readonly Statement[], depth: number): string[] {
  return statements.flatMap((statement) => printStatement(statement, depth));
}

function printStatement(statement: Statement, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const line = (text: string) => [indent + text];
  switch (statement.kind) {
    case 'let':
      return line(`let ${statement.name} = ${printExpression(statement.value)}`);
    case 'variable':
      return line(`var ${statement.name} = ${printExpression(statement.value)}`);
    case 'assign':
      return line(`${statement.name} = ${printExpression(statement.value)}`);
    case 'load':
      return line(`let ${statement.name} = ${statement.access} load ${place(statement)}`);
    case 'store':
      return line(`${statement.access} store ${place(statement)} = ${printExpression(statement.value)}`);
    case 'atomic':
      return line(
        `let ${statement.name} = atomic ${statement.operation} ${place(statement)}, ${printExpression(statement.value)}`,
      );
    case 'compareExchange': {
      const change = `${printExpression(statement.expected)} -> ${printExpression(statement.desired)}`;
      return line(`let ${statement.name} = atomic compareExchange ${place(statement)}, ${change}`);
    }
    case 'if': {
      const then = [
        ...line(`if ${printExpression(statement.condition)}`),
        ...printStatements(statement.whenTrue, depth + 1),
      ];
      if (statement.whenFalse.length === 0) return then;
      return [...then, ...line('else'), ...printStatements(statement.whenFalse, depth + 1)];
    }
    case 'loop': {
      const range = `${printExpression(statement.from)} ..< ${printExpression(statement.below)}`;
      return [
        ...line(`loop ${statement.name} in ${range} at most ${statement.atMost}`),
        ...printStatements(statement.body, depth + 1),
      ];
    }
    case 'dispatch':
      return line(
        `dispatch${statement.inner ? ' inner' : ''} ${printExpression(statement.opcode)} with ring[${printExpression(statement.argumentBase)} …]`,
      );
    case 'barrier':
      return line(`barrier ${statement.scope}`);
    case 'fault':
      return line(`fault ${printExpression(statement.code)}`);
    case 'break':
    case 'finish':
      return line(statement.kind);
  }
}

function place(access: { readonly memory: string; readonly index: Expression }): string {
  return `${access.memory}[${printExpression(access.index)}]`;
}

/** An expression with as many parentheses as it takes to be read one way only. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'constant':
      return String(expression.value);
    case 'local':
      return expression.name;
    case 'complement':
      return `~${operand(expression.operand)}`;
    case 'not':
      return `!${operand(expression.operand)}`;
    case 'select':
      return `${operand(expression.condition)} ? ${operand(expression.whenTrue)} : ${operand(expression.whenFalse)}`;
    case 'binary':
      return `${operand(expression.left)} ${SYMBOLS[expression.operator]} ${operand(expression.right)}`;
  }
}

function operand(expression: Expression): string {
  const text = printExpression(expression);
  return expression.kind === 'binary' || expression.kind === 'select' ? `(${text})` : text;
}
