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
import { type Kernel, kernelFromJson } from '../src/kernel/index.ts';
import { type ObservationLayout, resolveLayout } from '../src/observe/index.ts';

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
 */
export async function backendsFromModule(path: string, warn: (line: string) => void): Promise<BackendFactory> {
  const make = await loadBackendFactory(path);
  return async () => {
    try {
      return new GuardedBackend(await make(), warn);
    } catch (cause) {
      if (cause instanceof VrrlError) throw cause;
      throw faultOf(path, 'unavailable', `it cannot be made: ${reasonOf(cause)}`, cause);
    }
  };
}

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

  constructor(backend: Backend, warn: (line: string) => void) {
    this.name = backend.name;
    this.slotCount = backend.slotCount;
    this.layout = checkedLayout(backend);
    if (backend.epochWord !== undefined) this.epochWord = backend.epochWord;
    if (backend.restore !== undefined) this.restore = (snapshot) => this.#ask(() => backend.restore?.(snapshot));
    this.#backend = backend;
    this.#warn = warn;
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
      this.#warn(`vrrl: warning: backend ${this.name}: stop failed: ${reasonOf(cause)}. Fix: look into its module.\n`);
    }
  }

  #ask<Result>(call: () => Awaitable<Result>): Awaitable<Result> {
    try {
      const result = call();
      return isPromise(result) ? Promise.resolve(result).catch((cause: unknown) => this.#fail(cause)) : result;
    } catch (cause) {
      return this.#fail(cause);
    }
  }

  #fail(cause: unknown): never {
    if (cause instanceof VrrlError) throw cause;
    throw faultOf(this.name, 'crash', `it threw: ${reasonOf(cause)}`, cause);
  }

  #checked(report: DrainReport): DrainReport {
    const { done, pending, faults } = report ?? {};
    if (Number.isInteger(done) && Array.isArray(pending) && Array.isArray(faults)) return report;
    const what = 'drain() did not report { done: a number, pending: a list, faults: a list }';
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
