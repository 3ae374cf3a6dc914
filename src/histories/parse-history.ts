/**
 * Histories as JSON lines, an operation a line (spec/history.md):
 *
 *     {"process":3,"call":17,"return":42,"input":{"op":"cas","from":1,"to":2},"output":{"ok":true}}
 *
 * Nothing is guessed: a member that the model has no meaning for is refused, since whoever wrote it meant something.
 */

import { HISTORY_END, type History, type HistoryOperation } from './history.ts';
import { HistoryError } from './history-error.ts';
import { type Members, type ModelDefinition, memberNames } from './language.ts';
import { MemberReader, type Refuse } from './members.ts';
import { quoted } from './quoted.ts';
import type { Member } from './values.ts';

const LINE_MEMBERS: readonly string[] = ['process', 'call', 'return', 'input', 'output'];
const EXAMPLE = '{"process":1,"call":10,"return":20,"input":{"op":"read"},"output":{"value":null}}';

/**
 * Reads a history.
 *
 * @param source UTF-8, lines ended by LF or CRLF; blank lines and lines that begin with # are skipped.
 * @throws HistoryError with the number of the first line that is no operation of the model.
 */
export function parseHistory(source: Uint8Array | string, model: ModelDefinition): History {
  const lines = (typeof source === 'string' ? source : decode(source)).split('\n');
  const parser = new HistoryParser(model);
  lines.forEach((line, index) => {
    // Takes the CR of a CRLF and a byte order mark away too.
    const text = line.trim();
    if (text !== '' && !text.startsWith('#')) parser.line(text, index + 1);
  });
  return parser.end();
}

class HistoryParser {
  readonly #model: ModelDefinition;
  readonly #operations: HistoryOperation[] = [];
  #initial: ReadonlyMap<string, Member> | undefined;
  #lineNumber = 0;
  /** What all numbers come to at most. */
  #sum = 0;
  readonly #reader: MemberReader;

  constructor(model: ModelDefinition) {
    this.#model = model;
    this.#reader = new MemberReader(this.#refuse);
  }

  line(text: string, lineNumber: number): void {
    this.#lineNumber = lineNumber;
    const line = this.#reader.object(
      'it',
      parseJson(text, this.#refuse),
      `write one object a line, such as ${EXAMPLE}.`,
    );
    if (line.has('initial')) this.#readInitial(line);
    else this.#operations.push(this.#operation(line));
  }

  end(): History {
    if (this.#model.cells === 'named') this.#initialOrRefuse();
    return { model: this.#model, operations: this.#operations, initial: this.#initial ?? new Map() };
  }

  #readInitial(line: ReadonlyMap<string, unknown>): void {
    this.#rejectOthers(line, ['initial'], 'the line with "initial"');
    if (this.#operations.length > 0 || this.#initial !== undefined) {
      this.#refuse('"initial" comes after the first line', 'make it the first line, and the only one of its kind.');
    }
    const { cells, holds } = this.#model;
    const kind = holds === 'value' ? 'value' : 'number';
    const value = line.get('initial');
    if (cells === 'one') this.#initial = new Map([['', this.#reader.member('"initial"', value, kind)]]);
    else if (cells === 'named') this.#initial = this.#reader.balances('"initial"', value);
    else {
      const members = this.#reader.object('"initial"', value, 'write a value for each key, {"initial":{"x":1}}.');
      this.#initial = new Map(
        Array.from(members, ([key, each]) => [key, this.#reader.member(`"initial" of ${quoted(key)}`, each, kind)]),
      );
    }
    if (holds === 'number') this.#addUp(this.#initial.values());
  }

  /** Sums have to be exact, whatever is added first. What goes between accounts adds nothing. */
  #addUp(members: Iterable<Member>): void {
    for (const member of members) this.#sum += Math.abs(Number(member));
    if (Number.isSafeInteger(this.#sum)) return;
    this.#refuse('the numbers come to more than 2^53 − 1 and cannot be added exactly', 'use smaller ones.');
  }

  #operation(line: ReadonlyMap<string, unknown>): HistoryOperation {
    this.#rejectOthers(line, LINE_MEMBERS, 'an operation');
    const [call, end] = this.#times(line);
    const input = this.#reader.object('"input"', line.get('input'), `write "input":{"op":"${this.#someOperation()}"}.`);
    const name = this.#operationName(input.get('op'));
    const definition = this.#model.operations[name];
    const isNull = (member: string) => line.get(member) === undefined || line.get(member) === null;
    const answer = isNull('output') ? undefined : this.#answer(line.get('output'), definition.output, name);
    const isPending = answer === undefined || isNull('return');
    const operation: HistoryOperation = {
      lineNumber: this.#lineNumber,
      process: this.#process(line.get('process')),
      call,
      return: isPending ? HISTORY_END : end,
      name,
      input: this.#members(input, definition.input, `the input of ${name}`, ['op']),
      output: isPending ? undefined : answer,
    };
    if (this.#model.cells === 'named') this.#checkAccounts(operation);
    else if (this.#model.holds === 'number') this.#addUp(operation.input.values());
    return operation;
  }

  #times(line: ReadonlyMap<string, unknown>): [number, number] {
    const call = this.#reader.time('"call"', line.get('call'));
    const end = line.get('return') ?? null;
    if (end === null) return [call, HISTORY_END];
    const returned = this.#reader.time('"return"', end);
    if (returned < call) {
      this.#refuse(`it returns at ${returned} and is called at ${call}`, 'a return comes after its call, or with it.');
    }
    return [call, returned];
  }

  #process(value: unknown): number | string {
    if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
    const what = value === undefined ? 'it has no "process"' : `"process" is ${JSON.stringify(value)}`;
    return this.#refuse(`${what}, expected a whole number or a text`, 'say who called, as in "process":3.');
  }

  #operationName(value: unknown): string {
    if (typeof value === 'string' && Object.hasOwn(this.#model.operations, value)) return value;
    const names = Object.keys(this.#model.operations).join(', ');
    const what = typeof value === 'string' ? `${quoted(value)} is no operation` : '"input" has no "op" that is one';
    return this.#refuse(`${what} of model ${this.#model.name}`, `use one of ${names}, or another --model.`);
  }

  #answer(value: unknown, members: Members, name: string): ReadonlyMap<string, Member> {
    const fix = 'write an object, or null if nobody saw the end.';
    return this.#members(this.#reader.object('"output"', value, fix), members, `the output of ${name}`, []);
  }

  #members(
    found: ReadonlyMap<string, unknown>,
    members: Members,
    where: string,
    others: readonly string[],
  ): Map<string, Member> {
    const known = memberNames(members);
    this.#rejectOthers(found, [...others, ...known.map(({ name }) => name)], where);
    const read = new Map<string, Member>();
    for (const { name, isOptional, kind } of known) {
      if (found.has(name)) read.set(name, this.#reader.member(`"${name}" in ${where}`, found.get(name), kind));
      else if (!isOptional) this.#refuse(`${where} has no "${name}"`, `give its "${name}"; see spec/history.md.`);
    }
    return read;
  }

  #rejectOthers(found: ReadonlyMap<string, unknown>, known: readonly string[], where: string): void {
    const other = Array.from(found.keys()).find((name) => !known.includes(name));
    if (other === undefined) return;
    const all = known.length === 0 ? 'none' : known.map((name) => `"${name}"`).join(', ');
    this.#refuse(`${where} has a member ${quoted(other)}`, `those with a meaning are: ${all}.`);
  }

  /** Every account has to be known, and a read has to see all of them. */
  #checkAccounts({ input, output }: HistoryOperation): void {
    const accounts = this.#initialOrRefuse();
    const named = ['from', 'to'].flatMap((member) => input.get(member) ?? []);
    const seen = output?.get('value');
    if (seen instanceof Map) {
      named.push(...seen.keys());
      const missing = Array.from(accounts.keys()).find((account) => !seen.has(account));
      if (missing !== undefined) {
        this.#refuse(`a read does not say what ${quoted(missing)} has`, 'give the balances of all accounts.');
      }
    }
    const unknown = named.map(String).find((account) => !accounts.has(account));
    if (unknown !== undefined) this.#refuse(`there is no account ${quoted(unknown)}`, 'name it in "initial".');
  }

  #initialOrRefuse(): ReadonlyMap<string, Member> {
    if (this.#initial !== undefined) return this.#initial;
    this.#lineNumber = Math.max(1, this.#lineNumber);
    const fix = 'begin the history with a line such as {"initial":{"a":10,"b":0}}.';
    return this.#refuse(`model ${this.#model.name} has to know what there is at first`, fix);
  }

  #someOperation(): string {
    return Object.keys(this.#model.operations)[0];
  }

  readonly #refuse: Refuse = (what, fix, cause): never => {
    throw new HistoryError(this.#lineNumber, what, fix, cause === undefined ? {} : { cause });
  };
}

function parseJson(text: string, refuse: Refuse): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuse(`it is not JSON: ${quoted(text)}`, `write one object a line, such as ${EXAMPLE}.`, cause);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return decodeStrictly(bytes);
  } catch (cause) {
    const what = 'it is not UTF-8';
    throw new HistoryError(firstLineThatIsNoText(bytes), what, 'write the file as UTF-8.', { cause });
  }
}

function decodeStrictly(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

const NEWLINE = 0x0a;

function firstLineThatIsNoText(bytes: Uint8Array): number {
  let lineNumber = 1;
  for (let start = 0; start < bytes.length; lineNumber += 1) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    try {
      decodeStrictly(bytes.subarray(start, end));
    } catch {
      return lineNumber;
    }
    start = end + 1;
  }
  return lineNumber;
}
