import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { ProcessBackend } from '../../node/process-backend.ts';
import { BackendFaultError, PublishError } from '../../src/backend/index.ts';
import { connectMini, miniCommand } from './mini-runner.ts';

const ADD = 1;
const WAIT = 2;
const add = (counter: number, amount: number) => slot(ADD, counter, amount);
const slot = (opcode: number, ...args: number[]) => ({ opcode, tenant: 0, priority: 2, args });

let backend: ProcessBackend | undefined;

afterEach(async () => {
  await backend?.stop();
  backend = undefined;
});

/** A started backend, which is stopped when the test is over. */
async function started(fault = '', options: Parameters<typeof connectMini>[1] = {}): Promise<ProcessBackend> {
  backend = await connectMini(fault, options);
  await backend.start();
  return backend;
}

async function counters(of: ProcessBackend): Promise<number[]> {
  const snapshot = new Uint32Array(4);
  await of.observe(snapshot);
  return [...snapshot];
}

/** The fault of an epoch of one slot, and its evidence. */
async function faultOf(mini: ProcessBackend): Promise<BackendFaultError> {
  mini.publish(0, add(0, 1));
  return expectFault(mini.drain());
}

async function expectFault(promise: Promise<unknown>): Promise<BackendFaultError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BackendFaultError)) throw error;
  return error;
}

describe('a backend in another process', () => {
  it('is what its runner says', async () => {
    const mini = await started();
    expect(mini).toMatchObject({ name: 'mini', slotCount: 8, layout: { areas: [{ name: 'counters', words: 4 }] } });
    expect(mini.epochWord).toBeUndefined();
    expect(mini.ready.probes).toHaveLength(3);
  });

  it('runs what is published when it is drained, and starts afresh', async () => {
    const mini = await started();
    mini.publish(3, add(0, 5));
    mini.publish(1, add(2, 7));
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
    expect(await mini.drain()).toEqual({ done: 2, pending: [], faults: [] });
    expect(await counters(mini)).toEqual([5, 0, 7, 0]);
    await mini.start();
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
  });

  it('reports slots that wait and slots that fault, in the order of the slots', async () => {
    const mini = await started();
    mini.publish(6, slot(99));
    mini.publish(2, slot(98));
    mini.publish(4, slot(WAIT));
    expect(await mini.drain()).toEqual({
      done: 0,
      pending: [4],
      faults: [
        { slotIndex: 2, opcode: 98, reason: 'UNKNOWN', message: 'no job 98', words: [3, 98] },
        { slotIndex: 6, opcode: 99, reason: 'UNKNOWN', message: 'no job 99', words: [3, 99] },
      ],
    });
    expect(() => mini.publish(4, add(0, 1))).toThrow(PublishError);
    mini.publish(6, add(0, 1));
    expect(await mini.drain()).toEqual({ done: 1, pending: [4], faults: [] });
  });

  it('copies a slot when it is published', async () => {
    const mini = await started();
    const args = [0, 5];
    mini.publish(0, { opcode: ADD, tenant: 0, priority: 2, args });
    args[1] = 1_000;
    await mini.drain();
    expect((await counters(mini))[0]).toBe(5);
  });

  it('refuses what cannot be published before it is sent', async () => {
    const mini = await started();
    expect(() => mini.publish(8, add(0, 1))).toThrow('beyond the ring, which has 8 slots');
    expect(() => mini.publish(-1, add(0, 1))).toThrow(PublishError);
    expect(() => mini.publish(0, slot(ADD, ...Array(13).fill(0)))).toThrow('13 were given');
    mini.publish(0, add(0, 1));
    expect(() => mini.publish(0, add(0, 1))).toThrow('slot 0 is not free');
  });

  it('says which slot the runner refused, and why; nothing of that batch ran', async () => {
    const mini = await started();
    mini.publish(0, slot(WAIT));
    await mini.drain();
    mini.publish(1, add(0, 1));
    mini.publish(5, slot(7));
    await expect(mini.drain()).rejects.toThrow('backend mini refused slot 5: that slot is not free. Fix: ');
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
    mini.publish(5, add(0, 1));
    expect(() => mini.publish(0, add(0, 1))).toThrow('not free');
    expect(await mini.drain()).toEqual({ done: 1, pending: [0], faults: [] });
  });

  it('restores a state if the runner can, and cannot if it cannot', async () => {
    const mini = await started();
    mini.publish(0, slot(WAIT));
    await mini.drain();
    await mini.restore?.(Uint32Array.of(1, 2, 3, 4));
    expect(await counters(mini)).toEqual([1, 2, 3, 4]);
    mini.publish(0, add(0, 1));
    expect(await mini.drain()).toEqual({ done: 1, pending: [], faults: [] });
    const other = await connectMini('no-restore');
    expect(other.restore).toBeUndefined();
    await other.stop();
  });

  it('is told the options that it is given', async () => {
    // The runner does not say what it was told; that it may be told anything is what can be seen.
    const mini = await started('', { options: { seed: '7', 'of my own': '…' } });
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
  });

  it('answers messages of its own, and requests sent together in order', async () => {
    const { runner } = await started();
    const texts = ['one', 'two', 'three'];
    const answers = await Promise.all(texts.map((text) => runner.request(0x8000_0001, new TextEncoder().encode(text))));
    expect(answers.map(({ type, payload }) => [type, new TextDecoder().decode(payload)])).toEqual(
      texts.map((text) => [0x8000_0002, text]),
    );
  });

  it('hands over progress before the answer', async () => {
    const { runner } = await started('slow');
    const seen: number[][] = [];
    const onProgress = (payload: Uint8Array) => seen.push([...new Uint32Array(payload.slice().buffer)]);
    await runner.request(5, new Uint8Array(4), { onProgress });
    expect(seen).toEqual([0, 1, 2, 3].map((done) => [done, 4]));
    const broken = runner.request(5, new Uint8Array(4), {
      onProgress: () => {
        throw new Error('a listener that fails');
      },
    });
    await expect(broken).rejects.toThrow('a listener that fails');
    expect(await runner.request(9_000).catch((error: unknown) => error)).toBeInstanceOf(BackendFaultError);
    expect(runner.fault).toBeUndefined();
  });
});

describe('a runner that fails', () => {
  it.each([
    ['exit', 'crash', 'its process ended with status 3 (“out of ideas”)', { exitStatus: 3, request: 'RUN' }],
    ['crash', 'crash', 'its process ended by SIGKILL', { signal: 'SIGKILL', answered: 'HELLO 1, START 1' }],
    ['half-frame', 'crash', 'in the middle of a frame', { exitStatus: 0 }],
    ['hang', 'hang', 'RUN was not answered within 300 ms', { deadlineMs: 300, request: 'RUN' }],
    ['garbage', 'protocol', 'a frame announces', {}],
    ['huge-frame', 'protocol', 'announces 4294967295 bytes of DRAINED', {}],
    ['wrong-answer', 'protocol', 'WORDS is no answer to RUN', {}],
    ['short-answer', 'protocol', 'it ends before its pendingCount do', {}],
    ['long-answer', 'protocol', '4 bytes are left behind its end', {}],
    ['lying-count', 'protocol', 'it ends before its pending do', {}],
    ['too-many-done', 'protocol', '2 slots ended or wait, and 1 were published', {}],
    ['foreign-pending', 'protocol', 'ended or wait', {}],
    ['bad-failure', 'protocol', 'FAILED: no kind', {}],
    ['device-lost', 'device-lost', 'something is the matter', { device: 'gpu0', codes: '[1]' }],
    ['odd-kind', 'crash', 'something is the matter', { kind: 'on-fire' }],
  ])('%s: is a fault, and starts again on another process', async (fault, kind, message, evidence) => {
    const mini = await started(fault, { deadlineMs: fault === 'hang' ? 300 : 10_000 });
    const { pid } = mini.runner;
    const error = await faultOf(mini);
    expect(error).toMatchObject({ backend: 'mini', kind, evidence });
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/\. Fix: .+\.$/);
    // It is not asked again.
    expect(await expectFault(mini.drain())).toBe(error);
    await mini.start();
    expect(mini.runner.pid).not.toBe(pid);
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
    expect(isAlive(pid)).toBe(false);
  });

  it.each([
    ['short-words', (mini: ProcessBackend) => counters(mini), 'WORDS has 12 bytes, expected 16'],
    ['full-done', (mini: ProcessBackend) => mini.start(), 'DONE has 4 bytes, expected none'],
    ['talkative', (mini: ProcessBackend) => mini.start().then(() => counters(mini)), 'came without a request'],
  ])('%s: breaks the protocol', async (fault, call, message) => {
    backend = await connectMini(fault);
    const error = await expectFault(call(backend).then(() => expectLater(backend!)));
    expect({ kind: error.kind, message: error.message }).toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(new RegExp(`${message}|WORDS is no answer|DONE is no answer`)),
    });
  });

  /** Whatever was said too much is noticed with the next request at the latest. */
  const expectLater = (mini: ProcessBackend) => counters(mini).then(() => counters(mini));

  it('refuses an odd refusal', async () => {
    const mini = await started('odd-refusal');
    mini.publish(0, slot(7));
    expect((await expectFault(mini.drain())).message).toContain('position 99 of a RUN of 1 slots');
  });

  it('may be usable all the same', async () => {
    const mini = await started('usable');
    const error = await faultOf(mini);
    expect(error).toMatchObject({ kind: 'out-of-memory', fix: 'buy more.' });
    expect(mini.runner.fault).toBeUndefined();
    expect(await counters(mini)).toEqual([0, 0, 0, 0]);
  });

  it('keeps its last words, however many there were', async () => {
    const error = await faultOf(await started('loud'));
    expect(error.message).toContain('the last word');
    expect(String(error.evidence['standardError'])).toHaveLength(4_096);
  });
});

describe('a runner that does not get as far', () => {
  it.each([
    ['other-version', 'unavailable', 'it speaks version 2 of the protocol, and vrrl speaks version 1'],
    ['no-version', 'protocol', 'version is no number'],
    ['other-protocol', 'protocol', 'protocol is not "vrrl-backend"'],
    ['no-layout', 'protocol', 'the layout has no area'],
    ['odd-layout', 'protocol', 'layout is none'],
    ['huge-layout', 'protocol', 'is more than the 268435456 of a frame'],
    ['no-slots', 'protocol', 'slotCount is not from 1'],
    ['small-frames', 'protocol', 'maxPayloadBytes is less than the 516'],
    ['foreign-kernel', 'protocol', 'a kernel that was not offered'],
    ['nameless', 'protocol', 'name is no text'],
    ['odd-probe', 'protocol', 'probe 0 is no slot'],
    ['unavailable', 'unavailable', 'something is the matter'],
    ['exit-at-start', 'crash', 'its process ended with status 7 (“no such device”)'],
    ['says-nothing', 'hang', 'HELLO was not answered within 400 ms'],
  ])('%s', async (fault, kind, message) => {
    const deadlineMs = fault === 'says-nothing' ? 400 : 10_000;
    const error = await expectFault(connectMini(fault, { deadlineMs, graceMs: 500 }));
    expect(error).toMatchObject({ kind });
    expect(error.message).toContain(message);
  });

  it.each([['/nowhere/at/all'], ['/etc/passwd'], ['/']])('%s is no program', async (program) => {
    const error = await expectFault(ProcessBackend.connect({ command: [program] }));
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(error.message).toContain('it cannot be started');
  });

  it('has a name that fits a terminal', async () => {
    backend = await connectMini('odd-name');
    expect(backend.name).toBe('a [31m b');
  });
});

describe('stopping', () => {
  it('can be said twice, and before a start; a later start makes another process', async () => {
    const mini = await started();
    const { pid } = mini.runner;
    await Promise.all([mini.stop(), mini.stop()]);
    await mini.stop();
    expect(isAlive(pid)).toBe(false);
    expect(() => mini.publish(0, add(0, 1))).toThrow('it is not running');
    await mini.start();
    mini.publish(0, add(0, 1));
    expect(await mini.drain()).toMatchObject({ done: 1 });
  });

  it.each(['deaf-on-stop', 'immortal', 'hang'])('ends a runner that will not: %s', async (fault) => {
    const mini = await started(fault, { graceMs: 200 });
    const { pid } = mini.runner;
    const draining = fault === 'hang' ? faultOf(mini) : undefined;
    await mini.stop();
    expect(isAlive(pid)).toBe(false);
    if (draining !== undefined) expect(await draining).toMatchObject({ kind: 'unavailable' });
  });

  it('ends what the runner started', async () => {
    const script = `sleep 1000 & exec ${miniCommand()
      .map((word) => `'${word}'`)
      .join(' ')}`;
    backend = await ProcessBackend.connect({ command: ['/bin/sh', '-c', script] });
    await backend.start();
    const { pid } = backend.runner;
    expect(membersOf(pid)).toHaveLength(2);
    await backend.stop();
    expect(membersOf(pid)).toEqual([]);
  });

  it('leaves nothing behind after a hundred rounds', async () => {
    const mini = await started();
    await mini.stop();
    const before = openFiles();
    for (let round = 0; round < 100; round += 1) {
      await mini.start();
      if (round % 4 === 0) {
        mini.publish(0, add(0, 1));
        await mini.drain();
      }
      if (round % 4 === 1) process.kill(mini.runner.pid, 'SIGKILL');
      await mini.stop();
    }
    expect(openFiles()).toBeLessThanOrEqual(before);
    expect(childrenOfOurs()).toEqual([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function processes(): { pid: number; parent: number; group: number; command: string }[] {
  const text = execFileSync('ps', ['-eo', 'pid=,ppid=,pgid=,args='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, group, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), group: Number(group), command }];
  });
}

function membersOf(group: number): number[] {
  return processes().flatMap((each) => (each.group === group && !each.command.includes('<defunct>') ? [each.pid] : []));
}

function childrenOfOurs(): string[] {
  return processes().flatMap((each) =>
    each.parent === process.pid && each.command.includes('mini-runner') ? [each.command] : [],
  );
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}
