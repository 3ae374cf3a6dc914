/** Feeds the reader of histories damaged lines and noise, and judges what it lets through. */

import { VrrlError } from '../src/base/errors.ts';
import { type History, judgeHistory, MODELS, parseHistory } from '../src/histories/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const MAX_NOISE_BYTES = 200;
const MAX_LINES = 8;

/** Refuses only with errors of ours that name a line; what is read is judged the same twice, and a witness has all of it. */
export const target: FuzzTarget = {
  name: 'histories',
  once(random) {
    const model = MODELS[random() % MODELS.length];
    const bytes = random() % 8 === 0 ? noise(random) : damagedLines(random);
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
const INPUTS = [
  '"op":"read"',
  '"op":"write","value":1',
  '"op":"write","value":0',
  '"op":"cas","from":1,"to":0',
  '"op":"add","value":1',
  '"op":"get","key":"a"',
  '"op":"put","key":"a","value":"b"',
  '"op":"append","key":"__proto__","value":"b"',
  '"op":"transfer","from":"a","to":"b","amount":1',
  '"op":"__proto__"',
];

function damagedLines(random: Random): Uint8Array {
  const pick = (texts: readonly string[]) => texts[random() % texts.length];
  const first = random() % 3 === 0 ? [`{"initial":${pick(VALUES)}}`] : [];
  const lines = Array.from({ length: random() % MAX_LINES }, () => {
    const output = pick([
      '{}',
      'null',
      '{"ok":true}',
      '{"ok":false}',
      `{"value":${pick(VALUES)}}`,
      `{"old":${pick(VALUES)}}`,
    ]);
    return `{"process":${random() % 3},"call":${pick(TIMES)},"return":${pick(TIMES)},"input":{${pick(INPUTS)}},"output":${output}}`;
  });
  const bytes = new TextEncoder().encode([...first, ...lines].join(pick(['\n', '\r\n', '\n\n'])));
  for (let flips = random() % 6; flips > 4 && bytes.length > 0; flips -= 1) bytes[random() % bytes.length] = random();
  return bytes;
}
