import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineKernel, kernelFromJson } from '../../src/kernel/index.ts';
import {
  decodeDrained,
  decodeFailure,
  decodeHello,
  decodeProgress,
  decodeReady,
  decodeRefused,
  decodeRun,
  decodeWords,
  encodeDrained,
  encodeFailure,
  encodeHello,
  encodeProgress,
  encodeReady,
  encodeRefused,
  encodeWords,
  HOST_MAX_PAYLOAD_BYTES,
  helloFor,
  RunPayload,
  runPayloadBytes,
  WireError,
} from '../../src/wire/index.ts';

const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_ffff));
const words = (maxLength: number) => fc.array(word, { maxLength });
/** What stays as it is in a line: no control characters, no white space at the ends or in heaps. */
const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((each) => each.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim());
const slot = fc.record({ slotIndex: word, opcode: word, tenant: word, priority: word, args: words(12) });

describe('RUN', () => {
  it('comes back as it was, with arguments that were not given as zeros, and may be used again', () => {
    const run = new RunPayload();
    fc.assert(
      fc.property(fc.array(slot, { maxLength: 40 }), (slots) => {
        run.clear();
        for (const { slotIndex, ...rest } of slots) run.add(slotIndex, rest);
        const payload = run.bytes();
        expect(payload).toHaveLength(runPayloadBytes(slots.length));
        expect(decodeRun(payload)).toEqual(
          slots.map((each) => ({ ...each, args: [...each.args, ...Array(12).fill(0)].slice(0, 12) })),
        );
        for (const [position, { slotIndex }] of slots.entries()) expect(run.slotIndexAt(position)).toBe(slotIndex);
      }),
    );
  });

  it.each([[new Uint8Array(0)], [Uint8Array.of(1, 0, 0, 0)], [new Uint8Array(8)], [new Uint8Array(4).fill(255)]])(
    'is refused if it is not as long as its count says: %j',
    (payload) => expect(() => decodeRun(payload)).toThrow(WireError),
  );
});

describe('DRAINED', () => {
  const fault = fc.record({ slotIndex: word, opcode: word, words: fc.tuple(word, word), text });
  const drained = fc.record({ done: word, pending: words(20), faults: fc.array(fault, { maxLength: 10 }) });

  it('comes back as it was, wherever it lies', () => {
    fc.assert(
      fc.property(drained, fc.nat(7), (report, offset) => {
        const payload = encodeDrained(report);
        expect(payload.length % 4).toBe(0);
        const shifted = new Uint8Array(offset + payload.length);
        shifted.set(payload, offset);
        expect(decodeDrained(shifted.subarray(offset))).toEqual(report);
      }),
    );
  });

  it('is refused if something is missing or left over', () => {
    fc.assert(
      fc.property(drained, fc.nat(1_000), (report, cut) => {
        const payload = encodeDrained(report);
        const shorter = payload.subarray(0, cut % payload.length);
        expect(() => decodeDrained(shorter)).toThrow(WireError);
        expect(() => decodeDrained(Uint8Array.of(...payload, 0))).toThrow(WireError);
      }),
    );
  });

  it('allocates nothing that a count only announces', () => {
    for (const words of [
      [0, 0xffff_ffff],
      [0, 0, 0xffff_ffff],
      [0, 0, 1, 0, 0, 0, 0, 0xffff_ffff],
    ]) {
      expect(() => decodeDrained(new Uint8Array(Uint32Array.from(words).buffer))).toThrow('it ends before its');
    }
  });

  it('makes no terminal do anything', () => {
    const payload = encodeDrained({
      done: 0,
      pending: [],
      faults: [{ slotIndex: 0, opcode: 0, words: [0, 0], text: 'red\u001b[31m\n\u202eand more' }],
    });
    expect(decodeDrained(payload).faults[0].text).toBe('red [31m and more');
  });
});

describe('the other messages', () => {
  it('REFUSED, PROGRESS and words come back as they were', () => {
    fc.assert(
      fc.property(word, word, text, words(50), (first, second, reason, list) => {
        expect(decodeRefused(encodeRefused({ position: first, text: reason }))).toEqual({
          position: first,
          text: reason,
        });
        expect(decodeProgress(encodeProgress({ done: first, total: second }))).toEqual({ done: first, total: second });
        const back = new Uint32Array(list.length);
        decodeWords(Uint8Array.of(0, ...encodeWords(Uint32Array.from(list))).subarray(1), back, 'WORDS');
        expect([...back]).toEqual(list);
      }),
    );
    expect(() => decodeWords(new Uint8Array(5), new Uint32Array(1), 'WORDS')).toThrow('WORDS has 5 bytes, expected 4');
    expect(() => decodeRefused(new Uint8Array(3))).toThrow(WireError);
    expect(() => decodeProgress(new Uint8Array(7))).toThrow(WireError);
  });

  it('FAILED comes back without what does not fit a line', () => {
    const failure = { kind: 'hang', message: 'no answer\nfrom gpu0..', fix: 'wait.', usable: true, evidence: { a: 1 } };
    expect(decodeFailure(encodeFailure(failure))).toEqual({ ...failure, message: 'no answer from gpu0' });
    expect(decodeFailure(encodeFailure({ kind: 'x', message: 'y' }))).toEqual({
      kind: 'x',
      message: 'y',
      usable: false,
      evidence: {},
    });
    for (const bad of [
      '[]',
      '{',
      '{"kind":1,"message":"x"}',
      '{"kind":"x"}',
      '{"kind":"x","message":"y","usable":1}',
    ]) {
      expect(() => decodeFailure(new TextEncoder().encode(bad))).toThrow(WireError);
    }
    expect(() => decodeFailure(new Uint8Array(70_000))).toThrow(WireError);
  });

  it('HELLO offers a kernel that can be read back', () => {
    const kernel = defineKernel({ name: 'offered', slotCount: 4, tables: { squares: Uint32Array.of(0, 1, 4, 9) } });
    const hello = decodeHello(encodeHello(helloFor(kernel, { seed: '7' })));
    expect(hello).toMatchObject({ version: 1, maxPayloadBytes: HOST_MAX_PAYLOAD_BYTES, options: { seed: '7' } });
    expect(kernelFromJson(hello.kernel?.definition).identity).toBe(kernel.identity);
    expect(hello.kernel?.identity).toBe(kernel.identity);
    expect(decodeHello(encodeHello(helloFor(undefined)))).toMatchObject({ kernel: null, options: {} });
    for (const bad of ['{}', '{"protocol":"vrrl-backend"}', '{"protocol":"vrrl-backend","version":1}']) {
      expect(() => decodeHello(new TextEncoder().encode(bad))).toThrow(WireError);
    }
  });

  it('READY comes back as it was, and what is left out has a default', () => {
    const least = {
      ...{ version: 1, name: 'r', slotCount: 2, maxPayloadBytes: 132, canRestore: false, kernel: null },
      ...{ features: [], device: {}, probes: [], layout: { areas: [{ name: 'a', words: 3 }], regions: [] } },
    };
    const all = {
      ...least,
      epochWord: 2,
      canRestore: true,
      kernel: 'k',
      features: ['programs'],
      device: { name: 'g' },
    };
    expect(decodeReady(encodeReady(all))).toEqual(all);
    const { version, name, slotCount, maxPayloadBytes, layout } = least;
    const bare = { protocol: 'vrrl-backend', version, name, slotCount, maxPayloadBytes, layout };
    expect(decodeReady(new TextEncoder().encode(JSON.stringify(bare)))).toEqual({ ...least, epochWord: undefined });
    for (const wrong of [
      { epochWord: 3 },
      { slotCount: 3 },
      { features: [1] },
      { device: { name: 1 } },
      { kernel: 1 },
    ]) {
      const json = JSON.stringify({ ...bare, ...wrong });
      expect(() => decodeReady(new TextEncoder().encode(json)), json).toThrow(WireError);
    }
  });
});
