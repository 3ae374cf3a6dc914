/** A judgement as people read it: the verdict first, then what it rests on. */

import type { BackendJudgement, Divergence, Judgement, UnknownEpoch } from '../../src/diff/index.ts';
import { type Colours, coloursOf, type Io } from '../io.ts';
import type { JudgedReplay } from '../judged-replay.ts';
import { table } from './table.ts';
import { count, percent, plural, printable, printableData } from './text.ts';

/** The text that `replay` prints. */
export function renderJudgement(io: Io, judged: JudgedReplay): string {
  const colours = coloursOf(io);
  // Names come from files and modules of others.
  const judgement = printableData(judged.judgement);
  const lines = [
    ...renderHead(judged),
    '',
    renderVerdict(judgement, colours),
    '',
    ...renderBackends(judgement.backends),
    ...(judgement.firstDivergence === undefined ? [] : ['', ...renderDivergence(judgement.firstDivergence, colours)]),
    ...renderOddOneOut(judgement),
    ...renderUnknown(judgement),
  ];
  return `${lines.join('\n')}\n`;
}

function renderHead({ logPath, plan, choice, lost, replicas, judgement, notes }: JudgedReplay): string[] {
  const { kernel } = choice;
  const about =
    kernel === undefined ? 'kernel not known to vrrl' : `kernel ${kernel.name} ${kernel.identity.slice(0, 12)}`;
  const size = `${plural(plan.columns.length, 'record')}, ${plural(plan.epochs.length, 'epoch')}`;
  const head = `${logPath}: ${size}; ${about}; ${judgement.mode}, ${plural(replicas, 'replica')} a backend`;
  const loss =
    lost === 0 ? [] : [`${plural(lost, 'record')} of the log lost (vrrl verify says which); the rest is judged`];
  return [head, ...[...loss, ...notes].map((note) => `note: ${note}`)].map(printable);
}

function renderVerdict({ verdict, comparedWith, epochs }: Judgement, colours: Colours): string {
  const paint = { agree: colours.green, diverge: colours.red, unknown: colours.yellow }[verdict];
  const against =
    comparedWith === 'recording' ? 'with the recording' : 'with each other (nothing was recorded to compare with)';
  const parts = [
    `${count(epochs.agreeing)} of ${count(epochs.total)} epochs agree ${against}`,
    ...(epochs.diverging > 0 ? [`${count(epochs.diverging)} diverge`] : []),
    ...(epochs.unknown > epochs.notReached ? [`${count(epochs.unknown - epochs.notReached)} unknown`] : []),
    ...(epochs.notReached > 0 ? [`${count(epochs.notReached)} not reached`] : []),
  ];
  return `${colours.bold(paint(verdict))}: ${parts.join(', ')}`;
}

function renderBackends(backends: readonly BackendJudgement[]): string[] {
  const rows = backends.map((backend) => [
    backend.backend,
    backend.verdict,
    `${count(backend.replicasRun)}/${count(backend.replicas)}`,
    renderRate(backend),
    renderOutcomes(backend),
    count(Math.round(backend.epochsRun / Math.max(backend.elapsedMs / 1_000, 1e-6))),
  ]);
  const head = ['backend', 'verdict', 'replicas', 'diverged (95% interval)', 'differs from itself', 'epochs/s'];
  const faults = backends.flatMap(({ fault }) => (fault === undefined ? [] : [`${fault.kind}: ${fault.message}`]));
  return [...table(head, rows), ...backends.flatMap(renderDevice), ...faults];
}

/** How a backend replayed the log by itself. */
function renderDevice({ backend, onDevice }: BackendJudgement): string[] {
  if (onDevice === undefined) return [];
  const { shape, replicas, loadMs, runMs, deviceMs, stress } = onDevice;
  const device = deviceMs === undefined ? '' : `, ${milliseconds(deviceMs)} of it on the device`;
  const how = `${backend}: ${plural(replicas, 'replica')} on the device, ${SHAPES[shape]}`;
  const lines = [
    `${how}; log taken up in ${milliseconds(loadMs)}, compiled and replayed in ${milliseconds(runMs)}${device}`,
  ];
  if (stress === undefined) return lines;
  const tried = `${plural(stress.tried, 'stress setting')} tried, ${count(stress.dropped)} found nothing`;
  if (stress.best === undefined) return [...lines, `${backend}: ${tried}`];
  const { settings, epochs, differing } = stress.best;
  const list = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const best = `best: ${list.length === 0 ? 'no stress' : `--stress-settings ${list.join(',')}`}`;
  return [...lines, `${backend}: ${tried}; ${best} (${count(differing)} of ${count(epochs)} epochs differed)`];
}

const SHAPES = { wide: 'wide (lanes over many workgroups)', resident: 'resident (a workgroup a replica)' } as const;

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : count(Math.round(value))} ms`;
}

function renderOutcomes({ differsFromItself, mostOutcomes }: BackendJudgement): string {
  if (!differsFromItself) return 'no';
  return `yes, ${mostOutcomes > 16 ? 'more than 16' : mostOutcomes} outcomes`;
}

function renderRate({ divergedReplicas }: BackendJudgement): string {
  const { count: diverged, total, low, high } = divergedReplicas;
  if (total === 0) return 'nothing to compare';
  return `${count(diverged)} of ${count(total)} = ${percent(diverged / total)} (${percent(low)} … ${percent(high)})`;
}

/** Also used where two recordings are compared. */
export function renderDivergence(divergence: Divergence, colours: Colours): string[] {
  const { epoch, deviceEpoch, where, region, differenceCount, kind } = divergence;
  const inRegion = where === region ? '' : ` (region ${region})`;
  const things = kind === 'record' ? 'record' : 'word';
  const others = differenceCount - 1;
  const verb = others === 1 ? 'differs' : 'differ';
  const more = others > 0 ? [`  ${plural(others, `more ${things}`)} of that region ${verb}`] : [];
  return [
    `first divergence: epoch ${epoch} (EPOCH ${deviceEpoch}), ${colours.bold(where)}${inRegion}`,
    `  expected ${divergence.expected} (${divergence.comparedWith})`,
    `  seen     ${colours.red(divergence.seen)} (${divergence.backend}, replica ${divergence.replica})`,
    ...more,
    ...renderSlots(divergence),
  ];
}

function renderSlots({ slots, unlistedSlotCount, where }: Divergence): string[] {
  if (slots.length === 0) return [];
  const rows = slots.map((slot) => [
    `    record ${slot.record}`,
    `slot ${slot.slotIndex}`,
    `tenant ${slot.tenantId}`,
    `${slot.name}(${slot.args.join(', ')})`,
  ]);
  const more = unlistedSlotCount ? [`    and ${plural(unlistedSlotCount, 'more slot')}`] : [];
  return [`  slots of the epoch that may write ${where}:`, ...table(undefined, rows), ...more];
}

function renderOddOneOut({ oddOneOut }: Judgement): string[] {
  if (oddOneOut === undefined) return [];
  return [
    '',
    `odd one out: ${oddOneOut.source}; ${oddOneOut.others.join(' and ')} agree with each other in epoch ${oddOneOut.epoch}`,
  ];
}

function renderUnknown({ unknownEpochs, epochs, backends }: Judgement): string[] {
  const { notReached } = epochs;
  const hasFault = backends.some(({ fault }) => fault !== undefined);
  const why = hasFault
    ? 'a backend failed before'
    : 'a chained replica ends where it diverges, --mode isolated judges each epoch by itself';
  return [
    ...(notReached === 0 ? [] : ['', `not reached: ${plural(notReached, 'epoch')}; ${why}`]),
    ...renderUnknownEpochs(unknownEpochs, epochs.unknown - notReached),
  ];
}

/** Also used where two recordings are compared. `total` is how many there are, of which the first are listed. */
export function renderUnknownEpochs(listed: readonly UnknownEpoch[], total: number): string[] {
  if (listed.length === 0) return [];
  const lines = listed.flatMap(({ epoch, reasons }) => reasons.map((reason) => `  epoch ${epoch}: ${reason}`));
  const unlisted = total - listed.length;
  return ['', 'not known:', ...lines, ...(unlisted > 0 ? [`  and ${plural(unlisted, 'more epoch')}`] : [])];
}
