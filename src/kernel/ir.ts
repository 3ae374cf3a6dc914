/**
 * The kernel as data: a small typed language for what a lane does.
 *
 * Two rules make every later use possible. *A statement makes at most one memory access, and expressions make none*: so
 * a lowering to single-access steps is a walk over statements, and a mutant is the same kernel with one statement
 * changed. *Everything is plain data*: so a kernel can be checked, printed, hashed, stored beside a log and lowered to
 * another language without its author's code.
 *
 * Numbers are `u32`, arithmetic wraps, conditions are `bool`. Division and remainder by zero give the dividend and
 * zero, shifts take their count modulo 32: what WGSL does, so that every lowering can.
 */

export type Type = 'u32' | 'bool';

/** Operators from two u32 to a u32. */
export type ArithmeticOperator =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'remainder'
  | 'and'
  | 'or'
  | 'xor'
  | 'shiftLeft'
  | 'shiftRight'
  | 'minimum'
  | 'maximum';

/** Operators from two u32 to a bool. */
export type ComparisonOperator = 'equal' | 'notEqual' | 'below' | 'atMost' | 'above' | 'atLeast';

/** Operators from two bool to a bool. Both sides are evaluated: expressions have no effects. */
export type LogicalOperator = 'both' | 'either';

export type BinaryOperator = ArithmeticOperator | ComparisonOperator | LogicalOperator;

export type Expression =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'complement'; readonly operand: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'select';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    };

/** Read-modify-write operations that are one indivisible access. `exchange` only writes. */
export type AtomicOperation = 'add' | 'subtract' | 'and' | 'or' | 'xor' | 'minimum' | 'maximum' | 'exchange';

/** All of them. Step codes count them in this order. */
export const ATOMIC_OPERATIONS: readonly AtomicOperation[] = [
  'add',
  'subtract',
  'and',
  'or',
  'xor',
  'minimum',
  'maximum',
  'exchange',
];

/**
 * How a load or a store reaches memory. `atomic` is a relaxed atomic; `plain` may be torn, merged or moved by a
 * compiler, and races if another lane writes the word at the same time.
 */
export type AccessKind = 'atomic' | 'plain';

/** Which lanes a barrier orders this lane's accesses for. */
export type BarrierScope = 'workgroup' | 'device';

export type Statement =
  /** Binds a name once. */
  | { readonly kind: 'let'; readonly name: string; readonly value: Expression }
  /** Declares a name that `assign` may change. */
  | { readonly kind: 'variable'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | {
      readonly kind: 'load';
      readonly name: string;
      readonly memory: string;
      readonly index: Expression;
      readonly access: AccessKind;
    }
  | {
      readonly kind: 'store';
      readonly memory: string;
      readonly index: Expression;
      readonly value: Expression;
      readonly access: AccessKind;
    }
  /** `name` receives the value before the operation. */
  | {
      readonly kind: 'atomic';
      readonly name: string;
      readonly operation: AtomicOperation;
      readonly memory: string;
      readonly index: Expression;
      readonly value: Expression;
    }
  /** `name` receives the value before; it equals `expected` exactly if `desired` was stored. Never fails spuriously. */
  | {
      readonly kind: 'compareExchange';
      readonly name: string;
      readonly memory: string;
      readonly index: Expression;
      readonly expected: Expression;
      readonly desired: Expression;
    }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
    }
  /**
   * Counts `name` from `from` while it is below `below`, for at most `atMost` turns. The bound is part of the meaning,
   * not a hint: it is what keeps a lane from running for ever.
   */
  | {
      readonly kind: 'loop';
      readonly name: string;
      readonly from: Expression;
      readonly below: Expression;
      readonly atMost: number;
      readonly body: readonly Statement[];
    }
  /** Leaves the innermost loop. */
  | { readonly kind: 'break' }
  /** Orders this lane's accesses before it ahead of those after it. It waits for nobody: lanes promise no progress. */
  | { readonly kind: 'barrier'; readonly scope: BarrierScope }
  /**
   * Runs the handler of an opcode with its arguments at `argumentBase` in the ring. With `inner`, only handlers that a
   * packed slot may hold: at most `PACKED_ARGUMENT_COUNT` arguments and no dispatch of their own.
   */
  | {
      readonly kind: 'dispatch';
      readonly opcode: Expression;
      readonly argumentBase: Expression;
      readonly inner: boolean;
    }
  /** Ends the turn with the slot's status FAULT and a code of the author's. */
  | { readonly kind: 'fault'; readonly code: Expression }
  /** Ends the routine: a handler returns to the turn, a turn ends. */
  | { readonly kind: 'finish' };

/** Names that are there without being declared. `slotBase` is the ring word at which the slot begins. */
export const TURN_PARAMETERS: readonly string[] = ['slotIndex', 'slotBase'];
/** As above; `argumentBase` is the ring word of the handler's first argument. */
export const HANDLER_PARAMETERS: readonly string[] = ['slotBase', 'argumentBase'];

/** An opcode: its number, its name, and what a lane does for it. */
export interface OpcodeDefinition {
  readonly name: string;
  readonly code: number;
  /** One name an argument word, at most 12. */
  readonly argumentNames: readonly string[];
  /**
   * Whether the author promises that the whole opcode appears to happen at once. A tool that looks for a serial order of
   * slots may blame the backend only for breaking a promise.
   */
  readonly promisesAtomicity: boolean;
  readonly body: readonly Statement[];
}

/** Constant words that handlers may load: transition tables, inputs. */
export interface Table {
  readonly name: string;
  readonly words: Uint32Array;
}
