/**
 * Whole programs on a device: what comes of them is what comes of stepping them on the reference, to the last count. Here on
 * drivers that need no GPU; `test/gpu/programs/main.ts` by itself takes more programs and other seeds.
 */

import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../cli/files.ts';
import { keptLoading, WIDE } from './programs/compare-replays.ts';
import { scenarioKernel } from './programs/scenario-kernel.ts';
import { LOGS, SCENARIOS } from './programs/scenarios.ts';
import {
  compareAll,
  compareScenarios,
  type OddReplay,
  type Report,
  replayOdds,
  WORKLOADS,
  workloadPlan,
} from './programs/sections.ts';
import { SOFTWARE, withGpu } from './software.ts';

const [dawn, wgpu] = SOFTWARE;
/** Drivers without a GPU compile for seconds, and on a machine with other work for longer. */
const OPTIONS = { deadlineMs: 60_000 };
const SECTIONS = [
  'permutations',
  'digests',
  'scenarios',
  'programs',
  'sound',
  'kernels',
  'workloads',
  'sizes',
  'limits',
];
const RANDOM_PROGRAMS = 6;
const RANDOM_KERNELS = 2;
/** Each is compiled anew; on Dawn all of them are replayed. */
const SOME_WORKLOADS = WORKLOADS.filter((_, index) => index % 2 === 0);

interface Printed extends Report {
  readonly adapter: string;
  readonly errors: readonly string[];
}

describe.skipIf(dawn.manifest === undefined)('programs on Dawn with SwiftShader', () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const program = ['scripts/run-typescript.js', 'test/gpu/programs/main.ts'];
  const command = [...program, ...[seed, RANDOM_PROGRAMS, RANDOM_KERNELS].map(String)];
  let report: Printed;

  beforeAll(() => {
    const run = spawnSync(process.execPath, command, {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, VK_DRIVER_FILES: dawn.manifest, VK_ICD_FILENAMES: dawn.manifest },
      maxBuffer: 2 ** 28,
    });
    const line = run.stdout.trim().split('\n').at(-1) ?? '';
    const how = `${command.join(' ')}: status ${run.status}, signal ${run.signal}: ${run.stderr.slice(-2_000)}`;
    expect(line, how).toMatch(/^\{/);
    report = JSON.parse(line);
  }, 600_000);

  it('run on the driver that was meant, which refuses nothing', () => {
    expect(report).toMatchObject({ adapter: expect.stringContaining('SwiftShader'), errors: [] });
  });

  it.each(SECTIONS)('%s: as when they are stepped', (section) => {
    expect(report.problems[section], `node ${command.join(' ')}`).toEqual([]);
  });

  describeOdds(() => report.odds);

  it('with more odd outcomes than there is room for are counted all the same', () => {
    const { crowded } = report.odds;
    expect(crowded).toMatchObject({ verdict: 'diverge', divergedReplicas: { count: 60, total: 60 } });
    expect(sum(crowded.each.map(({ withWords }) => withWords))).toBeLessThanOrEqual(4);
    expect(crowded.each.map(({ replicas }) => replicas)).toEqual([60, 60, 60]);
    for (const { replicas, listedReplicas, unlisted } of crowded.each) expect(listedReplicas + unlisted).toBe(replicas);
  });
});

describe.skipIf(dawn.manifest === undefined)('programs on the backend dawn', () => {
  it('are as when they are stepped', async () => {
    const names = ['faults', 'slots that wait', 'records', 'a killed writer', 'log 1'];
    const scenarios = [...SCENARIOS, ...LOGS].filter(({ name }) => names.includes(name));
    // What it takes in this process is what it takes in another one: two of the shaders are enough.
    const combinations = WIDE.filter(({ stress }) => stress === undefined);
    const problems = await withGpu(
      dawn,
      scenarioKernel,
      (backend) => compareScenarios(keptLoading(backend), scenarios, combinations),
      OPTIONS,
    );
    expect(problems).toEqual([]);
  });
});

describe.skipIf(wgpu.manifest === undefined)('programs on the backend wgpu', () => {
  let odds: Readonly<Record<string, OddReplay>>;

  it('are as when they are stepped', async () => {
    const problems = await withGpu(
      wgpu,
      scenarioKernel,
      async (backend) => {
        const device = keptLoading(backend);
        odds = await replayOdds(device, ['wide']);
        return await compareScenarios(device, [...SCENARIOS, ...LOGS], WIDE);
      },
      OPTIONS,
    );
    expect(problems).toEqual([]);
  });

  it.each(SOME_WORKLOADS)('%s is as when it is stepped', async (name) => {
    const { kernel, plan } = await workloadPlan(name);
    const problems = await withGpu(
      wgpu,
      kernel,
      (backend) => compareAll(plan, kernel, keptLoading(backend), WIDE),
      OPTIONS,
    );
    expect(problems).toEqual([]);
  });

  describeOdds(() => odds);
});

/** What races is found, and what may drop records is no divergence. */
function describeOdds(oddsOf: () => Readonly<Record<string, OddReplay>>): void {
  it('that race diverge, and the slots that did it are named', () => {
    const racing = Object.entries(oddsOf()).filter(([name]) => name.startsWith('racing'));
    expect(racing.length).toBeGreaterThan(1);
    for (const [name, odd] of racing) {
      expect(odd, name).toMatchObject({ verdict: 'diverge', replicasOnDevice: 60 });
      expect(odd.fault, name).toBeUndefined();
      expect(odd.divergedReplicas?.total, name).toBe(60);
      expect(odd.divergedReplicas?.count, name).toBeGreaterThan(0);
      // The twelve that add in two accesses, and nobody else.
      expect(odd.firstDivergence, name).toEqual({ kind: 'word', where: 'control[161]', slots: 12 });
      expectWords(odd);
    }
  });

  it('have as many outcomes as a shuffle makes, of which some are listed and all counted', () => {
    const { orderedChained, orderedIsolated } = oddsOf();
    for (const odd of [orderedChained, orderedIsolated]) {
      expect(odd).toMatchObject({ verdict: 'diverge', divergedReplicas: { total: 60 } });
      // How many of the sixty orders differ in what they leave is chance; that many do is not.
      expect(odd.mostOutcomes).toBeGreaterThan(8);
      expect(odd.firstDivergence).toMatchObject({ kind: 'word', where: expect.stringMatching(/^control\[2\d\d\]$/) });
      expectWords(odd);
    }
    // Chained replicas end with their first divergence, isolated ones go on.
    const ran = (odd: OddReplay) => odd.each.map(({ replicas }) => replicas);
    expect(ran(orderedIsolated)).toEqual([60, 60, 60]);
    const [first, second] = ran(orderedChained);
    expect(first).toBe(60);
    expect(second).toBe(60 - orderedChained.each[0].differing);
  });

  it('that drop records are undecided, and go on', () => {
    const { overflowing, bagOverflowing } = oddsOf();
    for (const odd of [overflowing, bagOverflowing]) {
      expect(odd.verdict).not.toBe('diverge');
      expect(odd.divergedReplicas).toMatchObject({ count: 0, total: 60 });
      expect(odd.each.map(({ replicas, differing }) => [replicas, differing])).toEqual(odd.each.map(() => [60, 0]));
    }
    expect(bagOverflowing).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 1, unknown: 1 } });
    expect(bagOverflowing.each[0].listed).toBeGreaterThan(1);
  });
}

function expectWords({ each }: OddReplay): void {
  for (const { replicas, listedReplicas, unlisted, odd, withWords } of each) {
    expect(withWords).toBe(odd);
    expect(listedReplicas + unlisted).toBe(replicas);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
