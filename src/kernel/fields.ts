/**
 * Which fields everything in a kernel has. What has others is refused: a field that nobody here knows would either change
 * the identity without changing what runs, or mean something to whoever wrote it that is not done.
 */

import type { Region } from '../observe/index.ts';
import type { Kernel } from './definition.ts';
import type { Expression, OpcodeDefinition, Statement, Table } from './ir.ts';

/** One entry a field, so that the compiler finds a field that is missing here. */
type FieldsOf<Node> = { readonly [Field in keyof Required<Node>]: true };
type FieldsByKind<Node extends { readonly kind: string }> = {
  readonly [Kind in Node['kind']]: FieldsOf<Extract<Node, { readonly kind: Kind }>>;
};

const kernelFields: FieldsOf<Kernel> = {
  name: true,
  slotCount: true,
  controlWords: true,
  tenantCount: true,
  tables: true,
  turn: true,
  opcodes: true,
  regions: true,
  // Of a kernel that was written down as it is in memory. It follows from the rest and is never read.
  identity: true,
};
const tableFields: FieldsOf<Table> = { name: true, words: true };
const opcodeFields: FieldsOf<OpcodeDefinition> = {
  name: true,
  code: true,
  argumentNames: true,
  promisesAtomicity: true,
  body: true,
};
const regionFields: FieldsOf<Region> = {
  name: true,
  area: true,
  start: true,
  count: true,
  equivalence: true,
  recordWords: true,
  usedWordsAt: true,
};
const statementFields: FieldsByKind<Statement> = {
  let: { kind: true, name: true, value: true },
  variable: { kind: true, name: true, value: true },
  assign: { kind: true, name: true, value: true },
  load: { kind: true, name: true, memory: true, index: true, access: true },
  store: { kind: true, memory: true, index: true, value: true, access: true },
  atomic: { kind: true, name: true, operation: true, memory: true, index: true, value: true },
  compareExchange: { kind: true, name: true, memory: true, index: true, expected: true, desired: true },
  if: { kind: true, condition: true, whenTrue: true, whenFalse: true },
  loop: { kind: true, name: true, from: true, below: true, atMost: true, body: true },
  break: { kind: true },
  barrier: { kind: true, scope: true },
  dispatch: { kind: true, opcode: true, argumentBase: true, inner: true },
  fault: { kind: true, code: true },
  finish: { kind: true },
};
const expressionFields: FieldsByKind<Expression> = {
  constant: { kind: true, value: true },
  local: { kind: true, name: true },
  complement: { kind: true, operand: true },
  not: { kind: true, operand: true },
  binary: { kind: true, operator: true, left: true, right: true },
  select: { kind: true, condition: true, whenTrue: true, whenFalse: true },
};

type FieldSet = ReadonlySet<string>;

export const KERNEL_FIELDS: FieldSet = new Set(Object.keys(kernelFields));
export const TABLE_FIELDS: FieldSet = new Set(Object.keys(tableFields));
export const OPCODE_FIELDS: FieldSet = new Set(Object.keys(opcodeFields));
export const REGION_FIELDS: FieldSet = new Set(Object.keys(regionFields));
/** Maps, not objects: a kind called "constructor" in somebody's JSON must not be found. */
export const STATEMENT_FIELDS: ReadonlyMap<string, FieldSet> = byKind(statementFields);
export const EXPRESSION_FIELDS: ReadonlyMap<string, FieldSet> = byKind(expressionFields);

function byKind(fields: Readonly<Record<string, object>>): ReadonlyMap<string, FieldSet> {
  return new Map(Object.entries(fields).map(([kind, names]) => [kind, new Set(Object.keys(names))]));
}

/** The problem with an object that has a field which is not one of these. One that is undefined is no field in JSON. */
export function unknownFieldOf(data: object, known: FieldSet): string | undefined {
  for (const [field, value] of Object.entries(data)) {
    if (!known.has(field) && value !== undefined) return `unknown field ${JSON.stringify(field)}`;
  }
  return undefined;
}
