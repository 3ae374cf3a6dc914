import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { type Judgement, judge } from '../../src/diff/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { type LogRecord, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { planReplay, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { DisturbedBackend, recordingOf, recordRun, replayOnAll } from './recordings.ts';

const kernel = defineKernel({ name: 'small', slotCount: 8 });

function reference(): ReferenceBackend {
  return new ReferenceBackend(kernel);
}

/** A log of another runtime: for each slot its opcode and the EPOCH that its host saw. */
function foreignLog(slots: readonly (readonly [opcode: number, epoch: number])[], capacity = 64): Uint8Array {
  const storage = new MemoryStorage();
  const records = slots.map(
    ([opcode, epoch], index): LogRecord => ({
      timestampNs: BigInt(index + 1),
      slotIndex: index % kernel.slotCount,
      tenantId: 0,
      opcode,
      args: [1, 170, 0, 0],
      epoch,
    }),
  );
  RingLog.open(storage, capacity).appendMany(records);
  return storage.toBytes();
}

const { ATOMIC_ADD: ADD, BATCH_FENCE: FENCE } = Opcode;

async function judgeLog(log: Uint8Array, replicas = 1, assumeFresh = false): Promise<Judgement> {
  const plan = planReplay(recordingOf({ log }), { kernel, assumeFresh });
  return judge(plan, await replayOnAll(plan, [reference(), reference()], { replicas }), kernel);
}

describe('EPOCH in a log alone', () => {
  it('agrees where it counts the fences', async () => {
    const log = foreignLog([
      [ADD, 0],
      [FENCE, 0],
      [ADD, 1],
      [FENCE, 1],
      [FENCE, 2],
      [ADD, 3],
    ]);
    expect(await judgeLog(log, 3)).toMatchObject({ verdict: 'agree', epochs: { total: 4, agreeing: 4 } });
  });

  it.each([1, 3])('that is more than the fences before it is a divergence there, in %i replicas', async (replicas) => {
    const log = foreignLog([
      [ADD, 0],
      [FENCE, 0],
      [ADD, 1],
      [ADD, 2],
      [ADD, 2],
    ]);
    const judgement = await judgeLog(log, replicas);
    expect(judgement).toMatchObject({ verdict: 'diverge', epochs: { total: 3, agreeing: 2, diverging: 1 } });
    expect(judgement.firstDivergence).toMatchObject({
      epoch: 2,
      deviceEpoch: 2,
      where: 'EPOCH',
      expected: '2',
      seen: '1',
      comparedWith: 'recording',
    });
    expect(judgement.oddOneOut).toBeUndefined();
  });

  it('that is less says only that the host did not wait', async () => {
    const log = foreignLog([
      [ADD, 0],
      [FENCE, 0],
      [FENCE, 0],
      [ADD, 1],
      [ADD, 2],
      [FENCE, 2],
      [ADD, 2],
    ]);
    expect((await judgeLog(log)).verdict).toBe('agree');
  });

  it('is not checked where there are no fences: it is a count of the host', async () => {
    expect(
      (
        await judgeLog(
          foreignLog([
            [ADD, 0],
            [ADD, 1],
            [ADD, 5],
            [ADD, 6],
          ]),
          2,
        )
      ).verdict,
    ).toBe('agree');
  });

  it('is not checked on a backend that has none', async () => {
    const log = foreignLog([
      [ADD, 0],
      [FENCE, 0],
      [ADD, 7],
    ]);
    const plan = planReplay(recordingOf({ log }), { kernel });
    const inner = reference();
    const { name, slotCount, layout } = inner;
    const withoutEpoch = {
      name,
      slotCount,
      layout,
      start: () => inner.start(),
      publish: (slotIndex: number, slot: Parameters<typeof inner.publish>[1]) => inner.publish(slotIndex, slot),
      drain: () => inner.drain(),
      observe: (snapshot: Uint32Array) => inner.observe(snapshot),
      stop: () => {},
    };
    expect(judge(plan, [await replayOn(plan, withoutEpoch, { replicas: 2 })]).verdict).toBe('agree');
  });

  it.each([1, 2])('is not checked where a fresh start is only assumed, in %i replicas', async (replicas) => {
    const log = foreignLog(
      [
        [ADD, 90],
        [FENCE, 90],
        [ADD, 91],
        [FENCE, 91],
      ],
      4,
    );
    expect((await judgeLog(log, replicas)).verdict).toBe('unknown');
    expect((await judgeLog(log, replicas, true)).verdict).toBe('agree');
  });

  it('proves nothing behind a fence that is lost', async () => {
    const log = foreignLog([
      [ADD, 0],
      [FENCE, 0],
      [ADD, 1],
      [FENCE, 1],
      [ADD, 2],
    ]);
    log.fill(0, 32 + 64, 32 + 128);
    expect(scanLogBytes(log).loss.lost).toBe(1);
    const judgement = await judgeLog(log);
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { diverging: 0, unknown: 3 } });
  });

  it('finds a backend that loses fences', async () => {
    const run = await recordRun([[], [], []], reference(), { kernel });
    const plan = planReplay(recordingOf({ log: run.log }), { kernel });
    const losing = new DisturbedBackend(reference(), {
      publish: ({ epoch }, _slotIndex, { opcode }) => (epoch === 1 && opcode === FENCE ? 'drop' : undefined),
    });
    expect(judge(plan, [await replayOn(plan, losing)], kernel).firstDivergence).toMatchObject({
      epoch: 2,
      where: 'EPOCH',
      expected: '2',
      seen: '1',
      backend: 'disturbed',
    });
  });
});
