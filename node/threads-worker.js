// One worker of the threads backend.
//
// Plain JavaScript, type-checked through its comments: Node 20 starts a worker from a file as it stands, so this one file
// serves the package and a checkout's tests alike. It imports nothing of ours; the kernel comes as a program.

import { parentPort, workerData } from 'node:worker_threads';

/**
 * @typedef {object} ThreadsWorkerData
 * @property {string} program the kernel, lowered in the shared dialect
 * @property {SharedArrayBuffer} memory the writable memories, as planned
 * @property {{name: string, byteOffset: number, words: number}[]} views what is where in `memory`
 * @property {Record<string, Uint32Array>} tables shared, read-only
 * @property {SharedArrayBuffer} lanes the slots to serve, one word each
 * @property {SharedArrayBuffer} control the words named by `word`
 * @property {SharedArrayBuffer} message where the text of an error goes
 * @property {Record<'GENERATION' | 'ARRIVED' | 'MET' | 'FINISHED' | 'LANES' | 'STOP' | 'FAILED', number>} word
 * @property {number} workerIndex
 * @property {number} workerCount
 */

/** Turns of a spinning wait before it sleeps: some ten microseconds, less than a sleep and a wake-up cost. */
const SPIN_TURNS = 4_000;
/** As above for a meeting at the start line, where a worker that sleeps is one that does not race. */
const MEETING_SPIN_TURNS = 50_000;
/** Workers that meet so often in a row run side by side: two that share a processor need a switch for each meeting. */
const MEETING_COUNT = 16;
/** A late worker is waited for this long at the start line; then the others run without it. */
const START_LINE_MS = 20;

const data = /** @type {ThreadsWorkerData} */ (workerData);
const { word, workerIndex, workerCount } = data;
const control = new Int32Array(data.control);
const lanes = new Uint32Array(data.lanes);
const memories = Object.assign(
  Object.fromEntries(data.views.map((view) => [view.name, new Uint32Array(data.memory, view.byteOffset, view.words)])),
  { tables: data.tables },
);
const { runTurns } = new Function('memories', data.program)(memories);

/**
 * Returns the word's value once it differs from `value`.
 * @param {number} index
 * @param {number} value
 */
function waitForChange(index, value) {
  for (let turn = 0; turn < SPIN_TURNS; turn += 1) {
    const seen = Atomics.load(control, index);
    if (seen !== value) return seen;
  }
  while (Atomics.load(control, index) === value) Atomics.wait(control, index, value);
  return Atomics.load(control, index);
}

/** All workers leave this together: lanes that start at once are lanes that race. */
function lineUp() {
  waitForArrivals();
  // Who slept until here has only been called. The others would be through with their lanes before it runs.
  for (let meeting = 1; meeting <= MEETING_COUNT; meeting += 1) {
    Atomics.add(control, word.MET, 1);
    if (!hasMet(meeting * workerCount)) return;
  }
}

function waitForArrivals() {
  if (Atomics.add(control, word.ARRIVED, 1) + 1 === workerCount) {
    Atomics.notify(control, word.ARRIVED);
    return;
  }
  for (let turn = 0; turn < SPIN_TURNS; turn += 1) {
    if (Atomics.load(control, word.ARRIVED) === workerCount) return;
  }
  const deadline = performance.now() + START_LINE_MS;
  for (;;) {
    const arrived = Atomics.load(control, word.ARRIVED);
    const left = deadline - performance.now();
    if (arrived === workerCount || left <= 0) return;
    Atomics.wait(control, word.ARRIVED, arrived, left);
  }
}

/**
 * Whether the workers met so many times before this one lost its patience.
 * @param {number} count
 */
function hasMet(count) {
  for (let turn = 0; turn < MEETING_SPIN_TURNS; turn += 1) {
    if (Atomics.load(control, word.MET) >= count) return true;
  }
  return false;
}

/** @param {string} reason */
function reportFailure(reason) {
  const text = new TextEncoder().encode(reason);
  const message = new Uint8Array(data.message);
  message.fill(0);
  message.set(text.subarray(0, message.length));
  Atomics.store(control, word.FAILED, 1);
}

/** The host sleeps on this one word: it changes last, so that no call to wake up is lost. */
function finish() {
  const finished = Atomics.add(control, word.FINISHED, 1) + 1;
  if (finished === workerCount || Atomics.load(control, word.FAILED) !== 0) Atomics.notify(control, word.FINISHED);
}

function serve() {
  // Generation 0 is the state before anything was asked for.
  for (let generation = 0; ; ) {
    generation = waitForChange(word.GENERATION, generation);
    if (Atomics.load(control, word.STOP) !== 0) return;
    try {
      lineUp();
      runTurns(lanes, workerIndex, workerCount, Atomics.load(control, word.LANES));
    } catch (error) {
      reportFailure(String(error instanceof Error ? error.stack : error));
    }
    finish();
  }
}

// The host would sleep on: the event of a worker that ended needs a turn of the host's loop.
process.once('exit', (status) => {
  if (Atomics.load(control, word.STOP) !== 0) return;
  if (Atomics.load(control, word.FAILED) === 0) reportFailure(`it ended with status ${status}`);
  finish();
});

parentPort?.postMessage('ready');
serve();
