// Builds a TypeScript entry and runs it: `node scripts/run-typescript.js bench/main.ts --rounds 3`.
//
// The build goes to node_modules/.cache/vrrl/<folder of the entry>, one file out for one file in, so that stack traces are
// readable and the workers' URLs are right. Arguments, signals and the exit code are the program's own.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entry, ...args] = process.argv.slice(2);

/** What is loaded by URL or by name at run time, and so found by no bundler. */
const LOADED_BY_NAME = [
  'src/index.ts',
  'src/*/index.ts',
  'node/index.ts',
  'node/threads-worker.js',
  'node/gpu/runner.ts',
  'node/gpu/orphan-watch.ts',
  'node/kernel-resolver.js',
  'cli/main.ts',
];

/**
 * Everything in the entry's folder is built, since a driver may look there for what it drives.
 * @param {string} file the entry, relative to the root
 * @param {string} outFolder
 */
async function buildEntry(file, outFolder) {
  const folder = path.dirname(file);
  const siblings = readdirSync(path.join(root, folder)).filter((name) => name.endsWith('.ts'));
  // What has no source any more must not be found there.
  rmSync(path.join(outFolder, folder), { recursive: true, force: true });
  await build({
    cwd: root,
    config: false,
    entry: [...siblings.map((name) => path.join(folder, name)), ...LOADED_BY_NAME],
    outDir: outFolder,
    // Another run may still load its workers from there.
    clean: false,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    unbundle: true,
    fixedExtension: false,
    dts: false,
    sourcemap: true,
    // Packages are found from there as they are from here.
    deps: { skipNodeModulesBundle: true },
    logLevel: 'error',
  });
  writePackageFile(outFolder);
}

/**
 * Makes the build a package, so that `import 'vrrl'` in somebody's kernel means this very build.
 * @param {string} outFolder
 */
function writePackageFile(outFolder) {
  const facts = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const { name, version, type, exports, peerDependencies } = facts;
  const own = JSON.parse(JSON.stringify(exports).replaceAll('"./dist/', '"./'));
  mkdirSync(outFolder, { recursive: true });
  writeFileSync(
    path.join(outFolder, 'package.json'),
    JSON.stringify({ name, version, type, exports: own, peerDependencies }),
  );
}

/**
 * Runs the built entry in this process's place.
 * @param {string} program
 */
function run(program) {
  const child = spawn(process.execPath, ['--enable-source-maps', ...process.execArgv, program, ...args], {
    stdio: 'inherit',
  });
  // A terminal sends Ctrl-C to both; this process stays to pass the outcome on.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (entry === undefined) {
  process.stderr.write('run-typescript: no entry was given. Fix: name one, such as bench/main.ts.\n');
  process.exitCode = 2;
} else {
  const file = path.relative(root, path.resolve(entry));
  const outFolder = path.join(root, 'node_modules', '.cache', 'vrrl', path.dirname(file).replaceAll(path.sep, '-'));
  await buildEntry(file, outFolder);
  run(path.join(outFolder, file.replace(/\.ts$/, '.js')));
}
