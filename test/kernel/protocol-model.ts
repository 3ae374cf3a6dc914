/**
 * The megakernel protocol once more, written from its tables as plainly as possible and with its numbers spelled out:
 * what the kernel of `builtin.ts` is compared with. It knows nothing of kernels as data.
 */

import type { Slot } from '../../src/backend/index.ts';

/** A fault as the model tells it; the place in the kernel is not the protocol's business. */
export interface ModelFault {
  readonly slotIndex: number;
  readonly opcode: number;
  readonly reason: 'OUT_OF_RANGE' | 'NO_HANDLER';
  readonly message: string;
}

export interface ModelReport {
  readonly done: number;
  readonly pending: readonly number[];
  readonly faults: readonly ModelFault[];
}

interface ModelSlot {
  status: 'EMPTY' | 'PUBLISHED' | 'DONE';
  readonly opcode: number;
  readonly tenant: number;
  readonly args: readonly number[];
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'STORE_U32',
  2: 'ATOMIC_ADD',
  3: 'LOAD_U32',
  4: 'COMPARE_SWAP',
  5: 'MEMCPY',
};

/** Thrown where an opcode has to stop; what it did before stays done. */
class Fault {
  readonly reason: ModelFault['reason'];
  readonly message: string;

  constructor(reason: ModelFault['reason'], message: string) {
    this.reason = reason;
    this.message = message;
  }
}

export class ProtocolModel {
  readonly control: number[];
  readonly debug: number[] = Array(1 + 64 * 4).fill(0);
  readonly #slots: (ModelSlot | undefined)[] = [];
  #waiting: number[] = [];

  constructor(controlWords: number, tenantCount: number) {
    this.control = Array(controlWords).fill(0);
    this.control[2] = 3;
    for (let tenant = 0; tenant < tenantCount; tenant += 1) {
      this.control[3 + tenant] = 0xffff_ffff;
      this.control[32 + tenant] = 1_000_000;
    }
  }

  publish(slotIndex: number, slot: Slot): void {
    const args = Array.from({ length: 12 }, (_, index) => slot.args[index] ?? 0);
    this.#slots[slotIndex] = { status: 'PUBLISHED', opcode: slot.opcode, tenant: slot.tenant, args };
    this.#waiting.push(slotIndex);
  }

  /** One lane after the other, in the order of publishing. */
  drain(): ModelReport {
    const faults: ModelFault[] = [];
    let done = 0;
    const pending: number[] = [];
    for (const slotIndex of this.#waiting) {
      const slot = this.#slots[slotIndex]!;
      try {
        this.#turn(slotIndex, slot);
        if (slot.status === 'DONE') done += 1;
        else pending.push(slotIndex);
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault;
        slot.status = 'EMPTY';
        faults.push({ slotIndex, opcode: slot.opcode, reason: fault.reason, message: fault.message });
      }
    }
    this.#waiting = pending;
    faults.sort((left, right) => left.slotIndex - right.slotIndex);
    return { done, pending: [...pending], faults };
  }

  /** The host takes the records, and the cursor starts over. */
  observe(): number[] {
    const snapshot = [...this.control, ...this.debug];
    this.debug[0] = 0;
    return snapshot;
  }

  #turn(slotIndex: number, slot: ModelSlot): void {
    if (this.control[0] !== 0) return;
    if (slot.status !== 'PUBLISHED') return;
    if (this.#read('turn', this.control[2] + slot.tenant) === 0) return;
    this.#count(slot.opcode);
    if (slot.opcode === 0x8000_0001) this.#runPacked(slotIndex, slot.args);
    else this.#run(slotIndex, slot.opcode, slot.args, 'turn');
    this.control[1] = wrap(this.control[1] + 1);
    slot.status = 'DONE';
  }

  #count(opcode: number): void {
    if (opcode < 32) this.control[96 + opcode] = wrap(this.control[96 + opcode] + 1);
  }

  #run(slotIndex: number, opcode: number, [a0, a1, a2]: readonly number[], caller: string): void {
    const name = NAMES[opcode];
    switch (opcode) {
      case 0:
        return;
      case 1:
        return this.#write(name, a1, a0);
      case 2:
        return this.#write(name, a1, this.#read(name, a1) + a0);
      case 3:
        return this.#write(name, 160 + a1, this.#read(name, a0));
      case 4: {
        const old = this.#read(name, a0);
        if (old === a1) this.#write(name, a0, a2);
        return this.#write(name, 160 + a0, old);
      }
      case 5:
        for (let index = 0; index < a2; index += 1) this.#write(name, a1 + index, this.#read(name, a0 + index));
        return;
      case 7:
        this.control[128] = wrap(this.control[128] + 1);
        this.control[160] = a1;
        return;
      case 0xfffe:
        return this.#print([a0, a1, a2, slotIndex * 16]);
      case 0xffff_ffff:
        this.control[0] = 1;
        return;
      default:
        throw new Fault('NO_HANDLER', `${caller} found no handler for opcode 0x${opcode.toString(16)}`);
    }
  }

  #runPacked(slotIndex: number, payload: readonly number[]): void {
    const bytes = payload.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff));
    const count = Math.min(bytes[0], 4);
    const metadataWords = Math.ceil((2 + 2 * count) / 4);
    for (let inner = 0; inner < count; inner += 1) {
      const opcode = bytes[2 + 2 * inner];
      const start = metadataWords + bytes[3 + 2 * inner];
      if (start + 3 > 12) continue;
      this.#count(opcode);
      this.#run(slotIndex, opcode, payload.slice(start, start + 3), 'PACKED_SLOT');
    }
  }

  #print(record: readonly number[]): void {
    const cursor = this.debug[0];
    this.debug[0] = wrap(cursor + 4);
    if (cursor + 4 > 256) return;
    for (const [index, word] of record.entries()) this.debug[1 + cursor + index] = word;
  }

  #read(name: string, index: number): number {
    return this.control[this.#reach(name, index)];
  }

  #write(name: string, index: number, value: number): void {
    this.control[this.#reach(name, index)] = wrap(value);
  }

  #reach(name: string, index: number): number {
    const word = wrap(index);
    if (word < this.control.length) return word;
    const message = `${name} reached control[${word}], which has ${this.control.length} words`;
    throw new Fault('OUT_OF_RANGE', message);
  }
}

function wrap(value: number): number {
  return value % 2 ** 32;
}

/** The argument words of a PACKED_SLOT: pairs of opcode and argument offset, then the words that the offsets count in. */
export function packedArguments(
  pairs: readonly (readonly [opcode: number, offset: number])[],
  words: readonly number[],
): number[] {
  const kept = pairs.slice(0, 4);
  const bytes = [pairs.length, words.length, ...kept.flat()];
  const metadata = Array.from({ length: Math.ceil(bytes.length / 4) }, (_, word) =>
    [0, 1, 2, 3].reduce((sum, byte) => sum + (bytes[4 * word + byte] ?? 0) * 256 ** byte, 0),
  );
  return [...metadata, ...words].slice(0, 12);
}
