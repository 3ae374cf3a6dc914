/** Kernels and backends that users bring as JavaScript modules. */

import { stat } from 'node:fs/promises';
import module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Backend, BackendFactory } from '../src/backend/index.ts';
import { InputError, VrrlError } from '../src/base/errors.ts';
import type { SlotModel } from '../src/explain/index.ts';
import { finishKernel, type Kernel, type KernelDefinition } from '../src/kernel/index.ts';

/**
 * The kernel that a module exports by default: one made with `defineKernel`, or a function that makes one.
 *
 * @throws InputError if there is no such module, it fails, or its default export is no kernel.
 * @throws KernelError if the kernel is not well-formed.
 */
export async function loadKernel(file: string): Promise<Kernel> {
  const exported = await defaultExport(file, 'kernel');
  const made: unknown = typeof exported === 'function' ? await exported() : exported;
  if (!isObject(made) || !Array.isArray(made['opcodes']) || !Array.isArray(made['turn'])) {
    throw notA(file, 'kernel', 'export default defineKernel({ name: … }), with defineKernel from vrrl/kernel.');
  }
  // The cast claims nothing: everything is checked field by field, and the identity is computed here.
  const { name, slotCount, controlWords, tenantCount, tables, turn, opcodes, regions } =
    made as unknown as KernelDefinition;
  return finishKernel({ name, slotCount, controlWords, tenantCount, tables, turn, opcodes, regions });
}

/**
 * The function that a module exports by default, which makes a fresh backend whenever it is called.
 *
 * @throws InputError if there is no such module, it fails, or what its function makes is no backend.
 */
export async function loadBackendFactory(file: string): Promise<BackendFactory> {
  const make = await defaultExport(file, 'backend');
  if (typeof make !== 'function') throw notA(file, 'backend', BACKEND_FIX);
  return async () => {
    const backend: unknown = await make();
    if (!isBackend(backend)) throw notA(file, 'backend', BACKEND_FIX);
    return backend;
  };
}

const BACKEND_FIX = 'export default a function that makes an object with the methods of Backend (see examples/).';
const BACKEND_METHODS = ['start', 'publish', 'drain', 'observe', 'stop'] as const;

function isBackend(value: unknown): value is Backend {
  if (!isObject(value)) return false;
  const hasMethods = BACKEND_METHODS.every((method) => typeof value[method] === 'function');
  return (
    hasMethods && typeof value['name'] === 'string' && isObject(value['layout']) && isSlotCount(value['slotCount'])
  );
}

function isSlotCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * The model of a kernel's slots that a module exports: a function `apply`, by its name or in a default export.
 *
 * @throws InputError if there is no such module, it fails, or it exports no model.
 */
export async function loadSlotModel(file: string): Promise<SlotModel> {
  const exported = await exportsOf(file, 'model');
  for (const each of [exported, exported['default']]) if (isSlotModel(each)) return each;
  const fix =
    'export function apply(state, slot), which changes the words of the state in place (see docs/explaining.md).';
  throw new InputError(`\`${file}\` exports no model`, fix);
}

function isSlotModel(value: unknown): value is SlotModel {
  return isObject(value) && typeof value['apply'] === 'function';
}

async function defaultExport(file: string, what: string): Promise<unknown> {
  return (await exportsOf(file, what))['default'];
}

async function exportsOf(file: string, what: string): Promise<Record<string, unknown>> {
  const absolute = path.resolve(file);
  const found = await stat(absolute).catch(() => undefined);
  if (!found?.isFile()) throw new InputError(`there is no file \`${file}\` to load a ${what} from`, 'check the path.');
  letModulesFindVrrl();
  try {
    return await import(pathToFileURL(absolute).href);
  } catch (cause) {
    if (cause instanceof VrrlError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const fix = file.endsWith('.ts')
      ? 'compile it to JavaScript first; this Node runs no TypeScript.'
      : 'run the module by itself with node to see the whole error.';
    throw new InputError(`the ${what} module \`${file}\` failed: ${reason}`, fix, { cause });
  }
}

let isResolverRegistered = false;

/**
 * Lets `import 'vrrl'` in a user's module mean this very copy, wherever the module lies: a kernel in a folder without
 * node_modules works, and one in a folder with another copy of vrrl does not mix the two.
 */
function letModulesFindVrrl(): void {
  if (isResolverRegistered) return;
  isResolverRegistered = true;
  module.register('./kernel-resolver.js', import.meta.url);
}

function notA(file: string, what: string, fix: string): InputError {
  return new InputError(`the default export of \`${file}\` is no ${what}`, fix);
}
