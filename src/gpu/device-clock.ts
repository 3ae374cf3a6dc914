/** How long a device was busy, by its own timestamps where it has them; and when a submission is through. */

const STAMP_BYTES = 8;
const STAMPS = 2;

/** What timestamps are written to, resolved to and read from. */
interface Stamps {
  readonly set: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly readable: GPUBuffer;
}

export class DeviceClock {
  readonly #device: GPUDevice;
  readonly #stamps: Stamps | undefined;
  #elapsedNs = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
    if (!device.features.has('timestamp-query')) return;
    const size = STAMPS * STAMP_BYTES;
    this.#stamps = {
      set: device.createQuerySet({ type: 'timestamp', count: STAMPS }),
      resolved: device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
      readable: device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ }),
    };
  }

  /** Since the last reset; undefined where the device has no timestamps. */
  get elapsedMs(): number | undefined {
    return this.#stamps === undefined ? undefined : this.#elapsedNs / 1e6;
  }

  reset(): void {
    this.#elapsedNs = 0;
  }

  /** For the only pass of a submission. */
  passDescriptor(): GPUComputePassDescriptor {
    if (this.#stamps === undefined) return {};
    const { set: querySet } = this.#stamps;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } };
  }

  /** Behind that pass, in the same submission. */
  resolve(encoder: GPUCommandEncoder): void {
    if (this.#stamps === undefined) return;
    const { set, resolved, readable } = this.#stamps;
    encoder.resolveQuerySet(set, 0, STAMPS, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, STAMPS * STAMP_BYTES);
  }

  /** Waits for everything that was submitted, and adds what it took. */
  async finish(): Promise<void> {
    if (this.#stamps === undefined) return await this.#device.queue.onSubmittedWorkDone();
    const { readable } = this.#stamps;
    await readable.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(readable.getMappedRange());
    // Some drivers reset their counters in between; a stretch that ends before it begins says nothing.
    if (end > begin) this.#elapsedNs += Number(end - begin);
    readable.unmap();
  }

  destroy(): void {
    if (this.#stamps === undefined) return;
    const { set, resolved, readable } = this.#stamps;
    for (const each of [set, resolved, readable]) each.destroy();
  }
}
