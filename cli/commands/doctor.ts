/** `vrrl doctor`: what this machine can replay on, and what is missing for the rest. */

import { availableParallelism, totalmem } from 'node:os';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { VERSION } from '../../node/version.ts';
import { type Backend, ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { ControlWord } from '../../src/protocol/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { tidyJson } from '../render/json.ts';
import { count, keyValues, printable } from '../render/text.ts';

/** What `doctor` finds out about a backend. */
interface BackendHealth {
  readonly backend: string;
  readonly usable: boolean;
  /** What was seen, or what is wrong and what to do about it. */
  readonly detail: string;
}

export const addDoctor: AddCommand = (program, context) => {
  program
    .command('doctor')
    .description('try every backend on this machine and say what is missing')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vrrl doctor')
    .action(async (options) => {
      const { io } = context;
      const backends = [await tryReference(), await tryThreads()];
      const machine = {
        vrrl: VERSION,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        cores: availableParallelism(),
        memoryBytes: totalmem(),
      };
      if (options.json) await io.write(`${tidyJson({ schemaVersion: 1, machine, backends })}\n`);
      else await io.write(printHealth(machine, backends));
      if (backends.some(({ usable }) => !usable)) context.exitCode = ExitCode.BACKEND_FAULT;
    });
};

const RACY_ADD = 0x4000_0000;
const SLOTS = 256;
const EPOCHS = 200;

/** A kernel with one sound and one unsound way to count. */
function probeKernel(): Kernel {
  const racyAdd = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word);
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'doctor', slotCount: SLOTS, opcodes: [racyAdd] });
}

async function tryReference(): Promise<BackendHealth> {
  const backend = new ReferenceBackend(probeKernel());
  return tryBackend(backend, async () => {
    const { right } = await countWith(backend, 2);
    return right === EPOCHS ? 'sound: one lane after the other' : wrongResult(right);
  });
}

async function tryThreads(): Promise<BackendHealth> {
  const backend = new ThreadsBackend(probeKernel());
  return tryBackend(backend, async () => {
    const sound = await countWith(backend, 2);
    if (sound.right !== EPOCHS) return wrongResult(sound.right);
    const racy = await countWith(backend, RACY_ADD);
    const shown = EPOCHS - racy.right;
    const races = shown > 0 ? `a planted race showed in ${shown} of ${EPOCHS} epochs` : NO_RACES;
    return `${backend.workerCount} workers; sound counting is right; ${races}`;
  });
}

const NO_RACES = 'a planted race never showed: on one core, or on a busy machine, races between threads are rare';

function wrongResult(right: number): string {
  throw new Error(`only ${right} of ${EPOCHS} epochs counted right. Fix: report this, with the machine it was seen on`);
}

async function tryBackend(backend: Backend, attempt: () => Promise<string>): Promise<BackendHealth> {
  try {
    return { backend: backend.name, usable: true, detail: await attempt() };
  } catch (error) {
    return { backend: backend.name, usable: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    await backend.stop();
  }
}

/** In how many epochs all slots of a ring, adding to one word, came to the right sum. */
async function countWith(backend: Backend, code: number): Promise<{ right: number }> {
  const word = ControlWord.OBSERVABLE_BASE;
  const snapshot = new Uint32Array(backend.layout.areas.reduce((sum, area) => sum + area.words, 0));
  let right = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    await backend.start();
    for (let slot = 0; slot < SLOTS; slot += 1) {
      await backend.publish(slot, { opcode: code, tenant: 0, priority: 2, args: [1, word] });
    }
    await backend.drain();
    await backend.observe(snapshot);
    if (snapshot[word] === SLOTS) right += 1;
  }
  return { right };
}

function printHealth(
  machine: { vrrl: string; node: string; platform: string; cores: number; memoryBytes: number },
  backends: readonly BackendHealth[],
): string {
  const lines = keyValues([
    ['vrrl', machine.vrrl],
    ['node', `${machine.node} on ${machine.platform}`],
    ['machine', `${machine.cores} cores, ${count(Math.round(machine.memoryBytes / 2 ** 20))} MiB`],
    ...backends.map(
      ({ backend, usable, detail }) =>
        [printable(backend), printable(`${usable ? 'usable' : 'NOT usable'}: ${detail}`)] as const,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}
