/** Feeds the command line argument vectors, half sensible and half junk, that point at damaged small files. */

import { runCli } from '../cli/program.ts';
import { CommandFolder, type Random } from './command-line-files.ts';
import { type Outcome, runWithFakeIo } from './command-line-io.ts';
import type { FuzzTarget } from './fuzz-target.ts';

/** Far beyond what such inputs take, so that a busy machine is no finding. */
const MAX_MILLISECONDS = 20_000;

let folder: CommandFolder | undefined;

/** Whatever is asked for, the answer is an exit code, data that can be read, and for refusals a way out. */
export const target: FuzzTarget = {
  name: 'command-line',
  async once(random) {
    folder ??= await CommandFolder.create();
    folder.damage(random);
    const argv = makeArguments(random);
    const start = performance.now();
    const outcome = await runWithFakeIo(random, folder.standardInput(random), (io) => runCli(argv, io));
    const milliseconds = performance.now() - start;
    if (MAKES_FILES.has(argv[0] ?? '') || argv.includes('--save')) folder.removeStrangers();
    if (milliseconds > MAX_MILLISECONDS) fail(argv, outcome, `it took ${milliseconds.toFixed(0)} ms`);
    check(argv, outcome);
  },
};

const MAKES_FILES: ReadonlySet<string> = new Set(['record', 'demo']);

function check(argv: readonly string[], outcome: Outcome): void {
  const { exitCode, out, err, wasInterrupted } = outcome;
  if (![0, 1, 2, 3, 4].includes(exitCode)) fail(argv, outcome, `exit code ${exitCode}`);
  if (err.includes('this is a bug in vrrl')) fail(argv, outcome, 'it calls itself a bug');
  if (outcome.rejections.length > 0) fail(argv, outcome, `unhandled: ${outcome.rejections.join('; ')}`);
  if (exitCode === 2 && !/ Fix: [^\n]*\n$/.test(err)) fail(argv, outcome, 'refused without a Fix');
  if (exitCode === 2 && out !== '' && !wasInterrupted) fail(argv, outcome, 'refused, but there is data');
  if (!wasInterrupted && exitCode !== 2 && isJson(argv)) checkJson(argv, outcome);
}

function isJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end < 0 ? argv : argv.slice(0, end);
  const asksForHelp = options.some((word) => /^(-h|--help|-V|--version)$/.test(word));
  return options.includes('--json') && !asksForHelp && !['help', 'complete'].includes(argv[0] ?? '');
}

function checkJson(argv: readonly string[], outcome: Outcome): void {
  const { out } = outcome;
  const texts = argv.includes('dump') ? out.split('\n').filter((line) => line !== '') : out === '' ? [] : [out];
  for (const text of texts) {
    try {
      JSON.parse(text);
    } catch (error) {
      fail(argv, outcome, `no JSON: ${error}`);
    }
  }
}

function fail(argv: readonly string[], { exitCode, out, err }: Outcome, what: string): never {
  const said = `exit ${exitCode}\n${err.slice(0, 2_000)}\n${out.slice(0, 500)}`;
  throw new Error(`${what}: vrrl ${JSON.stringify(argv)}: ${said}`);
}

/** A command with its arguments: from the grammar, then perhaps spoiled. */
function makeArguments(random: Random): string[] {
  const argv = oneOf(random, COMMANDS)(random);
  if (random() % 4 !== 0) return argv;
  const spoil = oneOf(random, [dropOne, repeatOne, insertJunk, swapTwo]);
  return spoil(argv, random);
}

type Maker = (random: Random) => string[];

const NO_LOGS = ['text.txt', 'nowhere', '.', ''];
const NO_KERNELS = ['no-kernel.mjs', 'throws.mjs', 'bad-kernel.mjs', 'nowhere.mjs', 'text.txt'];
const NO_BACKENDS = ['./no-backend.mjs', './throws.mjs', 'cuda', '.', ','];
/** What is no number, or a small one. Nothing in between: ten million replicas take an hour. */
const NO_COUNTS = ['0', '-1', 'x', '', '1e9', '0x2', '99999999999999999999', '1.5'];

/** The plain ones often, those that start threads seldom: each costs a tenth of a second. */
const COMMANDS: readonly Maker[] = [
  ...times(6, (random) => ['dump', log(random), ...some(random, [['--json'], ['--strict'], ['-q']])]),
  ...times(6, (random) => ['info', log(random), ...some(random, [['--json'], ['--quiet']])]),
  ...times(6, (random) => ['verify', log(random), ...some(random, [['--json'], ['-q']])]),
  ...times(8, makeReplay),
  ...times(5, (random) => ['diff', stream(random), stream(random), ...some(random, [['--json']])]),
  ...times(6, makeRecord),
  ...times(2, (random) => ['kernel', random() % 2 === 0 ? kernel(random) : log(random), ...some(random, [['--json']])]),
  (random) => ['complete', '--', ...words(random)],
  (random) => ['complete', oneOf(random, ['bash', 'zsh', 'fish', 'powershell', 'csh'])],
  (random) => [oneOf(random, ['--help', '--version', 'help', 'recrod', '', '--']), ...some(random, [['dump'], ['x']])],
  (random) => [oneOf(random, ['dump', 'replay', 'record', 'demo', 'doctor']), '--help'],
  words,
];

function makeReplay(random: Random): string[] {
  const options = some(random, [
    ['--json'],
    ['--mode', mostly(random, ['chained', 'isolated'], ['sideways'])],
    ['--no-observations'],
    ['--observations', stream(random)],
    ['--kernel', kernel(random)],
    ['--slot-count', mostly(random, ['16', '64'], NO_COUNTS)],
    ['--control-words', mostly(random, ['192', '1024'], NO_COUNTS)],
    ['--assume-fresh'],
    ['--save', mostly(random, ['saved.obs'], ['text.txt', 'nowhere/x', '.', ''])],
    ['--seed', mostly(random, ['1'], NO_COUNTS)],
    ['--no-color'],
  ]);
  return ['replay', log(random), ...backend(random), '--replicas', mostly(random, ['1', '3'], NO_COUNTS), ...options];
}

function makeRecord(random: Random): string[] {
  const options = some(random, [
    ['--kernel', kernel(random)],
    ['--capacity', mostly(random, ['1', '8', '64'], NO_COUNTS)],
    ['--slot-count', mostly(random, ['5', '16'], NO_COUNTS)],
    ['--control-words', mostly(random, ['200', '1024'], NO_COUNTS)],
    ['--max-epochs', mostly(random, ['1', '3'], NO_COUNTS)],
    ['--patterns', mostly(random, ['a,b', 'the'], [','])],
    ['--force'],
    ['--quiet'],
  ]);
  const path = mostly(random, ['new.vrrl'], ['log.vrrl', ...NO_LOGS]);
  return ['record', path, ...backend(random), ...(random() % 2 === 0 ? workload(random) : slots(random)), ...options];
}

function workload(random: Random): string[] {
  const name = mostly(random, ['histogram', 'dfa', 'bank', 'packed', 'printf', 'lost-update'], ['quicksort', '']);
  return ['--workload', name, '--input', mostly(random, ['text.txt', '-', 'slots.jsonl'], ['nowhere', '.'])];
}

function slots(random: Random): string[] {
  return ['--slots', mostly(random, ['slots.jsonl', '-'], ['nowhere', '.', 'text.txt', 'log.vrrl'])];
}

function log(random: Random): string {
  return mostly(random, ['log.vrrl', 'log.vrrl', 'log.vrrl', 'sound.vrrl', 'wrapped.vrrl', '-'], NO_LOGS);
}

function stream(random: Random): string {
  return random() % 4 === 0 ? mostly(random, ['log.vrrl.obs', 'sound.vrrl.obs'], NO_LOGS) : log(random);
}

function kernel(random: Random): string {
  return mostly(random, ['kernel.mjs', 'wrong-kernel.mjs'], NO_KERNELS);
}

function backend(random: Random): string[] {
  if (random() % 400 === 0) return ['--backend', 'threads', '--workers', '2', '--deadline-ms', '2000'];
  return ['--backend', mostly(random, ['reference', 'reference', 'reference', './backend.mjs'], NO_BACKENDS)];
}

function words(random: Random): string[] {
  const known = ['dump', 'replay', 'record', '--', '-', '--json', '--mode', '--backend', 're', 'log.vrrl', '--rep', ''];
  return Array.from({ length: random() % 4 }, () => (random() % 3 === 0 ? junk(random) : oneOf(random, known)));
}

/** No slash and no digit: junk names no file elsewhere, and no number that takes an hour. */
const JUNK = [...'ab-_=,.:;\'"$`{}[]<>|&*?!~ \t\n\u0000\u001b\u00e4\u202e\ud800'];

function junk(random: Random): string {
  return Array.from({ length: random() % 9 }, () => oneOf(random, JUNK)).join('');
}

function dropOne(argv: readonly string[], random: Random): string[] {
  return argv.toSpliced(random() % Math.max(1, argv.length), 1);
}

function repeatOne(argv: readonly string[], random: Random): string[] {
  const index = random() % Math.max(1, argv.length);
  return argv.toSpliced(index, 0, argv[index] ?? '');
}

function insertJunk(argv: readonly string[], random: Random): string[] {
  return argv.toSpliced(random() % (argv.length + 1), 0, junk(random));
}

function swapTwo(argv: readonly string[], random: Random): string[] {
  const [one, other] = [random() % Math.max(1, argv.length), random() % Math.max(1, argv.length)];
  return argv.map((word, index) => (index === one ? argv[other] : index === other ? argv[one] : word));
}

function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[random() % items.length];
}

/** One of those that make sense, or now and then of the others. */
function mostly<Item>(random: Random, sensible: readonly Item[], others: readonly Item[]): Item {
  return oneOf(random, random() % 10 === 0 ? others : sensible);
}

/** Each of the groups with odds of one in four, in their order. */
function some(random: Random, groups: readonly (readonly string[])[]): string[] {
  return groups.flatMap((group) => (random() % 4 === 0 ? group : []));
}

function times(count: number, maker: Maker): Maker[] {
  return Array.from({ length: count }, () => maker);
}
