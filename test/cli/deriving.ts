/** Recordings that tests of the commands cut up, in both versions. */

import { Recorder } from '../../cli/recorder.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { vrrl } from './fake-io.ts';
import { WORD } from './recordings.ts';

export const EPOCHS = 6;
/** Five additions and a fence. */
export const RECORDS_PER_EPOCH = 6;

/** Records six epochs of five additions by tenants 0 to 2, with arguments that a v1 record has no room for. */
export async function recordEpochs(path: string, format: 'v1' | 'v2', capacity = 100): Promise<string> {
  const kernel = defineKernel({ name: 'cut', slotCount: 16 });
  const backend = new ReferenceBackend(kernel);
  const recorder = await Recorder.create(path, backend, kernel, { format, capacity, mayReplace: true });
  try {
    for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
      const slots = Array.from({ length: RECORDS_PER_EPOCH - 1 }, (_, slot) => ({
        opcode: Opcode.ATOMIC_ADD,
        tenant: slot % 3,
        priority: slot === 0 ? 0 : 2,
        args: [1 + slot, WORD, 0, 0, slot],
      }));
      await recorder.session.publish(slots);
      await recorder.session.endEpoch({ tag: epoch });
    }
  } finally {
    recorder.close();
    await backend.stop();
  }
  return path;
}

/** What replay says of a log on the serial backend, without the name of the log. */
export async function verdictOf(path: string, ...more: string[]): Promise<string> {
  const { out } = await vrrl(['replay', path, '--backend', 'reference', '--replicas', '2', ...more]);
  return out.split('\n').find((line) => /^(agree|diverge|unknown):/.test(line)) ?? out;
}

/** The records of a log as `dump` prints them. */
export async function dumpOf(path: string): Promise<string[]> {
  const { out } = await vrrl(['dump', path, '--json', '--quiet']);
  return out.trim().split('\n');
}
