/**
 * Kernels whose lanes pause in the middle of what they do, where the slot says so.
 *
 * Between two accesses that a lane makes one after the other, a device has no time for the many accesses of another lane.
 * Pauses at random give it that time: noise, as ConTest makes it for threads (O. Edelstein, E. Farchi, Y. Nir, G. Ratsaby
 * and S. Ur, "Multithreaded Java program test generation", IBM Systems Journal 41(1), 2002). They change no access and no
 * order of accesses, so a kernel with pauses does nothing that it could not do without them.
 */

import { type Expression, finishKernel, type Kernel, type Statement } from '../../kernel/index.ts';
import { ControlWord, SlotWord } from '../../protocol/index.ts';
import { bind, constant, load, local, operation, when } from './expressions.ts';
import { LOT_ARGUMENT } from './rare.ts';
import { declaredNames } from './rename.ts';

/** The argument that says where a slot pauses and how long: no opcode of a race uses it. */
export const PAUSE_ARGUMENT: number = LOT_ARGUMENT - 1;

/** The access before which a slot pauses is chosen by so many bits; the turns are above them. */
const CHOICE_BITS = 8;
const CHOICE_MASK = 2 ** CHOICE_BITS - 1;
/** A pause may be met in each turn of a loop, and llvmpipe has a lane leave its loops after 65,536 turns of all of them. */
export const MOST_PAUSE_TURNS: number = 2 ** 13;

/**
 * The argument of a slot that pauses once in each of its routines.
 *
 * @param choice any u32: before which access, modulo how many the routine has.
 * @param turns 0 … {@link MOST_PAUSE_TURNS}: looks at a word of control memory, about as many round trips to memory.
 */
export function pauseArgument(choice: number, turns: number): number {
  return (choice & CHOICE_MASK) | (turns << CHOICE_BITS);
}

/** The kernel, with pauses in the opcodes of these names. */
export function withPauses(kernel: Kernel, routines: ReadonlySet<string>): Kernel {
  const { identity: _, ...definition } = kernel;
  const opcodes = kernel.opcodes.map((opcode) =>
    routines.has(opcode.name) ? { ...opcode, body: new PausingRoutine(opcode.body).statements() } : opcode,
  );
  return finishKernel({ ...definition, name: `${kernel.name}, with pauses`, opcodes });
}

class PausingRoutine {
  readonly #body: readonly Statement[];
  readonly #accesses: number;
  readonly #suffix: string;
  #next = 0;

  constructor(body: readonly Statement[]) {
    this.#body = body;
    this.#accesses = accessesOf(body);
    const names = new Set(declaredNames(body));
    let suffix = 'ToPause';
    while ([...names].some((name) => name.endsWith(suffix))) suffix += 'Here';
    this.#suffix = suffix;
  }

  statements(): readonly Statement[] {
    if (this.#accesses === 0) return this.#body;
    const index = operation('add', local('slotBase'), constant(SlotWord.ARGUMENTS + PAUSE_ARGUMENT));
    const asked = this.#local('asked');
    const choice = operation('remainder', operation('and', asked, constant(CHOICE_MASK)), constant(this.#accesses));
    return [
      { kind: 'load', name: this.#name('asked'), memory: 'ring', index, access: 'plain' },
      bind(this.#name('chosen'), choice),
      bind(this.#name('turns'), operation('shiftRight', asked, constant(CHOICE_BITS))),
      ...this.#block(this.#body),
    ];
  }

  #block(statements: readonly Statement[]): Statement[] {
    return statements.flatMap((statement) => {
      if (statement.kind === 'if') {
        const whenTrue = this.#block(statement.whenTrue);
        return [{ ...statement, whenTrue, whenFalse: this.#block(statement.whenFalse) }];
      }
      if (statement.kind === 'loop') return [{ ...statement, body: this.#block(statement.body) }];
      return isSharedAccess(statement) ? [...this.#pause(), statement] : [statement];
    });
  }

  /** Looks whether the kernel is to shut down, so that no compiler takes the loop for idle. */
  #pause(): Statement[] {
    const number = this.#next;
    this.#next += 1;
    const looked = `looked${number}`;
    const isChosen = operation('equal', this.#local('chosen'), constant(number));
    return [
      when(isChosen, [
        {
          kind: 'loop',
          name: this.#name(`turn${number}`),
          from: constant(0),
          below: this.#local('turns'),
          atMost: MOST_PAUSE_TURNS,
          body: [
            load(this.#name(looked), 'control', constant(ControlWord.SHUTDOWN)),
            when(operation('notEqual', this.#local(looked), constant(0)), [{ kind: 'break' }]),
          ],
        },
      ]),
    ];
  }

  #name(name: string): string {
    return `${name}${this.#suffix}`;
  }

  #local(name: string): Expression {
    return local(this.#name(name));
  }
}

function accessesOf(statements: readonly Statement[]): number {
  return statements.reduce((sum, statement) => {
    if (statement.kind === 'if') return sum + accessesOf(statement.whenTrue) + accessesOf(statement.whenFalse);
    if (statement.kind === 'loop') return sum + accessesOf(statement.body);
    return isSharedAccess(statement) ? sum + 1 : sum;
  }, 0);
}

/** Whether a statement looks at memory that other lanes change: a slot of the ring is its lane's alone. */
function isSharedAccess(statement: Statement): boolean {
  switch (statement.kind) {
    case 'load':
    case 'store':
    case 'atomic':
    case 'compareExchange':
      return statement.memory !== 'ring';
    default:
      return false;
  }
}
