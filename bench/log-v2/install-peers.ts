/** Peers are packages of the benchmark alone, with a lockfile of their own: `npm ci` of vrrl stays quick without them. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const FOLDER = path.resolve('bench/log-v2/peers');

/** Installs the peers if they are not there as the lockfile says; some are compiled then, which takes a minute. */
export function installPeers(): void {
  const installed = path.join(FOLDER, 'node_modules', '.package-lock.json');
  const locked = path.join(FOLDER, 'package-lock.json');
  if (fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(locked).mtimeMs) return;
  process.stderr.write('bench: installing what the log is measured against (npm ci --prefix bench/log-v2/peers)\n');
  const args = ['ci', '--prefix', FOLDER, '--no-audit', '--no-fund'];
  const { status, error } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status !== 0) process.stderr.write(`bench: npm ci failed${error === undefined ? '' : `: ${error.message}`}\n`);
}

/** A peer's module, or why it cannot be had. The caller says of what type it is. */
export function loadPeer<Module>(name: string): { readonly module: Module } | { readonly reason: string } {
  try {
    return { module: createRequire(path.join(FOLDER, 'package.json'))(name) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    return { reason: `it cannot be loaded: ${message}` };
  }
}
