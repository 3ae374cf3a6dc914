/** The folder that the fuzzed command line works in: small files, sound and damaged. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ReferenceBackend } from '../src/backend/index.ts';
import { defineKernel, type Kernel, kernelToJson, opcode } from '../src/kernel/index.ts';
import { HEADER_BYTES, RECORD_BYTES, RingLog } from '../src/log/index.ts';
import { ObservationWriter } from '../src/observe/index.ts';
import { Opcode } from '../src/protocol/index.ts';
import { RecordingSession, type SlotRequest } from '../src/record/index.ts';
import { MemoryStorage } from '../src/storage/index.ts';

export type Random = () => number;

const TEXT = 'There was another one there, and in it another.\n'.repeat(3);
const SLOT_LINES = [
  '{"opcode":"ATOMIC_ADD","tenant":1,"args":[1,170]}',
  '{"opcode":"PRINTF","priority":0,"args":[1,2,3]}',
  '{"opcode":"0x40000001","args":[5]}',
  '{"end":"batch","tag":7}',
  '{"opcode":1,"args":[1,2,3,4,5,6]}',
];
const SLOTS_TEXT: Uint8Array = Buffer.from(`${SLOT_LINES.join('\n')}\n`);

const MODULES: Readonly<Record<string, string>> = {
  'kernel.mjs': `export default () => (${JSON.stringify(smallKernel())});`,
  'wrong-kernel.mjs': `export default () => (${JSON.stringify(smallKernel(1))});`,
  'bad-kernel.mjs': `export default ${JSON.stringify({ ...smallKernel(), controlWords: 3 })};`,
  'no-kernel.mjs': 'export const nothing = 1;',
  'no-backend.mjs': 'export default () => ({ name: "nothing" });',
  'throws.mjs': 'export default () => { throw new TypeError("thrown"); };',
  'backend.mjs': `export default () => ({ name: 'mine', slotCount: 16, layout: { areas: [{ name: 'a', words: 2 }], regions: [] },
    start() {}, publish(slotIndex) { if (slotIndex === 7) throw new Error('seven'); },
    async drain() { return { done: 1, pending: [], faults: [] }; }, observe(snapshot) { snapshot[0] += 1; }, stop() {} });`,
};

/** `mistake` is added wherever something is added. */
function smallKernel(mistake = 0): Kernel {
  const add = opcode('ADD', 0x4000_0001, ['amount'], ($, amount) => {
    $.atomicAdd('control', 170, amount.plus(mistake));
  });
  return defineKernel({ name: 'small', slotCount: 16, observableWords: 32, opcodes: [add] });
}

interface RecordedBytes {
  readonly log: Uint8Array;
  readonly observations: Uint8Array;
}

/** Makes its files once; each input damages copies of them. The process moves in, so that junk names nothing elsewhere. */
export class CommandFolder {
  readonly #recordings: readonly RecordedBytes[];
  readonly #own: ReadonlySet<string>;

  static async create(): Promise<CommandFolder> {
    // One that has room for everything, and one that wrapped.
    return new CommandFolder([await makeRecording(64), await makeRecording(9)]);
  }

  private constructor(recordings: readonly RecordedBytes[]) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-fuzz-'));
    process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
    process.chdir(folder);
    this.#recordings = recordings;
    this.#writeOwn();
    this.#write('log.vrrl', recordings[0]);
    fs.writeFileSync('slots.jsonl', SLOTS_TEXT);
    this.#own = new Set(fs.readdirSync('.'));
  }

  /** Renews the files that are damaged: nothing of one input is left for the next. */
  damage(random: Random): void {
    const { log, observations } = this.#recordings[random() % this.#recordings.length];
    const isLogSound = random() % 4 === 0;
    const areObservationsSound = random() % 2 === 0;
    this.#write('log.vrrl', {
      log: isLogSound ? log : damaged(log, random),
      observations: areObservationsSound ? observations : damaged(observations, random),
    });
    // Gone altogether, as with logs from elsewhere.
    if (random() % 4 === 0) fs.rmSync('log.vrrl.obs');
    fs.writeFileSync('slots.jsonl', random() % 4 === 0 ? damaged(SLOTS_TEXT, random) : SLOTS_TEXT);
  }

  /** Something to read: a log, slots, or nothing. */
  standardInput(random: Random): Uint8Array {
    const [{ log }] = this.#recordings;
    const whole = [log, SLOTS_TEXT, new Uint8Array(0)][random() % 3];
    return random() % 2 === 0 ? whole : damaged(whole, random);
  }

  /** Removes what a command made, and puts back what it was told to replace. */
  removeStrangers(): void {
    for (const name of fs.readdirSync('.')) {
      if (!this.#own.has(name)) fs.rmSync(name, { recursive: true, force: true });
    }
    this.#writeOwn();
  }

  #writeOwn(): void {
    for (const [name, content] of Object.entries(MODULES)) fs.writeFileSync(name, content);
    fs.writeFileSync('text.txt', TEXT);
    this.#write('sound.vrrl', this.#recordings[0]);
    this.#write('wrapped.vrrl', this.#recordings[1]);
  }

  #write(name: string, { log, observations }: RecordedBytes): void {
    fs.writeFileSync(name, log);
    fs.writeFileSync(`${name}.obs`, observations);
  }
}

/** A recording of four epochs. */
async function makeRecording(capacity: number): Promise<RecordedBytes> {
  const kernel = smallKernel();
  const backend = new ReferenceBackend(kernel);
  const log = new MemoryStorage();
  const observations = new MemoryStorage();
  let writer: ObservationWriter | undefined;
  const session = await RecordingSession.start(backend, {
    kernel,
    log: RingLog.open(log, capacity),
    observations: (initialWords) => {
      const metadata = {
        tool: 'vrrl fuzz',
        kernel: kernelToJson(kernel),
        layout: backend.layout,
        backend: { name: 'reference' },
        log: { capacity },
      };
      writer = ObservationWriter.create(observations, metadata, initialWords);
      return writer;
    },
  });
  for (let tag = 0; tag < 4; tag += 1) {
    await session.publish(EPOCH);
    await session.endEpoch({ tag });
  }
  writer?.close();
  return { log: log.toBytes(), observations: observations.toBytes() };
}

const EPOCH: readonly SlotRequest[] = [
  { opcode: Opcode.ATOMIC_ADD, tenant: 1, args: [1, 171] },
  { opcode: Opcode.MEMCPY, priority: 0, args: [128, 172, 3] },
  { opcode: 0x4000_0001, args: [5] },
  { opcode: Opcode.PRINTF, args: [1, 2, 3] },
];

/** A copy with one to three things wrong. Records are hit more often than luck would have it. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  let copy: Uint8Array = Uint8Array.from(bytes);
  for (let rounds = 1 + (random() % 3); rounds > 0; rounds -= 1)
    copy = DAMAGES[random() % DAMAGES.length](copy, random);
  return copy;
}

type Damage = (bytes: Uint8Array, random: Random) => Uint8Array;

const DAMAGES: readonly Damage[] = [flipBit, setByte, setByte, zeroRecord, replaceWord, cutShort, addBytes];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random() % bytes.length] ^= 1 << (random() % 8);
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random() % Math.min(bytes.length, HEADER_BYTES + 8 * RECORD_BYTES)] = random();
  return bytes;
}

function zeroRecord(bytes: Uint8Array, random: Random): Uint8Array {
  const start = HEADER_BYTES + RECORD_BYTES * (random() % 20);
  return bytes.fill(0, start, start + RECORD_BYTES);
}

function replaceWord(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return bytes;
  const offset = 4 * (random() % Math.floor(Math.min(bytes.length, 1_000) / 4));
  const word = [random() % 64, 1_048_576, 1_048_577, 0xffff_ffff, random()][random() % 5];
  new DataView(bytes.buffer).setUint32(offset, word, true);
  return bytes;
}

function cutShort(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random() % (bytes.length + 1));
}

function addBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const longer = new Uint8Array(bytes.length + (random() % 200));
  longer.set(bytes);
  return longer.fill(random(), bytes.length);
}
