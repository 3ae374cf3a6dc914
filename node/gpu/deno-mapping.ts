/**
 * Reads back from a buffer without the ten milliseconds that Deno adds.
 *
 * Its `mapAsync` first waits for the device, in the call itself, and then sleeps once before it looks whether the buffer is
 * mapped by now (ext/webgpu/buffer.rs, `map_async`): a hundred epochs a second at most, whatever the device takes. So the
 * buffer itself is asked, and the promise is waited for only if the buffer says no.
 */

/** Asked of a buffer that was never mapped to its end, Deno may fail on what only that end sets. */
const mappedBefore = new WeakSet<GPUBuffer>();

export function mapWithoutDelay(): void {
  const { prototype } = GPUBuffer;
  const { mapAsync } = prototype;
  prototype.mapAsync = async function (this: GPUBuffer, ...args) {
    const mapping = mapAsync.apply(this, args);
    if (!mappedBefore.has(this) || !isMapped(this)) {
      await mapping;
      mappedBefore.add(this);
      return;
    }
    // It settles when nobody waits any more, and what it would say then is of no interest.
    mapping.catch(() => {});
    // Events of the device and requests of the host need a turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
  };
}

function isMapped(buffer: GPUBuffer): boolean {
  try {
    // Of no bytes: ranges that were handed out must not overlap.
    buffer.getMappedRange(0, 0);
    return true;
  } catch {
    return false;
  }
}
