/** Reduction on a GPU's driver, with stress: candidates go there as programs. */

import { beforeAll, expect, test } from 'vitest';
import { opcode } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { SOFTWARE, smallKernel } from '../gpu/software.ts';
import { vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { makeRecording } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const [{ stack, adapter, manifest }] = SOFTWARE;
const RACY_ADD = 0x4000_0000;
const racyAdd = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
  const before = $.load('control', word);
  $.store('control', word, before.plus(amount));
});

interface Reduced {
  readonly stress?: Readonly<Record<string, number>>;
  readonly ledger: readonly { readonly stage: string; readonly what: string }[];
}

beforeAll(async () => {
  const slots = Array.from({ length: 16 }, (_, slot) =>
    slot === 5 || slot === 12
      ? { opcode: RACY_ADD, args: [slot, 170] }
      : { opcode: Opcode.ATOMIC_ADD, args: [1, 176 + slot] },
  );
  await makeRecording(folder.at('racy.vrrl'), smallKernel(32, [racyAdd]), [slots]);
});

test.skipIf(manifest === undefined)(
  'a race on SwiftShader comes down to few slots, and to no more stress than it needs',
  async () => {
    const small = folder.at('small.vrrl');
    const gpu = ['--backend', stack, '--adapter', adapter, '--no-explorer'];
    const stress = ['--stress-settings', 'seed=3,lanes=4,shuffleLanes=1,shuffleGroups=1'];
    const argv = ['reduce', folder.at('racy.vrrl'), '-o', small, '--json', ...gpu, ...stress];
    const { json, exitCode, err } = await vrrlJson(argv);
    expect(exitCode, err).toBe(0);
    expectValid('reduction', json);
    expect(json).toMatchObject({ judge: { kind: 'backend', asked: stack }, size: { slots: 2 }, isMinimal: true });
    const { stress: left = {}, ledger } = json as Reduced;
    expect(Object.keys(left).length).toBeLessThan(4);
    expect(ledger.some(({ stage, what }) => stage === 'stress' && what === 'no stress')).toBe(true);
  },
);
