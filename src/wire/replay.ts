/** REPLAY and REPLAYED: what is asked of a program on a runner, and what came of it. */

import {
  type CapturedOutcome,
  type CapturedRelation,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  MAX_CAPTURED_OF_EPOCH,
  type ProgramHead,
  type ProgramResult,
  type ProgramRunOptions,
  type ProgramShape,
} from '../backend/index.ts';
import { isWord, MAX_WORD, WORD_BYTES } from '../base/words.ts';
import { WireError } from './errors.ts';
import type { Progress } from './failure.ts';
import { encodeFaults, readFaults, type WireFault } from './faults.ts';
import { decodeJson, encodeJson, isObject, type JsonObject } from './json.ts';
import type { ProgramFit } from './program.ts';
import { WordReader } from './word-reader.ts';

/** Where in a captured outcome what is; behind it are the signature, the snapshot and the faults. */
export const CapturedWord = {
  EPOCH: 0,
  REPLICA: 1,
  RELATION: 2,
  DONE: 3,
  FAULTED: 4,
  PENDING: 5,
  FAULT_COUNT: 6,
  SIGNATURE: 7,
} as const;

/** By their numbers. */
export const CAPTURED_RELATIONS: readonly CapturedRelation[] = ['same', 'different', 'undecided', 'no expectation'];

const SHAPES: readonly ProgramShape[] = ['wide', 'resident'];
const MODES = ['chained', 'isolated'] as const;

/** What a REPLAY asks for. */
export type ReplayRequest = Omit<ProgramRunOptions, 'onProgress'>;

/** As a captured outcome travels: its faults are explained by whoever knows the kernel. */
export interface WireOutcome extends Omit<CapturedOutcome, 'faults'> {
  readonly faults: readonly WireFault[];
}

export interface Replayed extends Omit<ProgramResult, 'captured'> {
  readonly captured: readonly WireOutcome[];
}

export function encodeReplay(request: ReplayRequest): Uint8Array {
  const { mode, replicas, firstReplica, shape, stress, expectationsAreReplays } = request;
  return encodeJson({ mode, replicas, firstReplica, shape, stress, expectationsAreReplays });
}

/** @throws WireError if it is none. Which stress settings there are is the backend's to say. */
export function decodeReplay(payload: Uint8Array): ReplayRequest {
  const json = decodeJson(payload, 'REPLAY');
  const { firstReplica = 0, expectationsAreReplays = false, stress } = json;
  const problem = (what: string) => new WireError(`REPLAY: ${what}`);
  const mode = MODES.find((each) => each === json['mode']);
  if (mode === undefined) throw problem(`mode is neither of ${MODES.join(' and ')}`);
  const { replicas } = json;
  if (!isWord(replicas) || replicas === 0) throw problem('replicas is no number from 1');
  if (!isWord(firstReplica) || firstReplica + replicas > MAX_WORD) throw problem('firstReplica is no number that fits');
  if (typeof expectationsAreReplays !== 'boolean') throw problem('expectationsAreReplays is neither true nor false');
  if (stress !== undefined && !isWholeNumbersByName(stress)) throw problem('stress is not whole numbers by name');
  return {
    ...{ mode, replicas, firstReplica, expectationsAreReplays },
    ...(json['shape'] === undefined ? {} : { shape: shapeOf(json, 'REPLAY') }),
    ...(stress === undefined ? {} : { stress }),
  };
}

/** PROGRESS of a REPLAY: *done* and *total*, which a word may be too short for, in two halves. */
export function encodeReplayProgress({ done, total }: Progress): Uint8Array {
  const upper = (value: number) => Math.floor(value / 2 ** 32);
  return new Uint8Array(Uint32Array.of(done, total, upper(done), upper(total)).buffer);
}

/** @throws WireError if it is none. */
export function decodeReplayProgress(payload: Uint8Array): Progress {
  const words = new WordReader(payload, 'PROGRESS');
  const [done, total, upperDone, upperTotal] = words.take(4, 'words');
  return { done: upperDone * 2 ** 32 + done, total: upperTotal * 2 ** 32 + total };
}

export function encodeReplayed(replayed: Replayed): Uint8Array {
  const { totals, captured, replicasRun, replicasCompared, replicasDiverged, shape, deviceMs } = replayed;
  const json = encodeJson({ replicasRun, replicasCompared, replicasDiverged, shape, deviceMs });
  const padded = new Uint8Array(Math.ceil(json.length / WORD_BYTES) * WORD_BYTES);
  padded.set(json);
  return joined([
    bytesOf(Uint32Array.of(json.length)),
    padded,
    bytesOf(totals),
    bytesOf(Uint32Array.of(captured.length)),
    ...captured.flatMap(outcomePieces),
  ]);
}

function outcomePieces(outcome: WireOutcome): Uint8Array[] {
  const { epoch, replica, done, faulted, pending, faults, signature, snapshot } = outcome;
  const relation = CAPTURED_RELATIONS.indexOf(outcome.relation);
  const head = Uint32Array.of(epoch, replica, relation, done, faulted, pending, faults.length);
  return [bytesOf(head), bytesOf(signature), bytesOf(snapshot), encodeFaults(faults)];
}

/** The program and the REPLAY that a REPLAYED answers. */
export interface ReplayContext {
  readonly head: ProgramHead;
  readonly fit: ProgramFit;
  readonly request: ReplayRequest;
}

/** @throws WireError if its counts contradict each other, the program, or what was asked for. */
export function decodeReplayed(payload: Uint8Array, context: ReplayContext): Replayed {
  const { head, request } = context;
  const words = new WordReader(payload, 'REPLAYED');
  const scalars = decodeScalars(words.takeBytes(words.next('jsonBytes'), 'json'), request.replicas);
  const totals = words.takeArray(head.epochCount * EPOCH_TOTAL_WORDS, 'totals');
  for (let epoch = 0; epoch < head.epochCount; epoch += 1) checkTotals(totals, epoch, scalars.replicasRun);
  const captured: WireOutcome[] = [];
  // Pushed one by one: a count that lies must not allocate what it announces.
  for (let left = words.next('capturedCount'); left > 0; left -= 1) {
    const outcome = readOutcome(words, context);
    count(totals, outcome);
    captured.push(outcome);
  }
  words.expectEnd();
  return { ...scalars, totals, captured };
}

function decodeScalars(payload: Uint8Array, replicas: number): Omit<Replayed, 'totals' | 'captured'> {
  const json = decodeJson(payload, 'REPLAYED');
  const { replicasRun, replicasCompared, replicasDiverged } = json;
  const { deviceMs } = json;
  if (!isAtMost(replicasRun, replicas)) throw problem(`replicasRun is no number up to ${replicas}`);
  if (!isAtMost(replicasCompared, replicasRun)) throw problem('replicasCompared is no number up to replicasRun');
  if (!isAtMost(replicasDiverged, replicasCompared))
    throw problem('replicasDiverged is no number up to replicasCompared');
  if (deviceMs !== undefined && !(typeof deviceMs === 'number' && deviceMs >= 0)) throw problem('deviceMs is no time');
  return { replicasRun, replicasCompared, replicasDiverged, shape: shapeOf(json, 'REPLAYED'), deviceMs };
}

/** A replica either runs an epoch, or is refused, or does not reach it. What was captured is counted here. */
function checkTotals(totals: Uint32Array, epoch: number, replicas: number): void {
  const at = epoch * EPOCH_TOTAL_WORDS;
  const total = (word: number) => totals[at + word];
  const judged = total(EpochTotal.SAME) + total(EpochTotal.DIFFERENT) + total(EpochTotal.UNDECIDED);
  const all = total(EpochTotal.RUN) + total(EpochTotal.REFUSED) + total(EpochTotal.UNREACHED);
  if (all > replicas) throw problem(`epoch ${epoch}: ${all} replicas of ${replicas}`);
  if (judged > total(EpochTotal.RUN) || total(EpochTotal.FAULTED) > total(EpochTotal.RUN)) {
    throw problem(`epoch ${epoch}: more replicas were compared, or faulted, than ran it`);
  }
  totals[at + EpochTotal.CAPTURED] = 0;
}

function readOutcome(words: WordReader, { head, fit, request }: ReplayContext): WireOutcome {
  const [epoch, replica, relation, done, faulted, pending, faultCount] = words.take(CapturedWord.SIGNATURE, 'captured');
  const { firstReplica = 0, replicas } = request;
  const where = `captured epoch ${epoch}, replica ${replica}`;
  if (epoch >= head.epochCount) throw problem(`${where}: the program has ${head.epochCount} epochs`);
  if (replica < firstReplica || replica >= firstReplica + replicas) throw problem(`${where}: there is no such replica`);
  if (CAPTURED_RELATIONS[relation] === undefined) throw problem(`${where}: relation ${relation}`);
  if (done + faulted + pending > head.slotCount) throw problem(`${where}: more slots ended or wait than there are`);
  if (faultCount > faulted) throw problem(`${where}: ${faultCount} faults of ${faulted}`);
  const signature = words.takeArray(head.signatureWords, 'signature');
  const snapshot = words.takeArray(fit.layout.snapshotWords, 'snapshot');
  const faults = readFaults(words, faultCount);
  const stranger = faults.find(({ slotIndex }) => slotIndex >= fit.slotCount);
  if (stranger !== undefined) throw problem(`${where}: slot ${stranger.slotIndex} is beyond the ring`);
  return {
    epoch,
    replica,
    relation: CAPTURED_RELATIONS[relation],
    done,
    faulted,
    pending,
    faults,
    signature,
    snapshot,
  };
}

function count(totals: Uint32Array, { epoch }: WireOutcome): void {
  const at = epoch * EPOCH_TOTAL_WORDS + EpochTotal.CAPTURED;
  totals[at] += 1;
  if (totals[at] > MAX_CAPTURED_OF_EPOCH)
    throw problem(`more than ${MAX_CAPTURED_OF_EPOCH} outcomes of epoch ${epoch}`);
}

function shapeOf(json: JsonObject, what: string): ProgramShape {
  const shape = SHAPES.find((each) => each === json['shape']);
  if (shape !== undefined) return shape;
  throw new WireError(`${what}: shape is neither of ${SHAPES.join(' and ')}`);
}

function isAtMost(value: unknown, most: number): value is number {
  return isWord(value) && value <= most;
}

function isWholeNumbersByName(value: unknown): value is Readonly<Record<string, number>> {
  return isObject(value) && Object.values(value).every((each) => Number.isSafeInteger(each));
}

function problem(what: string): WireError {
  return new WireError(`REPLAYED: ${what}`);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
