/**
 * Accidents on order, for tests only: what a driver does once in a thousand hours has to happen when a test wants it.
 *
 *   VRRL_GPU_TEST='destroy 3'   the device is destroyed right after the third submission to its queue
 *   VRRL_GPU_TEST='exit 3'      the process ends with status 86
 *   VRRL_GPU_TEST='hang 3'      the process does nothing any more
 *
 * With 0, `exit` and `hang` happen as soon as there is an adapter, and so to processes that are only asked which one.
 */

import { VrrlError } from '../../src/base/errors.ts';

const VARIABLE = 'VRRL_GPU_TEST';

class TestHookError extends VrrlError {
  readonly code = 'VRRL_GPU_TEST_HOOK';
}

type Accident = (device: GPUDevice | undefined) => void;

const ACCIDENTS: Readonly<Record<string, Accident>> = {
  destroy: (device) => device?.destroy(),
  exit: () => process.exit(86),
  hang: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

interface Order {
  readonly accident: Accident;
  readonly submissions: number;
}

function order(): Order | undefined {
  const text = process.env[VARIABLE];
  if (text === undefined || text === '') return undefined;
  const [, name = '', submissions] = /^(\w+) (\d+)$/.exec(text) ?? [];
  const accident = ACCIDENTS[name];
  if (accident !== undefined) return { accident, submissions: Number(submissions) };
  throw new TestHookError(
    `${VARIABLE} is "${text}"`,
    `leave it out, or order one of ${Object.keys(ACCIDENTS)} and when.`,
  );
}

/** Called when there is an adapter. */
export function adapterHook(): void {
  const ordered = order();
  if (ordered?.submissions === 0) ordered.accident(undefined);
}

/** Called when there is a device. */
export function deviceHook(device: GPUDevice): void {
  const ordered = order();
  if (ordered === undefined) return;
  const { queue } = device;
  const submit = queue.submit.bind(queue);
  let left = ordered.submissions;
  queue.submit = (commands) => {
    submit(commands);
    left -= 1;
    if (left === 0) ordered.accident(device);
  };
}
