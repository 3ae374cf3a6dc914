/** What there is for a stack to run on, in the form that `vrrl doctor --json` prints it. */

import {
  type AdapterReport,
  adapterName,
  allProbes,
  chooseAdapter,
  type FoundAdapter,
  type GpuStack,
  isInstalled,
  type Probe,
} from '../node/gpu/index.ts';
import { BackendFaultError } from '../src/backend/index.ts';

export interface SurveyedAdapter extends Omit<AdapterReport, 'isSoftware'> {
  readonly name: string;
  /** The only Vulkan driver that it takes to have it; null if that is the system's business. */
  readonly manifest: string | null;
  readonly isChosen: boolean;
  readonly type: 'hardware' | 'software';
  readonly hasTimestamps: boolean;
}

/** A driver with which the stack has no adapter. */
export interface FruitlessDriver {
  readonly manifest: string | null;
  /** `unavailable` if it has nothing to drive, or the stack refuses it; anything else is a driver that is broken. */
  readonly kind: string;
  readonly message: string;
}

export interface GpuSurvey {
  readonly backend: GpuStack;
  readonly adapters: readonly SurveyedAdapter[];
  readonly fruitless: readonly FruitlessDriver[];
}

/** @param name a part of the name of the adapter that is to be chosen. */
export async function surveyGpu(stack: GpuStack, name: string | undefined): Promise<GpuSurvey> {
  if (!isInstalled(stack)) return { backend: stack, adapters: [], fruitless: [] };
  const probes = await allProbes(stack);
  const chosen = await chosenAdapter(stack, name);
  const found = probes.filter((probe): probe is FoundAdapter => probe.adapter !== undefined);
  return {
    backend: stack,
    adapters: found.filter((each) => isNews(each, found)).map((each) => surveyed(each, chosen)),
    fruitless: probes.flatMap(fruitless),
  };
}

async function chosenAdapter(stack: GpuStack, name: string | undefined): Promise<FoundAdapter | undefined> {
  try {
    return await chooseAdapter(stack, name);
  } catch (error) {
    if (error instanceof BackendFaultError) return undefined;
    throw error;
  }
}

/** What the system offers by itself is most often what one of the drivers alone offers, too. */
function isNews(each: FoundAdapter, all: readonly FoundAdapter[]): boolean {
  return each.manifest !== undefined || !all.some((other) => other.manifest !== undefined && isSame(each, other));
}

function isSame(left: FoundAdapter, right: FoundAdapter): boolean {
  const isSameDriver = left.manifest === undefined || right.manifest === undefined || left.manifest === right.manifest;
  return isSameDriver && adapterName(left.adapter) === adapterName(right.adapter);
}

function surveyed(each: FoundAdapter, chosen: FoundAdapter | undefined): SurveyedAdapter {
  const { isSoftware, ...report } = each.adapter;
  return {
    name: adapterName(each.adapter),
    manifest: each.manifest ?? null,
    isChosen: chosen !== undefined && isSame(each, chosen),
    type: isSoftware ? 'software' : 'hardware',
    hasTimestamps: report.features.includes('timestamp-query'),
    ...report,
  };
}

function fruitless({ manifest, problem }: Probe): FruitlessDriver[] {
  if (problem === undefined) return [];
  return [{ manifest: manifest ?? null, kind: problem.kind, message: `${problem.what}. Fix: ${problem.fix}` }];
}
