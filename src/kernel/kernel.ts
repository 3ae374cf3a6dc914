/** Making kernels: from options, from a rewritten definition, from JSON that somebody else wrote. */

import { decodeBase64 } from '../base/base64.ts';
import { isWord } from '../base/words.ts';
import type { Region } from '../observe/index.ts';
import { DEBUG_WORDS, MIN_CONTROL_WORDS, TENANT_MASK_COUNT } from '../protocol/index.ts';
import { builtinOpcodes, plainTurn } from './builtin.ts';
import { checkKernel, MAX_OBSERVABLE_WORDS } from './check.ts';
import type { Kernel, KernelDefinition } from './definition.ts';
import { KernelError } from './errors.ts';
import { KERNEL_FIELDS, TABLE_FIELDS, unknownFieldOf } from './fields.ts';
import { type KernelJson, kernelIdentity } from './identity.ts';
import type { OpcodeDefinition } from './ir.ts';

const DEFAULT_OBSERVABLE_WORDS = 864;

/** What {@link defineKernel} takes; everything but the name has a default. */
export interface KernelOptions {
  readonly name: string;
  /** Default 256. */
  readonly slotCount?: number;
  /** Observable words after the protocol's 160, at least 1. Default 864, so that control memory has 1,024 words. */
  readonly observableWords?: number;
  /** Default 29, every tenant that has a mask. */
  readonly tenantCount?: number;
  readonly tables?: Readonly<Record<string, Uint32Array>>;
  /** Added to the built-in ones. */
  readonly opcodes?: readonly OpcodeDefinition[];
  /** Added to the built-in ones, which observe everything exactly but the debug log's records, a multiset. */
  readonly regions?: readonly Region[];
}

/**
 * A kernel with the built-in opcodes and the plain turn, plus what is given.
 *
 * @throws KernelError with everything that is wrong with it.
 */
export function defineKernel(options: KernelOptions): Kernel {
  const { observableWords = DEFAULT_OBSERVABLE_WORDS } = options;
  // Said here, because a definition knows only the sum, which is not what the caller gave.
  if (!isWord(observableWords) || observableWords < 1 || observableWords > MAX_OBSERVABLE_WORDS) {
    throw new KernelError(
      [`observableWords ${observableWords} is not 1 … ${MAX_OBSERVABLE_WORDS}`],
      `leave it out for ${DEFAULT_OBSERVABLE_WORDS}; BATCH_FENCE stores to the first, so there has to be one.`,
    );
  }
  return finishKernel({
    name: options.name,
    slotCount: options.slotCount ?? 256,
    controlWords: MIN_CONTROL_WORDS + observableWords,
    tenantCount: options.tenantCount ?? TENANT_MASK_COUNT,
    tables: Object.entries(options.tables ?? {}).map(([name, words]) => ({ name, words })),
    turn: plainTurn(),
    opcodes: [...builtinOpcodes(), ...(options.opcodes ?? [])],
    regions: [...DEBUG_REGIONS, ...(options.regions ?? [])],
  });
}

/**
 * Checks a definition and gives it its identity. For definitions read from a file or made by rewriting another.
 *
 * @throws KernelError with everything that is wrong with it.
 */
export function finishKernel(definition: KernelDefinition): Kernel {
  checkKernel(definition);
  const own = ownCopy(definition);
  return { ...own, identity: kernelIdentity(own) };
}

/**
 * The definition in objects of its own, but for the words of tables. What the caller does to his objects later changes
 * no checked kernel; and a statement that he used in two places becomes two, as it is in JSON: faults are told apart by
 * the statement they happened at. Everything in it was checked, so there is nothing that JSON could not hold.
 */
function ownCopy(definition: KernelDefinition): KernelDefinition {
  const { name, slotCount, controlWords, tenantCount, tables, turn, opcodes, regions } = definition;
  const copied = JSON.parse(JSON.stringify({ turn, opcodes, regions })) as Routines;
  return { name, slotCount, controlWords, tenantCount, tables, ...copied };
}

type Routines = Pick<KernelDefinition, 'turn' | 'opcodes' | 'regions'>;

/**
 * A kernel from JSON data of unknown origin. Nothing in it is trusted: it is checked like one that was just written.
 *
 * @throws KernelError with everything that is wrong with it.
 */
export function kernelFromJson(json: unknown): Kernel {
  if (typeof json !== 'object' || json === null) throw notAKernel('it is not an object');
  // The cast claims nothing that checkKernel, called by finishKernel, does not verify field by field.
  const data = json as Partial<KernelJson>;
  refuseUnknown(data, KERNEL_FIELDS, 'the kernel');
  if (!Array.isArray(data.tables)) throw notAKernel('tables is not a list');
  const tables = data.tables.map((table, index) => {
    if (typeof table?.name !== 'string' || typeof table.words !== 'string') {
      throw notAKernel(`table ${index} has no name or no words`);
    }
    refuseUnknown(table, TABLE_FIELDS, `table ${table.name}`);
    return { name: table.name, words: decodeWords(table.words) };
  });
  const { name, slotCount, controlWords, tenantCount, turn, opcodes, regions } = data as KernelJson;
  return finishKernel({ name, slotCount, controlWords, tenantCount, tables, turn, opcodes, regions });
}

/** Only what is taken apart here; the check sees the rest as it was written. */
function refuseUnknown(data: object, known: ReadonlySet<string>, place: string): void {
  const unknown = unknownFieldOf(data, known);
  if (unknown !== undefined) throw notAKernel(`${place}: ${unknown}`);
}

function notAKernel(problem: string): KernelError {
  return new KernelError([problem], 'use a kernel that vrrl wrote, or give one with --kernel.');
}

function decodeWords(text: string): Uint32Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined || bytes.length % 4 !== 0) throw notAKernel('a table is not base64 of whole words');
  return new Uint32Array(bytes.slice().buffer);
}

/** The order of PRINTF records is the schedule's; which records there are is not. */
const DEBUG_REGIONS: readonly Region[] = [
  {
    name: 'printf records',
    area: 'debug',
    start: 1,
    count: DEBUG_WORDS - 1,
    equivalence: 'multiset',
    recordWords: 4,
    usedWordsAt: 0,
  },
];
