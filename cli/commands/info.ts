/** `vrrl info`: what a log is, at a glance. */

import { existsSync } from 'node:fs';
import { FileStorage } from '../../node/file-storage.ts';
import { observationPathOf, type RecordingFiles } from '../../node/recording-files.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { kernelFromJson } from '../../src/kernel/index.ts';
import type { RecordColumns } from '../../src/log/index.ts';
import { ObservationReader, type Observations } from '../../src/observe/index.ts';
import { opcodeName } from '../../src/protocol/index.ts';
import type { ReadLog } from '../../src/reading/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { countFailures } from '../failure-evidence.ts';
import { openRecordingSource, STANDARD_INPUT } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { count, keyValues, plural, printable } from '../render/text.ts';

export const addInfo: AddCommand = (program, context) => {
  program
    .command('info')
    .description('show what a log holds: capacity, cursor, records, losses, epochs, opcodes')
    .argument('<log>', 'log file, or - for standard input')
    .option('--json', 'print one JSON object (spec/info.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nExample:\n  $ vrrl info run.vrrl --json')
    .action(async (path, options) => {
      const { io } = context;
      const progress = startProgress(io, 'reading', options.quiet);
      const onProgress = (done: number, total: number) => progress.update(done, total);
      let recording: RecordingFiles | undefined;
      try {
        // What lies beside a log is looked at below: if it cannot be read, that is a warning.
        recording = await openRecordingSource(io, path, { onProgress, observations: false });
        const { log } = recording;
        const observed = describeObserved(path, log);
        const info = describeLog(path, log, observed);
        await io.write(options.json ? `${tidyJson(info)}\n` : printInfo(info, namedOpcodes(log.columns, observed)));
        if (log.lost > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        recording?.close();
        progress.stop();
      }
    });
};

/** The object that `info --json` prints. */
interface LogInfo {
  readonly schemaVersion: 1;
  readonly path: string;
  readonly format: ReadLog['format'];
  /** Of a set of logs, how many it has. */
  readonly logs: number | undefined;
  readonly capacity: number;
  /** Where the next record goes. That a v1 header has it beyond the capacity is among the warnings. */
  readonly cursor: number;
  readonly records: number;
  /** Of a v2 log, whose records have numbers. */
  readonly firstSequence: number | undefined;
  readonly lastSequence: number | undefined;
  readonly lost: number;
  readonly loss: ReadLog['loss'];
  readonly firstTimestampNs: string | undefined;
  readonly lastTimestampNs: string | undefined;
  readonly epochs: { readonly count: number; readonly first: number | undefined; readonly last: number | undefined };
  readonly slotIndexMax: number | undefined;
  readonly tenants: number;
  readonly opcodes: Readonly<Record<string, number>>;
  readonly recordsWithFailure: number;
  readonly observations: ObservationInfo | undefined;
  readonly warnings: readonly Warning[];
  readonly notes: readonly { readonly kind: string; readonly message: string }[];
}

interface Warning {
  readonly kind: string;
  readonly message: string;
  /** In the log, counted in records from the start of the file. */
  readonly position?: number;
}

interface ObservationInfo {
  readonly path: string;
  readonly epochs: number;
  readonly recordedBy: string;
  readonly backend: string;
  readonly kernel: string;
  readonly findings: number;
}

/** Everything that `info` says about a log. */
function describeLog(path: string, log: ReadLog, observed: DescribedObservations | undefined): LogInfo {
  const { format, capacity, cursor, columns, lost, loss, findings, sequences, logCount } = log;
  const stamps = columns.timestampNs;
  return {
    schemaVersion: 1,
    path,
    format,
    logs: logCount,
    capacity,
    cursor,
    records: columns.length,
    firstSequence: sequences?.at(0),
    lastSequence: sequences?.at(-1),
    lost,
    loss,
    firstTimestampNs: stamps.at(0)?.toString(),
    lastTimestampNs: stamps.at(-1)?.toString(),
    epochs: { count: countRuns(columns.epoch), first: columns.epoch.at(0), last: columns.epoch.at(-1) },
    slotIndexMax: columns.length === 0 ? undefined : columns.slotIndex.reduce((most, each) => Math.max(most, each), 0),
    tenants: new Set(columns.tenantId).size,
    opcodes: Object.fromEntries(
      countOpcodes(columns).map(([code, times]) => [opcodeName(code) ?? `0x${code.toString(16)}`, times]),
    ),
    recordsWithFailure: countFailures(columns),
    observations: observed?.info,
    warnings: [
      ...findings
        .filter(({ severity }) => severity !== 'information')
        .map(({ kind, message, position }) => ({ kind, message, ...(position === undefined ? {} : { position }) })),
      ...(observed?.warnings ?? []),
    ],
    notes: findings
      .filter(({ severity }) => severity === 'information')
      .map(({ kind, message }) => ({ kind, message })),
  };
}

interface DescribedObservations {
  /** Undefined if the file cannot be read. */
  readonly info: ObservationInfo | undefined;
  readonly warnings: readonly Warning[];
  /** Of the recorded kernel, by number; empty if it is not known. */
  readonly opcodeNames: ReadonlyMap<number, string>;
}

function describeObserved(path: string, log: ReadLog): DescribedObservations | undefined {
  if (log.observations !== undefined) return describeObservations(path, log.observations);
  return log.format === 'v2' || path === STANDARD_INPUT ? undefined : describeBeside(observationPathOf(path));
}

/** A file beside the log that cannot be read is a warning: there is still a log to say something about. */
function describeBeside(path: string): DescribedObservations | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const storage = FileStorage.open(path, 'read');
    try {
      return describeObservations(path, ObservationReader.open(storage));
    } finally {
      storage.close();
    }
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    const warnings = [{ kind: 'observationsUnreadable', message: error.message }];
    return { info: undefined, warnings, opcodeNames: new Map() };
  }
}

function describeObservations(path: string, observations: Observations): DescribedObservations {
  const { header, epochCount, findings } = observations;
  const { tool, backend, kernel } = header;
  const name = typeof kernel === 'object' && kernel !== null && 'name' in kernel ? String(kernel.name) : 'unknown';
  const message = `${plural(findings.length, 'finding')} in \`${path}\`. Fix: vrrl verify lists them.`;
  return {
    info: {
      path,
      epochs: epochCount,
      recordedBy: tool,
      backend: backend.name,
      kernel: name,
      findings: findings.length,
    },
    warnings: findings.length === 0 ? [] : [{ kind: 'observationsDamaged', message }],
    opcodeNames: opcodeNamesOf(kernel),
  };
}

/** A kernel that cannot be read names nothing; whoever replays with it is told why. */
function opcodeNamesOf(kernel: unknown): ReadonlyMap<number, string> {
  if (kernel === null || kernel === undefined) return new Map();
  try {
    return new Map(kernelFromJson(kernel).opcodes.map(({ code, name }) => [code, name]));
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return new Map();
  }
}

function countRuns(values: Uint32Array): number {
  let runs = 0;
  for (let index = 0; index < values.length; index += 1) {
    if (index === 0 || values[index] !== values[index - 1]) runs += 1;
  }
  return runs;
}

/** How often each opcode comes, the most frequent first. */
function countOpcodes(columns: RecordColumns): [code: number, times: number][] {
  const counts = new Map<number, number>();
  for (const opcode of columns.opcode) counts.set(opcode, (counts.get(opcode) ?? 0) + 1);
  return [...counts].sort(([, left], [, right]) => right - left);
}

/** Opcodes with their counts, for people: by the name in the recorded kernel or in the protocol, and by number. */
function namedOpcodes(columns: RecordColumns, observed: DescribedObservations | undefined): string[] {
  return countOpcodes(columns).map(([code, times]) => {
    const name = observed?.opcodeNames.get(code) ?? opcodeName(code);
    const number = code < 0x10000 ? `${code}` : `0x${code.toString(16)}`;
    return `${name === undefined ? number : `${name} (${number})`} ${count(times)}`;
  });
}

const MAX_OPCODES_LISTED = 8;

function listed(opcodes: readonly string[]): string {
  if (opcodes.length === 0) return 'none';
  const rest = opcodes.length - MAX_OPCODES_LISTED;
  return opcodes.slice(0, MAX_OPCODES_LISTED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function printInfo(info: LogInfo, opcodes: readonly string[]): string {
  const { epochs, observations } = info;
  const lines = keyValues([
    [
      'log',
      `${info.path}, format ${info.format}${info.logs === undefined ? '' : `, a set of ${plural(info.logs, 'log')}`}`,
    ],
    ['capacity', plural(info.capacity, 'record')],
    ['cursor', `${info.cursor}`],
    ['records', count(info.records)],
    ['lost', count(info.lost)],
    ['epochs', epochs.count === 0 ? '0' : `${count(epochs.count)} (EPOCH ${epochs.first} to ${epochs.last})`],
    ['slots', info.slotIndexMax === undefined ? 'none' : `up to index ${info.slotIndexMax}`],
    ['tenants', count(info.tenants)],
    ['opcodes', listed(opcodes)],
    ['failures', `${plural(info.recordsWithFailure, 'record')} with evidence`],
    [
      'observed',
      observations === undefined
        ? 'nothing that can be read'
        : `${plural(observations.epochs, 'epoch')} of kernel ${observations.kernel} on ${observations.backend}`,
    ],
  ]);
  const warnings = info.warnings.map(({ kind, message }) => `warning: ${kind}: ${message}`);
  const notes = info.notes.map(({ kind, message }) => `note: ${kind}: ${message}`);
  return `${[...lines, ...warnings, ...notes].map(printable).join('\n')}\n`;
}
