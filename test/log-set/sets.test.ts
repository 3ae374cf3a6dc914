/** A set has what one log of the same session has, wherever it changed from log to log. */

import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openRecording } from '../../node/recording-files.ts';
import { knownArguments, type ReadLog } from '../../src/reading/index.ts';
import { temporaryFolder } from '../cli/files.ts';
import { epochsIn } from '../derive/recordings.ts';
import { recordBoth, type Session, sessions } from './sessions.ts';

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
    { numRuns: 25 },
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
    { numRuns: 8 },
  );
});
