/** Programs that a device does not take up, so that they are stepped, and one that just fits. */

import { programOfEpochs } from '../../../node/conformance/epochs-program.ts';
import { ProgramEpochFlag, type ProgramHead, ReferenceBackend, SHORT_SLOT_WORDS } from '../../../src/backend/index.ts';
import { GpuBackend } from '../../../src/gpu/index.ts';
import { defineKernel, type Kernel, opcode } from '../../../src/kernel/index.ts';
import { type Region, resolveLayout } from '../../../src/observe/index.ts';
import { ControlWord, Opcode, SLOT_WORDS } from '../../../src/protocol/index.ts';
import { differences, keptLoading } from './compare-replays.ts';
import { inOrder, planPlaced } from './placed-slots.ts';
import { scenarioKernel, withOpcodes } from './scenario-kernel.ts';

const FIRST_WORD: number = ControlWord.OBSERVABLE_BASE + 1;
/** With what is before and behind them, and the two of the debug log, as many as a mask has room for. */
const MOST_SETS = 20;

/** So many sets of four words side by side. Each takes more of a workgroup's memory than any other region. */
function kernelOfSets(count: number): Kernel {
  const regions = Array.from({ length: count }, (_, index): Region => {
    return { name: `set ${index}`, area: 'control', start: FIRST_WORD + 4 * index, count: 4, equivalence: 'set' };
  });
  const kernel = defineKernel({ name: 'sets', slotCount: 16, observableWords: 4 * count + 2, regions });
  return withOpcodes(kernel, new Set([Opcode.STORE_U32, Opcode.BATCH_FENCE]));
}

function meddlingKernel(): Kernel {
  const meddle = opcode('MEDDLE', 0x4000_0000, [], ($) => {
    $.store('ring', $.parameter('slotBase').plus(SLOT_WORDS), 0);
  });
  return withOpcodes(defineKernel({ name: 'meddling', slotCount: 4, opcodes: [meddle] }), new Set([meddle.code]));
}

/** What a kernel's program is, but for its epochs. */
function headOf(kernel: Kernel, epochCount: number): ProgramHead {
  const { regions } = resolveLayout(new ReferenceBackend(kernel).layout);
  return { epochCount, slotCount: 0, slotWords: SHORT_SLOT_WORDS, signatureWords: 2 * regions.length + 5 };
}

/** What was taken up and should not have been, and the other way round. */
export async function checkLimits(gpu: GPUDevice): Promise<string[]> {
  const problems: string[] = [];
  const expectTaken = async (what: string, kernel: Kernel, head: ProgramHead, isTaken: boolean) => {
    const loaded = await new GpuBackend(gpu, kernel).load({ head, segments: () => [] });
    if ((loaded !== undefined) !== isTaken) problems.push(`${what}: ${isTaken ? 'not ' : ''}taken up`);
    await loaded?.release();
  };
  await expectTaken('few epochs', scenarioKernel, headOf(scenarioKernel, 10), true);
  await expectTaken('more epochs than results fit', scenarioKernel, headOf(scenarioKernel, 2 ** 30), false);
  await expectTaken('stores to other slots', meddlingKernel(), headOf(meddlingKernel(), 1), false);
  await expectTaken('more regions than a mask has room for', ...ofSets(MOST_SETS + 1), false);
  await expectTaken('as many regions as it has room for', ...ofSets(MOST_SETS), true);
  problems.push(...(await checkEpochsWithoutBatches(gpu)), ...(await compareMostRegions(gpu)));
  return problems;
}

function ofSets(count: number): [Kernel, ProgramHead] {
  const kernel = kernelOfSets(count);
  return [kernel, headOf(kernel, 1)];
}

/** A host may send one: not even what waits gets a turn in it. */
async function checkEpochsWithoutBatches(gpu: GPUDevice): Promise<string[]> {
  const head = headOf(scenarioKernel, 2);
  const flags = ProgramEpochFlag.REPLAYABLE;
  const program = programOfEpochs(
    [
      { batches: [[]], flags },
      { batches: [], flags },
    ],
    head,
  );
  const loaded = await new GpuBackend(gpu, scenarioKernel).load(program);
  await loaded?.release();
  return loaded === undefined ? [] : ['an epoch without a batch: taken up'];
}

async function compareMostRegions(gpu: GPUDevice): Promise<string[]> {
  const kernel = kernelOfSets(MOST_SETS);
  const program = [0, 1].map((epoch) =>
    inOrder(
      Array.from({ length: 30 }, (_, index) => ({
        opcode: Opcode.STORE_U32,
        args: [index % 3, FIRST_WORD + ((7 * index + epoch) % (4 * MOST_SETS))],
      })),
      kernel.slotCount,
    ),
  );
  const plan = await planPlaced(program, { kernel });
  const device = keptLoading(new GpuBackend(gpu, kernel));
  return await differences({ plan, kernel, device }, { mode: 'chained', shape: 'wide' });
}
