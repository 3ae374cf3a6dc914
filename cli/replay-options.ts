/** Options that several commands take to run a recording again: arguments of one `.option(...)` each. */

import { MAX_SLOT_COUNT } from '../src/protocol/index.ts';
import { ADAPTER_HELP } from './backends.ts';
import { integer } from './options.ts';
import { stressSeed } from './stress-options.ts';

type TextOption<Flags extends string> = readonly [flags: Flags, description: string];
type NumberOption<Flags extends string> = readonly [...TextOption<Flags>, parse: (text: string) => number];
type NumberOptionWithDefault<Flags extends string> = readonly [...NumberOption<Flags>, byDefault: number];

export const ADAPTER: TextOption<'--adapter <name>'> = ['--adapter <name>', ADAPTER_HELP];
export const KERNEL: TextOption<'--kernel <file>'> = [
  '--kernel <file>',
  'a module whose default export is a kernel, or one in JSON; default: the recorded one',
];
export const REPLICAS: NumberOptionWithDefault<'--replicas <n>'> = [
  '--replicas <n>',
  'how often to replay on each backend',
  integer(1, 10_000_000),
  10,
];
export const SLOT_COUNT: NumberOption<'--slot-count <n>'> = [
  '--slot-count <n>',
  'slots of the ring; default: recorded or inferred',
  integer(1, MAX_SLOT_COUNT),
];
export const CONTROL_WORDS: NumberOption<'--control-words <n>'> = [
  '--control-words <n>',
  'words of control memory; default: recorded or inferred',
  integer(160, 1 << 24),
];
export const SEED: NumberOption<'--seed <n>'> = ['--seed <n>', "seed of the lanes' shuffling", integer(0, 0xffff_ffff)];
export const WORKERS: NumberOption<'--workers <n>'> = ['--workers <n>', 'worker threads', integer(1, 64)];
export const STRESS: NumberOption<'--stress [seed]'> = [
  '--stress [seed]',
  'push a GPU towards rare schedules, with settings drawn from a seed',
  stressSeed,
];
export const DEADLINE: NumberOption<'--deadline-ms <n>'> = [
  '--deadline-ms <n>',
  'a drain that takes longer counts as hung',
  integer(1, 86_400_000),
];
