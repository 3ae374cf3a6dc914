/** Whether a backend keeps to its interface, and a runner to `spec/backend-protocol.md`. */

import type { BackendFactory } from '../../src/backend/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { helloFor } from '../../src/wire/index.ts';
import { ProcessBackend } from '../process-backend.ts';
import { BACKEND_CHECKS, comparesWithReference, withBackend } from './backend-checks.ts';
import { type CheckReport, runCheck } from './check.ts';
import { PROGRAMS_CHECK } from './program-checks.ts';
import { RawRunner } from './raw-runner.ts';
import { RUNNER_CHECKS } from './runner-checks.ts';
import { GUESSED_PROBES, KERNEL_PROBES, type Probes, Subject } from './subject.ts';

export type { CheckReport } from './check.ts';

export interface ConformanceOptions {
  /** Given if the backend runs kernels of ours: then it is compared with the reference. */
  readonly kernel?: Kernel | undefined;
  /** Told about each check when it has ended. */
  readonly onReport?: (report: CheckReport) => void;
}

export interface RunnerConformanceOptions extends ConformanceOptions {
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

/** Checks a backend through its interface, each time on a fresh one. */
export async function checkBackend(
  make: BackendFactory,
  { kernel, onReport = () => {} }: ConformanceOptions,
  probes: Probes = kernel === undefined ? GUESSED_PROBES : KERNEL_PROBES,
): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  const ofKernel = kernel === undefined ? [] : [comparesWithReference(kernel)];
  for (const check of [...BACKEND_CHECKS, PROGRAMS_CHECK, ...ofKernel]) {
    const report = await runCheck(check.name, async () => {
      const backend = await make();
      return withBackend(backend, () => check.attempt(new Subject(backend, probes)));
    });
    reports.push(report);
    onReport(report);
  }
  return reports;
}

/**
 * Checks a runner: what any backend has to do, and what only a process can get wrong.
 *
 * @throws BackendFaultError if there is no runner to check, or it cannot run here.
 */
export async function checkRunner(
  command: readonly string[],
  options: RunnerConformanceOptions & { readonly kernel: Kernel },
): Promise<CheckReport[]> {
  const { kernel, timeoutMs, onReport = () => {} } = options;
  const make = () => ProcessBackend.connect({ command, kernel, deadlineMs: timeoutMs });
  const first = await make();
  const { ready } = first;
  await first.stop();
  const runsKernel = ready.kernel !== null;
  const probes = probesFor(ready.probes, runsKernel);
  const device = Object.entries(ready.device).map(([name, value]) => `, ${name} ${value}`);
  const what = runsKernel ? 'runs kernels of vrrl' : 'runs what is its own';
  const detail = `${ready.name}: ${ready.slotCount} slots, ${what}${device.join('')}`;
  const handshake: CheckReport = { name: 'handshake', result: 'pass', detail };
  onReport(handshake);
  const reports = await checkBackend(make, { onReport, kernel: runsKernel ? kernel : undefined }, probes);
  const hello = helloFor(kernel);
  for (const check of RUNNER_CHECKS) {
    const report = await runCheck(check.name, async () => {
      const raw = await RawRunner.spawn(command, timeoutMs);
      try {
        return await check.attempt({ raw, hello, ready, probes });
      } finally {
        await raw.close();
      }
    });
    reports.push(report);
    onReport(report);
  }
  return [handshake, ...reports];
}

function probesFor(slots: Probes['slots'], runsKernel: boolean): Probes {
  if (slots.length > 0) return { slots, arePromised: true };
  return runsKernel ? KERNEL_PROBES : GUESSED_PROBES;
}
