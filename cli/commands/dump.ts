/** `vrrl dump`: every record of a log, in publish order. */

import { hex64 } from '../../src/base/words.ts';
import {
  failureClassName,
  HeaderMismatchError,
  type LogHeader,
  type LogScan,
  type RecordColumns,
  readHeader,
  readStrictly,
  scanLog,
  TruncatedBodyError,
} from '../../src/log/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode, withAdvice } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { plural } from '../render/text.ts';

const AFTER_HELP = `
Text: a line with capacity and cursor, then a line a record:
  timestamp_ns slot_index tenant_id opcode arg0 arg1 arg2 arg3 epoch

Examples:
  $ vrrl dump run.vrrl
  $ vrrl dump run.vrrl --json | head -1`;

/** Lines are written in pieces of about this size. */
const PIECE_CHARACTERS = 1 << 16;

export const addDump: AddCommand = (program, context) => {
  program
    .command('dump')
    .description('print every record in publish order; goes on past damage and counts it (exit 3)')
    .argument('<log>', 'log file, or - for standard input')
    .option('--json', 'print one JSON object a line (spec/dump-record.schema.json)')
    .option('--strict', 'read as the reference reader does: refuse a damaged log, repair no order')
    .option('-q, --quiet', 'no progress, no summary of losses')
    .addHelpText('after', AFTER_HELP)
    .action(async (path, options) => {
      const { io } = context;
      // Where the records themselves scroll by, a bar would only be in between.
      const progress = startProgress(io, 'reading', options.quiet === true || io.writesToTerminal);
      const storage = await openLogSource(io, path);
      try {
        const header = readHeader(storage);
        const scan = options.strict ? undefined : scanLog(storage);
        const columns = scan?.columns ?? readAllOrNothing(storage, header);
        if (!options.json) await io.write(`capacity ${header.capacity} cursor ${header.cursor}\n`);
        const print = options.json ? jsonLine : textLine;
        await writeRecords(io, columns, print, (done) => progress.update(done, columns.length));
        progress.stop();
        if (scan === undefined) return;
        if (!options.quiet) noteFindings(io, scan);
        if (scan.loss.lost > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        storage.close();
        progress.stop();
      }
    });
};

/** `readStrictly`, with advice for people at a terminal. */
function readAllOrNothing(storage: Storage, { capacity, cursor }: LogHeader): RecordColumns {
  try {
    return readStrictly(storage, capacity, cursor);
  } catch (cause) {
    if (!(cause instanceof HeaderMismatchError || cause instanceof TruncatedBodyError)) throw cause;
    throw withAdvice(cause, 'leave --strict out to print every record that can be read.');
  }
}

async function writeRecords(
  io: Io,
  columns: RecordColumns,
  print: (columns: RecordColumns, index: number) => string,
  onProgress: (done: number) => void,
): Promise<void> {
  let piece = '';
  for (let index = 0; index < columns.length; index += 1) {
    piece += print(columns, index);
    if (piece.length < PIECE_CHARACTERS) continue;
    await io.write(piece);
    onProgress(index + 1);
    piece = '';
  }
  if (piece !== '') await io.write(piece);
}

function textLine(columns: RecordColumns, index: number): string {
  const { timestampNs, slotIndex, tenantId, opcode, args, epoch } = columns;
  const first = 4 * index;
  const four = `${args[first]} ${args[first + 1]} ${args[first + 2]} ${args[first + 3]}`;
  return `${timestampNs[index]} ${slotIndex[index]} ${tenantId[index]} ${opcode[index]} ${four} ${epoch[index]}\n`;
}

/** Written out by hand: JSON.stringify of an object a record takes three times as long. */
function jsonLine(columns: RecordColumns, index: number): string {
  const { timestampNs, slotIndex, tenantId, opcode, args, epoch } = columns;
  const first = 4 * index;
  const four = `${args[first]},${args[first + 1]},${args[first + 2]},${args[first + 3]}`;
  return (
    `{"timestampNs":"${timestampNs[index]}","slotIndex":${slotIndex[index]},"tenantId":${tenantId[index]},` +
    `"opcode":${opcode[index]},"args":[${four}],"epoch":${epoch[index]}${failureMember(columns, index)}}\n`
  );
}

function failureMember({ failure }: RecordColumns, index: number): string {
  const evidence = failure?.evidence(index);
  if (failure === undefined || evidence === undefined) return '';
  const { slotStatus, failureClass, backendCode } = evidence;
  const digest = hex64(failure.outputDigestWords[2 * index], failure.outputDigestWords[2 * index + 1]);
  const name = failureClassName(failureClass);
  return `,"failure":{"slotStatus":${slotStatus},"failureClass":"${name}","backendCode":${backendCode},"outputDigest":"${digest}"}`;
}

function noteFindings(io: Io, { findings, loss }: LogScan): void {
  for (const { kind, severity, message } of findings) {
    if (severity !== 'information') io.note(`vrrl: ${severity}: ${kind}: ${message}\n`);
  }
  if (loss.lost > 0) {
    io.note(`vrrl: ${plural(loss.lost, 'record')} lost, all others printed. Fix: look for a whole copy of the log.\n`);
  }
}
