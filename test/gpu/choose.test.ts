/** Which adapter is chosen, on machines that there are nowhere. */

import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdapterReport, adapterName } from '../../node/gpu/adapter-report.ts';
import { chooseAdapter, type Machine } from '../../node/gpu/choose.ts';
import { type DriverManifest, driverManifests } from '../../node/gpu/manifests.ts';
import type { Probe } from '../../node/gpu/probe.ts';
import { GPU_STACKS, type GpuStack } from '../../node/gpu/stacks.ts';
import type { BackendFaultKind } from '../../src/backend/index.ts';
import { temporaryFolder } from '../cli/files.ts';

const NVIDIA = 'NVIDIA H100 80GB HBM3';
const LLVMPIPE = 'llvmpipe (LLVM 15.0.6, 256 bits)';
const SWIFTSHADER = 'SwiftShader driver 5.0.0';

const NVIDIA_ICD = '/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json';
const SWIFTSHADER_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LAVAPIPE_ICD = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';
const INTEL_ICD = '/usr/share/vulkan/icd.d/intel_icd.x86_64.json';

/** What a driver gives: an adapter of that name, or a fault of that kind. */
type Outcome = { readonly adapter: string } | { readonly kind: BackendFaultKind };
const nothing: Outcome = { kind: 'unavailable' };

interface Drivers {
  /** What the system offers by itself. */
  readonly usual: Outcome;
  readonly alone?: Readonly<Record<string, Outcome>>;
  readonly user?: string;
}

class FakeMachine implements Machine {
  /** The manifests that were tried, in order. */
  readonly tried: (string | undefined)[] = [];
  readonly #drivers: Drivers;

  constructor(drivers: Drivers) {
    this.#drivers = drivers;
  }

  async probe(stack: GpuStack, manifest?: string): Promise<Probe> {
    this.tried.push(manifest);
    const outcome = manifest === undefined ? this.#drivers.usual : (this.#drivers.alone?.[manifest] ?? nothing);
    if ('adapter' in outcome) return { stack, manifest, adapter: reportOn(outcome.adapter) };
    return { stack, manifest, problem: { kind: outcome.kind, what: `it is ${outcome.kind}`, fix: 'mend it.' } };
  }

  manifests(): DriverManifest[] {
    return Object.keys(this.#drivers.alone ?? {}).map((file) => ({
      path: file,
      library: `lib${path.basename(file)}.so`,
      isStandard: file.startsWith('/usr/share'),
    }));
  }

  driversOfUser(): string {
    return this.#drivers.user ?? '';
  }
}

function reportOn(description: string): AdapterReport {
  const isSoftware = description !== NVIDIA;
  const names = { vendor: '', architecture: '', device: '', api: 'vulkan' };
  // Limits decide nothing here.
  const limits = {} as AdapterReport['limits'];
  return { ...names, description, isSoftware, limits, loopLimit: null, features: [] };
}

const software = {
  [INTEL_ICD]: nothing,
  [LAVAPIPE_ICD]: { adapter: LLVMPIPE },
  [SWIFTSHADER_ICD]: { adapter: SWIFTSHADER },
};

async function choose(stack: GpuStack, drivers: Drivers, name?: string): Promise<[string, string | undefined]> {
  const { adapter, manifest } = await chooseAdapter(stack, name, new FakeMachine(drivers));
  return [adapter.description, manifest];
}

describe.each(GPU_STACKS)('without a name, %s', (stack) => {
  it('takes hardware that the system offers, and asks no further', async () => {
    const machine = new FakeMachine({ usual: { adapter: NVIDIA }, alone: software });
    expect((await chooseAdapter(stack, undefined, machine)).adapter.description).toBe(NVIDIA);
    expect(machine.tried).toEqual([undefined]);
  });

  it('takes hardware whose driver is in a place that the system does not know', async () => {
    const alone = { ...software, [NVIDIA_ICD]: { adapter: NVIDIA } };
    expect(await choose(stack, { usual: { adapter: LLVMPIPE }, alone })).toEqual([NVIDIA, NVIDIA_ICD]);
    expect(await choose(stack, { usual: nothing, alone })).toEqual([NVIDIA, NVIDIA_ICD]);
  });

  it('takes the software that it is known to run on', async () => {
    const expected = stack === 'dawn' ? [SWIFTSHADER, SWIFTSHADER_ICD] : [LLVMPIPE, LAVAPIPE_ICD];
    expect(await choose(stack, { usual: nothing, alone: software })).toEqual(expected);
  });

  it('takes any other software rather than none', async () => {
    const other = stack === 'dawn' ? LAVAPIPE_ICD : SWIFTSHADER_ICD;
    const alone = { [other]: software[other] };
    expect((await choose(stack, { usual: nothing, alone }))[1]).toBe(other);
    expect(await choose(stack, { usual: { adapter: 'somebody’s rasterizer' } })).toEqual([
      'somebody’s rasterizer',
      undefined,
    ]);
  });

  it('does as the environment of the user says', async () => {
    const user = 'VK_DRIVER_FILES=/mine.json';
    expect(await choose(stack, { usual: { adapter: SWIFTSHADER }, alone: software, user })).toEqual([
      SWIFTSHADER,
      undefined,
    ]);
    const choosing = choose(stack, { usual: nothing, alone: software, user });
    await expect(choosing).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining(user) });
  });

  it('says what to install if there is nothing, and what is broken if something is', async () => {
    const drivers = { usual: nothing, alone: { [INTEL_ICD]: nothing } };
    const message = expect.stringContaining('apt-get install libvulkan1 ');
    await expect(choose(stack, drivers)).rejects.toMatchObject({ kind: 'unavailable', backend: stack, message });
    const alone = { [SWIFTSHADER_ICD]: { kind: 'hang' }, [LAVAPIPE_ICD]: { kind: 'hang' } } as const;
    await expect(choose(stack, { usual: nothing, alone })).rejects.toMatchObject({ kind: 'hang', fix: 'mend it.' });
    await expect(choose(stack, { usual: { kind: 'crash' } })).rejects.toMatchObject({ kind: 'crash' });
  });
});

describe('with a name', () => {
  const drivers = { usual: { adapter: LLVMPIPE }, alone: { ...software, [NVIDIA_ICD]: { adapter: NVIDIA } } };

  it.each([
    ['h100', [NVIDIA, NVIDIA_ICD]],
    ['SwiftShader', [SWIFTSHADER, SWIFTSHADER_ICD]],
    ['LVP', [LLVMPIPE, LAVAPIPE_ICD]],
    ['llvm', [LLVMPIPE, undefined]],
    ['chromium', [SWIFTSHADER, SWIFTSHADER_ICD]],
  ])('%s: the adapter that has it in its name or its driver', async (name, expected) => {
    expect(await choose('wgpu', drivers, name)).toEqual(expected);
  });

  it('takes one process where the manifest says enough', async () => {
    const machine = new FakeMachine(drivers);
    await chooseAdapter('dawn', 'swiftshader', machine);
    expect(machine.tried).toEqual([SWIFTSHADER_ICD]);
  });

  it('that nothing has, says what there is', async () => {
    const message = `there are ${LLVMPIPE} and ${SWIFTSHADER} and ${NVIDIA}. Fix: name one of these`;
    await expect(choose('dawn', drivers, 'abacus')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(message),
    });
  });
});

describe('the name of an adapter', () => {
  it.each([
    ['wgpu', { device: '9008', description: NVIDIA }, NVIDIA],
    ['Dawn', { device: 'nvidia-h100-', description: 'NVIDIA: 580.159.04' }, 'nvidia-h100 (NVIDIA: 580.159.04)'],
    ['Dawn, of a driver that says less', { device: 'apple-m1', description: '' }, 'apple-m1'],
    ['a stack that says next to nothing', { device: '', description: '' }, 'acme'],
  ])('on %s', (_stack, names, expected) => {
    expect(adapterName({ vendor: 'acme', architecture: '', ...names })).toBe(expected);
  });
});

describe('manifests', () => {
  const folder = temporaryFolder();
  const saved = process.env['XDG_DATA_HOME'];
  afterEach(() => {
    if (saved === undefined) delete process.env['XDG_DATA_HOME'];
    else process.env['XDG_DATA_HOME'] = saved;
  });

  it('are found where the loader looks; what is none is left out', () => {
    const place = folder.at('vulkan/icd.d');
    fs.mkdirSync(place, { recursive: true });
    fs.writeFileSync(path.join(place, 'mine.json'), '{"ICD":{"library_path":"libmine.so","api_version":"1.3.0"}}');
    fs.writeFileSync(path.join(place, 'twice.json'), '{"ICD":{"library_path":"libmine.so"}}');
    fs.writeFileSync(path.join(place, 'broken.json'), '{"ICD":');
    fs.writeFileSync(path.join(place, 'other.json'), '{"layer":{}}');
    fs.writeFileSync(path.join(place, 'readme.txt'), 'nothing');
    process.env['XDG_DATA_HOME'] = folder.at('');
    const mine = driverManifests().filter((manifest) => manifest.path.startsWith(folder.at('')));
    const found = { path: path.join(place, 'mine.json'), library: 'libmine.so', isStandard: true };
    expect(mine).toEqual(process.platform === 'linux' ? [found] : []);
  });
});
