import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { target } from '../../fuzz/slot-lines.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { RandomWords } from '../../src/base/random.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import {
  parseSlotLine,
  RecordingSession,
  type SlotLine,
  SlotLineError,
  SlotLineReader,
  type SlotRequest,
} from '../../src/record/index.ts';
import { MAX_LINE_BYTES } from '../../src/record/line-splitter.ts';

const kernel = defineKernel({
  name: 'mine',
  slotCount: 8,
  opcodes: [opcode('TWICE', 0x4000_0001, ['word'], ($, word) => void $.atomicAdd('control', word, 2))],
});

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function read(...chunks: readonly Uint8Array[]): SlotLine[] {
  const reader = new SlotLineReader(kernel);
  return [...chunks.flatMap((chunk) => [...reader.push(chunk)]), ...reader.end()];
}

/** Whatever was given out, and what ended it. */
function readUntilError(chunks: readonly Uint8Array[]): { lines: SlotLine[]; error: unknown } {
  const reader = new SlotLineReader(kernel);
  const lines: SlotLine[] = [];
  try {
    for (const chunk of chunks) for (const line of reader.push(chunk)) lines.push(line);
    for (const line of reader.end()) lines.push(line);
    return { lines, error: undefined };
  } catch (error) {
    return { lines, error };
  }
}

function slot(opcodeNumber: number, args: readonly number[] = [], tenant = 0, priority = 2): SlotLine {
  return { kind: 'slot', slot: { opcode: opcodeNumber, tenant, priority, args } };
}

describe('a line', () => {
  it.each<[string, SlotLine | undefined]>([
    ['{"opcode":"ATOMIC_ADD","tenant":0,"priority":2,"args":[1,170]}', slot(2, [1, 170])],
    ['{"opcode":2,"args":[1,170]}', slot(2, [1, 170])],
    ['  { "opcode" : "0x2" }  \t', slot(2)],
    ['{"opcode":"2"}', slot(2)],
    ['{"opcode":"TWICE","args":[170],"tenant":28,"priority":0}', slot(0x4000_0001, [170], 28, 0)],
    ['{"opcode":"0x40000001"}', slot(0x4000_0001)],
    ['{"opcode":1073741825}', slot(0x4000_0001)],
    ['{"opcode":"0XFFFE","args":["0xffffffff",4294967295,1e3]}', slot(0xfffe, [0xffff_ffff, 0xffff_ffff, 1_000])],
    ['{"opcode":0,"args":[0,1,2,3,4,5,6,7,8,9,10,11]}', slot(0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])],
    ['{"opcode":-0,"args":[-0]}', slot(0, [0])],
    ['{"end":"batch"}', { kind: 'end', tag: 0, fence: true }],
    ['{"end":"batch","tag":7}', { kind: 'end', tag: 7, fence: true }],
    ['{"fence":false,"end":"batch","tag":"0x7"}', { kind: 'end', tag: 7, fence: false }],
    ['', undefined],
    [' \t ', undefined],
    ['# {"opcode":', undefined],
    ['   # indented', undefined],
  ])('%s', (text, expected) => {
    expect(parseSlotLine(text, 1, kernel)).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    ['{', /it is not JSON: "\{"\. Fix: write one object a line/],
    ['{"opcode":2}{"opcode":2}', /not JSON/],
    ['[1]', /it is a list, not an object/],
    ['null', /it is null, not an object/],
    ['7', /it is 7, not an object/],
    ['{}', /neither an "opcode" nor an "end"/],
    ['{"args":[]}', /neither an "opcode" nor an "end"/],
    ['{"opcode":2,"tenantId":1}', /a slot has no "tenantId", only "opcode", "tenant".*Fix: did you mean "tenant"\?/],
    ['{"opcode":2,"words":1}', /a slot has no "words".*Fix: leave it out/],
    ['{"opcode":2,"__proto__":{"tenant":1}}', /a slot has no "__proto__"/],
    ['{"opcode":2,"end":"batch"}', /the end of a batch has no "opcode"/],
    ['{"opcode":"ATOMIC_ADDD"}', /kernel "mine" has no opcode "ATOMIC_ADDD"\. Fix: did you mean ATOMIC_ADD\?/],
    ['{"opcode":"atomic_add"}', /has no opcode "atomic_add"\. Fix: did you mean ATOMIC_ADD\?/],
    ['{"opcode":"TWCIE"}', /did you mean TWICE\?/],
    ['{"opcode":"FLOAT"}', /has no opcode "FLOAT"\. Fix: use one of NOP, .*, TWICE/],
    ['{"opcode":"LOAD_MISS"}', /kernel "mine" has no opcode "LOAD_MISS"/],
    ['{"opcode":"constructor"}', /has no opcode "constructor"/],
    ['{"opcode":""}', /has no opcode ""/],
    ['{"opcode":1073741826}', /kernel "mine" has no opcode 0x40000002\. Fix: use one of/],
    ['{"opcode":-1}', /"opcode" is -1, expected a whole number from 0 to 4294967295/],
    ['{"opcode":1.5}', /"opcode" is 1\.5/],
    ['{"opcode":4294967296}', /"opcode" is 4294967296/],
    ['{"opcode":"0x1ffffffff"}', /has no opcode "0x1ffffffff"/],
    ['{"opcode":"9999999999"}', /"opcode" is "9999999999"/],
    ['{"opcode":null}', /"opcode" is null/],
    ['{"opcode":[2]}', /"opcode" is a list/],
    ['{"opcode":2,"tenant":"all"}', /"tenant" is "all"/],
    ['{"opcode":2,"tenant":null}', /"tenant" is null/],
    ['{"opcode":2,"priority":5}', /"priority" is 5, expected 0 \(critical\) to 4 \(idle\)/],
    ['{"opcode":2,"args":{"0":1}}', /"args" is an object, expected a list/],
    ['{"opcode":2,"args":null}', /"args" is null/],
    ['{"opcode":2,"args":[1,true]}', /"args\[1\]" is true/],
    ['{"opcode":2,"args":[1e999]}', /"args\[0\]" is Infinity/],
    ['{"opcode":2,"args":[0,1,2,3,4,5,6,7,8,9,10,11,12]}', /"args" has 13 words, expected at most 12/],
    ['{"end":"run"}', /"end" is "run", expected "batch"/],
    ['{"end":true}', /"end" is true/],
    ['{"end":"batch","tag":-1}', /"tag" is -1/],
    ['{"end":"batch","fence":1}', /"fence" is 1, expected true or false/],
    ['{"end":"batch","tags":1}', /the end of a batch has no "tags".*did you mean "tag"\?/],
  ])('%s is refused', (text, message) => {
    const parse = () => parseSlotLine(text, 41, kernel);
    expect(parse).toThrow(SlotLineError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^line 41 of the slots: .* Fix: .*[.?]$/);
    expect(parse).toThrow(expect.objectContaining({ code: 'VRRL_SLOT_LINE', lineNumber: 41 }));
  });

  it('is quoted short and without anything that a terminal obeys', () => {
    const nasty = `{"opcode":"\\u001b[2J\\u009b\\u202e${'x'.repeat(10_000)}"}`;
    expect(() => parseSlotLine(nasty, 1, kernel)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^[\x20-\x7e…]{50,400}$/) }),
    );
    expect(() => parseSlotLine(`\u001b]0;${'y'.repeat(10_000)}`, 1, kernel)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^[\x20-\x7e…]{50,400}$/) }),
    );
  });

  it('may have any number for an opcode if no kernel is known, and the names of the protocol', () => {
    expect(parseSlotLine('{"opcode":"0x40000002"}', 1)).toEqual(slot(0x4000_0002));
    expect(parseSlotLine('{"opcode":"LOAD_MISS"}', 1)).toEqual(slot(0xfffd));
    expect(() => parseSlotLine('{"opcode":"TWICE"}', 1)).toThrow(/the protocol has no opcode "TWICE"/);
  });

  it('ends a batch as the session would: with a fence if the kernel has one', () => {
    expect(parseSlotLine('{"end":"batch"}', 1)).toEqual({ kind: 'end', tag: 0, fence: false });
    expect(parseSlotLine('{"end":"batch","fence":true}', 1)).toEqual({ kind: 'end', tag: 0, fence: true });
  });
});

const anyWord = fc.nat({ max: 0xffff_ffff });
const anySlot: fc.Arbitrary<SlotRequest> = fc.record({
  opcode: fc.constantFrom(...kernel.opcodes.map(({ code }) => code)),
  tenant: anyWord,
  priority: fc.nat({ max: 4 }),
  args: fc.array(anyWord, { maxLength: 12 }),
});

describe('slots', () => {
  it('come back as they were written, by number, by name or in hexadecimal', () => {
    const property = fc.property(fc.array(fc.tuple(anySlot, fc.nat({ max: 2 }))), (slots) => {
      const lines = slots.map(([request, spelling]) => {
        const hexadecimal = `0x${request.opcode.toString(16)}`;
        const name = kernel.opcodes.find(({ code }) => code === request.opcode)?.name;
        return JSON.stringify({ ...request, opcode: [request.opcode, hexadecimal, name][spelling] });
      });
      expect(read(bytesOf(lines.join('\n')))).toEqual(slots.map(([request]) => ({ kind: 'slot', slot: request })));
    });
    fc.assert(property);
  });

  it('can be published', async () => {
    const text = '{"opcode":"TWICE","args":[170]}\n{"opcode":"ATOMIC_ADD","args":[5,170]}\n{"end":"batch","tag":9}\n';
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel });
    for await (const line of new SlotLineReader(kernel).read([bytesOf(text)])) {
      if (line.kind === 'slot') await session.publish([line.slot]);
      else await session.endEpoch(line);
    }
    expect([session.epochCount, session.snapshot[170], session.snapshot[160]]).toEqual([1, 7, 9]);
  });
});

describe('the reader', () => {
  const two = [slot(2), slot(3)];

  it.each([
    ['LF', '{"opcode":2}\n{"opcode":3}\n'],
    ['CRLF', '{"opcode":2}\r\n{"opcode":3}\r\n'],
    ['no newline at the end', '{"opcode":2}\n{"opcode":3}'],
    ['a byte order mark', '\ufeff{"opcode":2}\n{"opcode":3}'],
    ['blank lines', '\n\n{"opcode":2}\n \r\n\n{"opcode":3}\n\n'],
    ['comments', '# one\n{"opcode":2}\n# zwei ä 二 🙂\n{"opcode":3}\n# end'],
  ])('takes %s, in one piece and byte by byte', (_name, text) => {
    const bytes = bytesOf(text);
    expect(read(bytes)).toEqual(two);
    expect(read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(two);
  });

  it('takes nothing', () => {
    expect(read()).toEqual([]);
    expect(read(new Uint8Array(0))).toEqual([]);
    expect(read(bytesOf('\ufeff'))).toEqual([]);
  });

  it('reads a stream, and lets go of it when it is left early', async () => {
    let closed = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield bytesOf('{"opcode":2}\n');
      } finally {
        closed = true;
      }
    }
    for await (const line of new SlotLineReader(kernel).read(chunks())) {
      expect(line).toEqual(slot(2));
      break;
    }
    expect(closed).toBe(true);
  });

  it('counts every line for its messages', () => {
    expect(() => read(bytesOf('\n# two\r\n{"opcode":2}\n{"opcode":"x"}'))).toThrow(/^line 4 of the slots: /);
  });

  it.each([
    ['a stray byte', [0xff]],
    ['half a character', [0xc3]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['an overlong form', [0xc0, 0xaf]],
  ])('refuses %s, even in a comment, and names the line', (_name, bad) => {
    const bytes = Uint8Array.of(...bytesOf('{"opcode":2}\n# '), ...bad, ...bytesOf('\n{"opcode":3}\n'));
    const { lines, error } = readUntilError([bytes]);
    expect(lines).toEqual([slot(2)]);
    expect(error).toMatchObject({ code: 'VRRL_SLOT_LINE', lineNumber: 2 });
    expect(String(error)).toMatch(/it is not UTF-8\. Fix: /);
  });

  it('takes a line of 1 MiB and refuses a longer one, ended or not', () => {
    const longest = `#${' '.repeat(MAX_LINE_BYTES - 1)}`;
    expect(read(bytesOf(`${longest}\n{"opcode":2}`))).toEqual([slot(2)]);
    expect(read(bytesOf(longest))).toEqual([]);
    for (const end of ['\n', '']) {
      const bytes = bytesOf(`{"opcode":2}\n${longest} ${end}`);
      expect(readUntilError([bytes])).toMatchObject({ lines: [slot(2)], error: { lineNumber: 2 } });
      expect(() => read(bytes)).toThrow(/it has more than 1048576 bytes/);
    }
  });

  it('puts long lines together again', () => {
    const padding = ' '.repeat(10_000);
    const bytes = bytesOf(`{"opcode":2${padding},${padding}"args":[1,${padding}170]}\n{"opcode":3}`);
    const chunks = Array.from({ length: 60 }, (_, index) => bytes.subarray(700 * index, 700 * (index + 1)));
    expect(read(...chunks)).toEqual([slot(2, [1, 170]), slot(3)]);
  });

  it('does not gather a line that never ends', () => {
    const reader = new SlotLineReader(kernel);
    const chunk = new Uint8Array(64 * 1024).fill(0x20);
    let chunks = 0;
    expect(() => {
      for (; chunks < 1_000; chunks += 1) for (const _line of reader.push(chunk));
    }).toThrow(SlotLineError);
    expect(chunks).toBe(16);
  });

  it('keeps nothing of a chunk, not even of a Buffer, whose slices are views', () => {
    const reader = new SlotLineReader(kernel);
    const first = Buffer.from('{"opcode":2}\n{"opc');
    const lines = [...reader.push(first)];
    first.fill(0);
    expect([...lines, ...reader.push(Buffer.from('ode":3}\n'))]).toEqual(two);
  });

  it('reads the same, errors included, whatever the chunks', () => {
    const anyLine = fc.constantFrom(
      '{"opcode":"TWICE","args":[170]}',
      '{"end":"batch","tag":7}',
      '# größer 🙂',
      '',
      '\ufeff',
      '{"opcode":"🙂"}',
      '{"opcode":',
    );
    const anyText = fc
      .array(fc.tuple(anyLine, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 12 })
      .map((lines) => bytesOf(lines.flat().join('')));
    const anyBytes = fc.oneof(anyText, fc.uint8Array({ maxLength: 60 }));
    const property = fc.property(anyBytes, fc.array(fc.nat({ max: 9 })), (bytes, lengths) => {
      const chunks: Uint8Array[] = [];
      let start = 0;
      for (const length of [...lengths, bytes.length]) {
        chunks.push(bytes.subarray(start, start + length));
        start = Math.min(bytes.length, start + length);
      }
      const whole = readUntilError([bytes]);
      const pieces = readUntilError(chunks);
      expect(pieces.lines).toEqual(whole.lines);
      expect(String(pieces.error)).toBe(String(whole.error));
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('fails on any bytes with nothing but errors of ours', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const { error } = readUntilError([bytes]);
      if (error !== undefined) expect(error).toBeInstanceOf(VrrlError);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('fails on any JSON with nothing but errors of ours', () => {
    const anyMember = fc.constantFrom('opcode', 'tenant', 'priority', 'args', 'end', 'tag', 'fence', 'x');
    const anyObject = fc.oneof(
      fc.json(),
      fc.dictionary(anyMember, fc.jsonValue()).map((it) => JSON.stringify(it)),
    );
    const property = fc.property(anyObject, (text) => {
      const { error } = readUntilError([bytesOf(text)]);
      if (error !== undefined) expect(error).toBeInstanceOf(SlotLineError);
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});

it('holds out against its fuzzer for a moment', () => {
  const random = new RandomWords(7);
  for (let turn = 0; turn < 3_000; turn += 1) target.once(() => random.next());
});
