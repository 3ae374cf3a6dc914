/** A set has what one log of the same session has, wherever it changed from log to log. */

import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FileStorage } from '../../node/file-storage.ts';
import { openRecording } from '../../node/recording-files.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { readSuperblock } from '../../src/log-v2/index.ts';
import { FRAME_HEADER_BYTES } from '../../src/observe/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { knownArguments, type ReadLog } from '../../src/reading/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import { temporaryFolder } from '../cli/files.ts';
import { epochsIn } from '../derive/recordings.ts';
import { recordBoth, recordSet, type Session, sessions } from './sessions.ts';

const folder = temporaryFolder();

function recordsIn({ columns, slotRests, sequences }: ReadLog) {
  return Array.from(columns, (record, index) => ({
    ...record,
    sequence: sequences?.[index],
    priority: slotRests?.priority(index),
    args: knownArguments(columns, slotRests, index),
  }));
}

async function recordIn(session: Session) {
  const at = fs.mkdtempSync(path.join(folder.at('.'), 'run-'));
  const paths = { one: path.join(at, 'one'), set: path.join(at, 'set') };
  await recordBoth(session, paths);
  return { at, one: openRecording(paths.one), set: openRecording(paths.set) };
}

test('random sessions, rotated at random sizes, with observations on time and late', async () => {
  let mostLogs = 0;
  await fc.assert(
    fc.asyncProperty(sessions(), async (session) => {
      const { at, one, set } = await recordIn(session);
      try {
        expect(set.log.findings).toEqual([]);
        expect(set.log.lost).toBe(0);
        mostLogs = Math.max(mostLogs, set.files.length - 1);
        expect(recordsIn(set.log)).toEqual(recordsIn(one.log));
        expect(set.observations?.findings).toEqual([]);
        expect(set.observations?.cleanEnd).toBe(true);
        expect(set.observations?.totals?.epochs).toBe(one.observations?.totals?.epochs);
        if (one.observations === undefined || set.observations === undefined) throw new Error('nothing was observed');
        expect(epochsIn(set.observations)).toEqual(epochsIn(one.observations));
        expect(set.observations.initialWords).toEqual(one.observations.initialWords);
        for (let index = 0; index < set.observations.epochCount; index += 1) {
          expect(set.observations.wordsBefore(index)).toEqual(one.observations.wordsBefore(index));
          expect(set.observations.stateBeforeKnown(index)).toBe(true);
          const { ordinal, firstRecord, recordCount } = set.observations.epoch(index);
          expect(set.observations.indexOfOrdinal(ordinal)).toBe(index);
          if (recordCount > 0) expect(set.observations.indexOfRecord(firstRecord)).toBe(index);
        }
      } finally {
        one.close();
        set.close();
        fs.rmSync(at, { recursive: true });
      }
    }),
    { numRuns: 30 },
  );
  expect(mostLogs).toBeGreaterThan(2);
});

test('every log of a set holds whole epochs, and no more records than it has room for', async () => {
  await fc.assert(
    fc.asyncProperty(sessions(), async (session) => {
      const { at, one, set } = await recordIn(session);
      try {
        for (const file of set.files.slice(1)) {
          const { log, observations, close } = openRecording(file);
          try {
            expect(log.columns.length).toBeLessThanOrEqual(session.recordsPerLog);
            expect(log.lost).toBe(0);
            expect(observations?.initialWords).toBeDefined();
            expect(log.findings.filter(({ severity }) => severity !== 'information')).toEqual([]);
          } finally {
            close();
          }
        }
      } finally {
        one.close();
        set.close();
        fs.rmSync(at, { recursive: true });
      }
    }),
    { numRuns: 10 },
  );
});

/** Three additions an epoch, and a log has room for two epochs. */
const STEADY: Session = {
  recordsPerLog: 9,
  epochs: Array.from({ length: 6 }, () => [
    Array.from({ length: 3 }, () => ({ opcode: Opcode.ATOMIC_ADD, args: [1, 165] })),
  ]),
  tail: [],
  isLate: false,
};

test('where no new log can be made, what was recorded is there, and reads as ended', async () => {
  const set = folder.at('blocked');
  let blocked = false;
  const running = recordSet(STEADY, set, () => {
    if (!blocked) fs.mkdirSync(`${set}.000002`);
    blocked = true;
  });
  await expect(running).rejects.toThrow('EEXIST');
  const { log, observations, close } = openRecording(set);
  try {
    expect(log.findings).toEqual([]);
    expect(log.columns.length).toBe(8);
    expect(observations?.epochCount).toBe(2);
    expect(observations?.cleanEnd).toBe(true);
  } finally {
    close();
  }
});

test('logs of two recordings in one set contradict each other', async () => {
  const [one, other] = [folder.at('contradicted'), folder.at('contradicting')];
  await recordSet(STEADY, one);
  const twice = STEADY.epochs.map((calls) => calls.map((slots) => slots.map((slot) => ({ ...slot, args: [2, 165] }))));
  await recordSet({ ...STEADY, epochs: twice }, other);
  fs.copyFileSync(`${other}.000002`, `${one}.000002`);
  const [manifest, otherManifest] = [one, other].map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
  manifest.logs[1].id = otherManifest.logs[1].id;
  fs.writeFileSync(one, JSON.stringify(manifest));
  const { log, close } = openRecording(one);
  close();
  expect(log.lost).toBe(0);
  expect(log.findings.map(({ kind }) => kind)).toEqual(['logContradiction', 'logContradiction']);
});

test('a manifest in which bytes were changed is refused, or what it names is read or missed', async () => {
  const set = folder.at('changed');
  await recordSet(STEADY, set);
  const manifest = fs.readFileSync(set);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(manifest.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const bytes = Uint8Array.from(manifest);
      for (const [position, byte] of changes) bytes[position] = byte;
      fs.writeFileSync(set, bytes);
      try {
        const { log, observations, close } = openRecording(set);
        expect(log.columns.length + log.lost).toBe(log.capacity);
        planReplay({ log, ...(observations === undefined ? {} : { observations }) });
        close();
      } catch (error) {
        expect(error).toBeInstanceOf(VrrlError);
      }
    }),
    { numRuns: 200 },
  );
});

test('a journal that is full is a reason to rotate, so that nothing that was seen is written over', async () => {
  const set = folder.at('many-epochs');
  const epochs = Array.from({ length: 200 }, () => [[{ opcode: Opcode.ATOMIC_ADD, args: [1, 165] }]]);
  await recordSet({ ...STEADY, recordsPerLog: 1_000, epochs }, set);
  const { observations, files, close } = openRecording(set);
  try {
    expect(files.length - 1).toBeGreaterThan(1);
    expect(observations?.epochCount).toBe(epochs.length);
    expect(observations?.overwrittenEpochs).toBe(0);
    for (const index of epochs.keys()) expect(observations?.stateKnown(index)).toBe(true);
  } finally {
    close();
  }
});

test('where a log has lost its base, its first epoch starts from what the log before it ended with', async () => {
  const set = folder.at('baseless');
  await recordSet(STEADY, set);
  const storage = FileStorage.open(`${set}.000002`, 'readWrite');
  const { journalOffset } = readSuperblock(storage).superblock.geometry;
  storage.writeAt(new Uint8Array(64).fill(0x55), journalOffset + FRAME_HEADER_BYTES);
  storage.close();
  const { log, observations, close } = openRecording(set);
  try {
    expect(observations?.epoch(2).stateKnown).toBe(false);
    expect(observations?.stateBeforeKnown(2)).toBe(true);
    expect(observations?.wordsBefore(2)).toEqual(observations?.wordsAfter(1));
    expect(log.findings.length).toBeGreaterThan(0);
  } finally {
    close();
  }
});

test('a set that somebody else has put another one in place of is not written over', async () => {
  const [set, other] = [folder.at('taken'), folder.at('taking')];
  await recordSet(STEADY, other);
  const taking = fs.readFileSync(other);
  await expect(recordSet(STEADY, set, () => fs.writeFileSync(set, taking))).rejects.toThrow('was replaced');
  expect(fs.readFileSync(set)).toEqual(taking);
  const { log, close } = openRecording(`${set}.000001`);
  close();
  expect(log.columns.length).toBe(8);
});
