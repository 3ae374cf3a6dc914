// A thread that writes a v2 log, or follows one that is being written, as `race.ts` asks.
//
// All words of a record follow from its number and the seed, so that a record of which a part is another one's is seen at
// once. What is counted lies in shared memory, and what is wrong is said in a message.

import { parentPort, workerData } from 'node:worker_threads';
import { CONTROL, COUNTS, HEAD, wordOf } from './words.mjs';

const { role, modules, seed, capacity, memory, file, access, isCareless, index } = workerData;
const { BODY_START, BODY_WORDS, FLIGHT_RECORD_WORDS, FlightFollower, FlightLog, MemoryMedium, readSuperblock } =
  await import(`${modules}src/log-v2/index.js`);
const control = new Int32Array(workerData.control);
const counts = new Float64Array(workerData.counts);

const OPTIONS = { capacity, metadata: { tool: 'test' }, fileId: [seed, 2, 3, 4] };
/** Looks between two times at which a follower tells how many there were. */
const LOOKS = 4096;
/** More than any follower needs to come to the end once nobody writes any more. */
const LAST_LOOKS = 1000;
/** Looks at nothing new after which a follower lets others have the processor, above all the writer. */
const PATIENCE = 512;
const REST_MS = 0.05;

async function write() {
  const log = await createLog();
  Atomics.store(control, CONTROL.READY, 1);
  Atomics.notify(control, CONTROL.READY);
  const body = new Uint32Array(3 * BODY_WORDS);
  let random = seed | 1;
  while (Atomics.load(control, CONTROL.STOP) === 0) {
    random = Math.imul(random ^ (random >>> 13), 0x5bd1e995) + 1;
    // Bursts without a pause lap followers; single records with one let them take every record.
    const burst = (random >>> 3) % 4 === 0 ? (random >>> 5) % (4 * capacity + 2) : 1;
    for (let count = 0; count < burst; count += 1) appendSome(log, body, random + count);
    pause((random >>> 9) % 8 === 0 ? 20_000 : (random >>> 12) % 400);
  }
  counts[HEAD] = log.nextSequence - 1;
  Atomics.store(control, CONTROL.DONE, 1);
  log.close();
}

async function createLog() {
  if (file === undefined) return FlightLog.create(new MemoryMedium(new Uint8Array(memory)), OPTIONS);
  const { createFlightLogFile } = await import(`${modules}node/flight-log-file.js`);
  return createFlightLogFile(file, OPTIONS, { access }).log;
}

function appendSome(log, body, random) {
  const count = (random >>> 7) % 8 === 0 ? 3 : 1;
  const { nextSequence } = log;
  for (let row = 0; row < count; row += 1) {
    for (let word = 0; word < BODY_WORDS; word += 1) {
      body[row * BODY_WORDS + word] = wordOf(seed, nextSequence + row, word);
    }
  }
  if (count === 1) log.appendWords(body, 0);
  else log.appendManyWords(body, count);
}

/** Spins: a timer would be far too coarse. */
function pause(turns) {
  for (let turn = 0; turn < turns; turn += 1) Atomics.load(control, CONTROL.STOP);
}

async function follow() {
  Atomics.wait(control, CONTROL.READY, 0);
  const storage = await openStorage();
  const own = counts.subarray(HEAD + 1 + index * COUNTS.length, HEAD + 1 + (index + 1) * COUNTS.length);
  const follower = isCareless ? new CarelessFollower(storage) : followerOf(storage);
  let left = LAST_LOOKS;
  while (left > 0 && !(hasEnded() && follower.nextSequence > counts[HEAD])) {
    if (hasEnded()) left -= 1;
    look(follower, own);
  }
  parentPort?.postMessage({ index, next: follower.nextSequence });
  storage.close();
}

function hasEnded() {
  return Atomics.load(control, CONTROL.DONE) === 1;
}

async function openStorage() {
  if (file === undefined) return new MemoryMedium(new Uint8Array(memory));
  const { FileStorage } = await import(`${modules}node/file-storage.js`);
  return FileStorage.open(file, 'read');
}

function followerOf(storage) {
  if (file !== undefined) return FlightFollower.overStorage(storage, 1);
  return FlightFollower.overWords(new Int32Array(memory), storage, 1);
}

/** Many looks, of which each comes to something, or to nothing. */
function look(follower, own) {
  let [nothing, taken, laps, lapped, lost, wrong] = [0, 0, 0, 0, 0, 0];
  let inVain = 0;
  for (let count = 0; count < LOOKS; count += 1) {
    const due = follower.nextSequence;
    const followed = follower.poll();
    inVain = followed === undefined ? inVain + 1 : 0;
    if (followed === undefined) {
      nothing += 1;
      if (inVain % PATIENCE === PATIENCE - 1) Atomics.wait(control, CONTROL.STOP, 0, REST_MS);
    } else if (followed.kind === 'record') {
      taken += 1;
      const words = followed.words ?? wordsOf(followed.record);
      if (followed.record.sequence !== due || !isWhole(words, due)) {
        wrong += 1;
        if (own[COUNTS.indexOf('wrong')] + wrong < 3) parentPort?.postMessage({ index, torn: due, words: [...words] });
      }
    } else if (followed.kind === 'lapped') {
      laps += 1;
      lapped += followed.count;
    } else lost += followed.count;
  }
  const { changed = 0, unproven = 0 } = follower.refused ?? {};
  const found = { reads: LOOKS, nothing, taken, laps, lapped, lost, wrong };
  for (const [at, name] of COUNTS.entries())
    own[at] = name in found ? own[at] + found[name] : { changed, unproven }[name];
}

/** The body of a record, from its fields. */
function wordsOf(record) {
  const { timestampNs, epoch, slotIndex, opcode, tenantId, priority, args, failure } = record;
  const { slotStatus = 0, failureClass = 0, backendCode = 0, outputDigest = 0n } = failure ?? {};
  const split = (long) => [Number(long & 0xffff_ffffn), Number(long >> 32n)];
  const start = [...split(timestampNs), epoch, slotIndex, opcode, tenantId, priority, ...args];
  return [...start, slotStatus, failureClass, backendCode, ...split(outputDigest)];
}

function isWhole(words, sequence) {
  for (let word = 0; word < BODY_WORDS; word += 1) if (words[word] !== wordOf(seed, sequence, word)) return false;
  return true;
}

/** Takes what has the right number, without asking whether it was being written: the one that has to be caught. */
class CarelessFollower {
  nextSequence = 1;
  #words = new Int32Array(memory);
  #start;
  #row = new Uint32Array(FLIGHT_RECORD_WORDS);

  constructor(storage) {
    this.#start = readSuperblock(storage).superblock.geometry.slotsOffset / 4;
  }

  poll() {
    const start = this.#start + ((this.nextSequence - 1) % capacity) * FLIGHT_RECORD_WORDS;
    for (let word = 0; word < FLIGHT_RECORD_WORDS; word += 1) this.#row[word] = this.#words[start + word];
    const sequence = this.#row[0] + this.#row[1] * 2 ** 32;
    if (sequence < this.nextSequence) return undefined;
    if (sequence > this.nextSequence) {
      const count = Math.max(1, sequence - capacity + 1 - this.nextSequence);
      this.nextSequence += count;
      return { kind: 'lapped', count };
    }
    this.nextSequence += 1;
    return { kind: 'record', record: { sequence }, words: this.#row.subarray(BODY_START, BODY_START + BODY_WORDS) };
  }
}

if (role === 'writer') await write();
else await follow();
