/**
 * A kernel as single-access steps: a program whose lanes stop before every access to memory, so that whoever runs them
 * decides which lane goes next, and what a load returns.
 *
 * A lane is a state machine. `advance(lane)` runs it from where it stopped, with the value that its access gave in
 * `received`, to its next access, which it describes in `site`, `address`, `value` and `desired` and does not perform.
 * Locals live in one array, since they outlive every call. Statements without accesses stay structured; the others are
 * laid out as the cases of one `switch`. Handlers are there once for each depth at which they can run (dispatches nest
 * at most twice), so that every local has a fixed place.
 *
 * As in the other lowerings to JavaScript, nothing from a kernel reaches the text but checked names and numbers.
 */

import { WORD_BYTES } from '../base/words.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { typeGivenBy } from './check.ts';
import { type KernelDefinition, memoriesOf } from './definition.ts';
import { FaultReason, FaultSites, faultWord } from './fault-sites.ts';
import {
  type AccessKind,
  ATOMIC_OPERATIONS,
  type AtomicOperation,
  type Expression,
  type OpcodeDefinition,
  type Statement,
} from './ir.ts';
import { DIVISION_HELPERS, javaScriptExpression } from './javascript-expressions.ts';
import { planMemory } from './lower-to-javascript.ts';
import { canBeInner, isAlwaysInRange } from './structure.ts';
import { usedNames } from './used-names.ts';

/** What a lane is about to do. The read-modify-writes come last, in the order of {@link READ_MODIFY_WRITES}. */
export const StepCode = {
  /** Its turn is over. */
  ENDED: 0,
  /** Its loops took more turns than it was given. */
  HUNG: 1,
  LOAD: 2,
  STORE: 3,
  COMPARE_EXCHANGE: 4,
  /** A barrier that orders the accesses of lanes in other workgroups too. */
  BARRIER: 5,
  FIRST_READ_MODIFY_WRITE: 6,
} as const;

/** The operation of step code `FIRST_READ_MODIFY_WRITE + n` is the n-th of these. */
export const READ_MODIFY_WRITES: readonly AtomicOperation[] = ATOMIC_OPERATIONS;

/** A place in the kernel at which lanes stop. */
export interface StepSite {
  /** A {@link StepCode}. */
  readonly code: number;
  /** `turn`, or the name of an opcode. */
  readonly routine: string;
  /** Whether it is of the kernel's turn around the opcode: an opcode may be called `turn` too. */
  readonly isTurn: boolean;
  /** Empty for barriers and ends. */
  readonly memory: string;
  readonly access: AccessKind;
  /** Whether anything depends on the value that a read-modify-write finds. */
  readonly usesOldValue: boolean;
}

/** Words of every lane, in arrays that program and scheduler share. All but `locals` have one word a lane. */
export interface StepLanes {
  /** Where the lane goes on; 0 is the beginning of its turn. */
  readonly position: Uint32Array;
  /** Index into {@link StepProgram.sites}: what the lane is about to do. */
  readonly site: Uint32Array;
  /** Word of the flat memory: ring, control memory, debug log, end to end as `planMemory` lays them. */
  readonly address: Uint32Array;
  /** What is stored, the operand, or what a compare-exchange expects. */
  readonly value: Uint32Array;
  readonly desired: Uint32Array;
  /** Set by whoever performs the access: the value that it found. */
  readonly received: Uint32Array;
  /** Loop turns (and, by whoever performs them, accesses) that the lane may still take. */
  readonly budget: Uint32Array;
  /** Ring word at which the lane's slot begins. */
  readonly slotBase: Uint32Array;
  /** `localWords` a lane. */
  readonly locals: Uint32Array;
}

/** What a step program is bound to. */
export interface StepContext {
  readonly lanes: StepLanes;
  readonly tables: Readonly<Record<string, Uint32Array>>;
  /** Called when a lane faults, before it stores its slot's status: the two words of the fault. */
  readonly raised: (lane: number, reason: number, detail: number) => void;
}

/** Runs a lane to its next access. */
export type Advance = (lane: number) => void;

export interface StepProgram {
  /** The body of a function of a {@link StepContext} that returns an {@link Advance}. */
  readonly text: string;
  /** Words of locals a lane. */
  readonly localWords: number;
  readonly sites: readonly StepSite[];
}

/** Lowers a kernel to steps. */
export function lowerToSteps(kernel: KernelDefinition): StepProgram {
  return new StepLowering(kernel).program();
}

/** Binds a step program to lanes. The program is as trustworthy as the check that the kernel passed. */
export function bindSteps(program: StepProgram, context: StepContext): Advance {
  return new Function('context', program.text)(context) as Advance;
}

/** A routine at the depth at which it runs: 0 the turn, 1 what it dispatches, 2 what a handler dispatches. */
interface Instance {
  readonly routine: string;
  readonly body: readonly Statement[];
  readonly depth: number;
  readonly start: number;
  /** Where its locals are. */
  readonly places: ReadonlyMap<string, LocalPlace>;
  readonly used: ReadonlySet<string>;
}

interface LocalPlace {
  readonly word: number;
  readonly isBoolean: boolean;
}

const TURN = { routine: 'turn', depth: 0 } as const;

const ENDED_SITE = 0;
const HUNG_SITE = 1;
const FAULT_SITE = 2;

/** At the front of a handler's locals. */
const RETURN_WORD = 0;
const ARGUMENT_BASE_WORD = 1;
const HANDLER_HEAD_WORDS = 2;

class StepLowering {
  readonly #kernel: KernelDefinition;
  readonly #faultSites: FaultSites;
  readonly #memories: ReadonlyMap<string, { words: number; isTable: boolean; base: number }>;
  readonly #sites: StepSite[] = [
    ...[StepCode.ENDED, StepCode.HUNG].map((code) => siteOf(code, TURN, '')),
    siteOf(StepCode.STORE, TURN, 'ring'),
  ];
  readonly #lines: string[] = [];
  readonly #instances = new Map<string, Instance>();
  readonly #waiting: Instance[] = [];
  /** First word of the locals of each depth. */
  readonly #depthBases: readonly number[];
  readonly #localWords: number;
  #caseCount = 1;

  constructor(kernel: KernelDefinition) {
    this.#kernel = kernel;
    this.#faultSites = new FaultSites(kernel);
    const { ringByteOffset, controlByteOffset, debugByteOffset } = planMemory(kernel);
    const bases = [ringByteOffset, controlByteOffset, debugByteOffset].map((offset) => offset / WORD_BYTES);
    this.#memories = new Map(
      memoriesOf(kernel).map(({ name, words, readOnly }, index) => [
        name,
        { words, isTable: readOnly, base: bases[index] ?? 0 },
      ]),
    );
    const turnWords = localCount(kernel.turn);
    const handlerWords = HANDLER_HEAD_WORDS + Math.max(0, ...kernel.opcodes.map(({ body }) => localCount(body)));
    this.#depthBases = [0, turnWords, turnWords + handlerWords];
    this.#localWords = Math.max(1, turnWords + 2 * handlerWords);
  }

  program(): StepProgram {
    this.#head();
    this.#emit(`function advance(lane) {`);
    this.#emit(`const base = lane * ${this.#localWords}, slotBase = slotBases[lane];`);
    this.#emit('for (let next = position[lane]; ; ) switch (next) {');
    this.#waiting.push(this.#instance(TURN.routine, this.#kernel.turn, TURN.depth, 0));
    for (let instance = this.#waiting.pop(); instance !== undefined; instance = this.#waiting.pop()) {
      this.#routine(instance);
    }
    this.#emit('}\n}\nreturn advance;');
    return { text: this.#lines.join('\n'), localWords: this.#localWords, sites: this.#sites };
  }

  #head(): void {
    this.#emit("'use strict';");
    this.#emit('const { position, site, address, value, desired, received, budget, locals } = context.lanes;');
    this.#emit('const slotBases = context.lanes.slotBase, raised = context.raised;');
    for (const { name } of this.#kernel.tables) this.#emit(`const m_${name} = context.tables.${name};`);
    for (const helper of DIVISION_HELPERS) this.#emit(helper);
    this.#emit('function raise(lane, reason, detail) {');
    this.#emit('  raised(lane, reason, detail);');
    this.#emit(`  site[lane] = ${FAULT_SITE}; address[lane] = slotBases[lane] + ${SlotWord.STATUS};`);
    this.#emit(`  value[lane] = ${SlotStatus.FAULT}; position[lane] = 1;`);
    this.#emit('}');
  }

  #emit(text: string): void {
    this.#lines.push(text);
  }

  /** The number of a case that nobody has yet. Case 1 is the end of a turn. */
  #newCase(): number {
    this.#caseCount += 1;
    return this.#caseCount;
  }

  #instance(routine: string, body: readonly Statement[], depth: number, start: number): Instance {
    const places = new Map<string, LocalPlace>();
    const first = this.#depthBases[depth] + (depth === 0 ? 0 : HANDLER_HEAD_WORDS);
    placeLocals(body, first, places);
    return { routine, body, depth, start, places, used: usedNames(body) };
  }

  #handlerInstance(definition: OpcodeDefinition, depth: number): Instance {
    const key = `${depth} ${definition.name}`;
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    const made = this.#instance(definition.name, definition.body, depth, this.#newCase());
    this.#instances.set(key, made);
    this.#waiting.push(made);
    return made;
  }

  #routine(instance: Instance): void {
    this.#emit(`case ${instance.start}:`);
    new RoutineLowering(instance, {
      emit: (text) => this.#emit(text),
      newCase: () => this.#newCase(),
      newSite: (site) => this.#sites.push(site) - 1,
      faultWord: (reason, statement) => faultWord(reason, this.#faultSites.numberOf(statement)),
      memory: (name) => this.#memories.get(name)!,
      depthBase: (depth) => this.#depthBases[depth],
      handlers: (inner) => this.#kernel.opcodes.filter((definition) => !inner || canBeInner(definition)),
      handlerInstance: (definition, depth) => this.#handlerInstance(definition, depth),
    }).lower();
    if (instance.depth > 0) return;
    this.#emit('case 1:');
    this.#emit(`site[lane] = ${ENDED_SITE}; return;`);
  }
}

/** What a routine's lowering needs of the program's. */
interface ProgramParts {
  readonly emit: (text: string) => void;
  readonly newCase: () => number;
  readonly newSite: (site: StepSite) => number;
  readonly faultWord: (reason: number, statement: Statement) => number;
  readonly memory: (name: string) => { words: number; isTable: boolean; base: number };
  readonly depthBase: (depth: number) => number;
  readonly handlers: (inner: boolean) => readonly OpcodeDefinition[];
  readonly handlerInstance: (definition: OpcodeDefinition, depth: number) => Instance;
}

type AccessStatement = Extract<Statement, { memory: string }>;

class RoutineLowering {
  readonly #instance: Instance;
  readonly #parts: ProgramParts;
  /** Where `break` goes, the innermost last. */
  readonly #loopEnds: number[] = [];

  constructor(instance: Instance, parts: ProgramParts) {
    this.#instance = instance;
    this.#parts = parts;
  }

  lower(): void {
    this.#statements(this.#instance.body);
    this.#finish();
  }

  #statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    const { emit } = this.#parts;
    switch (statement.kind) {
      case 'let':
      case 'variable':
      case 'assign':
        return emit(this.#assignment(statement.name, statement.value));
      case 'load':
      case 'store':
      case 'atomic':
      case 'compareExchange':
        return this.#access(statement);
      case 'if':
        return isPure(statement) ? this.#pureBranch(statement) : this.#branch(statement);
      case 'loop':
        return this.#loop(statement);
      case 'dispatch':
        return this.#dispatch(statement);
      case 'fault': {
        const reason = this.#parts.faultWord(FaultReason.RAISED, statement);
        return emit(`return raise(lane, ${reason}, ${this.#text(statement.code)});`);
      }
      case 'break':
        return this.#goto(this.#loopEnds.at(-1)!);
      case 'finish':
        return this.#finish();
      case 'barrier':
        return this.#barrier(statement);
    }
  }

  #goto(target: number): void {
    this.#parts.emit(`next = ${target}; continue;`);
  }

  #finish(): void {
    if (this.#instance.depth === 0) this.#goto(1);
    else this.#parts.emit(`next = locals[base + ${this.#headWord(RETURN_WORD, this.#instance.depth)}]; continue;`);
  }

  #access(statement: AccessStatement): void {
    const { emit } = this.#parts;
    const { words, isTable, base } = this.#parts.memory(statement.memory);
    emit(`{ const index = ${this.#text(statement.index)};`);
    if (!isAlwaysInRange(statement.memory, statement.index)) {
      const reason = this.#parts.faultWord(FaultReason.OUT_OF_RANGE, statement);
      emit(`if (index >= ${words}) return raise(lane, ${reason}, index);`);
    }
    if (isTable && statement.kind === 'load') {
      emit(`${this.#local(statement.name)} = m_${statement.memory}[index]; }`);
      return;
    }
    emit(`address[lane] = ${base} + index;`);
    if (statement.kind === 'store' || statement.kind === 'atomic') {
      emit(`value[lane] = ${this.#text(statement.value)};`);
    } else if (statement.kind === 'compareExchange') {
      emit(`value[lane] = ${this.#text(statement.expected)}; desired[lane] = ${this.#text(statement.desired)};`);
    }
    emit('}');
    this.#stop(this.#siteOfAccess(statement));
    if (statement.kind !== 'store') emit(`${this.#local(statement.name)} = received[lane];`);
  }

  #siteOfAccess(statement: AccessStatement): StepSite {
    const { routine, depth, used } = this.#instance;
    const code = codeOf(statement);
    const access = statement.kind === 'load' || statement.kind === 'store' ? statement.access : 'atomic';
    const usesOldValue = statement.kind !== 'store' && used.has(statement.name);
    return { code, routine, isTurn: depth === TURN.depth, memory: statement.memory, access, usesOldValue };
  }

  /** Hands over to the scheduler; the lane goes on behind. */
  #stop(site: StepSite): void {
    const behind = this.#parts.newCase();
    this.#parts.emit(`site[lane] = ${this.#parts.newSite(site)}; position[lane] = ${behind}; return;`);
    this.#parts.emit(`case ${behind}:`);
  }

  /** Lanes are taken to be in workgroups of their own, where a barrier of the workgroup orders nothing for others. */
  #barrier({ scope }: Extract<Statement, { kind: 'barrier' }>): void {
    if (scope === 'device') this.#stop(siteOf(StepCode.BARRIER, this.#instance, ''));
  }

  #pureBranch(statement: Extract<Statement, { kind: 'if' }>): void {
    this.#parts.emit(`if (${this.#text(statement.condition)}) {`);
    this.#statements(statement.whenTrue);
    this.#parts.emit('} else {');
    this.#statements(statement.whenFalse);
    this.#parts.emit('}');
  }

  #branch(statement: Extract<Statement, { kind: 'if' }>): void {
    const otherwise = this.#parts.newCase();
    this.#parts.emit(`if (!${this.#text(statement.condition)}) { next = ${otherwise}; continue; }`);
    this.#statements(statement.whenTrue);
    if (statement.whenFalse.length === 0) {
      this.#parts.emit(`case ${otherwise}:`);
      return;
    }
    const behind = this.#parts.newCase();
    this.#goto(behind);
    this.#parts.emit(`case ${otherwise}:`);
    this.#statements(statement.whenFalse);
    this.#parts.emit(`case ${behind}:`);
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>): void {
    const { emit } = this.#parts;
    const top = this.#parts.newCase();
    const behind = this.#parts.newCase();
    const index = this.#local(statement.name);
    const below = this.#local(belowName(statement.name));
    const turns = this.#local(turnsName(statement.name));
    emit(`${index} = ${this.#text(statement.from)}; ${below} = ${this.#text(statement.below)}; ${turns} = 0;`);
    emit(`case ${top}:`);
    emit(`if (!(${index} < ${below} && ${turns} < ${statement.atMost})) { next = ${behind}; continue; }`);
    emit(`if (budget[lane] === 0) { site[lane] = ${HUNG_SITE}; return; }`);
    emit('budget[lane] -= 1;');
    this.#loopEnds.push(behind);
    this.#statements(statement.body);
    this.#loopEnds.pop();
    emit(`${index} += 1; ${turns} += 1;`);
    this.#goto(top);
    emit(`case ${behind}:`);
  }

  #dispatch(statement: Extract<Statement, { kind: 'dispatch' }>): void {
    const { emit } = this.#parts;
    const depth = this.#instance.depth + 1;
    const behind = this.#parts.newCase();
    emit(`{ const opcode = ${this.#text(statement.opcode)};`);
    emit(`locals[base + ${this.#headWord(ARGUMENT_BASE_WORD, depth)}] = ${this.#text(statement.argumentBase)};`);
    emit(`locals[base + ${this.#headWord(RETURN_WORD, depth)}] = ${behind};`);
    emit('switch (opcode) {');
    for (const definition of this.#parts.handlers(statement.inner)) {
      emit(`case ${definition.code}: next = ${this.#parts.handlerInstance(definition, depth).start}; continue;`);
    }
    const reason = this.#parts.faultWord(FaultReason.NO_HANDLER, statement);
    emit(`default: return raise(lane, ${reason}, opcode); } }`);
    emit(`case ${behind}:`);
  }

  #headWord(word: number, depth: number): number {
    return this.#parts.depthBase(depth) + word;
  }

  #assignment(name: string, value: Expression): string {
    const text = this.#text(value);
    return `${this.#local(name)} = ${this.#instance.places.get(name)!.isBoolean ? `${text} ? 1 : 0` : text};`;
  }

  #local(name: string): string {
    return `locals[base + ${this.#instance.places.get(name)!.word}]`;
  }

  #text(expression: Expression): string {
    return javaScriptExpression(expression, (name) => {
      const place = this.#instance.places.get(name);
      if (place !== undefined) return place.isBoolean ? `(${this.#local(name)} !== 0)` : this.#local(name);
      if (name === 'slotBase') return name;
      if (name === 'slotIndex') return `(slotBase / ${SLOT_WORDS})`;
      return `locals[base + ${this.#headWord(ARGUMENT_BASE_WORD, this.#instance.depth)}]`;
    });
  }
}

function siteOf(code: number, { routine, depth }: Pick<Instance, 'routine' | 'depth'>, memory: string): StepSite {
  return { code, routine, isTurn: depth === TURN.depth, memory, access: 'atomic', usesOldValue: false };
}

function codeOf(statement: AccessStatement): number {
  switch (statement.kind) {
    case 'load':
      return StepCode.LOAD;
    case 'store':
      return StepCode.STORE;
    case 'compareExchange':
      return StepCode.COMPARE_EXCHANGE;
    case 'atomic':
      return StepCode.FIRST_READ_MODIFY_WRITE + READ_MODIFY_WRITES.indexOf(statement.operation);
  }
}

/** Whether a branch only computes, so that it can stay a branch. */
function isPure(statement: Statement): boolean {
  if (statement.kind === 'if') return [...statement.whenTrue, ...statement.whenFalse].every(isPure);
  return statement.kind === 'let' || statement.kind === 'variable' || statement.kind === 'assign';
}

// A loop keeps where it ends and how often it turned in locals of its own; no name of a kernel has a space.
const belowName = (name: string) => `below ${name}`;
const turnsName = (name: string) => `turns ${name}`;

/** Gives every local of a routine a word of its own: names are unique in a routine, and nothing recurses. */
function placeLocals(statements: readonly Statement[], first: number, places: Map<string, LocalPlace>): void {
  const place = (name: string, isBoolean: boolean) => {
    if (!places.has(name)) places.set(name, { word: first + places.size, isBoolean });
  };
  for (const statement of statements) {
    if (statement.kind === 'if') {
      placeLocals(statement.whenTrue, first, places);
      placeLocals(statement.whenFalse, first, places);
    } else if (statement.kind === 'loop') {
      for (const name of [statement.name, belowName(statement.name), turnsName(statement.name)]) place(name, false);
      placeLocals(statement.body, first, places);
    } else if (statement.kind === 'let' || statement.kind === 'variable') {
      place(statement.name, isBoolean(statement.value, places));
    } else if ('name' in statement && statement.kind !== 'assign') place(statement.name, false);
  }
}

function localCount(statements: readonly Statement[]): number {
  const places = new Map<string, LocalPlace>();
  placeLocals(statements, 0, places);
  return places.size;
}

function isBoolean(expression: Expression, places: ReadonlyMap<string, LocalPlace>): boolean {
  switch (expression.kind) {
    case 'constant':
    case 'complement':
      return false;
    case 'not':
      return true;
    case 'local':
      return places.get(expression.name)?.isBoolean ?? false;
    case 'select':
      return isBoolean(expression.whenTrue, places);
    case 'binary':
      return typeGivenBy(expression.operator) === 'bool';
  }
}
