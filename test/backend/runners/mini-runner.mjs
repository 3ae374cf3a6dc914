// A runner in a few lines that shares nothing with vrrl, and does one thing wrong if it is told to:
//
//   node mini-runner.mjs [fault]
//
// It has eight slots and four counters. Opcode 1 adds args[1] to counter args[0], opcode 2 waits for ever, all else faults.

const fault = process.argv[2] ?? '';
const Type = { HELLO: 1, READY: 2, START: 3, DONE: 4, RUN: 5, DRAINED: 6, REFUSED: 7, OBSERVE: 8, WORDS: 9 };
const More = { RESTORE: 10, STOP: 11, FAILED: 12, PROGRESS: 13 };
const SLOTS = 8;
const SLOT_BYTES = 64;

const counters = new Uint32Array(4);
const waiting = new Set();
let answered = 0;

const words = (...list) => new Uint8Array(Uint32Array.from(list).buffer);
const json = (value) => new TextEncoder().encode(JSON.stringify(value));

function send(type, payload = new Uint8Array(0)) {
  process.stdout.write(new Uint8Array([...words(payload.length, type), ...payload]));
}

function ready() {
  const layout = { areas: [{ name: 'counters', words: 4 }], regions: [] };
  const sound = { protocol: 'vrrl-backend', version: 1, name: 'mini', slotCount: SLOTS, layout, canRestore: true };
  const wrong = {
    'other-version': { version: 2 },
    'no-version': { version: 'one' },
    'other-protocol': { protocol: 'something' },
    'no-layout': { layout: { areas: [], regions: [] } },
    'odd-layout': { layout: [null] },
    'huge-layout': { layout: { areas: [{ name: 'counters', words: 0x0fffffff }], regions: [] } },
    'no-slots': { slotCount: 0 },
    'small-frames': { maxPayloadBytes: 64 },
    'foreign-kernel': { kernel: 'abc' },
    'no-restore': { canRestore: false },
    nameless: { name: ' ' },
    'odd-name': { name: 'a\u001b[31m\nb' },
    'odd-probe': { probes: [{ opcode: -1 }] },
  }[fault];
  const probes = [
    { opcode: 1, args: [0, 5] },
    { opcode: 1, args: [1, 7] },
    { opcode: 9, args: [] },
  ];
  return json({ ...sound, maxPayloadBytes: 4096, probes, ...wrong });
}

function run(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = view.getUint32(0, true);
  const slots = Array.from({ length: count }, (_, position) => {
    const at = 4 + position * SLOT_BYTES;
    return Array.from({ length: 16 }, (_, index) => view.getUint32(at + 4 * index, true));
  });
  const taken = new Set(waiting);
  for (const [position, [slotIndex, opcode]] of slots.entries()) {
    const isBad = slotIndex >= SLOTS || taken.has(slotIndex) || opcode === 7;
    if (isBad && fault === 'half-refuses') for (const [, , , , at, by] of slots.slice(0, position)) counters[at] += by;
    if (isBad && fault !== 'takes-all') return refuse(position);
    taken.add(slotIndex);
  }
  for (const slot of waiting) taken.add(slot);
  let done = 0;
  const faults = [];
  for (const [slotIndex, opcode, , , at, by] of slots) {
    if (opcode === 1) {
      counters[at % 4] += by;
      done += 1;
    } else if (opcode === 2) waiting.add(slotIndex);
    else {
      const reason = `no job ${opcode}`;
      const text = new TextEncoder().encode(reason.padEnd(Math.ceil(reason.length / 4) * 4, '.'));
      faults.push([...words(slotIndex, opcode, 3, opcode, text.length), ...text]);
    }
  }
  if (fault === 'forgets-a-slot' && done > 0) done -= 1;
  if (fault === 'too-many-done') done += 1;
  const pending = fault === 'foreign-pending' ? [7] : [...waiting];
  send(Type.DRAINED, new Uint8Array([...words(done, pending.length, ...pending, faults.length), ...faults.flat()]));
}

function refuse(position) {
  const text = new TextEncoder().encode('that slot is not free.');
  send(Type.REFUSED, new Uint8Array([...words(fault === 'odd-refusal' ? 99 : position), ...text]));
}

function restore(payload) {
  if (fault !== 'forgetful') counters.set(new Uint32Array(new Uint8Array(payload).buffer));
  waiting.clear();
  send(Type.DONE);
}

function start() {
  if (fault !== 'dirty-start') counters.fill(0);
  waiting.clear();
  send(Type.DONE);
}

/** Does the thing that goes wrong with any request; whether it did. */
function misbehave(type) {
  const isRun = type === Type.RUN;
  if (fault === 'crash' && isRun) process.kill(process.pid, 'SIGKILL');
  if (fault === 'exit' && isRun) {
    process.stderr.write('out of ideas\n');
    process.exit(3);
  }
  if (fault === 'loud' && isRun) {
    process.stderr.write(`${'noise '.repeat(2 ** 18)}\nthe last word\n`, () => process.exit(3));
    return true;
  }
  if (fault === 'half-frame' && isRun) {
    process.stdout.write(words(100, Type.DRAINED), () => process.exit(0));
    return true;
  }
  if (fault === 'hang' && isRun) return true;
  if (fault === 'deaf-on-stop' && type === More.STOP) return true;
  if (fault === 'garbage' && isRun) process.stdout.write('Segmentation fault, or so it says, and more of it');
  else if (fault === 'huge-frame' && isRun) process.stdout.write(words(0xffffffff, Type.DRAINED));
  else if (fault === 'wrong-answer' && isRun) send(Type.WORDS, words(1, 2, 3, 4));
  else if (fault === 'short-answer' && isRun) send(Type.DRAINED, words(1));
  else if (fault === 'long-answer' && isRun) send(Type.DRAINED, words(1, 0, 0, 0));
  else if (fault === 'lying-count' && isRun) send(Type.DRAINED, words(1, 0xffffffff));
  else if (fault === 'short-words' && type === Type.OBSERVE) send(Type.WORDS, words(1, 2, 3));
  else if (fault === 'full-done' && type === Type.START) send(Type.DONE, words(0));
  else if (fault === 'device-lost' && isRun) fail('device-lost', { evidence: { device: 'gpu0', codes: [1] } });
  else if (fault === 'odd-kind' && isRun) fail('on-fire', {});
  else if (fault === 'usable' && isRun) fail('out-of-memory', { usable: true, fix: 'buy more.' });
  else if (fault === 'bad-failure' && isRun) send(More.FAILED, json({ kind: 1 }));
  else if (fault === 'unavailable' && type === Type.HELLO) fail('unavailable', {});
  else return false;
  return true;
}

function fail(kind, rest) {
  send(More.FAILED, json({ kind, message: 'something is the matter.', ...rest }));
}

function take(type, payload) {
  if (misbehave(type)) return;
  if (fault === 'slow' && type === Type.RUN)
    for (let done = 0; done < 4; done += 1) send(More.PROGRESS, words(done, 4));
  if (type === Type.HELLO) send(Type.READY, ready());
  else if (type === Type.START) start();
  else if (type === Type.RUN) run(payload);
  else if (type === Type.OBSERVE) {
    if (fault === 'counts-observations') counters[3] += 1;
    send(Type.WORDS, new Uint8Array(counters.slice().buffer));
  } else if (type === More.RESTORE) restore(payload);
  else if (type === More.STOP) {
    send(Type.DONE);
    process.exitCode = fault === 'odd-status' ? 5 : 0;
    process.stdin.destroy();
  } else if (type === 0x80000001) send(0x80000002, payload);
  else if (fault === 'mute') return;
  else fail('protocol', { usable: fault !== 'dies-of-unknown' });
  answered += 1;
  if (fault === 'talkative' && answered === 2) send(Type.DONE);
}

/** HELLO, with its kernel, is longer than anything after it. */
const most = () => (answered === 0 ? 64 * 2 ** 20 : 4096);

let pieces = Buffer.alloc(0);
function receive(piece) {
  pieces = Buffer.concat([pieces, piece]);
  if (fault === 'one-frame-a-read' && pieces.length >= 8) {
    const length = 8 + pieces.readUInt32LE(0);
    if (pieces.length > length) pieces = pieces.subarray(0, length);
  }
  if (fault === 'whole-reads') {
    // Takes a read for a frame.
    const type = piece.length >= 8 ? piece.readUInt32LE(4) : 0;
    pieces = Buffer.alloc(0);
    if (type !== 0) take(type, piece.subarray(8));
    return;
  }
  while (pieces.length >= 8 && pieces.length >= 8 + pieces.readUInt32LE(0)) {
    const length = pieces.readUInt32LE(0);
    if (length > most()) break;
    const [type, payload] = [pieces.readUInt32LE(4), pieces.subarray(8, 8 + length)];
    pieces = pieces.subarray(8 + length);
    take(type, payload);
  }
  if (pieces.length >= 8 && pieces.readUInt32LE(0) > most() && fault !== 'patient') process.exit(1);
}

if (fault === 'exit-at-start') {
  process.stderr.write('no such device\n');
  process.exit(7);
}
if (fault === 'says-nothing') setInterval(() => {}, 1_000);
else {
  if (fault === 'deaf-on-stop' || fault === 'immortal') setInterval(() => {}, 1_000);
  if (fault === 'immortal') process.on('SIGTERM', () => {});
  process.stdin.on('data', receive);
}
