import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FlightLog,
  flightLogBytes,
  MemoryMedium,
  PAGE_BYTES,
  rebuildFlightLog,
  scanFlightLog,
} from '../../../src/log-v2/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';

const history = fc.record({
  capacity: fc.integer({ min: 1, max: 70 }),
  records: fc.integer({ min: 1, max: 200 }),
  firstSequence: fc.constantFrom(1, 2, 1_001, 2 ** 40),
  journalBytes: fc.constantFrom(0, 8_192),
  noteBytes: fc.constantFrom(0, 5_000),
  reopenings: fc.integer({ min: 0, max: 2 }),
});

type History = typeof history extends fc.Arbitrary<infer Value> ? Value : never;

function makeLog({ capacity, records, firstSequence, journalBytes, noteBytes, reopenings }: History): Uint8Array {
  const options = {
    capacity,
    firstSequence,
    journalBytes,
    metadata: { tool: 'test', note: 'x'.repeat(noteBytes) },
  };
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  let log = FlightLog.create(medium, options);
  for (let each = 0; each < records; each += 1) {
    log.append({ timestampNs: BigInt(each), slotIndex: each, tenantId: 1, opcode: 2, args: [3, each], epoch: 4 });
    if (reopenings > 0 && each % Math.ceil(records / (reopenings + 1)) === 0) {
      log.close();
      log = FlightLog.open(medium);
    }
  }
  log.close();
  return medium.toBytes();
}

describe('a log without superblocks', () => {
  test('reads as it did with them', () => {
    fc.assert(
      fc.property(history, fc.boolean(), (made, losesMetadata) => {
        const bytes = makeLog(made);
        const whole = scanFlightLog(new MemoryStorage(bytes.slice()));
        bytes.fill(0xa5, 0, 2 * PAGE_BYTES);
        const { metadataOffset, metadataCopyOffset } = whole.superblock.geometry;
        if (losesMetadata) for (const offset of [metadataOffset, metadataCopyOffset]) bytes[offset + 17] ^= 0xff;
        const rebuilt = rebuildFlightLog(new MemoryStorage(bytes));
        expect(rebuilt).toBeDefined();
        const scan = scanFlightLog(rebuilt?.storage ?? new MemoryStorage());
        expect([...scan.columns.sequence]).toEqual([...whole.columns.sequence]);
        expect([...scan.columns.args]).toEqual([...whole.columns.args]);
        // Without metadata, a ring that did not begin with 1 may have any size, and what lies behind it may pass for lost.
        const isSizeKnown = !losesMetadata || made.firstSequence === 1;
        // What is damaged there may pass for the start of an append, which loses nothing.
        if (isSizeKnown) expect({ ...scan.loss, unfinished: 0 }).toEqual({ ...whole.loss, unfinished: 0 });
        expect(scan.metadata).toEqual(losesMetadata ? undefined : whole.metadata);
      }),
      { numRuns: 150 },
    );
  });

  test('of which nothing is a record is none', () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 40_000 });
    fc.assert(
      fc.property(bytes, (content) => void expect(rebuildFlightLog(new MemoryStorage(content))).toBeUndefined()),
    );
  });
});
