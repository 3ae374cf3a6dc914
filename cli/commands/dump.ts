/** `vrrl dump`: every record of a log, in publish order. */

import { HeaderMismatchError, readHeader, readStrictly, TruncatedBodyError } from '../../src/log/index.ts';
import { ARGUMENT_COUNT, Priority } from '../../src/protocol/index.ts';
import { knownArguments, type ReadLog } from '../../src/reading/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode, withAdvice } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource, openRecordingSource } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { type PrintedRecord, recordJson, recordText } from '../render/record-line.ts';
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
      const { log, close } = await openPrinted(io, path, options.strict === true);
      try {
        if (!options.json) await io.write(`capacity ${log.capacity} cursor ${log.cursor}\n`);
        const print = options.json ? recordJson : recordText;
        await writeRecords(io, log, print, (done) => progress.update(done, log.columns.length));
        progress.stop();
        if (!options.quiet) noteFindings(io, log);
        if (log.lost > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        close();
        progress.stop();
      }
    });
};

/** What of a log is printed. */
type PrintedLog = Pick<
  ReadLog,
  'capacity' | 'cursor' | 'columns' | 'slotRests' | 'hasWholeSlots' | 'sequences' | 'lost' | 'findings'
>;

async function openPrinted(io: Io, path: string, isStrict: boolean): Promise<{ log: PrintedLog; close(): void }> {
  if (!isStrict) return openRecordingSource(io, path, { observations: false });
  const storage = await openLogSource(io, path);
  try {
    return { log: readAllOrNothing(storage), close: () => storage.close() };
  } catch (error) {
    storage.close();
    throw error;
  }
}

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
  print: (record: PrintedRecord) => string,
  onProgress: (done: number) => void,
): Promise<void> {
  let piece = '';
  for (let index = 0; index < log.columns.length; index += 1) {
    piece += print(printed(log, index));
    if (piece.length < PIECE_CHARACTERS) continue;
    await io.write(piece);
    onProgress(index + 1);
    piece = '';
  }
  if (piece !== '') await io.write(piece);
}

function printed(log: PrintedLog, index: number): PrintedRecord {
  const { timestampNs, slotIndex, tenantId, opcode, epoch, failure } = log.columns;
  return {
    sequence: log.sequences?.[index],
    timestampNs: timestampNs[index],
    slotIndex: slotIndex[index],
    tenantId: tenantId[index],
    opcode: opcode[index],
    priority: log.hasWholeSlots ? priorityOf(log, index) : undefined,
    args: argumentsOf(log, index),
    epoch: epoch[index],
    failure: failure?.evidence(index),
  };
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

function noteFindings(io: Io, { findings, lost }: PrintedLog): void {
  for (const { kind, severity, message } of findings) {
    if (severity !== 'information') io.note(`vrrl: ${severity}: ${kind}: ${message}\n`);
  }
  if (lost > 0) {
    io.note(`vrrl: ${plural(lost, 'record')} lost, all others printed. Fix: look for a whole copy of the log.\n`);
  }
}
