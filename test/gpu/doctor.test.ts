import { describe, expect, it, test } from 'vitest';
import { vrrl, vrrlJson } from '../cli/fake-io.ts';
import { expectValid } from '../cli/schemas.ts';
import { runVrrl, SOFTWARE } from './software.ts';

const areAllThere = SOFTWARE.every(({ manifest }) => manifest !== undefined);
const noDrivers = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };

interface Examination {
  readonly backends: readonly { readonly backend: string; readonly state: string; readonly detail: string }[];
  readonly gpus: readonly {
    readonly backend: string;
    readonly adapters: readonly {
      readonly manifest: string | null;
      readonly isChosen: boolean;
      readonly type: string;
    }[];
  }[];
}

describe('doctor', () => {
  test('without a driver there is nothing broken, and it says what to install', () => {
    const { exitCode, out, err } = runVrrl(['doctor'], noDrivers);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^reference +usable: sound/m);
    expect(out).toMatch(/^threads +usable: \d+ workers; sound counting is right; a planted race /m);
    for (const backend of ['dawn', 'wgpu'])
      expect(out).toMatch(new RegExp(`^${backend} +missing: .*Fix: .*install`, 'm'));
  });

  test('an adapter that nobody has is a fault, since it was asked for', () => {
    const { exitCode, out } = runVrrl(['doctor', '--adapter', 'abacus', '--json'], noDrivers);
    expectValid('doctor', JSON.parse(out));
    expect(exitCode).toBe(4);
  });

  it.skipIf(!areAllThere)('finds the adapters that there are, and counts on the one that is chosen', async () => {
    const { exitCode, json } = await vrrlJson(['doctor', '--json', '--adapter', 'swiftshader']);
    expectValid('doctor', json);
    const { backends, gpus } = json as Examination;
    expect(exitCode).toBe(0);
    for (const [index, { stack }] of SOFTWARE.entries()) {
      const detail = expect.stringMatching(/^(s|S)wift.*; sound counting is right; a planted race /);
      expect(backends[2 + index]).toMatchObject({ backend: stack, state: 'usable', detail });
      const swiftShader = { type: 'software', isChosen: true, loopLimit: null, manifest: SOFTWARE[0].manifest };
      expect(gpus[index].adapters.filter(({ isChosen }) => isChosen)).toMatchObject([swiftShader]);
    }
  });

  it.skipIf(!areAllThere)('prints a line an adapter, and what is wrong with drivers', async () => {
    const { exitCode, out } = await vrrl(['doctor', '--adapter', 'llvmpipe']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^ {2}dawn +swiftshader.* \(SwiftShader .*MiB .*swiftshader_icd.json$/m);
    expect(out).toMatch(/^\* wgpu +llvmpipe .*lvp_icd.*\.json$/m);
  });

  it.skipIf(!areAllThere)('calls broken what is there and fails', () => {
    const { exitCode, out } = runVrrl(['doctor', '--json'], { VRRL_GPU_TEST: 'exit 3' });
    expect(exitCode).toBe(4);
    const detail = expect.stringContaining('its process ended with status 86');
    expect((JSON.parse(out) as Examination).backends[3]).toMatchObject({ backend: 'wgpu', state: 'broken', detail });
  });
});
