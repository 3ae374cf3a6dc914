/** Asks a stack what adapter it would use, in a process that may crash, hang or talk nonsense without harm. */

import { BackendFaultError } from '../../src/backend/index.ts';
import { type ChildEnd, RunnerChild } from '../runner-child.ts';
import type { AdapterReport } from './adapter-report.ts';
import { driversOfUser, launchOf } from './launch.ts';
import { type ProbeAnswer, type ProbeProblem, problemOf } from './probe-answer.ts';
import type { GpuStack } from './stacks.ts';

/** What a stack finds with one driver, or with those that the system offers. */
export interface Probe {
  readonly stack: GpuStack;
  /** The driver's manifest; undefined if the choice was the system's. */
  readonly manifest: string | undefined;
  readonly adapter?: AdapterReport;
  /** Why there is none. */
  readonly problem?: ProbeProblem;
}

const DEFAULT_DEADLINE_MS = 10_000;
/** How long a process that was killed may take to be gone. */
const GRACE_MS = 2_000;
const MAX_ANSWER_BYTES = 1 << 20;

/** Drivers do not come and go while a command runs. */
const known = new Map<string, Promise<Probe>>();

/** The same answer every time in this process. Never throws. */
export function probe(stack: GpuStack, manifest?: string): Promise<Probe> {
  const key = JSON.stringify([stack, manifest ?? driversOfUser()]);
  const answer = known.get(key) ?? probeAfresh(stack, manifest);
  known.set(key, answer);
  return answer;
}

/** Asks again. Never throws. */
export async function probeAfresh(
  stack: GpuStack,
  manifest?: string,
  deadlineMs: number = DEFAULT_DEADLINE_MS,
): Promise<Probe> {
  try {
    return { stack, manifest, ...(await ask(stack, manifest, deadlineMs)) };
  } catch (error) {
    if (!(error instanceof BackendFaultError)) throw error;
    return { stack, manifest, problem: problemOf(error) };
  }
}

async function ask(stack: GpuStack, manifest: string | undefined, deadlineMs: number): Promise<ProbeAnswer> {
  const child = await RunnerChild.spawn(launchOf(stack, manifest, ['--probe']));
  const pieces: Buffer[] = [];
  let bytes = 0;
  child.readOutput((piece) => {
    bytes += piece.length;
    if (bytes <= MAX_ANSWER_BYTES) pieces.push(piece);
  });
  child.closeInput();
  if (!(await child.endsWithin(deadlineMs))) {
    child.kill();
    if (!(await child.endsWithin(GRACE_MS))) child.abandon();
    throw fault(stack, 'hang', `it did not say within ${deadlineMs} ms what adapter it has`, child);
  }
  return parseAnswer(Buffer.concat(pieces).toString('utf8')) ?? refuse(stack, await child.ended, child);
}

function parseAnswer(text: string): ProbeAnswer | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(stack: GpuStack, { status, signal }: ChildEnd, child: RunnerChild): never {
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  throw fault(stack, 'crash', `its process ended ${how} when it was asked what adapter it has`, child);
}

function fault(stack: GpuStack, kind: 'crash' | 'hang', what: string, { errorTail }: RunnerChild): BackendFaultError {
  const words = errorTail.trimEnd().split('\n').at(-1) ?? '';
  const fix = 'name another adapter with --adapter, or mend the driver; vrrl doctor lists them.';
  return new BackendFaultError(stack, kind, words === '' ? what : `${what} (“${words}”)`, fix);
}
