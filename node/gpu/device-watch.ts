/** Watches a device that may be lost, or out of memory, at any moment: whoever waits for it is told so at once. */

import { type Awaitable, asBackendFault, BackendFaultError, type BackendFaultKind } from '../../src/backend/index.ts';
import { VrrlError } from '../../src/base/errors.ts';

/** Errors of these classes are caught where they happen. */
const SCOPES = ['validation', 'internal', 'out-of-memory'] as const;
/** A call may fail before the device says why. */
const REASON_GRACE_MS = 100;

export class DeviceWatch {
  readonly #device: GPUDevice;
  readonly #name: string;
  /** What ends those who wait. A promise that they all race against would remember each of them for ever. */
  readonly #waiting = new Set<(fault: BackendFaultError) => void>();
  #fault: BackendFaultError | undefined;

  constructor(device: GPUDevice, name: string) {
    this.#device = device;
    this.#name = name;
    void device.lost.then(({ reason, message }) => this.#fail(this.#lost(reason, message)));
    device.addEventListener('uncapturederror', (event) => {
      // Dawn would print it.
      event.preventDefault();
      this.#fail(this.#reported(event.error));
    });
  }

  /** What went wrong with the device. It stays so. */
  get fault(): BackendFaultError | undefined {
    return this.#fault;
  }

  /** @throws BackendFaultError if the device is no good any more. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /**
   * Does something on the device.
   *
   * @throws BackendFaultError as soon as the device is lost, whatever becomes of the work; an error that is neither the
   * device's nor the driver's is passed on as it is.
   */
  async during<T>(work: () => Awaitable<T>): Promise<T> {
    this.check();
    try {
      // An async function: what it throws at once has to be told like what it throws later.
      const value = await this.#unlessBroken((async () => work())());
      this.check();
      return value;
    } catch (error) {
      throw await this.#explained(error);
    }
  }

  /** The same for work that makes buffers and pipelines: whatever the device refuses is known when it is over. */
  async duringSetup<T>(work: () => Awaitable<T>): Promise<T> {
    return this.during(async () => {
      for (const scope of SCOPES) this.#device.pushErrorScope(scope);
      const outcome = await settled(work);
      const errors = await Promise.all(SCOPES.map(() => this.#device.popErrorScope()));
      const error = errors.find((each) => each !== null);
      if (error) throw this.#reported(error);
      if ('thrown' in outcome) throw outcome.thrown;
      return outcome.value;
    });
  }

  #fail(fault: BackendFaultError): void {
    this.#fault ??= fault;
    for (const end of this.#waiting) end(this.#fault);
  }

  /** What comes of the work, or the fault if that comes first. */
  #unlessBroken<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const done = () => this.#waiting.delete(reject);
      work.then(resolve, reject).then(done, done);
    });
  }

  async #explained(error: unknown): Promise<unknown> {
    if (this.#fault !== undefined) return this.#fault;
    if (error instanceof VrrlError) return error;
    const grace = new Promise((resolve) => setTimeout(resolve, REASON_GRACE_MS));
    await this.#unlessBroken(grace).catch(() => {});
    return this.#fault ?? (isGpuError(error) ? this.#reported(error) : asBackendFault(error, this.#name));
  }

  #lost(reason: string, message: string): BackendFaultError {
    const what = message === '' ? `the device was lost (${reason})` : `the device was lost (${reason}): ${message}`;
    return new BackendFaultError(this.#name, 'device-lost', what, LOST_FIX, { reason });
  }

  #reported(error: GPUError): BackendFaultError {
    const kind = kindOf(error);
    const fix = kind === 'out-of-memory' ? MEMORY_FIX : CRASH_FIX;
    const what = kind === 'out-of-memory' ? 'the device is out of memory' : 'the driver refused a call';
    return new BackendFaultError(this.#name, kind, `${what}: ${error.message}`, fix, { error: nameOf(error) });
  }
}

const LOST_FIX = 'look for a kernel that runs for too long, or a driver that was restarted (dmesg); then try again.';
const MEMORY_FIX = 'use fewer replicas at once or a smaller kernel, or end what else uses the device.';
const CRASH_FIX = 'report this with the kernel (vrrl kernel --json) and what vrrl doctor says.';

type Outcome<T> = { readonly value: T } | { readonly thrown: unknown };

async function settled<T>(work: () => Awaitable<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (thrown) {
    return { thrown };
  }
}

/** By name: the classes are another's in each stack. */
function nameOf(error: object): string {
  return error.constructor.name;
}

function isGpuError(error: unknown): error is GPUError {
  return typeof error === 'object' && error !== null && /^GPU\w*Error$/.test(nameOf(error));
}

function kindOf(error: GPUError): BackendFaultKind {
  return nameOf(error) === 'GPUOutOfMemoryError' ? 'out-of-memory' : 'crash';
}
