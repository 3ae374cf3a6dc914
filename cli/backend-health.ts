/** Tries backends: whether they count right, and whether a race shows that was planted. */

import { connectGpu, type GpuStack } from '../node/gpu/index.ts';
import { ThreadsBackend } from '../node/threads-backend.ts';
import { type Awaitable, type Backend, BackendFaultError, ReferenceBackend } from '../src/backend/index.ts';
import { defineKernel, type Kernel, opcode } from '../src/kernel/index.ts';
import { resolveLayout } from '../src/observe/index.ts';
import { ControlWord, Opcode } from '../src/protocol/index.ts';

/** What was found out about a backend. */
export interface BackendHealth {
  readonly backend: string;
  /** Missing is what nobody has installed; broken is what is there and does not do what it should. */
  readonly state: 'usable' | 'missing' | 'broken';
  /** What was seen, or what is wrong and what to do about it. */
  readonly detail: string;
}

const RACY_ADD = 0x4000_0000;
const SLOTS = 256;
const EPOCHS = 200;

export function tryReference(): Promise<BackendHealth> {
  return tryBackend(
    'reference',
    () => new ReferenceBackend(probeKernel()),
    async (backend) => {
      await expectSound(backend);
      return 'sound: one lane after the other';
    },
  );
}

export function tryThreads(): Promise<BackendHealth> {
  return tryBackend(
    'threads',
    () => new ThreadsBackend(probeKernel()),
    async (backend) => {
      await expectSound(backend);
      const races = await showRaces(backend, 'on one core, or on a busy machine, races between threads are rare');
      return `${backend.workerCount} workers; ${races}`;
    },
  );
}

/** @param adapter a part of its name; undefined for the best that there is. */
export function tryGpu(stack: GpuStack, adapter: string | undefined): Promise<BackendHealth> {
  const connect = () => connectGpu(stack, probeKernel(), adapter === undefined ? {} : { adapter });
  return tryBackend(stack, connect, async (backend) => {
    await expectSound(backend);
    const races = await showRaces(backend, 'this driver runs lanes one after the other');
    return `${backend.ready.device['name']}; ${races}`;
  });
}

/** What is wrong, as health: nothing is broken where nothing is. */
export function healthOf(backend: string, error: unknown): BackendHealth {
  const isMissing = error instanceof BackendFaultError && error.kind === 'unavailable';
  const detail = error instanceof Error ? error.message : String(error);
  return { backend, state: isMissing ? 'missing' : 'broken', detail: detail.replace(`backend ${backend}: `, '') };
}

/** A kernel with one sound and one unsound way to count. */
function probeKernel(): Kernel {
  const racyAdd = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word);
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'doctor', slotCount: SLOTS, opcodes: [racyAdd] });
}

async function tryBackend<Made extends Backend>(
  name: string,
  make: () => Awaitable<Made>,
  attempt: (backend: Made) => Promise<string>,
): Promise<BackendHealth> {
  let backend: Made | undefined;
  try {
    backend = await make();
    return { backend: name, state: 'usable', detail: await attempt(backend) };
  } catch (error) {
    return healthOf(name, error);
  } finally {
    await backend?.stop();
  }
}

async function expectSound(backend: Backend): Promise<void> {
  const right = await countWith(backend, Opcode.ATOMIC_ADD);
  if (right === EPOCHS) return;
  const what = `only ${right} of ${EPOCHS} epochs counted right`;
  throw new BackendFaultError(backend.name, 'crash', what, 'report this, with the machine that it was seen on.');
}

async function showRaces(backend: Backend, whyNone: string): Promise<string> {
  const shown = EPOCHS - (await countWith(backend, RACY_ADD));
  const races = shown > 0 ? `showed in ${shown} of ${EPOCHS} epochs` : `never showed: ${whyNone}`;
  return `sound counting is right; a planted race ${races}`;
}

/** In how many epochs all slots of a ring, adding to one word, came to the right sum. */
async function countWith(backend: Backend, code: number): Promise<number> {
  const word = ControlWord.OBSERVABLE_BASE;
  const snapshot = new Uint32Array(resolveLayout(backend.layout).snapshotWords);
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
  return right;
}
