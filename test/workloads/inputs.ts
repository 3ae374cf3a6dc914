/** Inputs that every workload has to be sound on, and any others. */

import fc from 'fast-check';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export const namedInputs: readonly (readonly [name: string, input: Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(0xff)],
  ['one newline', bytesOf('\n')],
  ['two newlines and no line', bytesOf('\n\n')],
  ['a line without an end', bytesOf('the end')],
  ['all byte values', Uint8Array.from({ length: 1_024 }, (_, index) => index & 0xff)],
  ['zeros', new Uint8Array(500)],
  ['text', bytesOf('There the other heard her:\nthe hen and the heron,\nin and out.\r\n'.repeat(40))],
];

/** Text of few letters, so that words and lines come about, and plain noise. */
export const anyInput: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 700, size: 'max' }),
  fc
    .array(fc.constantFrom('the', 'he', 'r', 'and', 'in', ' ', '\n', 'e'), { maxLength: 400, size: 'max' })
    .map((words) => bytesOf(words.join(''))),
);
