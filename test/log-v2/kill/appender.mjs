// A writer that goes on until it is killed: `node appender.mjs MODULES FILE ACCESS SEED ROUND`, where MODULES is the URL of
// a build. It says on a line of standard output what has returned: `open 17 5` (the next record and the newest frame),
// `record 20`, `frame 6`, `sync 20 6`.

import fs from 'node:fs';
import { entryOf, LAYOUT, MOST_RECORDS, stateOf, wordOf } from './work.mjs';

const [modules, file, access, seedText, roundText] = process.argv.slice(2);
const [seed, round] = [Number(seedText), Number(roundText)];
const { openFlightLogFile } = await import(new URL('node/flight-log-file.js', modules).href);
const { ObservationEncoder, resolveLayout } = await import(new URL('src/observe/index.js', modules).href);

/** @param {string} line */
const say = (line) => fs.writeSync(1, `${line}\n`);

const { log } = openFlightLogFile(file, {}, { access });
let { newestFrame } = log.scan().journal;
say(`open ${log.nextSequence} ${newestFrame}`);

function appendRecords(/** @type {number} */ count) {
  const first = log.nextSequence;
  const entries = Array.from({ length: count }, (_, index) => entryOf(seed, first + index, round));
  if (count === 1) log.append(entries[0]);
  else log.appendMany(entries);
  say(`record ${log.nextSequence - 1}`);
}

function appendFrame() {
  const number = newestFrame + 1;
  const words = stateOf(seed, number);
  const encoder = new ObservationEncoder(resolveLayout(LAYOUT), words, [0, 0], { keyframeInterval: 1 });
  const none = /** @type {const} */ ([0, 0]);
  const records = { firstRecord: log.nextSequence, recordCount: 0, recordsDigest: none };
  const counts = { deviceEpoch: 0, done: 0, faulted: 0, pending: 0, faultDigest: none };
  log.appendFrames(encoder.epoch({ ordinal: number, ...records, ...counts, words }, 0).bytes);
  newestFrame = number;
  say(`frame ${number}`);
}

for (let step = 0; ; step += 1) {
  const choice = wordOf(seed ^ 0x57e9, round * 100_003 + step, 0) % 32;
  if (choice === 0) {
    log.sync();
    say(`sync ${log.nextSequence - 1} ${newestFrame}`);
  } else if (choice < 5) appendFrame();
  else appendRecords(choice < 20 ? 1 : 1 + (choice % MOST_RECORDS));
}
