/** Files that tests of the command line work on. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { HEADER_BYTES, RECORD_BYTES } from '../../src/log/index.ts';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
export const GOLDEN: string = path.join(ROOT, 'test/fixtures/golden');
export const GOLDEN_NAMES = ['fresh-8x5', 'wrapped-8x21', 'single-1x3', 'failure-tail-8x13'] as const;

export function goldenLog(name: string): string {
  return path.join(GOLDEN, `${name}.vrrl`);
}

/** Makes a folder for a test file, outside the project, and removes it at the end. `at('x')` is a path in it. */
export function temporaryFolder(): {
  at(name: string): string;
  write(name: string, content: string | Uint8Array): string;
} {
  let folder = '';
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-cli-'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => path.join(folder, name);
  return {
    at,
    write(name, content) {
      fs.writeFileSync(at(name), content);
      return at(name);
    },
  };
}

/** A copy of a recording, the observations beside the log included. */
export function copyRecording(from: string, to: string): string {
  fs.copyFileSync(from, to);
  fs.copyFileSync(`${from}.obs`, `${to}.obs`);
  return to;
}

/** Changes a file in place. */
export function patch(file: string, position: number, bytes: Uint8Array): string {
  const descriptor = fs.openSync(file, 'r+');
  try {
    fs.writeSync(descriptor, bytes, 0, bytes.length, position);
  } finally {
    fs.closeSync(descriptor);
  }
  return file;
}

/** Overwrites the magic of a record. */
export function damageRecord(file: string, position: number): string {
  return patch(file, HEADER_BYTES + RECORD_BYTES * position, Uint8Array.of(1, 2, 3, 4));
}

/** JSON lines: a batch of additions an epoch. */
export function additions(epochs: number, slotsPerEpoch: number): string {
  const lines: string[] = [];
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (let slot = 0; slot < slotsPerEpoch; slot += 1) {
      lines.push(JSON.stringify({ opcode: 'ATOMIC_ADD', tenant: slot % 3, args: [1 + slot, 170 + (slot % 7)] }));
    }
    lines.push(JSON.stringify({ end: 'batch', tag: epoch }));
  }
  return `${lines.join('\n')}\n`;
}
