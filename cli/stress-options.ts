/** What the command line says about stress, and what `vrrl tune` has kept. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { checkedStress, type ProgramShape, type StressSettings } from '../src/backend/index.ts';
import { InputError, VrrlError } from '../src/base/errors.ts';
import type { StressRequest, StressTrial } from '../src/replay/index.ts';
import { integer } from './options.ts';

const DEFAULT_SEED = 1;
const anySeed = integer(0, 0xffff_ffff);

/** `--stress` with or without a seed. */
export function stressSeed(text: string | undefined): number {
  return text === undefined ? DEFAULT_SEED : anySeed(text);
}

/** `lanes=4,shuffleLanes=1` */
export function stressSettings(text: string): StressSettings {
  const settings: Record<string, number> = {};
  for (const pair of text.split(',')) {
    const [name, value, ...rest] = pair.split('=');
    if (value === undefined || rest.length > 0) throw new InvalidArgumentError('Expected NAME=NUMBER,NAME=NUMBER.');
    settings[name.trim()] = anySeed(value.trim());
  }
  try {
    checkedStress(settings);
  } catch (error) {
    throw error instanceof VrrlError ? new InvalidArgumentError(error.message) : error;
  }
  return settings;
}

export interface StressFlags {
  readonly shape?: ProgramShape | undefined;
  /** `true` where `--stress` was given without a seed. */
  readonly stress?: number | true | undefined;
  readonly stressSettings?: StressSettings | undefined;
}

/** @throws InputError for a shape that stress does nothing in: a replica has one workgroup there, and nobody to race with. */
export function refuseUselessStress({ shape, stress, stressSettings }: StressFlags): void {
  if (shape !== 'resident' || (stress === undefined && stressSettings === undefined)) return;
  const what = 'stress is about races between workgroups, and in the resident shape a replica has only one';
  throw new InputError(what, 'leave out --stress, or pass --shape wide.');
}

/**
 * What a replay is asked for.
 *
 * @param adapter begins the search with what `vrrl tune` has kept for it.
 */
export function stressRequest(flags: StressFlags, adapter: string | undefined): StressRequest | undefined {
  if (flags.stressSettings !== undefined) return { settings: flags.stressSettings };
  if (flags.stress === undefined) return undefined;
  const seed = flags.stress === true ? DEFAULT_SEED : flags.stress;
  const kept = adapter === undefined ? undefined : keptStress()[adapter];
  return { seed, ...(kept === undefined ? {} : { candidates: [kept.settings] }) };
}

/** What was found for an adapter, and when. */
export interface KeptStress extends StressTrial {
  readonly date: string;
}

/** Where settings are kept: with the user's other configuration. */
export function stressFile(): string {
  const home = process.env['XDG_CONFIG_HOME'] || path.join(os.homedir(), '.config');
  return path.join(home, 'vrrl', 'stress.json');
}

/**
 * Settings by adapter; nothing if none were kept.
 *
 * @throws InputError if the file holds something else.
 */
export function keptStress(file: string = stressFile()): Readonly<Record<string, KeptStress>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return {};
  }
  try {
    return checkedKept(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof VrrlError ? cause.what : 'it is not what vrrl tune writes';
    throw new InputError(`\`${file}\` cannot be used: ${reason}`, 'remove it and run vrrl tune again.', { cause });
  }
}

/** @throws whatever shows that it is something else. */
function checkedKept(kept: unknown): Readonly<Record<string, KeptStress>> {
  if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) throw new TypeError('no object');
  const all = Object.entries(kept as Record<string, KeptStress>);
  for (const [, trial] of all) {
    if (typeof trial?.settings !== 'object' || trial.settings === null) throw new TypeError('no settings');
    checkedStress(trial.settings);
  }
  return Object.fromEntries(all);
}

/** Keeps settings for an adapter; those of others stay. */
export function keepStress(adapter: string, trial: KeptStress, file: string = stressFile()): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...keptStress(file), [adapter]: trial }, undefined, 2)}\n`);
}
