// Runs vrrl's kernels behind the protocol: the reference, as a runner. With `off-by-one` as an argument it adds one too many.

import { ReferenceBackend } from '../../../dist/src/backend/index.js';
import { kernelFromJson } from '../../../dist/src/kernel/index.js';
import * as wire from '../../../dist/src/wire/index.js';

const { MessageType } = wire;
const isWrong = process.argv[2] === 'off-by-one';
const reader = new wire.FrameReader(wire.HOST_MAX_PAYLOAD_BYTES);
let backend;
let snapshot;

const send = (type, payload) => process.stdout.write(wire.encodeFrame(type, payload));

function hello(payload) {
  const { kernel: offered } = wire.decodeHello(payload);
  if (offered === null) {
    const failure = { kind: 'unavailable', message: 'it needs a kernel', fix: 'pass --kernel.' };
    return send(MessageType.FAILED, wire.encodeFailure(failure));
  }
  const kernel = kernelFromJson(offered.definition);
  backend = new ReferenceBackend(kernel);
  const { slotCount, layout, epochWord } = backend;
  snapshot = new Uint32Array(layout.areas.reduce((sum, { words }) => sum + words, 0));
  const ready = {
    ...{ version: 1, name: 'wired-reference', slotCount, layout, epochWord, canRestore: true, kernel: kernel.identity },
    ...{ maxPayloadBytes: wire.HOST_MAX_PAYLOAD_BYTES, features: [], device: { name: 'none' }, probes: [] },
  };
  return send(MessageType.READY, wire.encodeReady(ready));
}

function run(payload) {
  const slots = wire.decodeRun(payload);
  const taken = new Set();
  for (const [position, { slotIndex }] of slots.entries()) {
    if (slotIndex >= backend.slotCount || taken.has(slotIndex)) {
      return send(MessageType.REFUSED, wire.encodeRefused({ position, text: 'no such slot, or taken' }));
    }
    taken.add(slotIndex);
  }
  for (const slot of slots) {
    const args = isWrong && slot.opcode === 2 ? [slot.args[0] + 1, ...slot.args.slice(1)] : slot.args;
    backend.publish(slot.slotIndex, { ...slot, args });
  }
  const { done, pending, faults } = backend.drain();
  const plain = faults.map(({ slotIndex, opcode, words }) => ({ slotIndex, opcode, words, text: '' }));
  return send(MessageType.DRAINED, wire.encodeDrained({ done, pending, faults: plain }));
}

const requests = {
  [MessageType.HELLO]: hello,
  [MessageType.START]: () => {
    backend.start();
    send(MessageType.DONE);
  },
  [MessageType.RUN]: run,
  [MessageType.OBSERVE]: () => {
    backend.observe(snapshot);
    send(MessageType.WORDS, wire.encodeWords(snapshot));
  },
  [MessageType.RESTORE]: (payload) => {
    wire.decodeWords(payload, snapshot, 'RESTORE');
    backend.restore(snapshot);
    send(MessageType.DONE);
  },
  [MessageType.STOP]: () => {
    send(MessageType.DONE);
    process.stdin.destroy();
  },
};

function unknown() {
  send(MessageType.FAILED, wire.encodeFailure({ kind: 'protocol', message: 'no such request', usable: true }));
}

process.stdin.on('data', (piece) => {
  reader.push(piece);
  try {
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      (requests[frame.type] ?? unknown)(frame.payload);
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
});
