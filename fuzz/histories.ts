/** Feeds the reader of histories damaged lines and noise, and judges what it lets through. */

import { VrrlError } from '../src/base/errors.ts';
import {
  type History,
  judgeHistory,
  type MemberKind,
  type Members,
  MODELS,
  type ModelDefinition,
  parseHistory,
} from '../src/histories/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const MAX_NOISE_BYTES = 200;
const MAX_LINES = 8;

/** Refuses only with errors of ours that name a line; what is read is judged the same twice, and a witness has all of it. */
export const target: FuzzTarget = {
  name: 'histories',
  once(random) {
    const model = MODELS[random() % MODELS.length];
    const bytes = random() % 8 === 0 ? noise(random) : damagedLines(random, model);
    let history: History;
    try {
      history = parseHistory(bytes, model);
    } catch (error) {
      if (error instanceof VrrlError && /^line \d+ of the history: .* Fix: /s.test(error.message)) return;
      throw error;
    }
    const { verdict, witness = [], contradiction } = judgeHistory(history, { maxNodes: 2_000 });
    if (judgeHistory(history, { maxNodes: 2_000 }).verdict !== verdict) fail(bytes, 'two answers for one history');
    const done = new Set(witness.map(({ operation }) => operation));
    const isLeftOut = history.operations.some(({ output }, each) => output !== undefined && !done.has(each));
    if (verdict === 'serializable' && isLeftOut) fail(bytes, 'a witness without an operation that was seen to end');
    if (verdict === 'unserializable' && contradiction?.operations.length === 0) fail(bytes, 'an empty contradiction');
  },
};

function fail(bytes: Uint8Array, what: string): never {
  throw new Error(`${what}. Fix: correct it; the input in base64 is ${Buffer.from(bytes).toString('base64')}`);
}

function noise(random: Random): Uint8Array {
  return Uint8Array.from({ length: random() % MAX_NOISE_BYTES }, () => random());
}

const VALUES = ['0', '1', '-0', 'null', 'true', '"a"', '1e999', '9007199254740993', '0.5', '[]', '{}', '{"a":1,"b":0}'];
const TIMES = ['0', '1', '2', '3', '4', '5', 'null', '-1', '"1"', '1e300'];
/** For each kind of member what is one. */
const GOOD: Readonly<Record<MemberKind, readonly string[]>> = {
  value: ['0', '1', '2', 'null', '"a"', '"b"'],
  text: ['"a"', '"b"', '"\\u0000"'],
  number: ['-1', '0', '1', '2'],
  amount: ['0', '1', '2'],
  name: ['"a"', '"b"'],
  boolean: ['true', 'true', 'false'],
  balances: ['{"a":1,"b":0}', '{"a":0,"b":1}'],
};

function damagedLines(random: Random, model: ModelDefinition): Uint8Array {
  const pick = (texts: readonly string[]) => texts[random() % texts.length];
  const members = (named: Members) =>
    Object.entries(named).flatMap(([name, kind]) => {
      if (name.endsWith('?') && random() % 2 === 0) return [];
      return [`"${name.replace('?', '')}":${random() % 64 === 0 ? pick(VALUES) : pick(GOOD[kind])}`];
    });
  const names = Object.keys(model.operations);
  const initial = model.cells === 'named' ? '{"a":1,"b":0}' : pick(VALUES);
  const first = model.cells === 'named' || random() % 8 === 0 ? [`{"initial":${initial}}`] : [];
  const lines = Array.from({ length: random() % MAX_LINES }, () => {
    const name = pick(names);
    const { input, output } = model.operations[name];
    const answer = random() % 6 === 0 ? 'null' : `{${members(output).join()}}`;
    const asked = [`"op":"${random() % 64 === 0 ? '__proto__' : name}"`, ...members(input)];
    const call = random() % 10;
    const end = random() % 6 === 0 ? pick(TIMES) : call + (random() % 6);
    return `{"process":${random() % 3},"call":${call},"return":${end},"input":{${asked.join()}},"output":${answer}}`;
  });
  const bytes = new TextEncoder().encode([...first, ...lines].join(pick(['\n', '\r\n', '\n\n'])));
  for (let flips = random() % 6; flips > 4 && bytes.length > 0; flips -= 1) bytes[random() % bytes.length] = random();
  return bytes;
}
