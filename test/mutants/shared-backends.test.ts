import { expect, test, vi } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { SharedBackends } from '../../src/mutants/index.ts';

function setUp() {
  const kernels = [4, 8, 16, 32].map((slotCount) => defineKernel({ name: 'k', slotCount, observableWords: 4 }));
  const stopped: number[] = [];
  const make = vi.fn((kernel) => {
    const backend = new ReferenceBackend(kernel);
    vi.spyOn(backend, 'stop').mockImplementation(() => void stopped.push(kernel.slotCount));
    return backend;
  });
  return { kernels, stopped, make, shared: new SharedBackends(make) };
}

test('a backend that was given back is there for whoever wants the same kernel next', async () => {
  const { kernels, stopped, make, shared } = setUp();
  const backend = await shared.take(kernels[0]);
  const meanwhile = await shared.take(kernels[0]);
  expect(meanwhile).not.toBe(backend);
  await shared.giveBack(kernels[0], backend, false);
  expect(await shared.take({ ...kernels[0] })).toBe(backend);
  expect(make).toHaveBeenCalledTimes(2);
  expect(stopped).toEqual([]);
});

test('one that is broken is stopped at once, the oldest of many when there are more, the rest at the end', async () => {
  const { kernels, stopped, shared } = setUp();
  const backends = await Promise.all(kernels.map((kernel) => shared.take(kernel)));
  await shared.giveBack(kernels[3], backends[3], true);
  expect(stopped).toEqual([32]);
  for (const index of [0, 1, 2]) await shared.giveBack(kernels[index], backends[index], false);
  expect(stopped).toEqual([32, 4]);
  await shared.stop();
  expect(stopped).toEqual([32, 4, 8, 16]);
});
