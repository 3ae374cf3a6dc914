import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { observedWith, writeCandidateLog } from '../../node/candidate-log.ts';
import { openRecording } from '../../node/recording-files.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { judge } from '../../src/diff/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { candidateOfEpochs, type LogCandidate, referenceOutcomes } from '../../src/reduce/index.ts';
import { planReplay, replayOn } from '../../src/replay/index.ts';
import { freshSnapshot } from '../../src/scenario/index.ts';

const kernel = defineKernel({ name: 'candidates', slotCount: 8, observableWords: 32 });
let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vrrl-candidates-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const slots = fc.record({
  opcode: fc.constantFrom(Opcode.ATOMIC_ADD, Opcode.STORE_U32, Opcode.BATCH_FENCE, Opcode.PRINTF, Opcode.MEMCPY),
  tenant: fc.nat({ max: 28 }),
  priority: fc.nat({ max: 4 }),
  args: fc
    .tuple(fc.nat({ max: 185 }), fc.integer({ min: 160, max: 185 }), fc.nat({ max: 5 }), fc.nat(), fc.nat())
    .map((some) => [...some, 0, 0, 0, 0, 0, 0, 7]),
});
const epochs = fc
  .array(fc.array(fc.array(slots, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((all) =>
    all.map((batches) => ({
      slots: batches.flatMap((batch) => batch.map((slot, slotIndex) => ({ slotIndex, slot }))),
      batchEnds: batches.map((_, index) => batches.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0)),
    })),
  );
const states = fc.option(
  fc.dictionary(fc.integer({ min: 160, max: 190 }).map(String), fc.nat(), { maxKeys: 4, minKeys: 1 }),
  { nil: undefined },
);

function candidateFrom(made: LogCandidate['epochs'], state: Record<string, number> | undefined): LogCandidate {
  let initial: Uint32Array | undefined;
  if (state !== undefined) {
    initial = freshSnapshot(kernel);
    initial[160] = 1;
    for (const [word, value] of Object.entries(state)) initial[Number(word)] = value;
    initial[159] = 5;
  }
  return { kernel, slotCount: kernel.slotCount, initial, epochs: made, stress: undefined };
}

describe('a candidate as a log', () => {
  test('is read as the same candidate, and replays by itself as it was observed', async () => {
    await fc.assert(
      fc.asyncProperty(epochs, states, async (made, state) => {
        const candidate = candidateFrom(made, state);
        const outcomes = await referenceOutcomes(candidate);
        // A slot that waits is a state that no snapshot holds.
        fc.pre(outcomes.every(({ pending, faults }) => pending === 0 && faults.length === 0));
        files += 1;
        const file = path.join(folder, `${files}.vrrl`);
        const options = { tool: 'test', backend: 'reference', origin: { ordinal: 17, sequence: 900 } };
        writeCandidateLog(file, candidate, observedWith(kernel, candidate, outcomes), options);
        const recording = openRecording(file);
        try {
          const plan = planReplay(recording, { kernel });
          expect(plan.epochs.map(({ ordinal }) => ordinal)).toEqual(
            made.map((_, index) => index + (state === undefined ? 0 : 17)),
          );
          const read = candidateOfEpochs(plan, plan.epochs, kernel, kernel.slotCount);
          expect(read).toEqual(candidate);
          const replay = await replayOn(plan, new ReferenceBackend(kernel), { replicas: 2 });
          expect(judge(plan, [replay], kernel).verdict).toBe('agree');
        } finally {
          recording.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
