/** Kernels as data: write one, check it, print it, store it, lower it. */
export { Condition, type Operand, RoutineBuilder, Value, Variable } from './builder.ts';
export { builtinOpcodes, plainTurn } from './builtin.ts';
export { checkKernel } from './check.ts';
export {
  findOpcode,
  type Kernel,
  type KernelDefinition,
  type Memory,
  memoriesOf,
  observationLayoutOf,
} from './definition.ts';
export { KernelError } from './errors.ts';
export { evaluateBinary } from './evaluate.ts';
export {
  FAULT_WORDS,
  type FaultExplainer,
  FaultReason,
  type FaultReasonName,
  type FaultSite,
  faultExplainer,
  faultWord,
  type SlotFault,
} from './fault-sites.ts';
export {
  type FoldRange,
  type Footprint,
  type FootprintSlot,
  footprintOf,
  type KnownWord,
  touches,
  type WordRange,
} from './footprint.ts';
export { type KernelJson, kernelIdentity, kernelToJson } from './identity.ts';
export type {
  AccessKind,
  ArithmeticOperator,
  AtomicOperation,
  BarrierScope,
  BinaryOperator,
  ComparisonOperator,
  Expression,
  LogicalOperator,
  OpcodeDefinition,
  Statement,
  Table,
  Type,
} from './ir.ts';
export { defineKernel, finishKernel, type KernelOptions, kernelFromJson } from './kernel.ts';
export {
  bindLoweredKernel,
  type JavaScriptDialect,
  type KernelMemories,
  type LoweredKernel,
  lowerToJavaScript,
  type MemoryPlan,
  planMemory,
} from './lower-to-javascript.ts';
export {
  type Advance,
  bindSteps,
  lowerToSteps,
  READ_MODIFY_WRITES,
  StepCode,
  type StepContext,
  type StepLanes,
  type StepProgram,
  type StepSite,
} from './lower-to-steps.ts';
export { lowerToWgsl, planTables } from './lower-to-wgsl.ts';
export { opcode } from './opcode.ts';
export { printExpression, printKernel } from './print.ts';
export { canBeInner, readsOnlyRecorded, storesToStatusOnly, touchesOwnSlotOnly } from './structure.ts';
