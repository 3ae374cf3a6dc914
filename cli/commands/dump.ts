/** `vrrl dump`: every record of a log, in publish order. */

import { hex64 } from '../../src/base/words.ts';
import {
  failureClassName,
  HeaderMismatchError,
  type RecordColumns,
  readHeader,
  readStrictly,
  TruncatedBodyError,
} from '../../src/log/index.ts';
import { ARGUMENT_COUNT, Priority } from '../../src/protocol/index.ts';
import { knownArguments, type ReadLog, readLog } from '../../src/reading/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode, withAdvice } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { plural } from '../render/text.ts';

const AFTER_HELP = `
Text: a line with capacity and cursor, then a line a record, of a v1 log
  timestamp_ns slot_index tenant_id opcode arg0 arg1 arg2 arg3 epoch
and of a v2 log
  sequence timestamp_ns slot_index tenant_id opcode priority arg0 … arg11 epoch

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
        const log = options.strict ? readAllOrNothing(storage) : readLog(storage);
        if (!options.json) await io.write(`capacity ${log.capacity} cursor ${log.cursor}\n`);
        const print = options.json ? jsonLine : textLine;
        await writeRecords(io, log, print, (done) => progress.update(done, log.columns.length));
        progress.stop();
        if (!options.quiet) noteFindings(io, log);
        if (log.lost > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        storage.close();
        progress.stop();
      }
    });
};

/** What of a log is printed. */
type PrintedLog = Pick<
  ReadLog,
  'capacity' | 'cursor' | 'columns' | 'slotRests' | 'hasWholeSlots' | 'sequences' | 'lost' | 'findings'
>;

/**
 * `readStrictly`, with advice for people at a terminal.
 *
 * @throws HeaderMismatchError for a v2 log, as the reference does.
 */
function readAllOrNothing(storage: Storage): PrintedLog {
  const { capacity, cursor } = readHeader(storage);
  try {
    const columns = readStrictly(storage, capacity, cursor);
    const nothing = { slotRests: undefined, sequences: undefined, hasWholeSlots: false, lost: 0, findings: [] };
    return { capacity, cursor, columns, ...nothing };
  } catch (cause) {
    if (!(cause instanceof HeaderMismatchError || cause instanceof TruncatedBodyError)) throw cause;
    throw withAdvice(cause, 'leave --strict out to print every record that can be read.');
  }
}

async function writeRecords(
  io: Io,
  log: PrintedLog,
  print: (log: PrintedLog, index: number) => string,
  onProgress: (done: number) => void,
): Promise<void> {
  let piece = '';
  for (let index = 0; index < log.columns.length; index += 1) {
    piece += print(log, index);
    if (piece.length < PIECE_CHARACTERS) continue;
    await io.write(piece);
    onProgress(index + 1);
    piece = '';
  }
  if (piece !== '') await io.write(piece);
}

function textLine(log: PrintedLog, index: number): string {
  const { timestampNs, slotIndex, tenantId, opcode, epoch } = log.columns;
  const number = log.sequences === undefined ? '' : `${log.sequences[index]} `;
  const priority = log.hasWholeSlots ? ` ${priorityOf(log, index)}` : '';
  const start = `${number}${timestampNs[index]} ${slotIndex[index]} ${tenantId[index]} ${opcode[index]}${priority}`;
  return `${start} ${argumentsOf(log, index).join(' ')} ${epoch[index]}\n`;
}

/** Written out by hand: JSON.stringify of an object a record takes three times as long. */
function jsonLine(log: PrintedLog, index: number): string {
  const { timestampNs, slotIndex, tenantId, opcode, epoch } = log.columns;
  const number = log.sequences === undefined ? '' : `"sequence":${log.sequences[index]},`;
  const priority = log.hasWholeSlots ? `"priority":${priorityOf(log, index)},` : '';
  return (
    `{${number}"timestampNs":"${timestampNs[index]}","slotIndex":${slotIndex[index]},"tenantId":${tenantId[index]},` +
    `"opcode":${opcode[index]},${priority}"args":[${argumentsOf(log, index).join(',')}],"epoch":${epoch[index]}` +
    `${failureMember(log.columns, index)}}\n`
  );
}

/** Four of a v1 record; all twelve of a v2 record, whether or not any log has one that is not zero. */
function argumentsOf({ columns, slotRests, hasWholeSlots }: PrintedLog, index: number): number[] {
  const known = knownArguments(columns, slotRests, index);
  while (hasWholeSlots && known.length < ARGUMENT_COUNT) known.push(0);
  return known;
}

function priorityOf({ slotRests }: PrintedLog, index: number): number {
  return slotRests?.priority(index) ?? Priority.NORMAL;
}

function failureMember({ failure }: RecordColumns, index: number): string {
  const evidence = failure?.evidence(index);
  if (failure === undefined || evidence === undefined) return '';
  const { slotStatus, failureClass, backendCode } = evidence;
  const digest = hex64(failure.outputDigestWords[2 * index], failure.outputDigestWords[2 * index + 1]);
  const name = failureClassName(failureClass);
  return `,"failure":{"slotStatus":${slotStatus},"failureClass":"${name}","backendCode":${backendCode},"outputDigest":"${digest}"}`;
}

function noteFindings(io: Io, { findings, lost }: PrintedLog): void {
  for (const { kind, severity, message } of findings) {
    if (severity !== 'information') io.note(`vrrl: ${severity}: ${kind}: ${message}\n`);
  }
  if (lost > 0) {
    io.note(`vrrl: ${plural(lost, 'record')} lost, all others printed. Fix: look for a whole copy of the log.\n`);
  }
}
