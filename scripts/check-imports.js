// Proves the import rule: arrows point one way.
//
//   src/    runs everywhere: nothing from outside but the packages listed here, no node:*, rooms only from rooms before
//           them, and only through their face (index.ts); base has no face, its files are small and apart
//   node/   src/ and Node
//   cli/    everything
//
// Run by itself it prints what breaks the rule and exits with 1.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The rooms of src/, each with the rooms that it may use. `index.ts`, the face of all, may use every room. */
export const ROOMS = /** @type {Record<string, readonly string[]>} */ ({
  base: [],
  protocol: ['base'],
  storage: ['base'],
  observe: ['base', 'storage', 'protocol'],
  log: ['base', 'storage', 'protocol'],
  'log-v2': ['base', 'storage', 'protocol', 'observe', 'log'],
  reading: ['base', 'storage', 'protocol', 'observe', 'log', 'log-v2'],
  kernel: ['base', 'protocol', 'observe'],
  backend: ['base', 'protocol', 'observe', 'kernel'],
  wire: ['base', 'protocol', 'observe', 'kernel', 'backend'],
  serve: ['base', 'protocol', 'observe', 'kernel', 'backend', 'wire'],
  gpu: ['base', 'protocol', 'observe', 'kernel', 'backend'],
  record: ['base', 'protocol', 'observe', 'log', 'log-v2', 'kernel', 'backend'],
  derive: ['base', 'storage', 'protocol', 'observe', 'log', 'log-v2', 'reading', 'kernel', 'backend', 'record'],
  replay: ['base', 'storage', 'protocol', 'observe', 'log', 'reading', 'kernel', 'backend', 'record'],
  diff: ['base', 'protocol', 'observe', 'log', 'kernel', 'backend', 'record', 'replay'],
  workloads: ['base', 'protocol', 'observe', 'kernel', 'record'],
  scenario: ['base', 'protocol', 'observe', 'log', 'kernel', 'backend', 'record', 'replay'],
  serial: ['base'],
  histories: ['base', 'serial'],
  explore: ['base', 'protocol', 'observe', 'kernel', 'backend', 'record', 'scenario'],
  explain: ['base', 'protocol', 'observe', 'kernel', 'backend', 'record', 'scenario', 'serial', 'explore'],
  reduce: [
    'base',
    'protocol',
    'observe',
    'kernel',
    'backend',
    'record',
    'replay',
    'diff',
    'scenario',
    'explore',
    'explain',
  ],
  mutants: [
    'base',
    'protocol',
    'observe',
    'kernel',
    'backend',
    'record',
    'replay',
    'diff',
    'workloads',
    'scenario',
    'explore',
    'explain',
  ],
  report: [
    'base',
    'protocol',
    'observe',
    'kernel',
    'backend',
    'record',
    'replay',
    'diff',
    'scenario',
    'explore',
    'explain',
    'reduce',
    'mutants',
  ],
});

/** Pure packages that code for everywhere may use. */
export const PURE_PACKAGES = ['@noble/hashes'];

/** Packages that one file each may import, so that a native or heavy one can be replaced or left out in one place. */
export const ONE_FILE_PACKAGES = /** @type {Record<string, string>} */ ({
  'cli-progress': 'cli/progress.ts',
  'cli-table3': 'cli/render/table.ts',
  '@bomb.sh/tab': 'cli/completion.ts',
  koffi: 'node/native-calls.ts',
  webgpu: 'node/gpu/open-gpu.ts',
});

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Everything that breaks the rule, a sentence each.
 * @param {string} folder the root of the project
 */
export function importViolations(folder = root) {
  return ['src', 'node', 'cli'].flatMap((wing) =>
    filesBelow(path.join(folder, wing)).flatMap((file) => {
      const from = path.relative(folder, file).replaceAll('\\', '/');
      return importsOf(readFileSync(file, 'utf8')).flatMap((specifier) => {
        const problem = judge(from, specifier);
        return problem === undefined ? [] : [`${from} imports ${specifier}: ${problem}`];
      });
    }),
  );
}

/**
 * What is wrong with an import, if anything is.
 * @param {string} from the importing file, relative to the root
 * @param {string} specifier what it imports
 */
export function judge(from, specifier) {
  const wing = from.split('/')[0];
  if (!specifier.startsWith('.')) return judgePackage(from, wing, specifier);
  const to = path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier));
  const target = to.split('/')[0];
  if (wing === 'src') return target === 'src' ? judgeRooms(from, to) : `src/ must not know ${target}/`;
  if (wing === 'node' && target === 'cli') return 'node/ must not know cli/';
  if (target === 'src' && roomOf(to) !== 'base' && !to.endsWith('/index.ts'))
    return 'it goes past the face of the room';
  return undefined;
}

/** @param {string} from @param {string} wing @param {string} specifier */
function judgePackage(from, wing, specifier) {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const only = ONE_FILE_PACKAGES[name];
  if (only !== undefined && from !== only) return `only ${only} may`;
  if (wing === 'src' && !PURE_PACKAGES.includes(name)) return 'src/ runs everywhere and uses pure packages only';
  return undefined;
}

/** @param {string} from @param {string} to */
function judgeRooms(from, to) {
  const [room, other] = [roomOf(from), roomOf(to)];
  if (room === other || room === 'index.ts') return undefined;
  if (!(ROOMS[room] ?? []).includes(other)) return `room ${room} must not know room ${other}`;
  if (other !== 'base' && !to.endsWith('/index.ts')) return 'it goes past the face of the room';
  return undefined;
}

/** @param {string} file */
function roomOf(file) {
  return file.split('/')[1] ?? '';
}

/** @param {string} source */
function importsOf(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found = code.matchAll(
    /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const each = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(each);
    return /\.(ts|js)$/.test(entry.name) ? [each] : [];
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const violations = importViolations();
  for (const violation of violations) process.stderr.write(`${violation}\n`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
