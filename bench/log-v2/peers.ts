/**
 * What others use for the same purpose, each in its cheapest mode that keeps what is compared. Those that can write around
 * in a ring of positions do; the others go on at the end. What they look like is written down here as far as it is used.
 */

import fs from 'node:fs';
import path from 'node:path';
import type { Contender, Durability, Field, NotMeasured, Store } from './contender.ts';
import { loadPeer } from './install-peers.ts';
import { RING_RECORDS, rowOf } from './records.ts';

/** A run of these would take minutes otherwise. */
const SLOW_RECORDS = 8_192;

type Peer = (durability: Durability) => Contender | NotMeasured;

/** All peers in the modes that keep `durability`. */
export function peerField(durability: Durability): Field {
  const peers: readonly Peer[] = [sqlite, lmdb, level, hypercore, sonicBoom, mcap];
  const all = peers.map((peer) => peer(durability));
  return {
    contenders: all.filter((each) => 'open' in each),
    notMeasured: all.filter((each) => 'reason' in each),
  };
}

interface SqliteDatabase {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): { run(position: number, content: Buffer): unknown };
  transaction(run: (index: number, count: number) => void): (index: number, count: number) => void;
  close(): unknown;
}

function sqlite(durability: Durability): Contender | NotMeasured {
  const name = 'better-sqlite3 12';
  const loaded = loadPeer<new (file: string) => SqliteDatabase>('better-sqlite3');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  const synchronous = durability === 'power' ? 'FULL' : 'OFF';
  const why =
    durability === 'power'
      ? 'WAL, synchronous FULL (fsync of the WAL at each commit), exclusive locking; a ring of rows'
      : 'WAL, synchronous OFF (a commit is a write to the WAL, not synced), exclusive locking; a ring of rows';
  return {
    name,
    why,
    open: (folder) => {
      const database = new loaded.module(path.join(folder, 'log.sqlite'));
      for (const pragma of ['locking_mode = EXCLUSIVE', 'journal_mode = WAL', `synchronous = ${synchronous}`]) {
        database.pragma(pragma);
      }
      database.exec('CREATE TABLE records (position INTEGER PRIMARY KEY, content BLOB) STRICT');
      const statement = database.prepare('INSERT OR REPLACE INTO records VALUES (?, ?)');
      const append = (index: number, count: number): void => {
        for (let each = index; each < index + count; each += 1) statement.run(each % RING_RECORDS, rowOf(each));
      };
      return { append, appendBatch: database.transaction(append), close: () => void database.close() };
    },
  };
}

interface LmdbDatabase {
  putSync(key: number, value: Buffer): unknown;
  transactionSync(run: () => void): unknown;
  close(): Promise<void>;
}

function lmdb(durability: Durability): Contender | NotMeasured {
  const name = 'lmdb 3';
  const loaded = loadPeer<{ open(options: object): LmdbDatabase }>('lmdb');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  const isPowerSafe = durability === 'power';
  const why = isPowerSafe
    ? 'putSync without overlappingSync (a commit syncs before it returns); a ring of keys'
    : 'putSync with noSync and useWritemap (a commit is stores to a shared mapping); a ring of keys';
  const mode = isPowerSafe ? { overlappingSync: false } : { overlappingSync: false, noSync: true, useWritemap: true };
  return {
    name,
    why,
    open: (folder) => {
      const common = { path: path.join(folder, 'log.lmdb'), encoding: 'binary', keyEncoding: 'uint32' };
      const database = loaded.module.open({ ...common, ...mode });
      const append = (index: number, count: number): void => {
        for (let each = index; each < index + count; each += 1) database.putSync(each % RING_RECORDS, rowOf(each));
      };
      const appendBatch = (index: number, count: number): void => {
        database.transactionSync(() => append(index, count));
      };
      return { append, appendBatch, close: () => database.close() };
    },
  };
}

interface LevelDatabase {
  open(): Promise<void>;
  put(key: Buffer, value: Buffer, options: { sync: boolean }): Promise<void>;
  batch(operations: readonly object[], options: { sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

function level(durability: Durability): Contender | NotMeasured {
  const name = 'classic-level 3';
  const loaded = loadPeer<{ ClassicLevel: new (folder: string, options: object) => LevelDatabase }>('classic-level');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  const options = { sync: durability === 'power' };
  const why = options.sync
    ? 'put with sync (fsync of its log); a ring of keys'
    : 'put without sync (LevelDB flushes its log to the kernel before a put is done); a ring of keys';
  const { ClassicLevel } = loaded.module;
  return {
    name,
    why,
    open: async (folder) => {
      const database = new ClassicLevel(path.join(folder, 'level'), { keyEncoding: 'buffer', valueEncoding: 'buffer' });
      await database.open();
      return {
        append: async (index, count) => {
          for (let each = index; each < index + count; each += 1) await database.put(keyOf(each), rowOf(each), options);
        },
        appendBatch: async (index, count) => {
          const puts = Array.from({ length: count }, (_, each) => {
            return { type: 'put', key: keyOf(index + each), value: rowOf(index + each) };
          });
          await database.batch(puts, options);
        },
        close: () => database.close(),
      };
    },
  };
}

function keyOf(index: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(index % RING_RECORDS);
  return key;
}

interface Core {
  ready(): Promise<void>;
  append(blocks: Buffer | readonly Buffer[]): Promise<unknown>;
  close(): Promise<void>;
}

function hypercore(durability: Durability): Contender | NotMeasured {
  const name = 'hypercore 11';
  if (durability === 'power') return { name, reason: 'it has no append that waits for the disk' };
  const loaded = loadPeer<new (folder: string) => Core>('hypercore');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  return {
    name,
    why: "append (RocksDB's log is written to the kernel, not synced); signed and hashed, goes on at the end",
    records: SLOW_RECORDS,
    open: async (folder) => {
      const core = new loaded.module(path.join(folder, 'core'));
      await core.ready();
      return {
        append: async (index, count) => {
          for (let each = index; each < index + count; each += 1) await core.append(rowOf(each));
        },
        appendBatch: async (index, count) => {
          await core.append(Array.from({ length: count }, (_, each) => rowOf(index + each)));
        },
        close: () => core.close(),
      };
    },
  };
}

interface SonicBoom {
  readonly fd: number;
  write(content: Buffer): boolean;
  flushSync(): void;
  once(event: 'close', listener: () => void): void;
  end(): void;
}

function sonicBoom(durability: Durability): Contender | NotMeasured {
  const name = 'sonic-boom 5';
  const loaded = loadPeer<new (options: object) => SonicBoom>('sonic-boom');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  const isPowerSafe = durability === 'power';
  const why = isPowerSafe
    ? 'sync with fsync at each write; a batch is buffered, then flushSync and fdatasync; goes on at the end'
    : 'sync, minLength 0 (a write to the kernel each); goes on at the end';
  return {
    name,
    why,
    open: (folder, batchRecords) => {
      // Buffered up to a batch, which flushSync ends.
      const minLength = batchRecords > 1 ? batchRecords * rowOf(0).length + 1 : 0;
      const fsync = isPowerSafe && batchRecords === 1;
      const dest = path.join(folder, 'log.bin');
      const maxWrite = Math.max(16_384, minLength + 1);
      const stream = new loaded.module({ dest, sync: true, contentMode: 'buffer', minLength, maxWrite, fsync });
      const append = (index: number, count: number): void => {
        for (let each = index; each < index + count; each += 1) stream.write(rowOf(each));
      };
      const appendBatch = (index: number, count: number): void => {
        append(index, count);
        stream.flushSync();
        // It syncs by itself for text only.
        if (isPowerSafe) fs.fdatasyncSync(stream.fd);
      };
      return { append, appendBatch, close: () => ended(stream) };
    },
  };
}

function ended(stream: SonicBoom): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.end();
  });
}

interface McapWriter {
  start(header: { profile: string; library: string }): Promise<void>;
  registerChannel(channel: object): Promise<number>;
  addMessage(message: object): Promise<void>;
  end(): Promise<void>;
}

/** A message's bytes within a chunk beside its content: opcode, length, channel, sequence and two times. */
const MCAP_MESSAGE_BYTES = 31;

function mcap(durability: Durability): Contender | NotMeasured {
  const name = '@mcap/core 2';
  const loaded = loadPeer<{ McapWriter: new (options: object) => McapWriter }>('@mcap/core');
  if ('reason' in loaded) return { name, reason: loaded.reason };
  const isPowerSafe = durability === 'power';
  return {
    name,
    why: `a chunk a record or batch, since only chunks are handed on; pwrite${isPowerSafe ? ', then fdatasync' : ''}; goes on at the end`,
    open: (folder, batchRecords) => openMcap(loaded.module.McapWriter, folder, batchRecords, isPowerSafe),
  };
}

async function openMcap(
  Writer: new (options: object) => McapWriter,
  folder: string,
  batchRecords: number,
  isPowerSafe: boolean,
): Promise<Store> {
  const descriptor = fs.openSync(path.join(folder, 'log.mcap'), 'w');
  let position = 0;
  let written = 0;
  const writable = {
    position: () => BigInt(position),
    write: async (bytes: Uint8Array) => {
      fs.writeSync(descriptor, bytes);
      position += bytes.length;
      written += 1;
    },
  };
  // The chunk ends with the message that makes it longer than this.
  const chunkSize = batchRecords * (rowOf(0).length + MCAP_MESSAGE_BYTES) - 1;
  const writer = new Writer({ writable, useChunks: true, chunkSize, useMessageIndex: false, useChunkIndex: false });
  await writer.start({ profile: '', library: 'bench' });
  const channelId = await writer.registerChannel({
    schemaId: 0,
    topic: 'records',
    messageEncoding: '',
    metadata: new Map(),
  });
  const appendBatch = async (index: number, count: number): Promise<void> => {
    const before = written;
    for (let each = index; each < index + count; each += 1) {
      await writer.addMessage({ channelId, sequence: each, logTime: 0n, publishTime: 0n, data: rowOf(each) });
    }
    if (written === before)
      throw new Error('@mcap/core kept a chunk back. Fix: correct chunkSize in bench/log-v2/peers.ts.');
    if (isPowerSafe) fs.fdatasyncSync(descriptor);
  };
  return {
    append: async (index, count) => {
      for (let each = index; each < index + count; each += 1) await appendBatch(each, 1);
    },
    appendBatch,
    close: async () => {
      await writer.end();
      fs.closeSync(descriptor);
    },
  };
}
