import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { Recorder } from '../../cli/recorder.ts';
import { type Backend, ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { temporaryFolder } from './files.ts';
import { additionsBy, makeRecording, unorderedEpochs, WORD } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const BUMP = 0x4000_0001;

/** An update in two accesses, which promises to be one or does not. */
function bumpKernel(promisesAtomicity: boolean): Kernel {
  const bump = opcode(
    'BUMP',
    BUMP,
    ['amount', 'word'],
    ($, amount, word) => $.store('control', word, $.load('control', word).plus(amount)),
    { promisesAtomicity },
  );
  return defineKernel({ name: promisesAtomicity ? 'promising' : 'careless', slotCount: 16, opcodes: [bump] });
}

/** Shows other words than there are. */
class LyingBackend extends ReferenceBackend {
  readonly #lie: (words: Uint32Array) => void;

  constructor(kernel: Kernel, lie: (words: Uint32Array) => void) {
    super(kernel);
    this.#lie = lie;
  }

  override observe(words: Uint32Array): void {
    super.observe(words);
    this.#lie(words);
  }
}

async function record(name: string, kernel: Kernel, backend: Backend, epochs: readonly (readonly SlotRequest[])[]) {
  const recorder = await Recorder.create(folder.at(name), backend, kernel, {
    format: 'v1',
    capacity: 64,
    mayReplace: true,
  });
  for (const [index, slots] of epochs.entries()) {
    await recorder.session.publish(slots);
    await recorder.session.endEpoch({ tag: index });
  }
  recorder.close();
}

const sound = defineKernel({ name: 'sound', slotCount: 16 });

beforeAll(async () => {
  await makeRecording(folder.at('sound.vrrl'), sound, unorderedEpochs(3, 4));
  for (const promises of [true, false]) {
    const kernel = bumpKernel(promises);
    // Two of the three updates of the second epoch are lost.
    const lie = (words: Uint32Array) => {
      if (words[128] === 2) words[WORD] -= 2;
    };
    await record(`${kernel.name}.vrrl`, kernel, new LyingBackend(kernel, lie), additionsBy(BUMP, 2, 3));
  }
  const lose = (words: Uint32Array) => {
    words[WORD] -= 3;
  };
  const adds = [1, 2, 3].map((amount) => ({ opcode: Opcode.ATOMIC_ADD, args: [amount, WORD] }));
  await record('lost.vrrl', sound, new LyingBackend(sound, lose), [adds]);
  const other = (words: Uint32Array) => {
    words[WORD] = 1;
  };
  await record('other-order.vrrl', sound, new LyingBackend(sound, other), unorderedEpochs(1, 4));
});

describe('vrrl explain', () => {
  test('says that nothing needs explaining where the order of publishing explains all', async () => {
    const { exitCode, out } = await vrrl(['explain', folder.at('sound.vrrl')]);
    expect({ exitCode, out }).toMatchObject({ exitCode: 0 });
    expect(out).toContain('every epoch is explained by the order of publishing (3 of 3 looked at)');
  });

  test('shows a legal order', async () => {
    const { exitCode, json } = await vrrlJson(['explain', folder.at('other-order.vrrl'), '--json']);
    expectValid('explain', json);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 0,
      json: { epoch: 0, outcomes: [{ source: 'recording', verdict: 'serializable', holds: 'slot-serial' }] },
    });
    const { witness } = (json as { outcomes: { witness: { order: number[] } }[] }).outcomes[0];
    // Slot 0 stored the 1 that was seen, so it is the last of those that store.
    expect(witness.order.filter((slot) => slot < 4).at(-1)).toBe(0);
  });

  test('finds a lost addition', async () => {
    const { exitCode, out } = await vrrl(['explain', folder.at('lost.vrrl')]);
    expect(exitCode).toBe(1);
    expect(out).toContain(`control[${WORD}]: no order of its 3 adds gives 3: 6 is the sum; lost update`);
    expect(out).toContain('violated: coherence');
  });

  test('takes updates in two accesses for legal, as long as they promise nothing', async () => {
    const { exitCode, json } = await vrrlJson(['explain', folder.at('careless.vrrl'), '--json']);
    expectValid('explain', json);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({
      epoch: 1,
      outcomes: [{ verdict: 'serializable', violated: 'slot-serial', holds: 'access-serial', brokenPromises: [] }],
    });
  });

  test('and for a violation if they promised to happen at once', async () => {
    const { exitCode, json } = await vrrlJson(['explain', folder.at('promising.vrrl'), '--json']);
    expectValid('explain', json);
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({
      outcomes: [{ verdict: 'unserializable', violated: 'slot-serial', brokenPromises: ['BUMP'] }],
    });
    const { out } = await vrrl(['explain', folder.at('promising.vrrl'), '--epoch', '1']);
    expect(out).toContain('lost update: no order of its 3 slots gives');
    expect(out).toMatch(/accesses, from above:\n +0: BUMP\(.*\) +1: BUMP\(.*\)\n +1 +control\[/);
  });

  test('explains what a backend does with an epoch', async () => {
    const argv = ['explain', folder.at('careless.vrrl'), '--epoch', '1', '--backend', 'reference', '--replicas', '5'];
    const { exitCode, json } = await vrrlJson([...argv, '--json']);
    expectValid('explain', json);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({ outcomes: [{ source: 'reference', count: 5, verdict: 'serializable' }] });
  });

  test('replays epoch after epoch until one needs explaining', async () => {
    const backend = (name: string) => ['explain', folder.at('sound.vrrl'), '--backend', name, '--json'];
    const calm = await vrrlJson([...backend('reference'), '--replicas', '2']);
    expectValid('explain', calm.json);
    expect(calm).toMatchObject({ exitCode: 0, json: { epochsLookedAt: 3, outcomes: [] } });
    // Stores to one word, in another order each time.
    const { exitCode, json } = await vrrlJson([...backend('threads'), '--replicas', '50', '--seed', '1']);
    expectValid('explain', json);
    expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { epoch: 0, epochsLookedAt: 1 } });
    const { outcomes } = json as { outcomes: { witness: { isPublishOrder: boolean } }[] };
    expect(outcomes.some(({ witness }) => !witness.isPublishOrder)).toBe(true);
  });

  test('fits the terminal, and leaves one line to programs', async () => {
    const { out } = await vrrl(['explain', folder.at('lost.vrrl')], { columns: 60 });
    const prose = out.split('\n').filter((line) => !line.startsWith('    '));
    for (const line of prose) expect(line.length, line).toBeLessThanOrEqual(60);
    const piped = await vrrl(['explain', folder.at('lost.vrrl')]);
    expect(piped.out.split('\n')[0]).toMatch(/^epoch 0 .*: unserializable: .*lost update/);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(piped.out.split('\n')[0]);
  });

  test("explains the example of somebody else's runtime by its model", async () => {
    const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
    const model = ['--model', example('stack-machine-model.mjs')];
    const jobs = ['--slots', example('stack-machine-jobs.jsonl')];
    const [sound, racy] = [folder.at('jobs.vrrl'), folder.at('racy-jobs.vrrl')];
    await vrrl(['record', '--backend', example('stack-machine-backend.mjs'), ...jobs, sound]);
    expect(await vrrl(['explain', sound, ...model])).toMatchObject({ exitCode: 0 });
    await vrrl(['record', '--backend', example('racy-stack-machine-backend.mjs'), ...jobs, racy]);
    const { exitCode, out } = await vrrl(['explain', racy, ...model]);
    expect(exitCode).toBe(1);
    expect(out).toContain('by the model, no order of its 10 slots gives what was seen');
    // Additions of 5 and 6, of which the second is lost.
    expect(out).toContain('An order that was tried gives registers[2] = 11, and 5 was seen.');
  });

  test('goes by a model where the kernel is not known', async () => {
    const file = folder.at('model.mjs');
    writeFileSync(
      file,
      'export function apply(state, { opcode, args }) { if (opcode === 1) state[args[1]] = args[0]; }\n',
    );
    const { exitCode, out } = await vrrl(['explain', folder.at('other-order.vrrl'), '--model', file]);
    // It knows nothing of the words that the kernel counts in.
    expect({ exitCode, out }).toMatchObject({ exitCode: 1 });
    expect(out).toContain('by the model, no order of its 5 slots gives what was seen');
  });

  test.each([
    [['--epoch', '9'], 'name one from 0 to 2'],
    [['--model', 'nowhere.mjs'], 'there is no file'],
  ])('%j is refused', async (argv, what) => {
    const { exitCode, err } = await vrrl(['explain', folder.at('sound.vrrl'), ...argv]);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });
});
