/** Opcodes: a number, a name, and the statements that a lane runs for it. */

import { isWord } from '../base/words.ts';
import { isSystemOpcode } from '../protocol/index.ts';
import { RoutineBuilder, type Value } from './builder.ts';
import { KernelError } from './errors.ts';
import { HANDLER_PARAMETERS, type OpcodeDefinition } from './ir.ts';

/**
 * An opcode of a user's.
 *
 * @param name how it is called in slots, reports and printed kernels.
 * @param code its number: none of the protocol's own; tenants are handed ranges from 0x40000000 up.
 * @param argumentNames a name for each argument word that the handler reads; `write` gets their values in that order.
 * @param write appends the handler's statements to the builder.
 */
export function opcode(
  name: string,
  code: number,
  argumentNames: readonly string[],
  write: (routine: RoutineBuilder, ...args: Value[]) => void,
  options: { promisesAtomicity?: boolean } = {},
): OpcodeDefinition {
  if (!isWord(code) || isSystemOpcode(code)) {
    throw new KernelError([`opcode ${name}: ${code} belongs to the protocol`], 'take a number from 0x40000000 up.');
  }
  return writeOpcode(name, code, argumentNames, write, { promisesAtomicity: options.promisesAtomicity ?? false });
}

/** As {@link opcode}, for any number; with `loadsArguments: false` the handler loads what it needs by itself. */
export function writeOpcode(
  name: string,
  code: number,
  argumentNames: readonly string[],
  write: (routine: RoutineBuilder, ...args: Value[]) => void,
  options: { promisesAtomicity: boolean; loadsArguments?: boolean },
): OpcodeDefinition {
  const { promisesAtomicity, loadsArguments = true } = options;
  const routine = new RoutineBuilder(HANDLER_PARAMETERS);
  const argumentBase = routine.parameter('argumentBase');
  const load = (argument: string, index: number) => routine.loadPlain('ring', argumentBase.plus(index), argument);
  write(routine, ...(loadsArguments ? argumentNames.map(load) : []));
  return { name, code, argumentNames: [...argumentNames], promisesAtomicity, body: routine.statements };
}
