// The reference behind vrrl's own server, with or without programs, which can be told to go wrong:
//
//   node served-runner.mjs [plain | programs] [fault]

import { ReferenceBackend } from '../../../dist/src/backend/index.js';
import { InputError } from '../../../dist/src/index.js';
import { defineKernel } from '../../../dist/src/kernel/index.js';
import { digestSnapshot, hasOverflowed, resolveLayout } from '../../../dist/src/observe/index.js';
import { digestFaults } from '../../../dist/src/record/index.js';
import { serveBackend } from '../../../dist/src/serve/index.js';
import { withPrograms } from './stepped-programs.mjs';

const [kind = 'plain', fault = ''] = process.argv.slice(2);
const Type = { DONE: 4, FAILED: 12, PROGRESS: 13, REPLAYED: 35 };

function makeBackend(_hello, kernel = defineKernel({ name: 'built-in' })) {
  const backend = new ReferenceBackend(kernel);
  if (kind === 'plain') return backend;
  const capable = withPrograms(backend, { digestSnapshot, digestFaults, resolveLayout, hasOverflowed });
  const { load } = capable;
  if (fault === 'declines') return { ...capable, load: async () => undefined };
  if (fault === 'fails-to-load') {
    return { ...capable, load: () => Promise.reject(new Error('the upload broke')) };
  }
  return { ...capable, load: async (program) => misbehaving(await load(program)) };
}

/** A program that does what is wrong with it after a few epochs, or in its result. */
function misbehaving(program) {
  const run = async (options) => {
    const onProgress = (epochs) => {
      options.onProgress?.(epochs);
      // Standard output is written to before this returns, so that the host hears of it all the same.
      if (fault === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      if (fault === 'dies' && epochs === 3) {
        process.stderr.write('the device went away\n');
        process.exit(3);
      }
    };
    if (fault === 'no-stress' && options.stress !== undefined) throw new InputError('there is no stress', 'use none.');
    const result = await program.run({ ...options, onProgress });
    if (fault === 'hangs') await new Promise((resolve) => setTimeout(resolve, 1_000_000));
    if (fault === 'other-words') for (const { snapshot } of result.captured) snapshot[40] ^= 1;
    if (fault === 'all-the-same') {
      for (let at = 0; at < result.totals.length; at += 8) {
        result.totals[at + 1] += result.totals[at + 2];
        result.totals[at + 2] = 0;
      }
    }
    if (fault === 'too-many-replicas') result.totals[0] += 1;
    if (fault === 'foreign-epoch') result.captured[0] = { ...result.captured[0], epoch: 1_000 };
    return result;
  };
  return { run, release: () => program.release() };
}

/** Frames as they leave, and what is done to them. */
function write(header, payload) {
  const type = new DataView(header.buffer).getUint32(4, true);
  if (fault === 'takes-back' && type === Type.PROGRESS) payload[0] = 255 - payload[0];
  if (fault === 'short-progress' && type === Type.PROGRESS) {
    new DataView(header.buffer).setUint32(0, 8, true);
    return send(header, payload.subarray(0, 8));
  }
  // Says that it has done what it has refused.
  if (fault === 'takes-any-segment' && type === Type.FAILED && isAbout(payload, 'SEGMENT: '))
    return send(words(0, Type.DONE));
  if (fault === 'replays-nothing' && type === Type.FAILED && isAbout(payload, 'no program')) {
    return send(words(4, Type.REPLAYED, 0));
  }
  if (fault === 'cut-result' && type === Type.REPLAYED) {
    new DataView(header.buffer).setUint32(0, payload.length - 4, true);
    return send(header, payload.subarray(0, -4));
  }
  return send(header, payload);
}

function isAbout(payload, text) {
  return new TextDecoder().decode(payload).includes(text);
}

function words(...list) {
  return new Uint8Array(Uint32Array.from(list).buffer);
}

function send(...pieces) {
  for (const piece of pieces) process.stdout.write(piece);
}

await serveBackend(process.stdin, write, { makeBackend, device: () => ({ name: 'this process' }) });
