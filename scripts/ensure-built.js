// Builds the package if there is no build, as after an install that ran no scripts.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}dist/cli/main.js`)) {
  execFileSync(process.execPath, [`${root}node_modules/tsdown/dist/run.mjs`], { cwd: root, stdio: 'inherit' });
}
