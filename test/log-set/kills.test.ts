/** A process that records a set is killed, and what it left is read. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FileStorage } from '../../node/file-storage.ts';
import { openRecording } from '../../node/recording-files.ts';
import { isLogSet, readManifest } from '../../src/reading/index.ts';
import { verdictOf } from '../cli/deriving.ts';
import { vrrl } from '../cli/fake-io.ts';
import { ROOT, temporaryFolder } from '../cli/files.ts';

const folder = temporaryFolder();
/** More are made by setting it: VRRL_SET_KILLS=200 npx vitest run test/log-set/kills.test.ts. */
const KILLS = Number(process.env['VRRL_SET_KILLS'] ?? 6);
const RECORDS_PER_EPOCH = 10;
const RECORDS_PER_LOG = 25;

/** So many that no process comes to the end of them before it is killed. */
function slotsFile(): string {
  const add = `${JSON.stringify({ opcode: 'ATOMIC_ADD', args: [1, 170] })}\n`;
  return folder.write('slots.jsonl', `${add.repeat(RECORDS_PER_EPOCH - 1)}{"end":"batch"}\n`.repeat(20_000));
}

/** How many logs the manifest names, or the number of the newest; 0 as long as there is none. */
function newestLog(manifestPath: string): number {
  if (!fs.existsSync(manifestPath)) return 0;
  const storage = FileStorage.open(manifestPath, 'read');
  try {
    // Whenever one looks there is a whole manifest.
    expect(isLogSet(storage)).toBe(true);
    const { logs } = readManifest(storage);
    return Number(logs[logs.length - 1].file.slice(-6));
  } finally {
    storage.close();
  }
}

async function recordAndKill(manifestPath: string, slots: string, untilLog: number, more: string[]): Promise<void> {
  const options = ['--slots', slots, '--backend', 'reference', '--slot-count', '16', '--journal-bytes', '0', '--quiet'];
  const rotation = ['--rotate', String(RECORDS_PER_LOG), ...more];
  const argv = [path.join(ROOT, 'bin/vrrl.js'), 'record', manifestPath, ...options, ...rotation];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (newestLog(manifestPath) < untilLog && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill('SIGKILL');
  expect(await exit, said).toEqual([null, 'SIGKILL']);
}

test('everything that it had recorded is there, and only the epoch in progress is not judged', async () => {
  const slots = slotsFile();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const keep = kill % 2 === 0 ? undefined : 3;
    const manifestPath = folder.at(`killed-${kill}.vrrl`);
    const more = keep === undefined ? [] : ['--keep', String(keep)];
    await recordAndKill(manifestPath, slots, 1 + ((kill * 7) % 23), more);
    const { log, observations, files, close } = openRecording(manifestPath);
    try {
      expect(log.lost).toBe(0);
      expect(log.findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
      const { sequences } = log;
      const first = sequences?.at(0) ?? 1;
      expect(sequences).toEqual(Float64Array.from({ length: log.columns.length }, (_, index) => first + index));
      if (keep === undefined) expect(first).toBe(1);
      else expect(files.length - 1).toBeLessThanOrEqual(keep);
      const epochs = observations?.epochCount ?? 0;
      const recorded = Math.ceil(log.columns.length / RECORDS_PER_EPOCH);
      expect(recorded - epochs).toBeLessThanOrEqual(1);
      const last = epochs === 0 ? undefined : observations?.epoch(epochs - 1);
      if (epochs > 0) expect(last?.stateKnown).toBe(true);
      const whole = recorded === epochs && epochs > 0;
      const verdict = await verdictOf(manifestPath);
      if (whole) expect(verdict).toBe(`agree: ${epochs} of ${epochs} epochs agree with the recording`);
      else expect(verdict).not.toContain('diverge');
    } finally {
      close();
    }
    const anew = ['--slots', '-', '--backend', 'reference', '--rotate', '30', '--force'];
    const again = await vrrl(['record', manifestPath, ...anew], { input: ['{"opcode":"NOP"}\n'] });
    expect(again.exitCode, again.err).toBe(0);
    const left = fs.readdirSync(folder.at('.')).filter((file) => file.startsWith(`killed-${kill}.vrrl`));
    expect(left.filter((file) => /\.[0-9]+$/.test(file))).toHaveLength(1);
  }
}, 300_000);
