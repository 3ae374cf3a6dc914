import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openRecording } from '../../node/recording-files.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { candidateOfEpochs, candidateOfRecording, ExplorerSubject } from '../../src/reduce/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import { freshSnapshot } from '../../src/scenario/index.ts';
import { vrrl, vrrlJson } from './fake-io.ts';
import { ROOT, temporaryFolder } from './files.ts';
import { makeRecording } from './recordings.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();
const RACY_ADD = 0x4000_0001;
const SHARED = 190;
const OWN = 200;

/** Adds in three steps, with so much between them that on two cores two of them always meet. */
function racyKernel(): Kernel {
  const add = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word, 'before');
    $.loop({ below: 4_000, atMost: 4_000 }, () => {
      $.load('control', word);
    });
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'racy', slotCount: 32, opcodes: [add] });
}

/** The same without the time in between, which is nothing to a scheduler of ours. */
function shortKernel(): Kernel {
  const add = opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word, 'before');
    $.store('control', word, before.plus(amount));
  });
  return defineKernel({ name: 'short', slotCount: 32, opcodes: [add] });
}

/** Three epochs of sound slots; in the second, two slots add to one word in a way that is not atomic. */
function epochs(): SlotRequest[][] {
  return [0, 1, 2].map((epoch) =>
    Array.from({ length: 12 }, (_, slot) => {
      const isRacy = epoch === 1 && (slot === 3 || slot === 8);
      if (isRacy) return { opcode: RACY_ADD, tenant: 2, args: [slot, SHARED] };
      return { opcode: Opcode.ATOMIC_ADD, tenant: 1, args: [slot + 1, OWN + slot] };
    }),
  );
}

const SEND = 0x4000_0002;
const RECEIVE = 0x4000_0003;
const [DATA, FLAG, FROM] = [170, 171, 172];

/** One slot writes a word and raises a flag; another looks at the word only if the flag is up. In any order of accesses that is right. */
function messageKernel(): Kernel {
  const send = opcode('SEND', SEND, [], ($) => {
    $.store('control', DATA, 1);
    $.store('control', FLAG, 1);
  });
  const receive = opcode('RECEIVE', RECEIVE, [], ($) => {
    const flag = $.load('control', FLAG, 'flag');
    const data = $.load('control', DATA, 'data');
    $.store('control', FROM, flag.times(data.plus(1)).plus(4));
  });
  return defineKernel({ name: 'message', slotCount: 16, opcodes: [send, receive] });
}

/** A message among sound additions. */
function message(): SlotRequest[] {
  return Array.from({ length: 8 }, (_, slot) => {
    const opcode = slot === 2 ? SEND : slot === 5 ? RECEIVE : Opcode.ATOMIC_ADD;
    return { opcode, args: opcode === Opcode.ATOMIC_ADD ? [1, OWN + slot] : [] };
  });
}

function sumsKernel(): Kernel {
  return defineKernel({ name: 'sums', slotCount: 32 });
}

/** Two epochs of twenty additions; two of the second are to one word. */
function sums(): SlotRequest[][] {
  return [20, 19].map((words) =>
    Array.from({ length: 20 }, (_, slot) => ({
      opcode: Opcode.ATOMIC_ADD,
      args: [slot + 1, OWN + (slot % words)],
    })),
  );
}

beforeAll(async () => {
  await makeRecording(folder.at('racy.vrrl'), racyKernel(), epochs());
  await makeRecording(folder.at('short.vrrl'), shortKernel(), epochs());
  await makeRecording(folder.at('sound.vrrl'), racyKernel(), [epochs()[0]]);
});

interface Reduced {
  readonly slots: readonly { readonly opcode: number; readonly args: readonly number[]; readonly slotIndex: number }[];
  readonly ledger: readonly { readonly stage: string; readonly accepted: boolean }[];
  readonly seeAgain: readonly string[];
}

/** Reduces on worker threads, and returns what `--json` says. */
async function reduceTo(name: string, ...more: string[]) {
  const argv = ['reduce', folder.at('racy.vrrl'), '-o', folder.at(name), '--json', ...more];
  if (!more.includes('--test')) argv.push('--no-explorer');
  const { json, exitCode } = await vrrlJson(argv);
  expectValid('reduction', json);
  return { exitCode, json: json as Reduced & Record<string, unknown> };
}

/** A backend of additions in JavaScript that loses the greater of two to one word, if the second is of an opcode. */
function losingBackend(lost: number = Opcode.ATOMIC_ADD, kernel: Kernel = sumsKernel()): string {
  const { layout } = new ReferenceBackend(kernel);
  const fresh = JSON.stringify(Array.from(freshSnapshot(kernel)));
  return folder.write(
    `losing-${lost}.mjs`,
    `export default () => {
  const fresh = ${fresh};
  let words = Uint32Array.from(fresh);
  let batch = [];
  return {
    name: 'losing', slotCount: 32, layout: ${JSON.stringify(layout)},
    start() { words.set(fresh); batch = []; },
    restore(snapshot) { words = snapshot.slice(); batch = []; },
    publish(slotIndex, { opcode, args }) { batch.push({ opcode, amount: args[0], word: args[1] }); },
    drain() {
      const done = batch.length;
      const added = new Map();
      for (const { opcode, amount, word } of batch) {
        words[1] += 1;
        if (opcode < 32) words[96 + opcode] += 1;
        if (opcode === 7) { words[128] += 1; words[160] = word; }
        if (opcode === 2 || opcode === ${RACY_ADD}) {
          words[word] += amount;
          if (opcode === ${lost} && added.has(word)) words[word] -= Math.max(amount, added.get(word));
          added.set(word, amount);
        }
      }
      batch = [];
      return { done, pending: [], faults: [] };
    },
    observe(snapshot) { snapshot.set(words); },
    stop() {},
  };
};
`,
  );
}

describe('on a backend', () => {
  test('a race among sound slots comes down to its two slots, whichever epoch they are in', async () => {
    const { exitCode, json } = await reduceTo('threads.vrrl');
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({
      reproduced: true,
      signature: 'no order of its slots, word in the observables',
      judge: { kind: 'backend', oracle: 'unexplained' },
      original: { epochs: { first: 1, last: 1 } },
      size: { epochs: 1, batches: 1, slots: 2 },
      isMinimal: true,
    });
    // One that is not atomic is enough, as soon as arguments have brought another slot, or the fence, to its word.
    expect(json.slots.map(({ opcode: code }) => code)).toContain(RACY_ADD);
    expect(json.ledger.filter(({ stage }) => stage === 'slots').length).toBeGreaterThan(2);
    const small = folder.at('threads.vrrl');
    expect((await vrrl(['verify', small])).exitCode).toBe(0);
    // What was seen is what the log says, and the reference does not show it.
    const alone = ['replay', small, '--backend', 'reference', '--replicas', '1', '--mode', 'isolated'];
    expect((await vrrl(alone)).exitCode).toBe(1);
  }, 180_000);

  test('what it says is for people, and its log and its lines show the failure again', async () => {
    const small = folder.at('small.vrrl');
    await makeRecording(folder.at('sums.vrrl'), sumsKernel(), sums());
    const options = ['--backend', losingBackend(), '--rate', '1'];
    const { exitCode, err, out } = await vrrl(['reduce', folder.at('sums.vrrl'), '-o', small, ...options]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain(
      `${small}: 2 slots in 1 epoch from a fresh kernel, of 21 slots in 1 epoch from a recorded state`,
    );
    expect(out).toMatch(/^failure {3}no order of its slots, word in the observables$/m);
    expect(out).toContain('first     control[160]: expected 1, seen 0\n');
    expect(out).toContain('rate      1 of 1 run; the original 1 of 1 run\nsmallest  no slot can be left out\n');
    expect(out).toMatch(/ATOMIC_ADD\((0|1), 160\)\n.*ATOMIC_ADD\((0|1), 160\)/);
    expect(out).toMatch(/^slots {8}21 → 2/m);
    expect(out).toContain(`  vrrl replay ${small} --backend reference\n`);
    expect((await vrrl(['replay', small, '--backend', 'reference'])).exitCode).toBe(1);
    const lines = out.split('\n').filter((line) => line.includes('--no-observations'));
    expect(lines).toHaveLength(1);
    expect((await vrrl(lines[0].trim().split(' ').slice(1))).exitCode).toBe(1);
  });

  test('nothing that fails is no reproducer: nothing is written, and it cannot be told', async () => {
    const argv = ['reduce', folder.at('sound.vrrl'), '-o', folder.at('none.vrrl'), '--max-runs', '40'];
    const { exitCode, err, out } = await vrrl(argv);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(err).toContain('nothing failed in');
    expect(fs.existsSync(folder.at('none.vrrl'))).toBe(false);
    const { json } = await vrrlJson([...argv, '--json']);
    expectValid('reduction', json);
    expect(json).toMatchObject({ reproduced: false, original: { rate: { count: 0 } } });
  });

  test('a runtime of its own, compared with itself', async () => {
    const module = path.join(ROOT, 'examples/racy-stack-machine-backend.mjs');
    const jobs = path.join(ROOT, 'examples/stack-machine-jobs.jsonl');
    const log = folder.at('jobs.vrrl');
    expect((await vrrl(['record', log, '--backend', module, '--slots', jobs, '-q'])).exitCode).toBe(0);
    const small = folder.at('jobs-small.vrrl');
    const { exitCode, json } = await vrrlJson(['reduce', log, '-o', small, '--backend', module, '--json']);
    expectValid('reduction', json);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({ judge: { oracle: 'differs-from-itself' }, size: { slots: 2 }, isMinimal: true });
    expect((await vrrl(['replay', small, '--backend', module, '--replicas', '50'])).exitCode).toBe(1);
  });
});

describe('on the CPU model', () => {
  test('the failing schedule stands beside a passing one, and its token replays', async () => {
    const small = folder.at('model.vrrl');
    const argv = ['reduce', folder.at('short.vrrl'), '-o', small, '--explorer'];
    const { exitCode, err, out } = await vrrl([...argv, '--backend', 'threads']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^note: (confirmed on threads within [\d,]+ runs?|not seen in 10,000 runs on threads)/m);
    expect(out).toContain('2 slots in 1 epoch from a fresh kernel');
    expect(out).toMatch(/on the CPU model: a schedule with 2 switches between lanes; no schedule that fails has fewer/);
    expect(out).toMatch(
      /^it fails:\n +0: [\s\S]*^-- from here on the orders differ$[\s\S]*^it passes, the same for 1 row:$/m,
    );
    const { json } = await vrrlJson([...argv, '--json', '--force']);
    expectValid('reduction', json);
    const { schedule } = json as { readonly schedule: { readonly token: string; readonly switches: number } };
    expect(schedule.switches).toBe(2);
    const recording = openRecording(small);
    const candidate = candidateOfRecording(recording);
    recording.close();
    const subject = new ExplorerSubject({ oracle: 'unserializable' });
    expect(await subject.replay(candidate, schedule.token)).toMatchObject({ where: 'control[160]' });
    expect((await vrrl(['replay', small, '--backend', 'reference'])).exitCode).toBe(1);
  });

  test('it is tried first, and what it shows counts if the backend confirms it', async () => {
    const argv = ['reduce', folder.at('short.vrrl'), '-q', '--backend'];
    const loses = [losingBackend(RACY_ADD, shortKernel()), '-o', folder.at('first.vrrl')];
    const { exitCode, err, out } = await vrrl([...argv, ...loses]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^note: reduced on the CPU model, which was tried first; confirmed on .* within 1 run$/m);
    expect(out).toContain('2 slots in 1 epoch from a fresh kernel');
    expect(out).toMatch(/on the CPU model: a schedule with 2 switches between lanes/);
    const alone = await vrrlJson([...argv, ...loses, '--no-explorer', '--rate', '1', '--force', '--json']);
    expect(alone.json).toMatchObject({ judge: { kind: 'backend' }, size: { slots: 2 } });
    expect((alone.json as { readonly notes: string[] }).notes.join()).toContain('which they never promised not to');
    // One that loses nothing is not to blame for what the model shows.
    const sound = [losingBackend(0, shortKernel()), '-o', folder.at('not-first.vrrl'), '--max-runs', '4000'];
    const other = await vrrl([...argv, ...sound]);
    expect(other.exitCode).toBe(3);
    expect(other.err).toMatch(
      /^note: the CPU model was tried first, and showed a failure \(.*\): not seen in 4,000 runs on /,
    );
    expect(fs.existsSync(folder.at('not-first.vrrl'))).toBe(false);
  });

  test('what only relaxed memory shows needs it', async () => {
    const log = await makeRecording(folder.at('message.vrrl'), messageKernel(), [message()]);
    const argv = ['reduce', log, '-q', '--explorer', '--oracle', 'unserializable', '--max-runs', '20000', '-o'];
    expect((await vrrl([...argv, folder.at('sequential.vrrl')])).exitCode).toBe(3);
    const { json, exitCode } = await vrrlJson([...argv, folder.at('relaxed.vrrl'), '--memory', 'relaxed', '--json']);
    expectValid('reduction', json);
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({ size: { slots: 2 }, isMinimal: true, judge: { oracle: 'unserializable' } });
    const { slots } = json as Reduced;
    expect(slots.map(({ opcode: code }) => code).toSorted()).toEqual([SEND, RECEIVE]);
  });

  test('what differs in legal ways only is said to be legal, and made smaller only if that is asked for', async () => {
    const stores = Array.from({ length: 4 }, (_, slot) => ({ opcode: Opcode.STORE_U32, args: [slot + 1, SHARED] }));
    const log = await makeRecording(folder.at('stores.vrrl'), sumsKernel(), [stores]);
    const small = folder.at('legal.vrrl');
    const argv = ['reduce', log, '-q', '--explorer', '--max-runs', '2000', '-o', small];
    const { exitCode, out, err } = await vrrl(argv);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^nothing to reduce: of [\d,]+ runs of .* on the CPU model, [\d,]+ differed/);
    expect(fs.existsSync(small)).toBe(false);
    const { json } = await vrrlJson([...argv, '--json']);
    expectValid('reduction', json);
    expect(json).toMatchObject({ reproduced: false, isOnlyLegal: true, judge: { oracle: 'unexplained' } });
    const any = await vrrl([...argv, '--any-difference']);
    expect(any.exitCode).toBe(0);
    expect(any.out).toContain('note: vrrl explain says of the failure: legal: the slots in the order 1, 0 give');
    expect(fs.existsSync(small)).toBe(true);
    expect((await vrrl([...argv, '--any-difference', '--oracle', 'unexplained'])).exitCode).toBe(2);
  });

  test('a token says what is to be kept', async () => {
    const recording = openRecording(folder.at('short.vrrl'));
    const plan = planReplay(recording, { kernel: shortKernel() });
    const candidate = candidateOfEpochs(plan, [plan.epochs[1]], shortKernel(), 32);
    recording.close();
    const subject = new ExplorerSubject({ oracle: 'unserializable', seed: 4 });
    if (candidate === undefined) throw new Error('the epoch cannot be run');
    const { failures } = await subject.run(candidate, 2_000, undefined);
    const [signature] = failures.keys();
    const token = subject.failureOf(candidate, signature)?.token ?? '';
    const options = ['--explorer', '--epoch', '1', '--token', token, '--json'];
    const { json } = await vrrlJson(['reduce', folder.at('short.vrrl'), '-o', folder.at('token.vrrl'), ...options]);
    expect(json).toMatchObject({ reproduced: true, size: { slots: 2 } });
    const other = ['reduce', folder.at('short.vrrl'), '-o', folder.at('other.vrrl'), '--explorer', '--token', token];
    expect(await vrrl([...other, '--epoch', '0'])).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('token'),
    });
  });
});

describe('with a command', () => {
  /** Bad if the log has records of both opcodes of that many and no fence is needed for it. */
  function judgeModule(): string {
    return folder.write(
      'judge.mjs',
      `import { readFileSync } from 'node:fs';
const words = new Uint32Array(readFileSync(process.argv[2]).buffer.slice(0));
let racy = 0;
for (const word of words) if (word === ${RACY_ADD}) racy += 1;
process.exit(racy >= 2 ? 3 : racy === 1 ? 125 : 0);
`,
    );
  }

  test('it gets logs, and says good, bad or neither', async () => {
    const command = `${process.execPath} ${judgeModule()} {}`;
    const { exitCode, json } = await reduceTo('command.vrrl', '--epoch', '1', '--test', command, '--rate', '1');
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({
      signature: 'exit code 3',
      judge: { kind: 'command' },
      size: { slots: 2 },
      unresolved: 2,
    });
    expect(json.slots.map(({ opcode: code }) => code)).toEqual([RACY_ADD, RACY_ADD]);
    // What a sound backend makes of it is what the log says.
    expect((await vrrl(['replay', folder.at('command.vrrl'), '--backend', 'reference'])).exitCode).toBe(0);
  });

  test.each([
    [['--test', 'true'], 'does not say where the log goes'],
    [['--test', 'kill -9 $$ # {}', '--rate', '1'], 'says neither yes nor no'],
  ])('%j is refused', async (options, what) => {
    const argv = ['reduce', folder.at('racy.vrrl'), '-o', folder.at('refused.vrrl'), ...options];
    const { exitCode, err } = await vrrl(argv);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });

  test('one that is content with the log leaves nothing', async () => {
    const options = ['--test', 'true {}', '--max-runs', '8'];
    const argv = ['reduce', folder.at('racy.vrrl'), '-o', folder.at('content.vrrl'), ...options];
    const { exitCode, err } = await vrrl(argv);
    expect(exitCode).toBe(3);
    expect(err).toContain('the command is content with');
  });
});

describe('wrong use', () => {
  test.each([
    [['--epoch', '9'], 'the log has no epoch 9'],
    [['--alpha', '0'], 'give a number above 0 and up to 1'],
    [['--alpha', '1'], 'alpha is 1'],
    [['--oracle', 'delphi'], 'choose one of'],
    [['--backend', 'nowhere'], 'there is no backend "nowhere"'],
  ])('%j', async (options, what) => {
    const { exitCode, err } = await vrrl(['reduce', folder.at('racy.vrrl'), '-o', folder.at('wrong.vrrl'), ...options]);
    expect(exitCode).toBe(2);
    expect(err).toContain(what);
  });

  test('files that are there stay, unless they may be replaced', { timeout: 300_000 }, async () => {
    folder.write('there.test.mjs', 'mine');
    const argv = [
      'reduce',
      folder.at('racy.vrrl'),
      '-o',
      folder.at('there.vrrl'),
      '--epoch',
      '1',
      '--max-runs',
      '3000',
      '--no-explorer',
    ];
    expect(await vrrl(argv)).toMatchObject({ exitCode: 2, err: expect.stringContaining('there.test.mjs') });
    expect(fs.existsSync(folder.at('there.vrrl'))).toBe(false);
    expect((await vrrl([...argv, '--no-test-file', '-q'])).exitCode).toBe(0);
    expect(fs.readFileSync(folder.at('there.test.mjs'), 'utf8')).toBe('mine');
    expect((await vrrl([...argv, '--force', '-q'])).exitCode).toBe(0);
    expect(fs.readFileSync(folder.at('there.test.mjs'), 'utf8')).toContain('BackendSubject');
  });
});
