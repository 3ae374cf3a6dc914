/** Kernels with one change that could keep a race away: a barrier more, or a load and a store made one. */

import {
  type Expression,
  finishKernel,
  type Kernel,
  KernelError,
  type OpcodeDefinition,
  type Statement,
} from '../kernel/index.ts';

/** A change to the body of one opcode. */
export interface Repair {
  /** `barrier`: orders what it stands between. `exchange`: nobody comes in between any more. */
  readonly kind: 'barrier' | 'exchange';
  /** What is changed, as a clause. */
  readonly what: string;
  /** Several repairs can be made at once if they are of different opcodes. */
  readonly opcode: number;
  readonly body: readonly Statement[];
}

type Load = Extract<Statement, { kind: 'load' }>;
type Store = Extract<Statement, { kind: 'store' }>;

/** Repairs of some opcodes. @param lanes how many lanes may have to try again. */
export function repairsOf(kernel: Kernel, opcodes: ReadonlySet<number>, lanes: number): Repair[] {
  return kernel.opcodes
    .filter(({ code }) => opcodes.has(code))
    .flatMap((definition) => [...exchanges(definition, lanes), ...barriers(definition)]);
}

/** The kernel with repairs made; undefined if what comes out is no kernel. */
export function repaired(kernel: Kernel, repairs: readonly Repair[]): Kernel | undefined {
  const bodies = new Map(repairs.map(({ opcode, body }) => [opcode, body]));
  const { identity: _, ...definition } = kernel;
  const opcodes = kernel.opcodes.map((each) => ({ ...each, body: bodies.get(each.code) ?? each.body }));
  try {
    return finishKernel({ ...definition, opcodes });
  } catch (error) {
    // A name that is used after the stretch is not there any more.
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** A barrier between two accesses that follow each other in one list of statements. */
function barriers({ name, code, body }: OpcodeDefinition): Repair[] {
  return variants(body, (statements) => {
    const accesses = statements.flatMap((statement, index) => (isShared(statement) ? [index] : []));
    return accesses.slice(1).map((at, index) => ({
      what: `a barrier in ${name} between ${accessText(statements[accesses[index]])} and ${accessText(statements[at])}`,
      statements: statements.toSpliced(at, 0, { kind: 'barrier', scope: 'device' }),
    }));
  }).map((change) => ({ kind: 'barrier', what: change.what, opcode: code, body: change.statements }));
}

/** A load and the store to the same word after it, as a compare-exchange that is tried again until nobody came in between. */
function exchanges({ name, code, body }: OpcodeDefinition, lanes: number): Repair[] {
  return variants(body, (statements) =>
    statements.flatMap((load, from) => {
      if (load.kind !== 'load' || load.memory === 'ring') return [];
      const to = statements.findIndex((other, index) => index > from && isStoreTo(other, load));
      const between = statements.slice(from + 1, to);
      if (to < 0 || touchesOrLeaves(between, new Set())) return [];
      const store = statements[to] as Store;
      return [
        {
          what: `${accessText(load)} and ${accessText(store)} in ${name} made one: a compare-exchange, tried again until it succeeds`,
          statements: statements.toSpliced(from, to - from + 1, retried(load, between, store, lanes)),
        },
      ];
    }),
  ).map((change) => ({ kind: 'exchange', what: change.what, opcode: code, body: change.statements }));
}

function retried(load: Load, between: readonly Statement[], store: Store, lanes: number): Statement {
  const local = (name: string): Expression => ({ kind: 'local', name });
  const found = 'foundInstead';
  return {
    kind: 'loop',
    name: 'attempt',
    from: { kind: 'constant', value: 0 },
    below: { kind: 'constant', value: lanes },
    atMost: lanes,
    body: [
      load,
      ...between,
      {
        kind: 'compareExchange',
        name: found,
        memory: store.memory,
        index: store.index,
        expected: local(load.name),
        desired: store.value,
      },
      {
        kind: 'if',
        condition: { kind: 'binary', operator: 'equal', left: local(found), right: local(load.name) },
        whenTrue: [{ kind: 'break' }],
        whenFalse: [],
      },
    ],
  };
}

interface Variant {
  readonly what: string;
  readonly statements: readonly Statement[];
}

/** Changes to a list of statements or to one of the lists in it, as changes to the whole. */
function variants(
  statements: readonly Statement[],
  change: (statements: readonly Statement[]) => readonly Variant[],
): Variant[] {
  const inner = statements.flatMap((statement, index) =>
    innerLists(statement).flatMap(({ list, put }) =>
      variants(list, change).map(({ what, statements: changed }) => ({
        what,
        statements: statements.with(index, put(changed)),
      })),
    ),
  );
  return [...change(statements), ...inner];
}

interface InnerList {
  readonly list: readonly Statement[];
  /** The statement with another list in its place. */
  readonly put: (list: readonly Statement[]) => Statement;
}

function innerLists(statement: Statement): InnerList[] {
  if (statement.kind === 'loop') return [{ list: statement.body, put: (body) => ({ ...statement, body }) }];
  if (statement.kind !== 'if') return [];
  return [
    { list: statement.whenTrue, put: (whenTrue) => ({ ...statement, whenTrue }) },
    { list: statement.whenFalse, put: (whenFalse) => ({ ...statement, whenFalse }) },
  ];
}

type Access = Extract<Statement, { kind: 'load' | 'store' | 'atomic' | 'compareExchange' }>;

/** Whether it is an access to memory that lanes share. Nobody but a lane itself has its slot. */
function isShared(statement: Statement): statement is Access {
  const { kind } = statement;
  const isAccess = kind === 'load' || kind === 'store' || kind === 'atomic' || kind === 'compareExchange';
  return isAccess && (statement.memory === 'control' || statement.memory === 'debug');
}

function isStoreTo(statement: Statement, { memory, index }: Load): boolean {
  return (
    statement.kind === 'store' &&
    statement.memory === memory &&
    JSON.stringify(statement.index) === JSON.stringify(index)
  );
}

/**
 * Whether statements do what must not be done twice, or go where a loop around them would change the meaning.
 *
 * @param own names that were declared in the stretch: a second attempt declares them anew.
 */
function touchesOrLeaves(statements: readonly Statement[], own: ReadonlySet<string>): boolean {
  const known = new Set(own);
  return statements.some((statement) => {
    switch (statement.kind) {
      case 'let':
      case 'variable':
      case 'load':
        known.add(statement.name);
        return false;
      case 'barrier':
        return false;
      case 'assign':
        return !known.has(statement.name);
      case 'if':
        return touchesOrLeaves([...statement.whenTrue, ...statement.whenFalse], known);
      case 'loop':
        return touchesOrLeaves(statement.body, known);
      default:
        return true;
    }
  });
}

function accessText(statement: Statement): string {
  if (!isShared(statement)) return 'what is there';
  const kinds = {
    load: 'the load of',
    store: 'the store to',
    atomic: 'the',
    compareExchange: 'the compare-exchange of',
  };
  const what = statement.kind === 'atomic' ? `the atomic ${statement.operation} of` : kinds[statement.kind];
  return `${what} ${placeText(statement.memory, statement.index)}`;
}

function placeText(memory: string, index: Expression): string {
  if (index.kind === 'constant') return `${memory}[${index.value}]`;
  return index.kind === 'local' ? `${memory}[${index.name}]` : `a word of ${memory}`;
}
