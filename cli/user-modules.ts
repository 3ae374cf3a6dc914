/** Kernels and backends from files of users: whatever these throw is told as theirs, not as a bug of vrrl. */

import { readFile } from 'node:fs/promises';
import { loadBackendFactory, loadKernel } from '../node/modules.ts';
import {
  type Awaitable,
  type Backend,
  type BackendFactory,
  BackendFaultError,
  type BackendFaultKind,
  type DrainReport,
  isPromise,
  type Slot,
} from '../src/backend/index.ts';
import { InputError, VrrlError } from '../src/base/errors.ts';
import { isWord } from '../src/base/words.ts';
import { type Kernel, kernelFromJson, type SlotFault } from '../src/kernel/index.ts';
import { type ObservationLayout, resolveLayout } from '../src/observe/index.ts';
import { printableLines } from './render/text.ts';

/** The kernel that a module exports, or that a JSON file holds as `vrrl kernel --json` prints it. */
export async function kernelFromFile(path: string): Promise<Kernel> {
  if (path.endsWith('.json')) return kernelFromJson(await readJson(path));
  try {
    return await loadKernel(path);
  } catch (cause) {
    if (cause instanceof VrrlError) throw cause;
    throw new InputError(`the kernel module \`${path}\` failed: ${reasonOf(cause)}`, SEE_MODULE, { cause });
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fix = 'write it with vrrl kernel --json, or name a module.';
    throw new InputError(`the kernel \`${path}\` is no JSON: ${reasonOf(cause)}`, fix, { cause });
  }
}

/**
 * What makes backends, from a module. Errors of theirs become backend faults.
 *
 * @param warn is told, in a line, what went wrong where nothing depends on it any more.
 * @param deadlineMs a promise of theirs that is not settled by then is a hang.
 */
export async function backendsFromModule(
  path: string,
  warn: (line: string) => void,
  deadlineMs: number = DEFAULT_DEADLINE_MS,
): Promise<BackendFactory> {
  const make = await loadBackendFactory(path);
  return async () => {
    try {
      return new GuardedBackend(await make(), warn, deadlineMs);
    } catch (cause) {
      if (cause instanceof VrrlError) throw cause;
      throw faultOf(path, 'unavailable', `it cannot be made: ${reasonOf(cause)}`, cause);
    }
  };
}

/** Somebody's runtime may be slow; a minute for one call is a hang all the same. */
const DEFAULT_DEADLINE_MS = 60_000;

const SEE_MODULE = 'run the module by itself with node to see the whole error.';

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function faultOf(name: string, kind: BackendFaultKind, what: string, cause?: unknown): BackendFaultError {
  return new BackendFaultError(name, kind, what, 'look into its module; the log is not affected.', {}, { cause });
}

/** Somebody's backend, with everything checked that would otherwise fail far away from it. */
class GuardedBackend implements Backend {
  readonly name: string;
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord?: number;
  readonly restore?: (snapshot: Uint32Array) => Awaitable<void>;
  readonly #backend: Backend;
  readonly #warn: (line: string) => void;
  readonly #deadlineMs: number;

  constructor(backend: Backend, warn: (line: string) => void, deadlineMs: number) {
    this.name = backend.name;
    this.slotCount = backend.slotCount;
    this.layout = checkedLayout(backend);
    if (backend.epochWord !== undefined) this.epochWord = backend.epochWord;
    if (backend.restore !== undefined) this.restore = (snapshot) => this.#ask(() => backend.restore?.(snapshot));
    this.#backend = backend;
    this.#warn = warn;
    this.#deadlineMs = deadlineMs;
  }

  start(): Awaitable<void> {
    return this.#ask(() => this.#backend.start());
  }

  publish(slotIndex: number, slot: Slot): Awaitable<void> {
    return this.#ask(() => this.#backend.publish(slotIndex, slot));
  }

  drain(): Awaitable<DrainReport> {
    const report = this.#ask(() => this.#backend.drain());
    return isPromise(report) ? report.then((settled) => this.#checked(settled)) : this.#checked(report);
  }

  observe(snapshot: Uint32Array): Awaitable<void> {
    return this.#ask(() => this.#backend.observe(snapshot));
  }

  /** All results are in by now: a backend that cannot stop spoils none of them. */
  async stop(): Promise<void> {
    try {
      await this.#backend.stop();
    } catch (cause) {
      const what = `backend ${this.name}: stop failed: ${reasonOf(cause)}. Fix: look into its module.`;
      this.#warn(`vrrl: warning: ${printableLines(what)}\n`);
    }
  }

  #ask<Result>(call: () => Awaitable<Result>): Awaitable<Result> {
    try {
      const result = call();
      return isPromise(result) ? this.#inTime(result) : result;
    } catch (cause) {
      return this.#fail(cause);
    }
  }

  /** The timer keeps the process alive: a promise that nobody will settle must not end it without a word. */
  #inTime<Result>(result: Promise<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const what = `a call did not settle within ${this.#deadlineMs} ms`;
      const timer = setTimeout(() => reject(faultOf(this.name, 'hang', what)), this.#deadlineMs);
      Promise.resolve(result)
        .then(resolve, (cause: unknown) => {
          try {
            this.#fail(cause);
          } catch (fault) {
            reject(fault);
          }
        })
        .finally(() => clearTimeout(timer));
    });
  }

  #fail(cause: unknown): never {
    if (cause instanceof VrrlError) throw cause;
    throw faultOf(this.name, 'crash', `it threw: ${reasonOf(cause)}`, cause);
  }

  #checked(report: DrainReport): DrainReport {
    const { done, pending, faults } = report ?? {};
    const isSound =
      isWord(done) && Array.isArray(pending) && pending.every(isWord) && Array.isArray(faults) && faults.every(isFault);
    if (isSound) return report;
    const what = 'drain() did not report { done: a number, pending: a list of slots, faults: a list of faults }';
    throw faultOf(this.name, 'protocol', what);
  }
}

function checkedLayout({ name, layout }: Backend): ObservationLayout {
  try {
    resolveLayout(layout);
    return layout;
  } catch (cause) {
    if (cause instanceof VrrlError) throw cause;
    throw faultOf(name, 'protocol', `its layout is none: ${reasonOf(cause)}`, cause);
  }
}

function isFault(fault: unknown): boolean {
  if (typeof fault !== 'object' || fault === null) return false;
  const { slotIndex, opcode, message, words } = fault as Partial<SlotFault>;
  const hasWords = Array.isArray(words) && words.length === 2 && words.every(isWord);
  return isWord(slotIndex) && isWord(opcode) && typeof message === 'string' && hasWords;
}
