/** What is left of a damaged recording, in a log of the same version that is whole. */

import { epochsWithoutState, originOf, type RingDerivation } from './convert.ts';
import { type EpochSpan, epochSpans } from './epochs.ts';
import { areNumbered, type Derivation, type DerivationReport, findingsOf, type NotKept, notKeptOf } from './report.ts';
import { type DerivationSource, RecordNumbers } from './source.ts';
import { wholeDraft } from './whole.ts';

/** What a damaged recording comes to. */
export type Recovery =
  | { readonly format: 'v2'; readonly derivation: Derivation }
  | { readonly format: 'v1'; readonly derivation: RingDerivation };

/**
 * Saves what there is: every record that can be read under the number, or at the position, that it had, and every
 * observation whose state is known. What is lost stays missing.
 *
 * @param more what else the caller knows to be lost.
 */
export function recoverRecording(source: DerivationSource, more: readonly NotKept[] = []): Recovery {
  const numbers = new RecordNumbers(source);
  const spans = epochSpans(source.observations, numbers.shift);
  const draft = wholeDraft(source, numbers, spans);
  const report = reportOf(source, numbers, spans, draft.recordCount, more);
  if (source.log.format === 'v2') return { format: 'v2', derivation: { draft, report } };
  const { firstPosition, numberShift, log } = originOf(source, numbers);
  const { capacity } = source.log;
  const layout = { capacity, oldest: numbers.oldest, firstPosition, numberShift, log: log ?? { capacity } };
  return { format: 'v1', derivation: { draft, layout, report } };
}

function reportOf(
  source: DerivationSource,
  numbers: RecordNumbers,
  spans: readonly EpochSpan[],
  recordsWritten: number,
  more: readonly NotKept[],
): DerivationReport {
  const { log, observations } = source;
  const notKept = notKeptOf([...lossesOf(source), epochsWithoutState(spans), ...more]);
  const findings = findingsOf(source);
  const isDamaged = log.findings.some(({ severity }) => severity === 'damage');
  return {
    recordsRead: log.columns.length,
    recordsWritten,
    recordsLost: log.lost,
    epochsRead: spans.length,
    epochsWritten: spans.filter(({ stateKnown }) => stateKnown).length,
    numbersKept: areNumbered(source, numbers),
    notKept,
    findings,
    isIncomplete: isDamaged || notKept.length > 0 || (observations?.findings.length ?? 0) > 0,
  };
}

const LOSS_MESSAGES: Readonly<Record<string, string>> = {
  damaged: 'records whose magic is none',
  holes: 'records that are not where they must be',
  missing: 'records that are not there',
  torn: 'records of which only a part is there',
  overtaken: 'records that newer ones had begun to write over',
  corrupt: 'records whose sum is wrong',
  foreign: 'records in whose place is what belongs to another log',
  misplaced: 'records in whose place are others',
  journalBytes: 'bytes of the journal that are no whole frame',
  missingFrames: 'frames of the journal that are not there',
};

/** By kind, as the log counts it. Appends that never completed are no loss. */
function lossesOf({ log }: DerivationSource): NotKept[] {
  return Object.entries(log.loss).flatMap(([kind, count]) => {
    const message = LOSS_MESSAGES[kind];
    return message === undefined ? [] : [{ kind, count, message }];
  });
}
