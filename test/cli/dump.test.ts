import { readFileSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RingLog } from '../../node/ring-log.ts';
import { HEADER_BYTES, type LogRecord, RECORD_BYTES } from '../../src/log/index.ts';
import { vrrl } from './fake-io.ts';
import { damageRecord, GOLDEN, GOLDEN_NAMES, goldenLog, patch, temporaryFolder } from './files.ts';
import { expectValid } from './schemas.ts';

const folder = temporaryFolder();

describe('dump of the golden logs', () => {
  test.each(GOLDEN_NAMES)('%s: the text is that of the reference reader, byte for byte', async (name) => {
    const { exitCode, out, err } = await vrrl(['dump', goldenLog(name)]);
    expect(out).toBe(readFileSync(`${GOLDEN}/${name}.txt`, 'utf8'));
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  });

  test.each(GOLDEN_NAMES)('%s: --strict prints the same', async (name) => {
    const { exitCode, out } = await vrrl(['dump', '--strict', goldenLog(name)]);
    expect(out).toBe(readFileSync(`${GOLDEN}/${name}.txt`, 'utf8'));
    expect(exitCode).toBe(0);
  });

  test.each(GOLDEN_NAMES)('%s: the same from standard input, in pieces', async (name) => {
    const bytes = readFileSync(goldenLog(name));
    const input = [bytes.subarray(0, 7), bytes.subarray(7, 40), bytes.subarray(40)];
    const { out } = await vrrl(['dump', '-'], { input });
    expect(out).toBe(readFileSync(`${GOLDEN}/${name}.txt`, 'utf8'));
  });

  test.each(GOLDEN_NAMES)('%s: --json says the same as the text', async (name) => {
    const { out } = await vrrl(['dump', '--json', goldenLog(name)]);
    const [, ...textLines] = readFileSync(`${GOLDEN}/${name}.txt`, 'utf8').trimEnd().split('\n');
    const asText = parseLines(out).map((line) => {
      const { timestampNs, slotIndex, tenantId, opcode, args, epoch } = line;
      return [timestampNs, slotIndex, tenantId, opcode, ...args, epoch].join(' ');
    });
    expect(asText).toEqual(textLines);
  });
});

interface Line {
  readonly timestampNs: string;
  readonly slotIndex: number;
  readonly tenantId: number;
  readonly opcode: number;
  readonly args: readonly number[];
  readonly epoch: number;
  readonly failure?: object;
}

/** Lines of JSON, each checked against its schema. */
function parseLines(out: string): Line[] {
  return out
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const value: Line = JSON.parse(line);
      expectValid('dump-record', value);
      return value;
    });
}

describe('dump --json', () => {
  test('has the members of the contract in their order, and the evidence on its record', async () => {
    const { out } = await vrrl(['dump', '--json', goldenLog('failure-tail-8x13')]);
    const members = ['timestampNs', 'slotIndex', 'tenantId', 'opcode', 'args', 'epoch'];
    const lines = parseLines(out);
    for (const line of lines) {
      const hasEvidence = line.timestampNs === '1700000000000008000';
      expect(Object.keys(line)).toEqual(hasEvidence ? [...members, 'failure'] : members);
    }
    const failures = lines.filter((line) => line.failure !== undefined);
    expect(failures).toHaveLength(1);
    expect(JSON.stringify(failures[0].failure)).toBe(
      '{"slotStatus":7,"failureClass":"deviceLoss","backendCode":3257496,"outputDigest":"31b498c8e4b81b7f"}',
    );
  });

  test('is what JSON.stringify makes of every kind of record', async () => {
    const records: LogRecord[] = [0, 1, 2, 3, 4, 9].map((failureClass, index) => ({
      timestampNs: index === 0 ? 0n : 2n ** 64n - BigInt(index),
      slotIndex: 0xffff_ffff - index,
      tenantId: index,
      opcode: 0x8000_0001,
      args: [0, 0xffff_ffff, index, 1],
      epoch: 0xffff_fffe,
      failure: { slotStatus: index, failureClass, backendCode: 0xffff_ffff, outputDigest: 0x0123n },
    }));
    const log = RingLog.open(folder.at('kinds.vrrl'), 8);
    log.appendMany(records);
    log.close();
    const { out } = await vrrl(['dump', '--json', folder.at('kinds.vrrl')]);
    const lines = parseLines(out);
    expect(out).toBe(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(lines.map(({ failure }) => (failure as { failureClass: string }).failureClass)).toEqual([
      'none',
      'deviceLoss',
      'transientQueue',
      'programBug',
      'unclassified',
      'class9',
    ]);
    expect(lines[3]).toMatchObject({ timestampNs: '18446744073709551613', slotIndex: 4294967292 });
  });

  test('is empty for an empty log', async () => {
    RingLog.open(folder.at('empty.vrrl'), 3).close();
    expect(await vrrl(['dump', '--json', folder.at('empty.vrrl')])).toMatchObject({ exitCode: 0, out: '', err: '' });
    expect((await vrrl(['dump', folder.at('empty.vrrl')])).out).toBe('capacity 3 cursor 0\n');
  });
});

describe('dump of damaged logs', () => {
  const expected = (name: string) => readFileSync(`${GOLDEN}/${name}.txt`, 'utf8').trimEnd().split('\n');
  const copyOf = (name: string) => folder.write(`${name}.vrrl`, readFileSync(goldenLog(name)));

  test('goes on with the rest, counts the loss, and ends with 3', async () => {
    const log = damageRecord(copyOf('fresh-8x5'), 1);
    const { exitCode, out, err } = await vrrl(['dump', log]);
    const [head, first, , ...rest] = expected('fresh-8x5');
    expect(out.trimEnd().split('\n')).toEqual([head, first, ...rest]);
    expect(err).toContain('recordDamaged');
    expect(err).toContain('1 record lost');
    expect(exitCode).toBe(3);
  });

  test('a record torn by the end of the file, and records beyond it, are counted', async () => {
    const log = copyOf('fresh-8x5');
    truncateSync(log, HEADER_BYTES + 3 * RECORD_BYTES + 10);
    const { exitCode, out, err } = await vrrl(['dump', '--json', log]);
    expect(parseLines(out)).toHaveLength(3);
    expect(err).toContain('2 records lost');
    expect(exitCode).toBe(3);
  });

  test('--quiet says nothing of it but the exit code', async () => {
    const log = damageRecord(copyOf('fresh-8x5'), 1);
    const { exitCode, err } = await vrrl(['dump', '--quiet', log]);
    expect({ exitCode, err }).toEqual({ exitCode: 3, err: '' });
  });

  test('--strict refuses them, and says what to do on a command line', async () => {
    const damaged = await vrrl(['dump', '--strict', damageRecord(copyOf('fresh-8x5'), 1)]);
    expect(damaged.exitCode).toBe(2);
    expect(damaged.err).toContain('records[1].magic');
    expect(damaged.err).toContain('leave --strict out');
    const short = copyOf('single-1x3');
    truncateSync(short, HEADER_BYTES + 3);
    expect(await vrrl(['dump', '--strict', short])).toMatchObject({ exitCode: 2 });
  });

  test('a header that cannot be is refused with its field', async () => {
    const cases: readonly (readonly [string, number, Uint8Array])[] = [
      ['magic', 0, Buffer.from('VRRL0002')],
      ['magic', 0, Buffer.from('no log!!')],
      ['version', 8, Uint8Array.of(9)],
      ['capacity', 16, new Uint8Array(8)],
      ['capacity', 16, new Uint8Array(8).fill(255)],
    ];
    for (const [field, position, bytes] of cases) {
      const { exitCode, err } = await vrrl(['dump', patch(copyOf('fresh-8x5'), position, bytes)]);
      expect(exitCode).toBe(2);
      expect(err).toContain(field);
    }
  });
});
