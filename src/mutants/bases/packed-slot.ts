import { Opcode, PACKED_ARGUMENT_COUNT } from '../../protocol/index.ts';
import type { SlotRequest } from '../../record/index.ts';

/** A slot that packs others, of at most three arguments each, as the protocol lays them out. At most two leave room for a lot. */
export function packedSlot(inner: readonly SlotRequest[]): SlotRequest {
  const bytes = [inner.length, inner.length * PACKED_ARGUMENT_COUNT];
  for (const [index, { opcode }] of inner.entries()) bytes.push(opcode, index * PACKED_ARGUMENT_COUNT);
  const metadata = new Array<number>(Math.ceil(bytes.length / 4)).fill(0);
  for (const [index, byte] of bytes.entries()) metadata[index >> 2] |= byte << (8 * (index & 3));
  const args = inner.flatMap((slot) => [...(slot.args ?? []), 0, 0, 0].slice(0, PACKED_ARGUMENT_COUNT));
  return { opcode: Opcode.PACKED_SLOT, args: [...metadata.map((word) => word >>> 0), ...args] };
}
