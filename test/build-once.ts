import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a script in JavaScript, checked by tsconfig.javascript.json
import { installMissingPackages } from '../scripts/install-debian.js';

/** Where it is noted, since each project of the tests asks for it and loads this file anew. */
const DONE = Symbol.for('vrrl tests are prepared');

/** Tests of the command line, the examples and the packed package run what users run: a fresh build. */
export default function prepare(): void {
  if (Reflect.get(globalThis, DONE) === true) return;
  Reflect.set(globalThis, DONE, true);
  installMissingPackages();
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, ['node_modules/tsdown/dist/run.mjs'], { cwd: root, stdio: 'inherit' });
}
