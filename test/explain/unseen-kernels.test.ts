import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Recorder } from '../../cli/recorder.ts';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { RandomWords } from '../../src/base/random.ts';
import { DEFAULT_NODES, type Explanation, explain } from '../../src/explain/index.ts';
import { sample } from '../../src/explore/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { ControlWord, Priority } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';
import { vrrl, vrrlJson } from '../cli/fake-io.ts';
import { temporaryFolder } from '../cli/files.ts';
import { anySlots, STRUCTURES, slotsOf, structuresKernel } from './structures.ts';

const EPOCHS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 300);
const sound = structuresKernel('sound');
const racy = structuresKernel('racy');
const folder = temporaryFolder();

function scenarioOf(kernel: Kernel, slots: readonly SlotRequest[], initial: Uint32Array): Scenario {
  const placed = slots.map(({ opcode, args = [] }, slotIndex) => ({
    slotIndex,
    slot: { opcode, tenant: 0, priority: Priority.NORMAL, args },
  }));
  return scenarioOfSlots(kernel, placed, initial);
}

function run(backend: ThreadsBackend, { slots, initial }: Scenario): ScenarioOutcome {
  backend.restore(initial);
  for (const { slotIndex, slot } of slots) backend.publish(slotIndex, slot);
  const { done, pending, faults } = backend.drain();
  const words = new Uint32Array(initial.length);
  backend.observe(words);
  return { words, done, pending: pending.length, faults };
}

describe('sound structures on worker threads', () => {
  const backend = new ThreadsBackend(sound, { workerCount: 2, seed: 1 });
  beforeAll(() => backend.start());
  afterAll(() => backend.stop());

  it('are serializable in every epoch', () => {
    const random = new RandomWords(20);
    let initial = freshSnapshot(sound);
    for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
      const scenario = scenarioOf(sound, anySlots(random), initial);
      const outcome = run(backend, scenario);
      const { verdict, summary } = explain(scenario, outcome);
      expect({ epoch, verdict, summary }).toMatchObject({ verdict: 'serializable' });
      initial = epoch % 8 === 7 ? freshSnapshot(sound) : outcome.words;
    }
  });
});

/** Outcomes of the races of one epoch, each once. */
function outcomesOf(scenario: Scenario): ScenarioOutcome[] {
  const outcomes = new Map<string, ScenarioOutcome>();
  sample(scenario, { runs: 300, sampler: 'urw' }, ({ outcome }) => {
    const key = outcome.words.join(' ');
    if (!outcomes.has(key)) outcomes.set(key, { ...outcome, words: outcome.words.slice() });
  });
  return [...outcomes.values()].slice(0, 40);
}

/** Shows what some interleaving gave, instead of what its own slots did. */
class ReplayedRace extends ReferenceBackend {
  readonly #words: Uint32Array;

  constructor(kernel: Kernel, words: Uint32Array) {
    super(kernel);
    this.#words = words;
  }

  override observe(words: Uint32Array): void {
    super.observe(words);
    // What the recorder's own slots count in stays.
    const first = ControlWord.OBSERVABLE_BASE;
    words.set(this.#words.subarray(first, racy.controlWords), first);
  }
}

describe.each(STRUCTURES)('a $name with a race', (structure) => {
  const random = new RandomWords(3);
  let slots: SlotRequest[] = [];
  let torn: ScenarioOutcome | undefined;
  let explanation: Explanation | undefined;

  beforeAll(() => {
    for (let epoch = 0; epoch < 20 && torn === undefined; epoch += 1) {
      slots = slotsOf(structure, random);
      const scenario = scenarioOf(racy, slots, freshSnapshot(racy));
      for (const outcome of outcomesOf(scenario)) {
        explanation = explain(scenario, outcome);
        expect(explanation.verdict).not.toBe('unknown');
        if (explanation.verdict !== 'unserializable') continue;
        torn = outcome;
        break;
      }
    }
  });

  it('is told to have broken its promise, by slots that did', () => {
    const names = structure.operations.map(({ name }) => name);
    expect(explanation?.verdict).toBe('unserializable');
    expect(names).toContain(explanation?.brokenPromises[0]);
    expect(explanation?.contradiction?.slots.length).toBeGreaterThanOrEqual(1);
    expect(explanation?.contradiction?.words.length).toBeGreaterThanOrEqual(1);
    expect(explanation?.contradiction?.isMinimal).toBe(true);
    // Far from what it may spend.
    expect((explanation?.nodes ?? DEFAULT_NODES) * 20).toBeLessThan(DEFAULT_NODES);
  });

  it('and so says the command line', async () => {
    const name = structure.name.replaceAll(' ', '-');
    if (torn === undefined) throw new Error('no schedule tore it');
    const backend = new ReplayedRace(racy, torn.words);
    const options = { format: 'v1', capacity: 64, mayReplace: true } as const;
    const recorder = await Recorder.create(folder.at(`${name}.vrrl`), backend, racy, options);
    await recorder.session.publish(slots);
    await recorder.session.endEpoch({ tag: 0 });
    recorder.close();
    const argv = ['explain', folder.at(`${name}.vrrl`)];
    const { exitCode, json } = await vrrlJson([...argv, '--json']);
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({
      outcomes: [{ verdict: 'unserializable', brokenPromises: explanation?.brokenPromises }],
    });
    const { out } = await vrrl(argv);
    expect(out).toContain('promised to happen at once');
    // The first line and the token are for programs as well; all else fits a screen.
    const lines = out.split('\n').filter((line, index) => index > 0 && !line.includes('schedule'));
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });
});
