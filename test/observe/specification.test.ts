import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hex64 } from '../../src/base/words.ts';
import { highTerm, lowTerm } from '../../src/observe/digest.ts';
import {
  DigestConstant,
  digestSnapshot,
  digestWords,
  finishDigest,
  OBSERVATION_FORMAT_VERSION,
  resolveLayout,
} from '../../src/observe/index.ts';
import {
  END_WORDS,
  EndWord,
  EpochWord,
  FaultEntryWord,
  FaultWord,
  FRAME_HEADER_BYTES,
  FrameKind,
  FrameWord,
  InitialStateWord,
  MAX_HEADER_BYTES,
  SLOT_REST_WORDS,
  SlotRestWord,
  StateEncoding,
} from '../../src/observe/stream-format.ts';
import { frameBounds, seededRandom, writeRandomStream } from './streams.ts';

const specification = readFileSync(new URL('../../spec/observation.md', import.meta.url), 'utf8');

/** The rows of the first table under a heading (or after a text), cells trimmed and without backquotes. */
function tableAfter(mark: string): string[][] {
  const start = specification.indexOf(mark);
  if (start < 0) expect.fail(`the specification has no "${mark}"`);
  const lines = specification.slice(start).split('\n').slice(1);
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(first + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Offsets in bytes by field, as the code has them in words. */
function bytesOf(words: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(words).map(([name, word]) => [camelCase(name), word * 4]);
}

type FieldTable = readonly [heading: string, words: Readonly<Record<string, number>>, bytes: number | undefined];
const fieldTables: readonly FieldTable[] = [
  ['### Frame header', FrameWord, FRAME_HEADER_BYTES],
  ['### Initial state', InitialStateWord, undefined],
  ['### Epoch', EpochWord, undefined],
  ['### Slot rest', SlotRestWord, SLOT_REST_WORDS * 4],
  ['### Fault', FaultWord, undefined],
  ['Each entry:', FaultEntryWord, undefined],
  ['### End', EndWord, END_WORDS * 4],
];

describe('the specification', () => {
  it.each(fieldTables)('has the offsets of the code: %s', (heading, words, bytes) => {
    const rows = tableAfter(heading);
    expect(rows.map(([byte, , field]) => [field, Number(byte)])).toEqual(bytesOf(words));
    let end = 0;
    for (const [byte, size] of rows) {
      expect(Number(byte)).toBe(end);
      end += Number(size);
    }
    if (bytes !== undefined) expect(end).toBe(bytes);
  });

  it('has the kinds, encodings and limits of the code', () => {
    const kinds = Object.entries(FrameKind).map(([name, code]) => [
      String.fromCharCode(...new Uint8Array(Uint32Array.of(code).buffer)),
      camelCase(name),
    ]);
    expect(tableAfter('cannot pass for the next one.')).toEqual(kinds);
    const encoding = tableAfter('### Epoch').find(([, , field]) => field === 'stateEncoding');
    const encodings = Object.entries(StateEncoding).map(([name, code]) => `${code} ${name.toLowerCase()}`);
    expect(encoding?.[3]).toBe(encodings.join(', '));
    expect(tableAfter('### Header\n')[0]).toEqual([
      'formatVersion',
      `${OBSERVATION_FORMAT_VERSION}; readers refuse any other`,
    ]);
    expect(specification).toContain(`at most ${MAX_HEADER_BYTES >> 20} MiB`);
  });

  it('has the constants of the digest', () => {
    const constants = Object.entries(DigestConstant).map(([name, value]) => [
      name.toLowerCase().replaceAll('_', ''),
      `0x${value.toString(16).padStart(8, '0')}`,
    ]);
    expect(tableAfter('\n```\n\n').map(([name, value]) => [name.toLowerCase(), value])).toEqual(constants);
  });

  const vectors = tableAfter('goes unseen with a probability').map(([words, digest]) => [words, digest] as const);
  it.each(vectors)('gives the digest of %s', (words, digest) => {
    const list = words === '-' ? [] : words.split(' ').map((word) => Number.parseInt(word, 16));
    const out = new Uint32Array(2);
    digestWords(Uint32Array.from(list), 0, list.length, out, 0);
    expect(hex64(out[0], out[1])).toBe(digest);
  });

  it('gives the digest of many words', () => {
    const words = Uint32Array.from({ length: 4353 }, (_, index) => Math.imul(index, index));
    const out = new Uint32Array(2);
    digestWords(words, 0, words.length, out, 0);
    expect(specification).toContain(`have the digest \`${hex64(out[0], out[1])}\``);
  });

  it.each(tableAfter('**By region.**'))('gives the digest of a %s of %s in records of %s', (...row) => {
    const [kind, text, recordWords, digest] = row;
    const equivalence = kind === 'set' ? 'set' : 'multiset';
    const words = Uint32Array.from(text.split(' '), (word) => Number.parseInt(word, 16));
    const areas = [{ name: 'a', words: words.length }];
    const region = { name: 'r', area: 'a', start: 0, count: words.length, equivalence } as const;
    const layout = resolveLayout({ areas, regions: [{ ...region, recordWords: Number(recordWords) }] });
    const out = new Uint32Array(2);
    digestSnapshot(layout, words, out);
    expect(hex64(out[0], out[1])).toBe(digest);
  });

  it('has WGSL that computes what the code does', () => {
    const shader = /```wgsl\n(.*?)```/s.exec(specification)?.[1] ?? '';
    const { low, high, finish } = translate(shader);
    const random = seededRandom(8);
    const word = () => Math.floor(random() * 0x1_0000_0000);
    const out = new Uint32Array(2);
    for (let round = 0; round < 500; round++) {
      const [one, other, third] = [word(), word(), word()];
      expect(low(BigInt(one), BigInt(other))).toBe(BigInt(lowTerm(one, other) >>> 0));
      expect(high(BigInt(one), BigInt(other))).toBe(BigInt(highTerm(one, other) >>> 0));
      finishDigest(one, other, third, out, 0);
      expect(finish(BigInt(one), BigInt(other), BigInt(third))).toEqual([BigInt(out[0]), BigInt(out[1])]);
    }
  });

  it('says that padding is zero', () => {
    for (let seed = 0; seed < 20; seed++) {
      const bytes = writeRandomStream(seededRandom(seed), { epochs: 10, keyframeInterval: 4 }).storage.toBytes();
      const view = new DataView(bytes.buffer);
      for (const start of frameBounds(bytes).slice(0, -1)) {
        const payloadEnd = start + FRAME_HEADER_BYTES + view.getUint32(start + 4, true);
        const padding = bytes.subarray(payloadEnd, Math.ceil(payloadEnd / 8) * 8);
        expect(padding.every((byte) => byte === 0)).toBe(true);
      }
    }
  });
});

type Term = (word: bigint, position: bigint) => bigint;
type Finish = (low: bigint, high: bigint, count: bigint) => readonly bigint[];

/**
 * The shader as JavaScript over BigInts: numbers get an `n`, values are cut to 32 bits when they are assigned. That is
 * right for the few operations that the shader uses, and no shift in it is of anything that was not cut.
 */
function translate(shader: string): { low: Term; high: Term; finish: Finish } {
  const cut = (name: string): string => `${name} = BigInt.asUintN(32, ${name});`;
  const javascript = shader
    .replaceAll(/\b(0x[0-9a-f]+|\d+)u\b/g, '$1n')
    .replaceAll(/(?:var |let )?(\w+) = (.*);/g, 'var $1 = BigInt.asUintN(32, $2);')
    .replaceAll(/return vec2<u32>\((.*)\);/g, 'return [$1];')
    .replaceAll(/fn (\w+)\(([^)]*)\) -> [^{]*\{/g, (_, name: string, list: string) => {
      const parameters = list.replaceAll(': u32', '').split(', ');
      return `function ${name}(${parameters.join(', ')}) { ${parameters.map(cut).join(' ')}`;
    });
  return new Function(`${javascript}\nreturn { low: lowTerm, high: highTerm, finish };`)();
}
