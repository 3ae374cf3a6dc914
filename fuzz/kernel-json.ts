/** Feeds the kernel reader damaged kernels and plain noise. */

import {
  bindLoweredKernel,
  defineKernel,
  footprintOf,
  type JavaScriptDialect,
  type Kernel,
  KernelError,
  kernelFromJson,
  kernelToJson,
  lowerToJavaScript,
  opcode,
  printKernel,
} from '../src/kernel/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const OWN_CODE = 0x4000_0000;
const MAX_MUTATIONS = 5;
/** Accepted kernels beyond this are not lowered: their size is allowed and takes its time. */
const MAX_LOWERED_SLOTS = 4_096;

/** The reader: refuses only with a KernelError, and whatever it accepts can be written, printed and lowered. */
export const target: FuzzTarget = {
  name: 'kernel-json',
  once(random) {
    const json = makeInput(random);
    const kernel = readOrRefuse(json);
    if (kernel !== undefined) checkAccepted(kernel, json, random);
  },
};

function readOrRefuse(json: unknown): Kernel | undefined {
  try {
    return kernelFromJson(json);
  } catch (error) {
    if (error instanceof KernelError && error.problems.length > 0 && error.message.includes(' Fix: ')) return undefined;
    throw error;
  }
}

function checkAccepted(kernel: Kernel, json: unknown, random: Random): void {
  const copy = kernelFromJson(JSON.parse(JSON.stringify(kernelToJson(kernel))));
  if (copy.identity !== kernel.identity) fail(json, 'it does not come back as it was');
  if (printKernel(copy) !== printKernel(kernel)) fail(json, 'it comes back otherwise');
  if (kernel.slotCount > MAX_LOWERED_SLOTS) return;
  for (const dialect of ['serial', 'shared'] satisfies JavaScriptDialect[]) compile(kernel, dialect, json);
  const slot = { slotIndex: random() % kernel.slotCount, opcode: OWN_CODE, tenant: 0, args: [random(), random()] };
  for (const { memory, first, last } of footprintOf(kernel, slot).writes) {
    if (first > last) fail(json, `its footprint has ${memory}[${first} … ${last}]`);
  }
}

/** Only the program’s functions are made; none of them is called. */
function compile(kernel: Kernel, dialect: JavaScriptDialect, json: unknown): void {
  const empty = new Uint32Array(0);
  const tables = Object.fromEntries(kernel.tables.map(({ name, words }) => [name, words]));
  try {
    const memories = { ring: empty, control: empty, debug: empty, faults: empty, tables };
    const { runTurns } = bindLoweredKernel(lowerToJavaScript(kernel, dialect), memories);
    if (typeof runTurns !== 'function') fail(json, 'its program is none');
  } catch (error) {
    fail(json, `its program does not compile (${String(error)})`);
  }
}

function fail(json: unknown, what: string): never {
  throw new Error(`${what}. Fix: correct the check; the kernel is ${JSON.stringify(json)}`);
}

/** Texts, not objects: every input is parsed afresh, as one from a file is. */
const SEEDS: readonly string[] = [defineKernel({ name: 'plain', slotCount: 4 }), everyStatement()].map((kernel) =>
  JSON.stringify(kernelToJson(kernel)),
);

function everyStatement(): Kernel {
  const own = opcode('OWN', OWN_CODE, ['a', 'b'], ($, a, b) => {
    const total = $.variable(a, 'total');
    $.loop({ below: b, atMost: 9 }, (index) => {
      $.assign(total, total.plus($.load('table', index.remainder(3))));
      $.if(
        total.isAbove(a).or(b.equals(0).not()),
        () => $.break(),
        () => $.barrier('workgroup'),
      );
    });
    $.compareExchange('control', a.minimum(200), 0, total.complement());
    $.storePlain('control', 160, a.isBelow(b).select(a, b.dividedBy(a)));
    $.dispatch(a, $.parameter('argumentBase'), { inner: true });
    $.printf(a, b, total, 0);
    $.if(total.equals(7), () => $.fault(total));
    $.finish();
  });
  return defineKernel({
    name: 'every statement',
    slotCount: 4,
    tables: { table: Uint32Array.of(1, 2, 3) },
    opcodes: [own],
    regions: [{ name: 'counts', area: 'control', start: 170, count: 4, equivalence: 'set', recordWords: 2 }],
  });
}

function makeInput(random: Random): unknown {
  if (random() % 16 === 0) return makeJunk(random, 6);
  const json = JSON.parse(SEEDS[random() % SEEDS.length]);
  const rounds = 1 + (random() % MAX_MUTATIONS);
  for (let round = 0; round < rounds; round += 1) mutate(json, random);
  if (random() % 8 === 0) return damageText(json, random);
  if (random() % 64 === 0) bury(json, random);
  return json;
}

/** Nests without end somewhere. It comes last: much of JavaScript overflows its stack on such data. */
function bury(json: object, random: Random): void {
  const places = placesIn(json);
  const { holder, key } = places[random() % places.length];
  const depth = 10 ** (3 + (random() % 3));
  holder[key] = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
}

/** Where something in a tree of JSON is held. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(json: object): Place[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const place = { holder: json as Record<string, unknown>, key };
    return typeof value === 'object' && value !== null ? [place, ...placesIn(value)] : [place];
  });
}

function mutate(json: object, random: Random): void {
  const places = placesIn(json);
  if (places.length === 0) return;
  const place = places[random() % places.length];
  const other = places[random() % places.length];
  MUTATIONS[random() % MUTATIONS.length](place, other, random);
}

const MUTATIONS: readonly ((place: Place, other: Place, random: Random) => void)[] = [
  // Something else of the same kernel fits more often than anything made up. A copy, since trees have no loops.
  ({ holder, key }, other) => {
    holder[key] = structuredClone(other.holder[other.key]);
  },
  ({ holder, key }, _other, random) => {
    holder[key] = makeJunk(random, 2);
  },
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  ({ holder, key }, _other, random) => {
    if (typeof holder[key] === 'number') holder[key] = NUMBERS[random() % NUMBERS.length];
  },
  ({ holder, key }, _other, random) => {
    if (typeof holder[key] === 'string') holder[key] = TEXTS[random() % TEXTS.length];
  },
  ({ holder, key }, _other, random) => {
    const list = holder[key];
    if (Array.isArray(list)) list.splice(random() % (list.length + 1), random() % 2, structuredClone(list.at(-1)));
  },
  ({ holder, key }, _other, random) => {
    // Defined, as a parser does it: to assign __proto__ would change what the holder inherits from.
    const value = holder[key];
    Object.defineProperty(holder, KEYS[random() % KEYS.length], {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  },
];

const NUMBERS = [0, 1, 31, 160, 257, 1_024, 65_535, 0x8000_0001, 0xffff_ffff, 2 ** 32, -1, 0.5, 1e300];
const TEXTS = [
  ...['__proto__', 'constructor', 'x; process.exit()', '', 'ring', 'table', 'OWN', 'slotBase', 'let', 'AAAA'],
  ...['atomic', 'plain', 'if', 'loop', 'break', 'dispatch', 'add', 'both', 'equal', 'select', 'constant', 'local'],
];
const KEYS = ['kind', 'name', 'value', 'index', 'memory', 'body', 'whenTrue', 'operand', '__proto__', 'toJSON', 'then'];

function makeJunk(random: Random, depth: number): unknown {
  const count = random() % 4;
  switch (random() % (depth === 0 ? 5 : 7)) {
    case 0:
      return NUMBERS[random() % NUMBERS.length];
    case 1:
      return random();
    case 2:
      return TEXTS[random() % TEXTS.length];
    case 3:
      return random() % 2 === 0;
    case 4:
      return null;
    case 5:
      return Array.from({ length: count }, () => makeJunk(random, depth - 1));
    default: {
      const keys = Array.from({ length: count }, () => KEYS[random() % KEYS.length]);
      return Object.fromEntries(keys.map((key) => [key, makeJunk(random, depth - 1)]));
    }
  }
}

/** A character of the text replaced; what is no JSON any more stays as it was. */
function damageText(json: unknown, random: Random): unknown {
  const text = JSON.stringify(json);
  const at = random() % text.length;
  try {
    return JSON.parse(text.slice(0, at) + String.fromCharCode(32 + (random() % 95)) + text.slice(at + 1));
  } catch {
    return json;
  }
}
