/** The v2 log's benchmarks as Markdown. */

import { markdownTable, number } from '../markdown.ts';
import { MAX_SPREAD, summarise } from '../measurement.ts';
import type { AppendRun, BatchRun, Runs } from './appends.ts';
import type { NotMeasured } from './contender.ts';
import type { LogV2Results } from './measure.ts';
import { BASELINE, TWO_WRITES } from './own.ts';
import { READING_YARDSTICK, RECOVERY, VERIFIED_SCAN } from './reading.ts';
import { RING_RECORDS } from './records.ts';

/** Below a heading of the second level. */
export function renderLogV2(results: LogV2Results): string[] {
  const { rounds } = results;
  return [
    '### Log v2',
    '',
    `One record is 128 bytes everywhere; ${rounds} rounds in turns on fresh files, after one that is not counted. Numbers are medians`,
    'over the rounds; the spread is that of the mean. Ratios say how many times as long as the first row something takes.',
    '',
    ...renderPromises(results),
    '',
    ...renderAppends(results),
    '',
    ...renderPower(results),
    '',
    ...renderReading(results),
  ];
}

function renderPromises({ killed, reading }: LogV2Results): string[] {
  const mean = (name: string) => summarise(runsOf(killed, name).map((run) => run.mean)).median;
  const milliseconds = (name: string) => summarise(reading.find((each) => each.name === name)?.samples ?? []).median;
  const scans = milliseconds(VERIFIED_SCAN) / milliseconds(READING_YARDSTICK);
  return [
    `Promised are appends at ten times the speed of v1's two writes, here **${number(mean(TWO_WRITES) / mean(BASELINE))}×**; recovery of a full log in`,
    `a second, here **${number(milliseconds(RECOVERY) / 1_000)} s**; a verified scan in three times that of v1, here **${number(scans)}×**.`,
  ];
}

function renderAppends({ killed, notKilled, clockFloorNs }: LogV2Results): string[] {
  const median = (runs: readonly AppendRun[], key: keyof AppendRun) => summarise(runs.map((run) => run[key])).median;
  const baseline = runsOf(killed, BASELINE);
  const head = ['safe when the process is killed', 'mean, ns', 'first lap', 'later laps', 'p50', 'p99', 'p99.99'];
  const rows = killed.map(({ contender, runs }) => [
    contender.name,
    ...(['mean', 'firstLap', 'laterLaps', 'p50', 'p99', 'p9999'] as const).map((key) => number(median(runs, key))),
    spreadOf(runs),
    `${number(median(runs, 'mean') / median(baseline, 'mean'))}×`,
    number(median(runs, 'openMs')),
  ]);
  return [
    `Appends one by one, four times around a ring of ${RING_RECORDS.toLocaleString('en-US')} records, nanoseconds a record. The mean contains the sync at`,
    `the end, laps do not. Percentiles are of a pass of their own, in which each append is timed; looking at the clock takes`,
    `${number(clockFloorNs)} ns of each.`,
    '',
    ...markdownTable([...head, 'spread', 'ratio', 'to make it, ms'], rows),
    '',
    ...renderSettings(killed, notKilled),
  ];
}

function renderPower({ power, notPower }: LogV2Results): string[] {
  const head = ['safe when the power fails', 'records a sync', 'mean, ns a record', 'p50, ns a sync', 'p99, ns a sync'];
  const rows = power.flatMap(({ batchRecords, runs: all }) => {
    const median = (runs: readonly BatchRun[], key: keyof BatchRun) => summarise(runs.map((run) => run[key])).median;
    const baseline = median(runsOf(all, BASELINE), 'mean');
    return all.map(({ contender, runs }) => [
      contender.name,
      String(batchRecords),
      ...(['mean', 'p50', 'p99'] as const).map((key) => number(median(runs, key))),
      spreadOf(runs),
      `${number(median(runs, 'mean') / baseline)}×`,
    ]);
  });
  return [...markdownTable([...head, 'spread', 'ratio'], rows), '', ...renderSettings(power[0].runs, notPower)];
}

function renderReading({ reading }: LogV2Results): string[] {
  const yardstick = summarise(reading.find(({ name }) => name === READING_YARDSTICK)?.samples ?? []).median;
  const rows = reading.map(({ name, samples }) => {
    const { median, min, max, spread } = summarise(samples);
    return [name, number(median), `${number(min)} – ${number(max)}`, marked(spread), `${number(median / yardstick)}×`];
  });
  return markdownTable(['1,048,576 records', 'ms', 'min – max', 'spread', 'ratio'], rows);
}

function renderSettings(all: readonly Runs<unknown>[], notMeasured: readonly NotMeasured[]): string[] {
  const records = (count: number | undefined) =>
    count === undefined ? '' : ` (${count.toLocaleString('en-US')} records only)`;
  return [
    ...all.map(({ contender }) => `- ${contender.name}: ${contender.why}${records(contender.records)}`),
    ...notMeasured.map(({ name, reason }) => `- ${name}: not measured, ${reason}`),
  ];
}

function runsOf<Run>(all: readonly Runs<Run>[], name: string): readonly Run[] {
  return all.find(({ contender }) => contender.name === name)?.runs ?? [];
}

function spreadOf(runs: readonly { readonly mean: number }[]): string {
  return marked(summarise(runs.map(({ mean }) => mean)).spread);
}

function marked(spread: number): string {
  return `${spread.toFixed(2)}${spread > MAX_SPREAD ? ' (busy)' : ''}`;
}
