#!/usr/bin/env node
// The command. A checkout that was installed without scripts has no build yet, and says so instead of a stack trace.

import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('vrrl: it is not built yet. Fix: run `npm run build` in the checkout.\n');
  process.exitCode = 2;
}
