import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { type Divergence, judge } from '../../src/diff/index.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import type { ObservationLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode, TENANT_ALLOWED } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { planReplay, replayOn } from '../../src/replay/index.ts';
import { packedAdds } from '../replay/programs.ts';
import {
  DisturbedBackend,
  namedEpochs,
  type Program,
  recordingOf,
  recordRun,
  ScriptedBackend,
} from '../replay/recordings.ts';

const FIVE = 0x4000_0000;
const INDIRECT = 0x4000_0001;

const kernel = defineKernel({
  name: 'describe',
  slotCount: 32,
  observableWords: 200,
  opcodes: [
    opcode(
      'FIVE',
      FIVE,
      ['a', 'b', 'c', 'd', 'word'],
      ($, a, _b, _c, _d, word) => void $.atomicAdd('control', word, a),
    ),
    opcode('INDIRECT', INDIRECT, ['pointer'], ($, pointer) => {
      const target = $.load('control', pointer, 'target');
      $.store('control', target, 1);
    }),
  ],
});

function add(amount: number, word: number, tenant = 0): SlotRequest {
  return { opcode: Opcode.ATOMIC_ADD, tenant, args: [amount, word] };
}

/** Records a program and replays it on a backend that changes what is observed after one epoch. */
async function divergenceOf(
  program: Program,
  wrongEpoch: number,
  change: (snapshot: Uint32Array) => void,
  capacity = 4_096,
): Promise<Divergence> {
  const run = await recordRun(program, new ReferenceBackend(kernel), { kernel, capacity });
  const plan = planReplay(recordingOf(run), { kernel });
  const wrong = new DisturbedBackend(new ReferenceBackend(kernel), {
    observe({ epoch }, snapshot) {
      if (epoch === wrongEpoch) change(snapshot);
    },
  });
  const { firstDivergence } = judge(plan, [await replayOn(plan, wrong)], kernel);
  if (firstDivergence === undefined) throw new Error('nothing diverged');
  return firstDivergence;
}

function namesOf({ slots }: Divergence): string[] {
  return slots.map(({ record, slotIndex, name, args }) => `${record} ${slotIndex} ${name}(${args.join(', ')})`);
}

describe('a word that diverges', () => {
  const program: Program = [
    [add(1, 170), add(2, 171)],
    [
      add(3, 170),
      add(4, 171, 3),
      { opcode: Opcode.STORE_U32, args: [5, 170] },
      { opcode: Opcode.LOAD_U32, args: [170, 11] },
      { opcode: Opcode.LOAD_U32, args: [171, 10] },
      { opcode: Opcode.COMPARE_SWAP, args: [170, 1, 2] },
      { opcode: Opcode.MEMCPY, args: [200, 165, 6] },
      { opcode: Opcode.MEMCPY, args: [168, 201, 6] },
      { opcode: Opcode.NOP },
    ],
  ];

  it('comes with what was expected and seen, and the slots of its epoch that may write it', async () => {
    const divergence = await divergenceOf(program, 1, (snapshot) => {
      snapshot[170] = 99;
    });
    expect(divergence).toMatchObject({
      epoch: 1,
      deviceEpoch: 1,
      kind: 'word',
      where: 'control[170]',
      region: 'control',
      seen: '99',
      differenceCount: 1,
      unlistedSlotCount: 0,
      backend: 'disturbed',
      comparedWith: 'recording',
    });
    expect(namesOf(divergence)).toEqual([
      '3 0 ATOMIC_ADD(3, 170)',
      '5 2 STORE_U32(5, 170)',
      '7 4 LOAD_U32(171, 10)',
      '8 5 COMPARE_SWAP(170, 1, 2)',
      '9 6 MEMCPY(200, 165, 6)',
    ]);
  });

  it('names the tenants of those slots', async () => {
    const divergence = await divergenceOf(program, 1, (snapshot) => {
      snapshot[171] += 1;
    });
    expect(divergence.slots).toEqual([
      { record: 4, slotIndex: 1, opcode: 2, name: 'ATOMIC_ADD', tenantId: 3, args: [4, 171] },
      { record: 6, slotIndex: 3, opcode: 3, name: 'LOAD_U32', tenantId: 0, args: [170, 11] },
    ]);
  });

  it('names a slot that waited since an older epoch, too', async () => {
    // Nothing serves tenant 3 before its mask says so; slot 1 of epoch 0 runs in epoch 2.
    const mask = ControlWord.TENANT_MASKS + 3;
    const waiting: Program = [
      [{ opcode: Opcode.STORE_U32, args: [0, mask] }],
      [add(1, 170), add(2, 171, 3), add(3, 171)],
      [{ opcode: Opcode.STORE_U32, args: [TENANT_ALLOWED, mask] }],
      [{ opcode: Opcode.NOP }],
    ];
    const divergence = await divergenceOf(waiting, 3, (snapshot) => {
      snapshot[171] = 9;
    });
    expect(divergence).toMatchObject({ epoch: 3, where: 'control[171]', expected: '5', seen: '9' });
    expect(divergence.slots).toMatchObject([{ record: 3, slotIndex: 1, tenantId: 3, args: [2, 171] }]);
  });

  it('is the first of several, which are counted', async () => {
    const divergence = await divergenceOf(program, 0, (snapshot) => {
      for (let word = 180; word < 220; word += 1) snapshot[word] = word;
      snapshot[172] = 7;
    });
    expect(divergence).toMatchObject({
      where: 'control[172]',
      expected: '0',
      seen: '7',
      differenceCount: 41,
      slots: [],
    });
  });

  it('that only the fence writes is blamed on the fence', async () => {
    const divergence = await divergenceOf(program, 1, (snapshot) => {
      snapshot[160] = 55;
    });
    expect(namesOf(divergence)).toEqual(['12 9 BATCH_FENCE(9, 1)']);
    expect(divergence).toMatchObject({ expected: '1', seen: '55' });
  });

  it('that a slot reaches through a pointer may be anything', async () => {
    const pointers = [[{ opcode: INDIRECT, args: [170] }, add(1, 175)]];
    const divergence = await divergenceOf(pointers, 0, (snapshot) => {
      snapshot[188] = 1;
    });
    expect(namesOf(divergence)).toEqual(['0 0 INDIRECT(170)']);
  });

  it('that many slots write lists a few of them and counts the rest', async () => {
    const many = [Array.from({ length: 20 }, (_, index) => add(index, 170))];
    const divergence = await divergenceOf(many, 0, (snapshot) => {
      snapshot[170] = 0;
    });
    expect(divergence.slots.map(({ record }) => record)).toEqual([...new Array(12).keys()]);
    expect(divergence.unlistedSlotCount).toBe(8);
  });

  it('of a wrapped log names records as the log has them', async () => {
    const many = Array.from({ length: 6 }, (_, epoch) => [add(epoch, 170), add(epoch, 171)]);
    const divergence = await divergenceOf(
      many,
      1,
      (snapshot) => {
        snapshot[171] = 0;
      },
      10,
    );
    // Three epochs of three records each are left, and one record of the epoch before.
    expect(divergence.epoch).toBe(4);
    expect(namesOf(divergence)).toEqual(['5 1 ATOMIC_ADD(4, 171)']);
  });
});

describe('arguments beyond the four of a record', () => {
  it('are shown as the stream has them', async () => {
    const args = packedAdds([
      [7, 170],
      [8, 171],
      [9, 172],
    ]);
    const program = [
      [
        { opcode: Opcode.PACKED_SLOT, args },
        { opcode: FIVE, args: [1, 2, 3, 4, 171] },
        { opcode: FIVE, args: [1, 2, 3, 4, 173] },
        add(1, 171),
      ],
    ];
    const divergence = await divergenceOf(program, 0, (snapshot) => {
      snapshot[171] += 1;
    });
    expect(namesOf(divergence)).toEqual([
      `0 0 PACKED_SLOT(${[...args, 0].slice(0, 12).join(', ')})`,
      '1 1 FIVE(1, 2, 3, 4, 171)',
      '3 3 ATOMIC_ADD(1, 171)',
    ]);
  });
});

describe('a record of the debug log that diverges', () => {
  it('is blamed on the slots that print', async () => {
    const program = [
      [add(1, 170), { opcode: Opcode.PRINTF, args: [1, 2, 3] }, { opcode: Opcode.PRINTF, args: [4, 5, 6] }],
    ];
    const divergence = await divergenceOf(program, 0, (snapshot) => {
      const debug = snapshot.subarray(kernel.controlWords);
      debug[2] = 77;
    });
    expect(divergence).toMatchObject({
      kind: 'record',
      where: 'printf records',
      region: 'printf records',
      expected: '(1, 2, 3, 16) 1 times',
      seen: '(1, 2, 3, 16) 0 times',
      differenceCount: 2,
    });
    expect(namesOf(divergence)).toEqual(['1 1 PRINTF(1, 2, 3)', '2 2 PRINTF(4, 5, 6)']);
  });
});

describe('where slots cannot be told', () => {
  it('none are named, and it is not said that there are none', async () => {
    const run = await recordRun([[add(1, 170)]], new ReferenceBackend(kernel), { kernel });
    const plan = planReplay(recordingOf(run));
    const wrong = new DisturbedBackend(new ReferenceBackend(kernel), {
      observe: (_moment, snapshot) => {
        snapshot[170] = 0;
      },
    });
    const { firstDivergence } = judge(plan, [await replayOn(plan, wrong)]);
    expect(firstDivergence).toMatchObject({ where: 'control[170]', slots: [], unlistedSlotCount: undefined });
  });
});

describe('words that were not kept', () => {
  const layout: ObservationLayout = {
    areas: [{ name: 'words', words: 6 }],
    regions: [{ name: 'printed', area: 'words', start: 0, count: 4, equivalence: 'multiset', usedWordsAt: 4 }],
  };

  it('leave the digests of the first region that can be judged', async () => {
    const shows = [
      [1, 2, 3, 4, 9, 7],
      [4, 5, 6, 7, 9, 8],
    ];
    const recorder = new ScriptedBackend('recorder', layout, () => ({ words: shows[0] }));
    const plan = planReplay(recordingOf(await recordRun(namedEpochs(1), recorder)));
    const wrong = new ScriptedBackend('wrong', layout, () => ({ words: shows[1] }));
    const { firstDivergence } = judge(plan, [await replayOn(plan, wrong, { keptSnapshotBytes: 0 })]);
    // The region before it dropped records on both sides, so its digest proves nothing.
    expect(firstDivergence).toMatchObject({ kind: 'digest', where: 'words[4..5]', region: 'words[4..5]' });
    expect(firstDivergence?.expected).toMatch(/^digest [0-9a-f]{16}$/);
    expect(firstDivergence?.seen).toMatch(/^digest [0-9a-f]{16}$/);
    expect(firstDivergence?.seen).not.toBe(firstDivergence?.expected);
  });

  it('are not needed to tell how slots ended', async () => {
    const recorder = new ScriptedBackend('recorder', layout, () => ({ words: [0, 0, 0, 0, 0, 0] }));
    const plan = planReplay(recordingOf(await recordRun(namedEpochs(1), recorder)));
    const wrong = new ScriptedBackend('wrong', layout, () => ({ words: [0, 0, 0, 0, 0, 0], pending: [0] }));
    const { firstDivergence } = judge(plan, [await replayOn(plan, wrong, { keptSnapshotBytes: 0 })]);
    expect(firstDivergence).toMatchObject({
      kind: 'slots',
      expected: '1 done, 0 faulted, 0 waiting',
      seen: '0 done, 0 faulted, 1 waiting',
    });
  });

  it('between two that both dropped records still show who differs', async () => {
    const ignoring: ObservationLayout = {
      ...layout,
      regions: [...layout.regions, { name: 'cursor', area: 'words', start: 4, count: 1, equivalence: 'ignored' }],
    };
    // Each of the others may be what the recording dropped records of, but they are not what the other may be.
    const recorder = new ScriptedBackend('recorder', ignoring, () => ({ words: [1, 1, 1, 1, 5, 7] }));
    const plan = planReplay(recordingOf(await recordRun(namedEpochs(1), recorder)));
    const replays = [];
    for (const word of [2, 3]) {
      const backend = new ScriptedBackend(`shows${word}`, ignoring, () => ({ words: [word, 1, 1, 1, 4, 7] }));
      replays.push(await replayOn(plan, backend));
    }
    expect(judge(plan, replays)).toMatchObject({
      verdict: 'diverge',
      firstDivergence: { kind: 'record', where: 'printed', comparedWith: 'shows2', backend: 'shows3' },
      backends: [{ verdict: 'unknown' }, { verdict: 'unknown' }],
    });
  });
});
