/** What becomes of requests when a device goes wrong, on a device that does so on order. */

import { describe, expect, it } from 'vitest';
import { DeviceWatch } from '../../node/gpu/device-watch.ts';
import { BackendFaultError } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';

class GPUOutOfMemoryError {
  readonly message = 'no room for 5 bytes';
}

class GPUValidationError {
  readonly message = 'that is no buffer';
}

/** As much of a device as is watched. */
class FakeDevice extends EventTarget {
  lose: (info: { reason: string; message: string }) => void = () => {};
  readonly lost = new Promise((resolve) => {
    this.lose = resolve;
  });
  readonly scopes: string[] = [];
  /** Handed over by the scope that is popped next. */
  scopeError: object | null = null;

  pushErrorScope(scope: string): void {
    this.scopes.push(scope);
  }

  async popErrorScope(): Promise<object | null> {
    this.scopes.pop();
    const error = this.scopeError;
    this.scopeError = null;
    return error;
  }

  report(error: object): Event {
    const event = Object.assign(new Event('uncapturederror', { cancelable: true }), { error });
    this.dispatchEvent(event);
    return event;
  }
}

function watched(): { device: FakeDevice; watch: DeviceWatch } {
  const device = new FakeDevice();
  // It has what the watch uses.
  return { device, watch: new DeviceWatch(device as unknown as GPUDevice, 'dawn') };
}

const never = () => new Promise<never>(() => {});

async function faultOf(promise: Promise<unknown>): Promise<Pick<BackendFaultError, 'kind' | 'what' | 'evidence'>> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BackendFaultError)) throw error;
  expect(error.fix).toMatch(/\.$/);
  return error;
}

describe('a device that is watched', () => {
  it('passes on what comes of the work', async () => {
    const { watch, device } = watched();
    expect(await watch.during(() => 5)).toBe(5);
    expect(await watch.duringSetup(async () => 'six')).toBe('six');
    expect(device.scopes).toEqual([]);
    expect(watch.fault).toBeUndefined();
  });

  it('that is lost ends the request in flight at once, and refuses all others', async () => {
    const { watch, device } = watched();
    const waiting = watch.during(never);
    device.lose({ reason: 'unknown', message: 'the bus fell off' });
    const lost = { kind: 'device-lost', what: 'backend dawn: the device was lost (unknown): the bus fell off' };
    expect(await faultOf(waiting)).toMatchObject({ ...lost, evidence: { reason: 'unknown' } });
    expect(await faultOf(watch.during(() => 5))).toMatchObject(lost);
    expect(await faultOf(watch.duringSetup(() => 5))).toMatchObject(lost);
    expect(() => watch.check()).toThrow(BackendFaultError);
  });

  it('is lost, and not whatever the call says that notices first', async () => {
    const { watch, device } = watched();
    const call = watch.during(async () => {
      setTimeout(() => device.lose({ reason: 'destroyed', message: '' }), 5);
      throw new DOMException('the buffer was destroyed', 'AbortError');
    });
    expect(await faultOf(call)).toMatchObject({ kind: 'device-lost', evidence: { reason: 'destroyed' } });
  });

  it.each([
    [new GPUOutOfMemoryError(), 'out-of-memory', 'backend dawn: the device is out of memory: no room for 5 bytes'],
    [new GPUValidationError(), 'crash', 'backend dawn: the driver refused a call: that is no buffer'],
  ])('that reports %o fails, in a scope and outside', async (error, kind, what) => {
    const { watch, device } = watched();
    device.scopeError = error;
    expect(await faultOf(watch.duringSetup(() => 5))).toMatchObject({ kind, what });
    const waiting = watch.during(never);
    // Dawn prints what nobody has taken.
    expect(device.report(error).defaultPrevented).toBe(true);
    expect(await faultOf(waiting)).toMatchObject({ kind, what });
    expect(await faultOf(watch.during(() => 5))).toMatchObject({ kind, what });
  });

  it('has nothing to do with what is wrong elsewhere', async () => {
    const { watch } = watched();
    const refused = new InputError('it is too long', 'make it shorter.');
    await expect(watch.duringSetup(() => Promise.reject(refused))).rejects.toBe(refused);
    expect(await faultOf(watch.during(() => Promise.reject(new TypeError('oh'))))).toMatchObject({ kind: 'crash' });
    expect(await watch.during(() => 5)).toBe(5);
  });
});
