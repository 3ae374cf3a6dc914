// The reference behind vrrl's own server, with or without programs, which can be told to go wrong:
//
//   node served-runner.mjs [plain | programs] [fault]

import { ReferenceBackend } from '../../../dist/src/backend/index.js';
import { defineKernel } from '../../../dist/src/kernel/index.js';
import { digestSnapshot, hasOverflowed, resolveLayout } from '../../../dist/src/observe/index.js';
import { digestFaults } from '../../../dist/src/record/index.js';
import { serveBackend } from '../../../dist/src/serve/index.js';
import { withPrograms } from './stepped-programs.mjs';

const [kind = 'plain', fault = ''] = process.argv.slice(2);
const Type = { DONE: 4, REPLAYED: 35, PROGRESS: 13 };

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
      if (fault === 'dies' && epochs === 3) {
        process.stderr.write('the device went away\n');
        process.exit(3);
      }
    };
    if (fault === 'unknown-stress' && options.stress !== undefined) throw new Error('no such stress');
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
  if (fault === 'cut-result' && type === Type.REPLAYED) {
    new DataView(header.buffer).setUint32(0, payload.length - 4, true);
    return send(header, payload.subarray(0, -4));
  }
  return send(header, payload);
}

function send(...pieces) {
  for (const piece of pieces) process.stdout.write(piece);
}

await serveBackend(process.stdin, write, { makeBackend, device: () => ({ name: 'this process' }) });
