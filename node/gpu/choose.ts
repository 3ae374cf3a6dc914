/** Which adapter a stack gets: the one that was asked for by name, or the best that this machine has. */

import { BackendFaultError } from '../../src/backend/index.ts';
import { type AdapterReport, adapterName } from './adapter-report.ts';
import { driversOfUser, launchOf } from './launch.ts';
import { type DriverManifest, driverManifests } from './manifests.ts';
import { type Probe, probe } from './probe.ts';
import { type GpuStack, installDriverFix, STACK_FACTS } from './stacks.ts';

/** What a choice depends on. Tests bring a machine of their own. */
export interface Machine {
  probe(stack: GpuStack, manifest?: string): Promise<Probe>;
  manifests(): readonly DriverManifest[];
  /** What the user's environment says about drivers; empty if nothing. */
  driversOfUser(): string;
}

const THIS_MACHINE: Machine = { probe, manifests: driverManifests, driversOfUser };

/** A probe that found something. */
export type FoundAdapter = Probe & { readonly adapter: AdapterReport };

/**
 * An adapter that works.
 *
 * With a name: the first whose description, driver or manifest has it in it. Without one: what the user's environment
 * says; else hardware, if there is some; else the driver without hardware that the stack is known to run on.
 *
 * @throws BackendFaultError if there is none: of kind `unavailable`, or what befell the only one that there might be.
 */
export async function chooseAdapter(
  stack: GpuStack,
  name: string | undefined,
  machine: Machine = THIS_MACHINE,
): Promise<FoundAdapter> {
  // Says what is missing if the stack itself is.
  launchOf(stack, undefined);
  const chosen = name === undefined ? await best(stack, machine) : await named(stack, name, machine);
  if (chosen !== undefined && isFound(chosen)) return chosen;
  throw name === undefined ? noAdapter(stack, chosen, machine) : await noneOfName(stack, name, machine);
}

/** What a stack finds on this machine, by itself and with each driver alone. */
export async function allProbes(stack: GpuStack, machine: Machine = THIS_MACHINE): Promise<Probe[]> {
  const probes = [await machine.probe(stack)];
  const manifests = machine.manifests();
  // Two at a time: a driver keeps one core busy while it starts.
  for (let next = 0; next < manifests.length; next += 2) {
    const pair = manifests.slice(next, next + 2);
    probes.push(...(await Promise.all(pair.map(({ path }) => machine.probe(stack, path)))));
  }
  return probes;
}

async function best(stack: GpuStack, machine: Machine): Promise<Probe> {
  let found = await machine.probe(stack);
  if (machine.driversOfUser() !== '' || isHardware(found)) return found;
  for (const manifest of machine.manifests()) {
    if (!mayBeBetter(stack, manifest, found)) continue;
    const other = await machine.probe(stack, manifest.path);
    if (isHardware(other)) return other;
    if (rankOf(stack, other) < rankOf(stack, found)) found = other;
  }
  return found;
}

/** The system would have offered hardware by itself, but for drivers in places that it does not know. */
function mayBeBetter(stack: GpuStack, { path, isStandard }: DriverManifest, found: Probe): boolean {
  const rank = softwareRank(stack, path);
  return rank < 0 ? !isStandard : rank < rankOf(stack, found);
}

/** Manifests whose own name has it in it come first: then one process is enough. */
async function named(stack: GpuStack, name: string, machine: Machine): Promise<Probe | undefined> {
  const wanted = name.toLowerCase();
  const isMeant = ({ path }: DriverManifest) => path.toLowerCase().includes(wanted);
  const manifests = machine.manifests();
  const order = [...manifests.filter(isMeant), undefined, ...manifests.filter((each) => !isMeant(each))];
  for (const manifest of order) {
    const each = await machine.probe(stack, manifest?.path);
    if (isFound(each) && textOf(each, manifest).includes(wanted)) return each;
  }
  return undefined;
}

/** Everything that somebody may know an adapter by. */
function textOf({ adapter }: FoundAdapter, manifest: DriverManifest | undefined): string {
  const { vendor, architecture, device, description } = adapter;
  return [vendor, architecture, device, description, manifest?.path, manifest?.library].join(' ').toLowerCase();
}

function isFound(probe: Probe): probe is FoundAdapter {
  return probe.adapter !== undefined;
}

function isHardware(probe: Probe): boolean {
  return isFound(probe) && !probe.adapter.isSoftware;
}

/** Software by how well the stack is known to run on it; small is good. A driver that is broken says more than none. */
function rankOf(stack: GpuStack, probe: Probe): number {
  if (!isFound(probe)) return probe.problem?.kind === 'unavailable' ? RANK.missing : RANK.broken;
  const rank = softwareRank(stack, adapterName(probe.adapter));
  return rank < 0 ? RANK.unknown : rank;
}

const RANK = { unknown: 100, broken: 200, missing: 300 } as const;

/** −1 if it is not known to be software. */
function softwareRank(stack: GpuStack, text: string): number {
  const name = text.toLowerCase().replace('llvmpipe', 'lvp');
  return STACK_FACTS[stack].software.findIndex((each) => name.includes(each));
}

/** A driver that crashes is no missing one. */
function noAdapter(stack: GpuStack, probe: Probe | undefined, machine: Machine): BackendFaultError {
  const drivers = machine.driversOfUser();
  const { kind, what, fix } = probe?.problem ?? { kind: 'unavailable', what: 'there is no adapter', fix: '' };
  const where = drivers === '' ? '' : `, where ${drivers} says which drivers there are`;
  return new BackendFaultError(stack, kind, what + where, kind === 'unavailable' ? installDriverFix(stack) : fix);
}

async function noneOfName(stack: GpuStack, name: string, machine: Machine): Promise<BackendFaultError> {
  const found = (await allProbes(stack, machine)).filter(isFound).map(({ adapter }) => adapterName(adapter));
  if (found.length === 0) return noAdapter(stack, await machine.probe(stack), machine);
  const what = `no adapter has “${name}” in its name or its driver; there are ${[...new Set(found)].join(' and ')}`;
  return new BackendFaultError(stack, 'unavailable', what, 'name one of these, or leave --adapter out.');
}
