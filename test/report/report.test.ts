import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/base/errors.ts';
import { replayToken } from '../../src/explore/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { readReduction, renderText } from '../../src/report/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';
import { additionsBy, lostUpdate, RACY_ADD, racyKernel, reportOn, WORD } from './reports.ts';

describe('a lost update', () => {
  test('is told with its epoch, its word and the slots that did it', async () => {
    const report = await lostUpdate();
    expect(report).toMatchObject({ verdict: 'diverge', epochs: { total: 5, diverging: 1 } });
    expect(report.headline).toMatch(/^Epoch 2: .*lost update.*control\[170\] = 5/);
    const { explanation } = report.epoch!;
    expect(explanation).toMatchObject({
      verdict: 'serializable',
      violated: 'slot-serial',
      holds: 'access-serial',
      contradiction: { shape: 'lost update', words: [{ word: 'control[170]', initial: 4, seen: 5 }] },
    });
  });

  test('has the failing order beside the nearest serial one, and says where they part', async () => {
    const { failing, passing, partsAtRow } = (await lostUpdate()).epoch!;
    const rows = (table: typeof failing) =>
      table!.rows.map(({ lane, kind, read, written }) => [lane, kind, read, written]);
    const [first] = rows(failing)[0] as [number];
    const second = 1 - first;
    expect(rows(failing).map(([lane, kind]) => [lane, kind])).toEqual(
      expect.arrayContaining([
        [first, 'load'],
        [second, 'load'],
        [first, 'store'],
        [second, 'store'],
      ]),
    );
    expect(rows(failing).map(([, , read, written]) => read ?? written)).toEqual([4, 4, 5, 5]);
    expect(rows(passing)).toEqual([
      [first, 'load', 4, undefined],
      [first, 'store', undefined, 5],
      [second, 'load', 5, undefined],
      [second, 'store', undefined, 6],
    ]);
    expect(partsAtRow).toBe(1);
    expect(failing!.rows.every(({ isConcerned }) => isConcerned)).toBe(true);
  });

  test('counts who differs, in the epoch and anywhere', async () => {
    const report = await lostUpdate({ replicas: 8 });
    expect(report.backends).toMatchObject([
      { backend: 'reference', diverged: { count: 0, total: 8 }, divergedInEpoch: { count: 0, total: 8 } },
      { backend: 'odd', diverged: { count: 8, total: 8 }, divergedInEpoch: { count: 8, total: 8 } },
    ]);
    expect(report.oddOneOut).toEqual({ source: 'odd', epoch: 2, others: ['recording', 'reference'] });
    expect(report.epochs.stretches).toEqual([
      { verdict: 'agree', first: 0, count: 2 },
      { verdict: 'diverge', first: 2, count: 1 },
      { verdict: 'not reached', first: 3, count: 2 },
    ]);
    expect(report.notKnown.join()).toContain('2 epochs not reached');
  });

  test('has a schedule that shows it when it is replayed', async () => {
    const { seeAgain } = await lostUpdate({ epoch: 2 });
    expect(seeAgain.token!.isOfWholeEpoch).toBe(true);
    // The same epoch built by hand: two additions and the fence, from what was there before.
    const { token } = (await lostUpdate()).seeAgain;
    expect(token!.token).toBe(seeAgain.token!.token);
    const other = scenarioOfSlots(racyKernel(), [
      { slotIndex: 0, slot: { opcode: 0, tenant: 0, priority: 0, args: [] } },
    ]);
    expect(() => replayToken(other, token!.token)).toThrow('another');
  });

  test('goes away with a compare-exchange that is tried again, and says which defects look like it', async () => {
    const { hints } = await lostUpdate();
    expect(hints.remedies!.working).toEqual([
      expect.stringContaining('the load of control[word] and the store to control[word] in RACY_ADD made one'),
    ]);
    expect(hints.remedies!.tried).toBeGreaterThan(1);
    expect(hints.mutants.length).toBeGreaterThan(0);
    expect(hints.mutants.length).toBeLessThanOrEqual(3);
    expect(hints.mutants[0].name).toBe('ATOMIC_ADD as load and store');
  });

  test('is a violation where the opcode promised to happen at once', async () => {
    const report = await lostUpdate({ kernel: racyKernel('promising', true) });
    expect(report.epoch!.explanation).toMatchObject({ verdict: 'unserializable', brokenPromises: ['RACY_ADD'] });
    expect(report.epoch!.explanation!.assumed.join()).toContain('RACY_ADD promises');
  });
});

describe('other outcomes', () => {
  test('an atomic addition that is missing', async () => {
    const report = await reportOn([additionsBy(Opcode.ATOMIC_ADD, 3)], (words) => {
      words[WORD] = 2;
    });
    expect(report.epoch!.explanation).toMatchObject({ verdict: 'unserializable', violated: 'coherence' });
    expect(report.hints.mutants.map(({ number }) => number)).toContain(19);
    expect(report.hints.remedies).toBeUndefined();
    expect(report.epoch!.failing).toBeUndefined();
    expect(report.epoch!.passing!.rows.map(({ read, written }) => [read, written])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  test('a copy with another in between', async () => {
    const fill = [
      { opcode: Opcode.STORE_U32, args: [7, 190] },
      { opcode: Opcode.STORE_U32, args: [8, 191] },
    ];
    const copies = [
      { opcode: Opcode.MEMCPY, args: [190, WORD, 2] },
      { opcode: Opcode.MEMCPY, args: [WORD, 180, 2] },
    ];
    const report = await reportOn([fill, copies], (words, epoch) => {
      if (epoch === 1) words[181] = 0;
    });
    expect(report.epoch).toMatchObject({ epoch: 1, explanation: { violated: 'slot-serial', holds: 'access-serial' } });
    const words = new Set(report.epoch!.failing!.rows.map(({ word }) => word));
    expect(words).toContain('control[170]');
    expect(words).toContain('control[171]');
  });

  test('of several epochs the one that is wrong is told, though a legal one diverges before it', async () => {
    const stores = [1, 2].map((value) => ({ opcode: Opcode.STORE_U32, args: [value, WORD + 2] }));
    const change = (words: Uint32Array, epoch: number) => {
      if (epoch === 0) words[WORD + 2] = 1;
      if (epoch === 1) words[WORD] -= 1;
    };
    const epochs = [stores, additionsBy(Opcode.ATOMIC_ADD)];
    const report = await reportOn(epochs, change, { mode: 'isolated' });
    expect(report.epoch).toMatchObject({ epoch: 1, explanation: { verdict: 'unserializable' } });
    expect((await reportOn(epochs, change, { mode: 'isolated', epoch: 0 })).headline).toMatch(/^Epoch 0: legal/);
    const many = Array.from({ length: 66 }, () => stores);
    const legal = await reportOn(many, (words) => words.fill(1, WORD + 2, WORD + 3), { mode: 'isolated', replicas: 1 });
    expect(legal.epoch?.epoch).toBe(0);
    expect(legal.notKnown).toContain('whether 2 more diverging epochs are worse: 64 were looked at');
  });

  test('another order of whole slots is legal, and is given', async () => {
    const stores = [
      { opcode: Opcode.STORE_U32, args: [1, WORD] },
      { opcode: Opcode.STORE_U32, args: [2, WORD] },
    ];
    const report = await reportOn([stores], (words) => {
      words[WORD] = 1;
    });
    const { explanation } = report.epoch!;
    expect(explanation).toMatchObject({ verdict: 'serializable', isPublishOrder: false });
    expect(explanation!.serialOrder!.indexOf(1)).toBeLessThan(explanation!.serialOrder!.indexOf(0));
    expect(report.hints).toEqual({ mutants: [], remedies: undefined });
  });

  test('agreement is said briefly; an epoch that was asked for is shown all the same', async () => {
    const report = await reportOn([additionsBy(RACY_ADD), additionsBy(RACY_ADD)], () => {});
    expect(report).toMatchObject({
      verdict: 'agree',
      epoch: undefined,
      headline: '2 of 2 epochs agree with the recording',
    });
    expect(renderText(report).split('\n').length).toBeLessThan(25);
    const asked = await reportOn([additionsBy(RACY_ADD), additionsBy(RACY_ADD)], () => {}, { epoch: 1 });
    expect(asked.epoch).toMatchObject({ epoch: 1, verdict: 'agree', explanation: { isPublishOrder: true } });
  });

  test('lost records are unknown, and never agreement', async () => {
    const report = await reportOn([additionsBy(RACY_ADD)], () => {}, { lost: 3 });
    expect(report.notKnown.join()).toContain('3 records of the log lost');
  });

  test('every source of an outcome is named, the one that needs a look first', async () => {
    const report = await reportOn([additionsBy(RACY_ADD)], (words) => {
      words[WORD] = 9;
    });
    expect(report.epoch!.explanation).toMatchObject({ verdict: 'unserializable' });
    expect(report.epoch!.outcomes.map(({ seenBy }) => seenBy.map(({ source }) => source))).toEqual([
      ['odd'],
      ['recording', 'reference'],
    ]);
  });

  test('without a kernel it says what differs, and that it cannot say why', async () => {
    const report = await lostUpdate({ knowsKernel: false });
    expect(report.headline).toBe('Epoch 2: control[170] is 5 on odd, and 6 in the recording');
    expect(report.epoch!.explanation).toBeUndefined();
    expect(report.notKnown.join()).toContain('the kernel is not known to vrrl');
    expect(renderText(report)).toContain('4 of 4');
  });

  test('without recorded observations replays are compared with each other', async () => {
    const report = await lostUpdate({ damage: ({ log }) => ({ log }) });
    expect(report).toMatchObject({ comparedWith: 'replays', verdict: 'diverge', epoch: { epoch: 2 } });
    expect(report.epoch!.explanation).toMatchObject({ violated: 'slot-serial' });
    expect(report.notKnown.join()).toContain('nothing was observed when it was recorded');
  });
});

describe('the ledger of a reduction', () => {
  const rate = { count: 3, total: 10, low: 0.1, high: 0.6 };
  const size = (slots: number) => ({ epochs: 1, batches: 1, slots, ring: 16, startsFresh: true });
  const entry = (stage: string, accepted: boolean) => {
    return { stage, what: 'x', sizeBefore: 4, size: 2, runs: 5, accepted, reason: accepted ? 'failed' : 'clean' };
  };
  const ledger = {
    schemaVersion: 1,
    log: 'run.vrrl',
    judge: { kind: 'backend', asked: 'threads' },
    reproduced: true,
    original: { epochs: { first: 0, last: 4 }, rate },
    searchRuns: 7,
    sizeBefore: size(100),
    size: size(2),
    rate,
    isMinimal: true,
    runs: 20,
    ledger: [entry('slots', true), entry('slots', false), entry('lanes', true)],
  };

  test('is summed up', () => {
    expect(readReduction(ledger)).toMatchObject({
      slotsBefore: 100,
      slotsAfter: 2,
      runs: 27,
      isMinimal: true,
      judge: 'backend threads',
      stages: [
        { stage: 'slots', tried: 2, accepted: 1, runs: 10 },
        { stage: 'lanes', tried: 1, accepted: 1, runs: 5 },
      ],
    });
  });

  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['another version', { ...ledger, schemaVersion: 2 }],
    ['a rate that is none', { ...ledger, rate: { ...rate, high: 3 } }],
    ['a size in words', { ...ledger, size: { ...size(2), slots: 'two' } }],
    ['entries that are none', { ...ledger, ledger: [null] }],
  ])('%s is refused', (_, broken) => {
    expect(() => readReduction(broken)).toThrow(InputError);
  });
});
