/** What can go wrong with a GPU: one fault of that backend, told at once, and nothing else is touched. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectGpu, type GpuStack, isInstalled, probeAfresh } from '../../node/gpu/index.ts';
import { BackendFaultError, type Slot } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, kernelToJson, opcode } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { ROOT, temporaryFolder } from '../cli/files.ts';
import { makeRecording, soundEpochs } from '../cli/recordings.ts';
import { expectValid } from '../cli/schemas.ts';
import { type ProcessRun, runVrrl, SOFTWARE, smallKernel, withGpu } from './software.ts';

const folder = temporaryFolder();
const EPOCHS = 12;
let log = '';

beforeAll(async () => {
  log = await makeRecording(folder.at('run.vrrl'), smallKernel(), soundEpochs(EPOCHS));
});

const add: Slot = { opcode: Opcode.ATOMIC_ADD, tenant: 0, priority: 2, args: [1, 170] };

interface Replayed {
  readonly backends: readonly {
    readonly backend: string;
    readonly fault?: { readonly kind: string; readonly message: string };
  }[];
}

/** Replays on the reference and on a GPU that fails: the reference agrees, and the command says which failed and how. */
function expectReferenceAlone(stack: GpuStack, run: ProcessRun): { kind: string; message: string } {
  expect(run, run.err).toMatchObject({ exitCode: 4 });
  const json: Replayed = JSON.parse(run.out);
  expectValid('judgement', json);
  const [reference, gpu] = json.backends;
  expect(reference).toMatchObject({ backend: 'reference', verdict: 'agree', replicasRun: 2 });
  expect(reference.fault).toBeUndefined();
  expect(gpu).toMatchObject({ backend: stack, fault: { message: expect.stringContaining('. Fix: ') } });
  return gpu.fault!;
}

for (const software of SOFTWARE) {
  const { stack, adapter, manifest } = software;
  const gpu = ['--backend', `reference,${stack}`, '--adapter', adapter];

  describe.skipIf(manifest === undefined)(`${stack} on ${adapter}`, () => {
    it.each([
      ['destroy 2', 'device-lost', 'the device was lost'],
      ['exit 2', 'crash', 'its process ended with status 86'],
      // Where compiling takes less than the deadline on a busy machine, too.
      ...(stack === 'wgpu' ? [['hang 2', 'hang', 'was not answered within 3000 ms']] : []),
    ])('%s: a replay goes on without it', (order, kind, message) => {
      const options = ['--replicas', '2', '--deadline-ms', stack === 'wgpu' ? '3000' : '30000', '--json'];
      const run = runVrrl(['replay', log, ...gpu, ...options], { VRRL_GPU_TEST: order });
      expect(expectReferenceAlone(stack, run)).toMatchObject({ kind, message: expect.stringContaining(message) });
    });

    it('a recording that it cuts short is sound, and can be replayed as far as it goes', () => {
      const slots = `${'{"opcode":"ATOMIC_ADD","args":[1,170]}\n'.repeat(5)}{"end":"batch"}\n`.repeat(EPOCHS);
      const argv = ['record', folder.at(`${stack}.vrrl`), '--slots', folder.write('slots.jsonl', slots)];
      const options = ['--backend', stack, '--adapter', adapter, '--kernel', smallKernelFile()];
      const run = runVrrl([...argv, ...options], { VRRL_GPU_TEST: 'destroy 4' });
      expect(run).toMatchObject({ exitCode: 4, err: expect.stringContaining('the device was lost') });
      // What was published last nobody has seen the end of, which verify and replay say.
      const verified = runVrrl(['verify', folder.at(`${stack}.vrrl`), '--json']);
      expect(JSON.parse(verified.out)).not.toMatchObject({ problems: [{ severity: 'damage' }] });
      const replayed = runVrrl(['replay', folder.at(`${stack}.vrrl`), '--backend', 'reference', '--json']);
      expect(JSON.parse(replayed.out)).toMatchObject({ epochs: { agreeing: 3, diverging: 0 } });
    });

    it('a device that is lost while a request waits ends it, and the next start has a fresh one', async () => {
      await withGpu(software, smallKernel(), async (backend) => {
        await backend.start();
        process.kill(backend.runner.pid, 'SIGKILL');
        backend.publish(0, add);
        expect(await faultOf(backend.drain())).toMatchObject({ kind: 'crash', evidence: { signal: 'SIGKILL' } });
        await backend.start();
        backend.publish(0, add);
        expect(await backend.drain()).toMatchObject({ done: 1 });
      });
    });

    it('a kernel that does not end is a hang, within its deadline', async () => {
      await withGpu(
        software,
        endlessKernel(),
        async (backend) => {
          await backend.start();
          const { pid } = backend.runner;
          const endless = { ...add, opcode: ENDLESS, args: [0xffff_ffff] };
          for (let slot = 0; slot < ENDLESS_SLOTS; slot += 1) backend.publish(slot, endless);
          expect(await faultOf(backend.drain())).toMatchObject({ kind: 'hang', evidence: { request: 'RUN' } });
          await backend.stop();
          expect(fs.existsSync(`/proc/${pid}`)).toBe(false);
        },
        { deadlineMs: 3_000 },
      );
    });

    it('a driver that hangs when it is asked for its adapter is given up, with its process', async () => {
      const children = childrenOf(process.pid);
      process.env['VRRL_GPU_TEST'] = 'hang 0';
      try {
        const { adapter: found, problem } = await probeAfresh(stack, manifest, 1_500);
        expect({ found, problem }).toMatchObject({ found: undefined, problem: { kind: 'hang' } });
      } finally {
        delete process.env['VRRL_GPU_TEST'];
      }
      expect(childrenOf(process.pid)).toEqual(children);
    });

    // SwiftShader binds more than any kernel has.
    if (stack === 'wgpu') {
      it('a kernel that is larger than it binds is refused before anything is made', async () => {
        const kernel = defineKernel({ name: 'large', slotCount: 1 << 20, observableWords: 15_000_000 });
        const fault = await faultOf(connectGpu(stack, kernel, { adapter }));
        expect(fault).toMatchObject({ kind: 'unavailable', evidence: { most: 2 ** 27 } });
        expect(fault.message).toContain('--slot-count');
      });
    }

    it('leaves nothing behind, however often it is started', async () => {
      const before = { descriptors: openDescriptors(), children: childrenOf(process.pid) };
      for (let round = 0; round < 3; round += 1) {
        await withGpu(software, smallKernel(), async (backend) => {
          await backend.start();
          backend.publish(0, add);
          await backend.drain();
        });
      }
      expect({ descriptors: openDescriptors(), children: childrenOf(process.pid) }).toEqual(before);
    });

    it('ends with its host, even if that is killed while the driver is busy', async () => {
      const host = spawn(process.execPath, [busyHost(), stack, adapter], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [runner] = await once(host.stdout, 'data');
      const stat = `/proc/${Number(runner)}`;
      expect(fs.existsSync(stat)).toBe(true);
      host.kill('SIGKILL');
      await until(() => !fs.existsSync(stat));
    });
  });
}

describe.each(['dawn', 'wgpu'] as const)('%s', (stack) => {
  it.skipIf(!isInstalled(stack))('without a driver is unavailable, and says what to install', () => {
    const run = runVrrl(['replay', log, '--backend', `reference,${stack}`, '--replicas', '2', '--json'], NO_DRIVERS);
    const { kind, message } = expectReferenceAlone(stack, run);
    expect(kind).toBe('unavailable');
    expect(message).toContain('VK_DRIVER_FILES=/nonexistent');
    expect(message).toMatch(/apt-get install libvulkan1 (chromium|mesa-vulkan-drivers)/);
  });

  it.skipIf(!isInstalled(stack))('has no adapter of a name that nothing has', () => {
    const run = runVrrl(['backend-check', stack, '--adapter', 'abacus'], NO_DRIVERS);
    expect(run).toMatchObject({ exitCode: 4, out: '', err: expect.stringContaining(`backend ${stack}: `) });
  });

  it('without its package is unavailable, and says what to install', () => {
    const options = { bin: bareInstallation(), cwd: folder.at('bare') };
    const run = runVrrl(['replay', log, '--backend', `reference,${stack}`, '--replicas', '2', '--json'], {}, options);
    const { kind, message } = expectReferenceAlone(stack, run);
    expect(kind).toBe('unavailable');
    expect(message).toMatch(stack === 'dawn' ? /npm install webgpu@\d/ : /npm install deno@\d/);
  });
});

const NO_DRIVERS = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };

async function faultOf(promise: Promise<unknown>): Promise<BackendFaultError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof BackendFaultError) return error;
  throw error;
}

const ENDLESS = 0x4000_0001;
const ENDLESS_SLOTS = 50_000;

/** A loop of 2³² turns, in as many slots as it takes: lavapipe has a lane leave all loops after 65,535 turns. */
function endlessKernel(): Kernel {
  const endless = opcode('ENDLESS', ENDLESS, ['turns'], ($, turns) => {
    $.loop({ below: turns, atMost: 0xffff_ffff }, () => $.atomicAdd('control', 170, 1));
  });
  return smallKernel(ENDLESS_SLOTS, [endless]);
}

/** A program that has a GPU work for ever, and says which process does. */
function busyHost(): string {
  const vrrl = JSON.stringify(pathToFileURL(path.join(ROOT, 'dist/node/index.js')).href);
  const kernel = JSON.stringify(kernelToJson(endlessKernel()));
  return folder.write(
    'busy-host.mjs',
    `import { connectGpu, kernelFromJson } from ${vrrl};
    const [stack, adapter] = process.argv.slice(2);
    const backend = await connectGpu(stack, kernelFromJson(${kernel}), { adapter });
    await backend.start();
    for (let slot = 0; slot < ${ENDLESS_SLOTS}; slot += 1) {
      backend.publish(slot, { opcode: ${ENDLESS}, tenant: 0, priority: 2, args: [0xffff_ffff] });
    }
    setTimeout(() => console.log(backend.runner.pid), 500);
    await backend.drain();`,
  );
}

function smallKernelFile(): string {
  return folder.write('small.json', JSON.stringify(kernelToJson(smallKernel())));
}

/** This package as npm installs it, with what it depends on and without what it can do without. */
function bareInstallation(): string {
  const modules = folder.at('bare/node_modules');
  const own = path.join(modules, 'vrrl');
  if (!fs.existsSync(own)) {
    fs.mkdirSync(own, { recursive: true });
    for (const each of ['dist', 'bin', 'package.json'])
      fs.cpSync(path.join(ROOT, each), path.join(own, each), { recursive: true });
    const { dependencies } = JSON.parse(fs.readFileSync(path.join(own, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
      fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
    }
  }
  return path.join(own, 'bin/vrrl.js');
}

function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

/** The numbers of a process's children. */
function childrenOf(parent: number): string[] {
  const numbers = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.filter((pid) => parentOf(pid) === parent);
}

/** In its stat the fields after the name, which may have anything in it, are the state and the parent. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(
      stat
        .slice(stat.lastIndexOf(')') + 1)
        .trim()
        .split(' ')[1],
    );
  } catch {
    return undefined;
  }
}

/** Checked again and again; whoever waits has the test's own time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
