/** A report as text, for terminals and mails: the same facts in the same order as in the HTML. */

import { printable } from '../base/printable.ts';
import { wrap } from '../base/wrap.ts';
import { laneTable } from '../explore/index.ts';
import type { LaneTable, Report, ReportedEpoch } from './report.ts';
import {
  backendText,
  countText,
  epochsText,
  MUTANT_CAVEAT,
  outcomeText,
  overviewText,
  plural,
  rateText,
  reductionText,
  remediesText,
  seenByText,
  sourceText,
  tableTitle,
} from './sentences.ts';

const INDENT = '  ';

/**
 * The report as lines. Whatever was read from elsewhere has nothing in it that a terminal obeys.
 *
 * @param width characters that a line of prose or of a table may have. Commands and tokens are never broken.
 */
export function renderText(report: Report, width = 100): string {
  const sections = [
    wrap(report.headline, 0, width),
    ...(report.epoch === undefined ? [] : [why(report.epoch, width), ...orders(report.epoch, width)]),
    howOften(report, width),
    allEpochs(report, width),
    seeAgain(report),
    madeSmaller(report),
    hints(report),
    notKnown(report),
  ];
  const lines = sections.filter((section) => section.length > 0).flatMap((section) => [...section, '']);
  return `${lines.slice(0, -1).map(printable).join('\n')}\n`;
}

function why({ explanation, divergence, outcomes, epoch }: ReportedEpoch, width: number): string[] {
  const lines = (explanation?.argument ?? []).flatMap((sentence) => wrap(sentence, 2, width));
  if (divergence !== undefined) {
    const { where, seen, backend, replica, expected, comparedWith } = divergence;
    const first = `First difference: ${where} is ${seen} on ${backend} (replica ${replica}), and ${expected} in ${sourceText(comparedWith)}.`;
    lines.push(...wrap(first, 2, width));
  }
  const order = explanation?.serialOrder;
  if (order !== undefined && explanation?.isPublishOrder === false) {
    lines.push(...wrap(`The order: ${order.join(', ')}`, 2, width));
  }
  if (outcomes.length < 2) return lines;
  return [
    ...lines,
    '',
    `What was seen of epoch ${epoch}:`,
    ...outcomes.flatMap((outcome) => {
      const [first, ...rest] = wrap(`${outcome.seenBy.map(seenByText).join('; ')}: ${outcomeText(outcome)}`, 4, width);
      return [first.slice(2), ...rest];
    }),
  ];
}

function orders({ failing, passing, partsAtRow }: ReportedEpoch, width: number): string[][] {
  return [
    ...(failing === undefined ? [] : [tableLines(failing, true, partsAtRow, width)]),
    ...(passing === undefined ? [] : [tableLines(passing, false, partsAtRow, width)]),
  ];
}

function tableLines(table: LaneTable, isFailing: boolean, partsAtRow: number | undefined, width: number): string[] {
  const { lanes, rows, rowsLeftOut } = table;
  const names = {
    long: (lane: number) => `slot ${lanes[lane].slot}: ${lanes[lane].text}`,
    short: (lane: number) => String(lanes[lane].slot),
  };
  const drawn = laneTable(
    rows.map((row) => ({ ...row, slot: row.lane })),
    { names, width: width - INDENT.length, partsAtRow },
  );
  return [
    `${tableTitle(table, isFailing)}:`,
    ...drawn.map((line) => `${INDENT}${line}`),
    ...(rowsLeftOut > 0 ? [`${INDENT}${plural(rowsLeftOut, 'more row')} not shown`] : []),
  ];
}

function howOften({ backends, oddOneOut, epoch }: Report, width: number): string[] {
  return [
    ...(backends.length === 0 ? [] : ['How often replicas differ:']),
    ...backends.flatMap((backend) => [
      ...(backend.divergedInEpoch === undefined || epoch === undefined
        ? []
        : [`  ${backend.backend}, in epoch ${epoch.epoch}: ${rateText(backend.divergedInEpoch)}`]),
      ...wrap(`${backend.backend}, anywhere: ${rateText(backend.diverged)} (${backendText(backend)})`, 2, width),
    ]),
    ...(oddOneOut === undefined
      ? []
      : wrap(`odd one out: ${oddOneOut.source}; ${oddOneOut.others.join(' and ')} agree with each other`, 2, width)),
  ];
}

function allEpochs({ epochs, comparedWith }: Report, width: number): string[] {
  const diverging = epochsText(epochs.stretches, 'diverge');
  const unknown = epochsText(epochs.stretches, 'unknown');
  return [
    ...wrap(`${overviewText(epochs, comparedWith)}.`, 0, width),
    ...(diverging === undefined ? [] : [`  diverging: ${diverging}`]),
    ...(unknown === undefined ? [] : [`  not to be judged: ${unknown}`]),
  ];
}

function seeAgain({ seeAgain: { commands, seed, token, versions }, kernel, backends }: Report): string[] {
  const pairs = (all: Readonly<Record<string, string>>) =>
    Object.entries(all)
      .map(([name, value]) => `${name} ${value}`)
      .join('; ');
  return [
    'To see it again:',
    ...commands.map(({ what, line }) => `  ${what}: ${line}`),
    ...(token === undefined
      ? []
      : [`  schedule${token.isOfWholeEpoch ? '' : ` of slots ${token.slots.join(', ')}`}: ${token.token}`]),
    `  seed: ${seed ?? 'none was given'}`,
    ...(kernel.identity === undefined ? [] : [`  kernel: ${kernel.name}, ${kernel.source}, ${kernel.identity}`]),
    ...backends
      .filter(({ device }) => Object.keys(device).length > 0)
      .map(({ backend, device }) => `  ${backend} runs on: ${pairs(device)}`),
    `  versions: ${pairs(versions)}`,
  ];
}

function madeSmaller({ reduction }: Report): string[] {
  if (reduction === undefined) return [];
  const { rateBefore, rateAfter, stages, output, token, commands, judge, signature } = reduction;
  return [
    'Made smaller:',
    `  ${reductionText(reduction)}`,
    `  judged by ${judge}${signature === undefined ? '' : `; failure: ${signature}`}`,
    `  failed before: ${rateText(rateBefore)}`,
    ...(rateAfter === undefined ? [] : [`  fails now: ${rateText(rateAfter)}`]),
    ...(output === undefined ? [] : [`  reproducer: ${output}`]),
    ...(token === undefined ? [] : [`  schedule: ${token}`]),
    ...commands.map((line) => `  see it: ${line}`),
    ...stages.map(({ stage, tried, accepted, runs }) => {
      return `  ${stage}: ${countText(tried)} tried, ${countText(accepted)} taken, ${plural(runs, 'run')}`;
    }),
  ];
}

function hints({ hints: { mutants, remedies } }: Report): string[] {
  return [
    ...(remedies === undefined ? [] : [remediesText(remedies), ...remedies.working.map((what) => `  ${what}`)]),
    ...(mutants.length === 0 ? [] : [MUTANT_CAVEAT]),
    ...mutants.map(
      ({ number, name, shows, because }) => `  ${name} (no. ${number} of the catalogue): ${shows}. ${because}`,
    ),
  ];
}

function notKnown({ notKnown: unknown, notes, epoch }: Report): string[] {
  const assumed = epoch?.explanation?.assumed ?? [];
  const lines = [
    ...unknown.map((what) => `  not known: ${what}`),
    ...assumed.map((what) => `  assumed: ${what}`),
    ...notes.map((note) => `  note: ${note}`),
  ];
  return lines.length === 0 ? [] : ['What this does not know:', ...lines];
}
