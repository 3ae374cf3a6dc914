/**
 * Every call on the system that making, opening, writing, syncing and closing a log takes fails in turn, once and for good,
 * in each way in which calls fail. The error is reported, what was promised before holds, nothing half made is left or
 * believed, and what the system wants repeated is repeated without anybody's notice.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockedError } from '../../../node/file-lock.ts';
import { FileStorage } from '../../../node/file-storage.ts';
import { createFlightLogFile, type FlightLogFile, openFlightLogFile } from '../../../node/flight-log-file.ts';
import { type FlightScan, scanFlightLog, scanFlightLogBytes } from '../../../src/log-v2/index.ts';
import { isRecord, makeEntry, makeRecord } from '../damage/known-log.ts';
import { FAULT_KINDS, type Fault, faultyCalls, isPassing, WAYS, type Way } from './faults.ts';
import { OPTIONS, type Outcome, runScenario } from './scenario.ts';

const SCENARIOS = ['create', 'open'] as const;
const NAME = 'run.vrrl';
const NOTE = `${NAME}.lock`;

let folder = '';
let file = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-io-'));
  file = path.join(folder, NAME);
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

/** A log that needs recovery: a record that was begun, bytes in its journal, a damaged copy of its metadata. */
function damagedLog(): Uint8Array {
  createFlightLogFile(file, OPTIONS, { access: 'plain' }).log.close();
  const { log } = openFlightLogFile(file, {}, { access: 'plain' });
  for (let number = 1; number <= 3; number += 1) log.append(makeEntry(number));
  log.close();
  const bytes = fs.readFileSync(file);
  const { geometry } = scanFlightLogBytes(bytes).superblock;
  bytes.fill(7, geometry.slotsOffset + 3 * 128, geometry.slotsOffset + 3 * 128 + 60);
  bytes.fill(7, geometry.journalOffset + 800, geometry.journalOffset + 816);
  bytes[geometry.metadataCopyOffset + 20] ^= 1;
  fs.rmSync(file);
  return bytes;
}

function startAnew(kind: (typeof SCENARIOS)[number], damaged: Uint8Array): void {
  for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
  if (kind === 'open') fs.writeFileSync(file, damaged);
}

function scanFile(): FlightScan {
  const storage = FileStorage.open(file, 'read');
  try {
    return scanFlightLog(storage);
  } finally {
    storage.close();
  }
}

function openDescriptors(): number {
  return process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : 0;
}

describe.each(WAYS)('%s', (way) => {
  describe.each(SCENARIOS)('to %s a log, write to it and close it', (kind) => {
    it.each(FAULT_KINDS)('with %s at every call', { timeout: 300_000 }, (fault) => tryAll(kind, way, fault));
  });
});

function tryAll(kind: (typeof SCENARIOS)[number], way: Way, faultKind: (typeof FAULT_KINDS)[number]): void {
  const damaged = damagedLog();
  startAnew(kind, damaged);
  const clean = faultyCalls(way);
  const perfect = runScenario(kind, file, way, { calls: clean.calls });
  expect(perfect.errors).toEqual([]);
  expect(perfect.appended).toBe(kind === 'create' ? 12 : 15);
  const cleanBytes = fs.readFileSync(file);
  const isPartial = faultKind === 'short' || faultKind === 'half';
  const calls = clean.made.filter((name) => !isPartial || name === 'read' || name === 'write');
  expect(calls.length).toBeGreaterThan(10);
  for (const mode of ['once', 'forever'] as const) {
    for (const [at, call] of calls.entries()) {
      // A lock that cannot be given back stays with the mapping until that is collected; Linux always takes it back.
      if (call === 'unlock') continue;
      startAnew(kind, damaged);
      const fault: Fault = { at, kind: faultKind, mode };
      tryFault(kind, way, fault, cleanBytes, `${faultKind} ${mode} at call ${at} of ${calls.length}, ${call}`);
    }
  }
}

function tryFault(
  kind: (typeof SCENARIOS)[number],
  way: Way,
  fault: Fault,
  cleanBytes: Uint8Array,
  where: string,
): void {
  const before = openDescriptors();
  const traced = faultyCalls(way, fault);
  const outcome = runScenario(kind, file, way, { calls: traced.calls });
  expect([openDescriptors() - before, traced.openDescriptors.size], `descriptors, ${where}`).toEqual([0, 0]);
  const isClose = traced.failed === 'close';
  if (isPassing(fault) && !isClose) {
    expect(outcome.errors, where).toEqual([]);
    expect(Buffer.compare(fs.readFileSync(file), cleanBytes), where).toBe(0);
  }
  expectTidy(kind, traced.failed, outcome, where);
  if (fs.existsSync(file)) {
    expectKept(outcome, where);
    expectGoesOn(outcome, !isPassing(fault), where);
  }
}

/** No file of another name is left, and none of that name unless it was made. What could not be removed is. */
function expectTidy(kind: string, failed: string | undefined, { opened }: Outcome, where: string): void {
  if (failed === 'remove') return;
  // The note about the writer is harmless if it stays: it stays if it cannot be read when it is to be withdrawn.
  const left = fs.readdirSync(folder).filter((name) => name !== NAME && (name !== NOTE || failed === undefined));
  expect(left, where).toEqual([]);
  if (kind === 'create') expect(fs.existsSync(file), where).toBe(opened);
}

/** What was appended is there, what was not is not; a log that could not even take a write back has ended. */
function expectKept({ appended, tried, ended, synced, frames, opened }: Outcome, where: string): void {
  const { columns, journal } = scanFile();
  const present = [...columns.sequence];
  for (let index = 0; index < columns.length; index += 1) {
    expect(isRecord(columns, index, makeRecord(present[index])), `record ${present[index]}, ${where}`).toBe(true);
  }
  const newest = Math.max(appended, ...present, 0);
  // A write that failed has cost the records that it was to be written over: nobody knows what is left of them.
  const oldest = Math.max(1, Math.max(newest, tried) - OPTIONS.capacity + 1);
  for (const limit of [synced, appended]) {
    for (let sequence = oldest; sequence <= limit; sequence += 1) {
      expect(present, where).toContain(sequence);
    }
  }
  expect(newest, where).toBeLessThanOrEqual(ended ? tried : appended);
  if (opened) expect(journal.frames.length, where).toBeGreaterThanOrEqual(frames.length);
  if (opened && !ended) expect(journal.frames.length, where).toBe(frames.length);
}

/** Whoever comes next recovers the log and writes on. */
function expectGoesOn(outcome: Outcome, hasFailed: boolean, where: string): void {
  const { log } = openAgain(hasFailed);
  const sequence = log.nextSequence;
  expect(sequence, where).toBeGreaterThan(outcome.appended);
  log.append(makeEntry(sequence));
  log.close();
  const { columns, loss, superblock } = scanFile();
  expect(columns.indexOfSequence(sequence), where).toBeDefined();
  expect([loss.lost - loss.missing, loss.unfinished, loss.journalBytes, loss.missingFrames], where).toEqual([
    0, 0, 0, 0,
  ]);
  expect(loss.missing, where).toBeLessThanOrEqual(Math.max(0, outcome.tried - outcome.appended));
  // What was damaged before is counted, and once.
  if (!outcome.opened) expect(superblock.losses.unfinished, where).toBeLessThanOrEqual(1);
}

/** A note about the last writer that could not be taken back is in the way of those that have no other lock. */
function openAgain(hasFailed: boolean): FlightLogFile {
  try {
    return openFlightLogFile(file, {}, { access: 'plain' });
  } catch (error) {
    const isNote = error instanceof LockedError && hasFailed;
    if (!isNote) throw error;
    fs.rmSync(path.join(folder, NOTE));
    return openFlightLogFile(file, {}, { access: 'plain' });
  }
}
