import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a script in JavaScript, checked by tsconfig.javascript.json
import { installMissingPackages } from '../scripts/install-debian.js';

/** Tests of the command line, the examples and the packed package run what users run: a fresh build. */
export default function prepare(): void {
  installMissingPackages();
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, ['node_modules/tsdown/dist/run.mjs'], { cwd: root, stdio: 'inherit' });
}
