import { describe, expect, test } from 'vitest';
import { replayToken } from '../../src/explore/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import {
  candidateOf,
  ExplorerSubject,
  fewestSwitches,
  type LogCandidate,
  reduceLog,
  scenarioOf,
} from '../../src/reduce/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';

const RACY_ADD = 0x4000_0001;

function racyKernel(): Kernel {
  const add = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word, 'before');
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'racy', slotCount: 64, observableWords: 64, opcodes: [add] });
}

/** Sound additions, two that are not atomic, and two stores to one word, which may come in either order. */
function candidate(): LogCandidate {
  const placed = Array.from({ length: 16 }, (_, slotIndex) => {
    const [code, args] =
      slotIndex === 4 || slotIndex === 11
        ? [RACY_ADD, [slotIndex, 190]]
        : slotIndex === 2 || slotIndex === 9
          ? [Opcode.STORE_U32, [slotIndex, 170]]
          : [Opcode.ATOMIC_ADD, [slotIndex, 192 + slotIndex]];
    return { slotIndex, slot: { opcode: code, tenant: 0, priority: Priority.NORMAL, args } };
  });
  return candidateOf(scenarioOfSlots(racyKernel(), placed));
}

describe('on the CPU model', () => {
  test('what no serial order explains comes down to its two slots; legal reorderings are left alone', async () => {
    const subject = new ExplorerSubject({ oracle: 'unserializable' });
    const { reproducer, signature, isMinimal } = await reduceLog(candidate(), subject);
    expect(signature).toMatch(/^(coherence|no serial order) \(.*\), word in the observables$/);
    expect(isMinimal).toBe(true);
    const slots = reproducer?.epochs[0].slots ?? [];
    expect(slots.map(({ slot }) => slot.opcode)).toEqual([RACY_ADD, RACY_ADD]);
    expect(reproducer?.slotCount).toBe(2);
  });

  test('its schedule has no switch too many, replays from its token, and stands beside one that passes', async () => {
    const subject = new ExplorerSubject({ oracle: 'unserializable' });
    const { reproducer, signature } = await reduceLog(candidate(), subject);
    if (reproducer === undefined || signature === undefined) throw new Error('nothing was found');
    const token = subject.failureOf(reproducer, signature)?.token ?? '';
    const found = await fewestSwitches(reproducer, subject, token, signature);
    // One loads, the other one adds, the first one stores: two switches, and one is not enough.
    expect(found).toMatchObject({ switches: 2, isFewest: true });
    expect(found?.switchesBefore).toBeGreaterThanOrEqual(2);
    const scenario = scenarioOf(reproducer);
    if (scenario === undefined || found === undefined) throw new Error('there is no schedule');
    expect(replayToken(scenario, found.token).outcome.words).toEqual(found.failure.outcomes[0].words);
    expect(found.passing).toBeDefined();
    expect(found.sharedAccesses).toBeGreaterThan(0);
    expect(await subject.replay(reproducer, found.token)).toMatchObject({ signature });
  });

  test('what differs from the order of publishing and is legal is a failure only for who asks for it', async () => {
    const subject = new ExplorerSubject({ oracle: 'differs-from-reference' });
    const only = candidate();
    const stores = { ...only, epochs: [{ slots: [only.epochs[0].slots[2], only.epochs[0].slots[9]], batchEnds: [2] }] };
    expect((await reduceLog(stores, subject)).reproducer).toBeDefined();
    const strict = new ExplorerSubject({ oracle: 'unserializable' });
    expect((await reduceLog(stores, strict, { maxRuns: 400 })).reproducer).toBeUndefined();
  });
});

describe('arguments keep clear of the words of the protocol, even where everything fails', () => {
  const failures = new Map([['it', 1]]);
  const always = { name: 'always', isDeterministic: true, run: () => ({ runs: 1, failures, unresolved: undefined }) };

  test('such as word 0, to which an addition shuts the ring down: that would be another failure', async () => {
    const { reproducer } = await reduceLog(candidate(), always);
    const [slot] = reproducer?.epochs[0].slots ?? [];
    expect(slot.slot.args).toEqual([0, ControlWord.OBSERVABLE_BASE]);
  });

  test('and DONE_COUNT, which every lane adds to, but none stores to; two words of a slot stay two', async () => {
    const both = opcode('STORE_BOTH', RACY_ADD, ['first', 'second'], ($, first, second) => {
      $.store('control', first, 7);
      $.store('control', second, 7);
    });
    const kernel = defineKernel({ name: 'both', slotCount: 64, opcodes: [both] });
    const slot = { opcode: RACY_ADD, tenant: 0, priority: Priority.NORMAL, args: [170, 171] };
    const { reproducer } = await reduceLog(candidateOf(scenarioOfSlots(kernel, [{ slotIndex: 0, slot }])), always);
    const [reduced] = reproducer?.epochs[0].slots ?? [];
    expect(Array.from(reduced.slot.args).toSorted()).toEqual([
      ControlWord.OBSERVABLE_BASE,
      ControlWord.OBSERVABLE_BASE + 1,
    ]);
  });
});
