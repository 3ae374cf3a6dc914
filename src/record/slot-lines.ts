/**
 * Slots as JSON lines, so that any program in any language can publish: one object a line, a slot or the end of a batch.
 *
 *     # blank lines and comments are skipped
 *     {"opcode":"ATOMIC_ADD","args":[1,170]}
 *     {"opcode":"0x40000001","tenant":3,"priority":0,"args":[7,8,9]}
 *     {"end":"batch","tag":7}
 */

import { isWord } from '../base/words.ts';
import { findOpcode, type Kernel } from '../kernel/index.ts';
import { ARGUMENT_COUNT, Opcode, Priority } from '../protocol/index.ts';
import { LineSplitter, type TextLine } from './line-splitter.ts';
import { nearestName } from './nearest-name.ts';
import type { SlotRequest } from './session.ts';
import { SlotLineError } from './slot-line-error.ts';

/** What a line says. */
export type SlotLine =
  | { readonly kind: 'slot'; readonly slot: SlotRequest }
  /** The batch ends here: what `RecordingSession.endEpoch` takes. */
  | { readonly kind: 'end'; readonly tag: number; readonly fence: boolean };

/**
 * Reads one line; undefined if it is blank or a comment.
 *
 * @param lineNumber for messages.
 * @param kernel tells which opcodes there are and what they are called. Without one any number will do, the protocol's
 *   names are known, and batches end without a fence unless the line asks for one.
 * @throws SlotLineError that says what was found and what was expected.
 */
export function parseSlotLine(text: string, lineNumber: number, kernel?: Kernel): SlotLine | undefined {
  // Takes the CR of a CRLF and a byte order mark away too.
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return undefined;
  const parser = new LineParser(lineNumber, kernel);
  return parser.parse(trimmed);
}

/**
 * Reads lines from bytes, whatever pieces these come in; blank lines and comments are left out.
 *
 * What is wrong with a line is thrown as a SlotLineError when all lines before it were given out. After that the reader
 * is of no more use.
 */
export class SlotLineReader {
  readonly #splitter = new LineSplitter();
  readonly #kernel: Kernel | undefined;

  /** @param kernel as for {@link parseSlotLine}. */
  constructor(kernel?: Kernel) {
    this.#kernel = kernel;
  }

  /** All lines of a file, a pipe, a response. */
  async *read(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<SlotLine> {
    for await (const chunk of chunks) yield* this.push(chunk);
    yield* this.end();
  }

  /** The lines that end in this chunk, which is not kept. To be run to its end. */
  *push(chunk: Uint8Array): Generator<SlotLine> {
    yield* this.#parse(this.#splitter.push(chunk));
  }

  /** The line that ended with the input, if there is one. */
  *end(): Generator<SlotLine> {
    yield* this.#parse(this.#splitter.end());
  }

  *#parse(lines: Iterable<TextLine>): Generator<SlotLine> {
    for (const { text, lineNumber } of lines) {
      const line = parseSlotLine(text, lineNumber, this.#kernel);
      if (line !== undefined) yield line;
    }
  }
}

const SLOT_MEMBERS: readonly string[] = ['opcode', 'tenant', 'priority', 'args'];
const END_MEMBERS: readonly string[] = ['end', 'tag', 'fence'];
const EXAMPLE = '{"opcode":"ATOMIC_ADD","args":[1,170]} or {"end":"batch"}';

/** A map, not the object: an opcode called "constructor" must not be found. */
const PROTOCOL_CODES: ReadonlyMap<string, number> = new Map(Object.entries(Opcode));

/** Members of an object that somebody else wrote. */
type Members = ReadonlyMap<string, unknown>;

class LineParser {
  readonly #lineNumber: number;
  readonly #kernel: Kernel | undefined;

  constructor(lineNumber: number, kernel: Kernel | undefined) {
    this.#lineNumber = lineNumber;
    this.#kernel = kernel;
  }

  parse(text: string): SlotLine {
    const members = this.#members(text);
    if (members.has('end')) return this.#end(members);
    if (members.has('opcode')) return this.#slot(members);
    throw this.#error('it has neither an "opcode" nor an "end"', `write ${EXAMPLE}.`);
  }

  #members(text: string): Members {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (cause) {
      throw this.#error(`it is not JSON: ${quote(text)}`, `write one object a line, such as ${EXAMPLE}.`, { cause });
    }
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      throw this.#error(`it is ${describe(data)}, not an object`, `write ${EXAMPLE}.`);
    }
    return new Map(Object.entries(data));
  }

  #slot(members: Members): SlotLine {
    this.#rejectOthers(members, SLOT_MEMBERS, 'a slot');
    const opcode = this.#opcode(members.get('opcode'));
    const tenant = this.#optionalWord(members, 'tenant', 0);
    const priority = this.#optionalWord(members, 'priority', Priority.NORMAL);
    if (priority > Priority.IDLE) {
      throw this.#error(`"priority" is ${priority}, expected 0 (critical) to 4 (idle)`, 'leave it out for normal.');
    }
    return { kind: 'slot', slot: { opcode, tenant, priority, args: this.#arguments(members) } };
  }

  #end(members: Members): SlotLine {
    this.#rejectOthers(members, END_MEMBERS, 'the end of a batch');
    const end = members.get('end');
    if (end !== 'batch') throw this.#error(`"end" is ${describe(end)}, expected "batch"`, 'write {"end":"batch"}.');
    const fence = members.has('fence') ? members.get('fence') : this.#hasFence();
    if (typeof fence !== 'boolean') {
      throw this.#error(`"fence" is ${describe(fence)}, expected true or false`, 'leave it out for the usual one.');
    }
    return { kind: 'end', tag: this.#optionalWord(members, 'tag', 0), fence };
  }

  #opcode(value: unknown): number {
    const code = typeof value === 'string' && !isNumberText(value) ? this.#codeOf(value) : this.#word('opcode', value);
    if (this.#kernel === undefined || findOpcode(this.#kernel, code) !== undefined) return code;
    throw this.#noHandler(`opcode 0x${code.toString(16)}`);
  }

  #codeOf(name: string): number {
    const kernel = this.#kernel;
    const code = kernel ? kernel.opcodes.find((known) => known.name === name)?.code : PROTOCOL_CODES.get(name);
    if (code !== undefined) return code;
    const nearest = nearestName(name, this.#opcodeNames());
    throw this.#noHandler(`opcode ${quote(name)}`, nearest && `did you mean ${nearest}?`);
  }

  #opcodeNames(): readonly string[] {
    return this.#kernel?.opcodes.map(({ name }) => name) ?? Array.from(PROTOCOL_CODES.keys());
  }

  /** The same words whether a number or a name has no handler. */
  #noHandler(what: string, fix?: string): SlotLineError {
    const whose = this.#kernel === undefined ? 'the protocol has no' : `kernel ${quote(this.#kernel.name)} has no`;
    return this.#error(
      `${whose} ${what}`,
      fix ?? `use one of ${this.#opcodeNames().join(', ')}, or a kernel that has it.`,
    );
  }

  #arguments(members: Members): number[] {
    const args = members.get('args');
    if (!members.has('args')) return [];
    if (!Array.isArray(args)) {
      throw this.#error(`"args" is ${describe(args)}, expected a list`, 'write "args":[1,170].');
    }
    if (args.length > ARGUMENT_COUNT) {
      throw this.#error(
        `"args" has ${args.length} words, expected at most ${ARGUMENT_COUNT}`,
        'split the work over several slots.',
      );
    }
    return args.map((argument: unknown, index) => this.#word(`args[${index}]`, argument));
  }

  #optionalWord(members: Members, name: string, otherwise: number): number {
    return members.has(name) ? this.#word(name, members.get(name)) : otherwise;
  }

  #word(name: string, value: unknown): number {
    const number = typeof value === 'string' && isNumberText(value) ? Number(value) : value;
    // JSON has a −0, which is the word 0.
    if (isWord(number)) return number === 0 ? 0 : number;
    throw this.#error(
      `"${name}" is ${describe(value)}, expected a whole number from 0 to 4294967295`,
      'write it in decimal, or as a string such as "0x40000001".',
    );
  }

  #rejectOthers(members: Members, known: readonly string[], what: string): void {
    const unknown = Array.from(members.keys()).find((member) => !known.includes(member));
    if (unknown === undefined) return;
    const nearest = nearestName(unknown, known);
    throw this.#error(
      `${what} has no ${quote(unknown)}, only ${known.map((member) => `"${member}"`).join(', ')}`,
      nearest === undefined ? 'leave it out.' : `did you mean "${nearest}"?`,
    );
  }

  #hasFence(): boolean {
    return this.#kernel !== undefined && findOpcode(this.#kernel, Opcode.BATCH_FENCE) !== undefined;
  }

  #error(what: string, fix: string, options?: ErrorOptions): SlotLineError {
    return new SlotLineError(this.#lineNumber, what, fix, options);
  }
}

/** Hexadecimal or decimal digits; an opcode's name begins with a letter. */
function isNumberText(text: string): boolean {
  return /^(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(text);
}

/** A value as messages show it. */
function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? quote(value) : String(value);
}

/** Somebody else's text, short and without anything that a terminal would obey. */
function quote(text: string): string {
  const short = text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const MAX_QUOTED_LENGTH = 60;
