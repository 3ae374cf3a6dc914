import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  builtinOpcodes,
  defineKernel,
  type Expression,
  opcode,
  printExpression,
  printKernel,
} from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { anyKernelCase } from './random-kernel.ts';

/** The lines of one routine of a printed kernel. */
function routine(text: string, heading: string): string {
  const blocks = text.split('\n\n');
  return blocks.find((block) => block.startsWith(heading))!.trimEnd();
}

describe('a printed kernel', () => {
  const kernel = defineKernel({ name: 'plain' });
  const text = printKernel(kernel);

  it('begins with what it consists of', () => {
    expect(text.split('\n\n')[0].replace(kernel.identity, '…')).toMatchInlineSnapshot(`
      "kernel plain
        identity …
        slots 256, tenants 29
        memory ring[4096]
        memory control[1024]
        memory debug[257]
        region "printf records" debug[1, +256] multiset"
    `);
  });

  it('shows the turn', () => {
    expect(routine(text, 'turn(')).toMatchInlineSnapshot(`
      "turn(slotIndex, slotBase)
        let shutdown = atomic load control[0]
        if shutdown != 0
          finish
        let status = atomic load ring[slotBase + 0]
        if status != 1
          finish
        let tenant = plain load ring[slotBase + 2]
        let tenantBase = atomic load control[2]
        let mask = atomic load control[tenantBase + tenant]
        if mask == 0
          finish
        let seen = atomic compareExchange ring[slotBase + 0], 1 -> 2
        if seen != 1
          finish
        let opcode = plain load ring[slotBase + 1]
        if opcode < 32
          let executionsBefore = atomic add control[opcode + 96], 1
        dispatch opcode with ring[slotBase + 4 …]
        let doneBefore = atomic add control[1], 1
        atomic store ring[slotBase + 0] = 3"
    `);
  });

  it('shows opcodes, with their accesses in order', () => {
    expect(routine(text, 'opcode COMPARE_SWAP')).toMatchInlineSnapshot(`
      "opcode COMPARE_SWAP = 4 (word, expected, desired)
        let word = plain load ring[argumentBase + 0]
        let expected = plain load ring[argumentBase + 1]
        let desired = plain load ring[argumentBase + 2]
        let before = atomic compareExchange control[word], expected -> desired
        atomic store control[word + 160] = before"
    `);
    expect(routine(text, 'opcode MEMCPY')).toMatchInlineSnapshot(`
      "opcode MEMCPY = 5 (from, to, words)
        let from = plain load ring[argumentBase + 0]
        let to = plain load ring[argumentBase + 1]
        let words = plain load ring[argumentBase + 2]
        loop index in 0 ..< words at most 4294967295
          let copied = atomic load control[from + index]
          atomic store control[to + index] = copied"
    `);
    expect(routine(text, 'opcode PACKED_SLOT')).toMatchInlineSnapshot(`
      "opcode PACKED_SLOT = 0x80000001 (payload0, payload1, payload2, payload3, payload4, payload5, payload6, payload7, payload8, payload9, payload10, payload11)
        let header = plain load ring[argumentBase]
        let count = (header & 255) min 4
        let metadataWords = ((count * 2) + 5) >> 2
        loop index in 0 ..< count at most 4
          let pairByte = (index * 2) + 2
          let pairWord = plain load ring[argumentBase + (pairByte >> 2)]
          let pair = pairWord >> ((pairByte & 3) << 3)
          let opcode = pair & 255
          let offset = metadataWords + ((pair >> 8) & 255)
          if (offset + 3) <= 12
            if opcode < 32
              let executionsBefore = atomic add control[opcode + 96], 1
            dispatch inner opcode with ring[argumentBase + offset …]"
    `);
  });

  it('has every opcode, with its number and its arguments', () => {
    for (const { name, code, argumentNames } of builtinOpcodes()) {
      const number = code < 0x10000 ? `${code}` : `0x${code.toString(16)}`;
      expect(text).toContain(`\nopcode ${name} = ${number} (${argumentNames.join(', ')})`);
    }
    const names = Object.keys(Opcode).filter((name) => text.includes(`\nopcode ${name} = `));
    expect(names).toEqual(Object.keys(Opcode).filter((name) => name !== 'DFA_STEP' && name !== 'LOAD_MISS'));
  });

  it('says what an opcode promises, and which memories are read-only', () => {
    expect(text).toContain('opcode ATOMIC_ADD = 2 (amount, word) atomic\n');
    expect(text).toContain('opcode LOAD_U32 = 3 (word, result)\n');
    const withTable = defineKernel({ name: 'k', tables: { table: Uint32Array.of(1, 2) } });
    expect(printKernel(withTable)).toContain('  memory table[2] read-only\n');
  });

  it('shows every kind of statement', () => {
    const own = opcode('ALL', 0x4000_0000, ['a'], ($, a) => {
      const total = $.variable(a, 'total');
      $.loop({ from: 1, below: a, atMost: 7 }, (index) => {
        $.assign(total, total.plus(index));
        $.if(
          total.isAbove(9).or(total.equals(3)),
          () => $.break(),
          () => $.barrier('workgroup'),
        );
      });
      $.let(a.differsFrom(0).select(total.complement(), 5), 'chosen');
      $.atomicExchange('control', 200, total);
      $.dispatch(a, $.parameter('argumentBase'), { inner: true });
      $.barrier();
      $.if(a.isBelow(2).not(), () => $.fault(a.minimum(4)));
      $.finish();
    });
    const shown = printKernel(defineKernel({ name: 'k', opcodes: [own] }));
    expect(routine(shown, 'opcode ALL')).toMatchInlineSnapshot(`
      "opcode ALL = 0x40000000 (a)
        let a = plain load ring[argumentBase + 0]
        var total = a
        loop index in 1 ..< a at most 7
          total = total + index
          if (total > 9) || (total == 3)
            break
          else
            barrier workgroup
        let chosen = (a != 0) ? ~total : 5
        let before = atomic exchange control[200], total
        dispatch inner a with ring[argumentBase …]
        barrier device
        if !(a < 2)
          fault a min 4
        finish"
    `);
  });

  it('is a line a statement, and the same each time', () => {
    fc.assert(
      fc.property(anyKernelCase, (made) => {
        const shown = printKernel(made.kernel);
        expect(printKernel(structuredClone(made.kernel))).toBe(shown);
        const json = JSON.stringify([made.kernel.turn, made.kernel.opcodes]);
        const kinds =
          '(let|variable|assign|load|store|atomic|compareExchange|if|loop|break|barrier|dispatch|fault|finish)';
        // Statements are the objects of these kinds; a branch that is not empty adds a line of its own.
        const statements = json.match(new RegExp(`"kind":"${kinds}"`, 'gu'))?.length ?? 0;
        const branches = json.match(/"whenFalse":\[\{/gu)?.length ?? 0;
        const routines = shown
          .slice(shown.indexOf('\nturn('))
          .split('\n')
          .filter((line) => line.startsWith('  '));
        expect(routines).toHaveLength(statements + branches);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a printed expression', () => {
  const a: Expression = { kind: 'local', name: 'a' };
  const b: Expression = { kind: 'local', name: 'b' };
  const sum: Expression = { kind: 'binary', operator: 'add', left: a, right: b };

  it('has parentheses where it could be read in two ways, and nowhere else', () => {
    expect(printExpression(sum)).toBe('a + b');
    expect(printExpression({ ...sum, operator: 'multiply', left: sum })).toBe('(a + b) * b');
    expect(printExpression({ ...sum, operator: 'shiftLeft', right: sum })).toBe('a << (a + b)');
    expect(printExpression({ kind: 'complement', operand: a })).toBe('~a');
    expect(printExpression({ kind: 'complement', operand: { kind: 'complement', operand: sum } })).toBe('~~(a + b)');
    const condition: Expression = { kind: 'binary', operator: 'equal', left: a, right: b };
    expect(printExpression({ kind: 'not', operand: condition })).toBe('!(a == b)');
    const select: Expression = { kind: 'select', condition, whenTrue: sum, whenFalse: { kind: 'constant', value: 7 } };
    expect(printExpression(select)).toBe('(a == b) ? (a + b) : 7');
    expect(printExpression({ ...sum, left: select })).toBe('((a == b) ? (a + b) : 7) + b');
  });

  it('is the same only for the same expression', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(anyKernelCase, ({ kernel }) => {
        for (const expression of expressionsIn(kernel.opcodes)) {
          const shown = printExpression(expression);
          const json = JSON.stringify(expression);
          expect(seen.get(shown) ?? json).toBe(json);
          seen.set(shown, json);
        }
      }),
      { numRuns: 100 },
    );
  });
});

const EXPRESSION_KINDS = new Set(['constant', 'local', 'complement', 'not', 'binary', 'select']);

function expressionsIn(json: unknown): Expression[] {
  if (typeof json !== 'object' || json === null) return [];
  const inner = Object.values(json).flatMap(expressionsIn);
  return EXPRESSION_KINDS.has((json as { kind?: string }).kind ?? '') ? [json as Expression, ...inner] : inner;
}
