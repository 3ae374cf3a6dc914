/** What the commands have in common that make logs from logs. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFlightLog, makeRingLog, placeWhenWhole } from '../node/new-recording.ts';
import {
  type OpenRecordingOptions,
  type RecordingFiles,
  refuseOccupied,
  refuseOverwriting,
} from '../node/recording-files.ts';
import { InputError } from '../src/base/errors.ts';
import type { Derivation, DerivationReport, DerivationSource, RingDerivation } from '../src/derive/index.ts';
import type { CommandContext } from './context.ts';
import { ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { openRecordingSource, STANDARD_INPUT } from './log-source.ts';
import { startProgress } from './progress.ts';
import { tidyJson } from './render/json.ts';
import { count, plural, printable } from './render/text.ts';

/** The path that means standard output. */
const STANDARD_OUTPUT = '-';
const PIECE_BYTES = 1 << 20;

/** Options that all of these commands have. */
export interface DerivingOptions {
  readonly output: string;
  readonly force?: true | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
  /** `false`: leave out what was observed. */
  readonly observations?: boolean;
}

/** Opens an input; `options` are to be handed on to `openRecordingSource`. */
export type OpenInput = (io: Io, input: string, options: OpenRecordingOptions) => Promise<RecordingFiles>;

/** What a command makes of its inputs. */
export type Made =
  | { readonly format: 'v2'; readonly derivation: Derivation }
  | { readonly format: 'v1'; readonly derivation: RingDerivation };

/** Everything from the arguments to the summary; `derive` says what is to be made. */
export async function runDerivation(
  context: CommandContext,
  command: string,
  inputs: readonly string[],
  options: DerivingOptions,
  derive: (sources: readonly DerivationSource[]) => Made,
  open: OpenInput = openRecordingSource,
): Promise<void> {
  const { io } = context;
  refuseOutput(io, inputs, options);
  const opened: RecordingFiles[] = [];
  try {
    for (const input of inputs) opened.push(await openInput(io, input, options, open));
    refuseInputs(opened, options);
    const made = derive(opened.map(sourceOf));
    const header = opened[0]?.observations?.header;
    const unsaid = await write(io, made, header, options);
    const report = withUnsaidEpochs(made.derivation.report, unsaid);
    const { output } = options;
    await say(io, { command, inputs, output, format: made.format, report, numbers: numbersOf(made) }, options);
    if (report.isIncomplete) context.exitCode = ExitCode.UNKNOWN;
  } finally {
    for (const recording of opened) recording.close();
  }
}

/** Before anything is read. */
function refuseOutput(io: Io, inputs: readonly string[], { output, force, json }: DerivingOptions): void {
  if (inputs.filter((input) => input === STANDARD_INPUT).length > 1) {
    throw new InputError('standard input is named twice', 'put one of the logs into a file and name that.');
  }
  if (output !== STANDARD_OUTPUT) {
    refuseOccupied(output, force === true);
    return;
  }
  if (json === true) {
    throw new InputError('the log and --json would both go to standard output', 'name a file with -o.');
  }
  if (io.writesToTerminal) {
    throw new InputError('a log is no text for a terminal', 'name a file with -o, or send standard output somewhere.');
  }
}

async function openInput(
  io: Io,
  input: string,
  { quiet, observations }: DerivingOptions,
  open: OpenInput,
): Promise<RecordingFiles> {
  const progress = startProgress(io, 'reading', quiet);
  try {
    const onProgress = (done: number, total: number) => progress.update(done, total);
    return await open(io, input, {
      onProgress,
      ...(observations === false ? { observations: false } : {}),
    });
  } finally {
    progress.stop();
  }
}

/** What is read is not written over, by whatever name. */
function refuseInputs(opened: readonly RecordingFiles[], { output }: DerivingOptions): void {
  if (output === STANDARD_OUTPUT) return;
  refuseOverwriting(
    output,
    opened.flatMap(({ files }) => files),
  );
}

function sourceOf({ log, observations, logPath }: RecordingFiles): DerivationSource {
  return { label: logPath === STANDARD_INPUT ? 'standard input' : logPath, log, observations };
}

type Header = NonNullable<RecordingFiles['observations']>['header'];

/** Returns how many epochs were left out on the way. */
async function write(io: Io, made: Made, header: Header | undefined, options: DerivingOptions): Promise<number> {
  const { output, force, quiet } = options;
  const progress = startProgress(io, 'writing', quiet);
  const onProgress = (done: number, total: number) => progress.update(done, total);
  let unsaid = 0;
  const make = (file: string, isAlone: boolean) => {
    if (made.format === 'v2') makeFlightLog(file, made.derivation.draft, onProgress);
    else unsaid = makeRingLog(file, made.derivation, isAlone ? undefined : header, onProgress);
  };
  try {
    if (output !== STANDARD_OUTPUT) placeWhenWhole(output, force === true, (partial) => make(partial, false));
    else {
      await writeThrough(io, (file) => make(file, true));
      if (made.format === 'v1') unsaid = made.derivation.draft.observed?.epochs.length ?? 0;
    }
    return unsaid;
  } finally {
    progress.stop();
  }
}

/** A log has to be whole before its first byte is known. */
async function writeThrough(io: Io, make: (file: string) => void): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-'));
  try {
    const file = path.join(folder, 'log');
    make(file);
    for await (const piece of fs.createReadStream(file, { highWaterMark: PIECE_BYTES })) await io.writeBytes(piece);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function withUnsaidEpochs(report: DerivationReport, unsaid: number): DerivationReport {
  if (unsaid === 0) return report;
  const message = 'observations of epochs, for which there is no place beside the new log';
  return {
    ...report,
    epochsWritten: report.epochsWritten - unsaid,
    notKept: [...report.notKept, { kind: 'observations', count: unsaid, message }],
  };
}

function numbersOf({ format, derivation }: Made): Outcome['numbers'] {
  const { firstSequence, newestSequence } = derivation.draft;
  return format === 'v1' || newestSequence < firstSequence ? undefined : { first: firstSequence, last: newestSequence };
}

/** What a command did. */
interface Outcome {
  readonly command: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly format: Made['format'];
  readonly report: DerivationReport;
  /** The numbers that the first record and the last one have in the new log, if it has some. */
  readonly numbers: { readonly first: number; readonly last: number } | undefined;
}

async function say(io: Io, outcome: Outcome, { json, quiet }: DerivingOptions): Promise<void> {
  if (json === true) await io.write(`${tidyJson(describe(outcome))}\n`);
  else if (quiet !== true) io.note(`${sentences(outcome).map(printable).join('\n')}\n`);
  const { recordsLost } = outcome.report;
  if (recordsLost > 0 && quiet !== true) {
    const what = `${plural(recordsLost, 'record')} of it ${recordsLost === 1 ? 'is' : 'are'} missing`;
    io.note(
      `vrrl: warning: ${what}. Fix: look for whole copies; vrrl verify says what is wrong with those that there are.\n`,
    );
  }
}

/** The object that `--json` prints. */
function describe({ command, inputs, output, format, report, numbers }: Outcome) {
  const { recordsRead, recordsWritten, recordsLost, epochsRead, epochsWritten } = report;
  return {
    schemaVersion: 1,
    command,
    inputs,
    output,
    format,
    records: { read: recordsRead, written: recordsWritten, lost: recordsLost },
    epochs: { read: epochsRead, written: epochsWritten },
    ...(numbers === undefined ? {} : { numbers: { ...numbers, kept: report.numbersKept } }),
    complete: !report.isIncomplete,
    notKept: report.notKept,
    findings: report.findings,
  };
}

function sentences({ inputs, output, format, report, numbers }: Outcome): string[] {
  const { recordsRead, recordsWritten, epochsRead, epochsWritten } = report;
  const from = inputs.length === 1 ? inputs[0] : plural(inputs.length, 'log');
  const records = `${count(recordsWritten)} of ${plural(recordsRead, 'record')}`;
  const epochs = epochsRead === 0 ? '' : `, ${count(epochsWritten)} of ${plural(epochsRead, 'observed epoch')}`;
  const anew = report.numbersKept ? '' : ', which are new';
  const range = numbers === undefined ? '' : `, numbers ${numbers.first} to ${numbers.last}${anew}`;
  return [
    `${output}: format ${format}, ${records} of ${from}${range}${epochs}`,
    ...report.notKept.map(({ count: times, message }) => `not kept (${count(times)}): ${message}`),
    ...report.findings.map(({ kind, message }) => `found: ${kind}: ${message}`),
  ];
}
