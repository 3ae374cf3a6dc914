// A process that opens a file with the built package and holds it until it is killed: `node lock-holder.mjs FILE KIND`.
// It says `held`, or the error's code and message, on a line of standard output.

import { systemCalls } from '../../dist/node/file-calls.js';
import { LockedFile } from '../../dist/node/locked-file.js';

const [file, kind] = process.argv.slice(2);
const calls = kind === 'note' ? { ...systemCalls, withoutNative: 'left out by the test' } : systemCalls;
try {
  const opened = LockedFile.open(file, calls);
  // A mapping must not keep the lock beyond the process.
  if (kind === 'flock') new Uint8Array(opened.file.map(4096))[0] = 1;
  process.stdout.write('held\n');
  process.stdin.on('end', () => opened.close()).resume();
} catch (error) {
  process.stdout.write(`${error.code} ${error.message}\n`);
}
