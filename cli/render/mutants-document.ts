/** The table of mutants in a document: a section for each way of running them, each between marks of its own. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { columnOf, type Score, summarize } from '../../src/mutants/index.ts';
import { type MutantReport, SCORE_HEAD, scoreCells, summaryLine } from './mutants.ts';
import { count, percent } from './text.ts';

/** Puts a section for each backend into the document, in place of an older one of its name: a GPU's is of its adapter alone. */
export function writeMutantsSection(path: string, report: MutantReport): void {
  let text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const backends = [...new Set(report.scores.map(({ backend }) => backend))];
  for (const backend of backends) {
    const scores = report.scores.filter((score) => score.backend === backend);
    text = withSection(
      text,
      `${placeOf(report, backend)}${report.oneIn === undefined ? '' : ', rare'}`,
      sectionOf({ ...report, scores }),
    );
  }
  writeFileSync(path, withSummary(text));
}

/** Where mutants ran: a backend, and on GPUs the adapter without what its driver says of itself. */
function placeOf({ adapters }: MutantReport, backend: string): string {
  const adapter = adapters[backend]?.replace(/ \(.*$/, '');
  return adapter === undefined ? backend : `${backend} on ${adapter}`;
}

function withSection(text: string, name: string, section: string): string {
  const { begin, end } = marksOf(name);
  const marked = `${begin}\n${section}\n${end}`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from >= 0 && to > from) return `${text.slice(0, from)}${marked}${text.slice(to + end.length)}`;
  return `${text}${text === '' || text.endsWith('\n\n') ? '' : '\n'}${marked}\n`;
}

function marksOf(name: string): { begin: string; end: string } {
  return { begin: `<!-- vrrl mutants: ${name} -->`, end: `<!-- end of vrrl mutants: ${name} -->` };
}

const SUMMARY = 'summary';
/** What {@link summaryLine} makes, in a list: the way of running mutants, killed, of how many. */
const SUMMARY_LINE = /^- (.+): ([\d,]+) of ([\d,]+) mutants? killed/gm;

/** Puts what all sections came to in front of them, read from their own lines: other sections are from other days. */
function withSummary(text: string): string {
  const { begin, end } = marksOf(SUMMARY);
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  const rest = from >= 0 && to > from ? `${text.slice(0, from)}${text.slice(to + end.length).trimStart()}` : text;
  const first = from >= 0 ? from : rest.indexOf('<!-- vrrl mutants: ');
  const marked = `${begin}\n${summaryTable(rest)}\n${end}\n\n`;
  return `${rest.slice(0, first)}${marked}${rest.slice(first)}`;
}

function summaryTable(text: string): string {
  const rows = [...text.matchAll(SUMMARY_LINE)].map(([, way, killed, killable]) => ({
    way,
    killed: Number(killed.replaceAll(',', '')),
    killable: Number(killable.replaceAll(',', '')),
  }));
  const onGpus = rows.filter(({ way }) => /^(?:dawn|wgpu)\b/.test(way) && !way.includes(' in one slot of '));
  // A pair is a mutant and a stack; those without stress stand beside those with it.
  const totals = ['no stress', 'stress'].flatMap((column) => {
    const pairs = onGpus.filter(({ way }) => way.endsWith(`, ${column}`));
    const sum = (of: 'killed' | 'killable') => pairs.reduce((total, row) => total + row[of], 0);
    const way = `all pairs of mutant and GPU stack, ${column}`;
    return pairs.length > 1 ? [{ way, killed: sum('killed'), killable: sum('killable') }] : [];
  });
  const lines = [...rows, ...totals].map(
    ({ way, killed, killable }) => `| ${way} | ${killed} | ${killable} | ${percent(killed / killable)} |`,
  );
  return ['| where | killed | of | share |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

function sectionOf(report: MutantReport): string {
  const { scores, oneIn, adapters } = report;
  const { backend } = scores[0];
  const place = placeOf(report, backend);
  const rare = oneIn === undefined ? '' : `, defects in one slot of ${count(oneIn)}`;
  const hasNoStress = scores.every(({ stress }) => stress === false);
  const columns = summarize(scores);
  return [
    `## ${place}${rare}`,
    '',
    `\`${commandOf(report, backend)}${hasNoStress ? ' --no-stress' : ''}\`, ${new Date().toISOString().slice(0, 10)}, ${adapters[backend] === undefined ? '' : `${adapters[backend]}, `}${machine()}.`,
    '',
    ...columns.map((summary) => `- ${summaryLine({ ...summary, backend: place }, oneIn)}.`),
    '',
    ...markdownTable(scores, columns.length > 1),
  ].join('\n');
}

function commandOf({ oneIn, runs, seconds, seed, only, adapter }: MutantReport, backend: string): string {
  const options = { backend, rare: oneIn, runs, seconds, seed, only: only?.join(','), adapter };
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${/\s/.test(String(value)) ? JSON.stringify(value) : value}`],
  );
  return ['vrrl mutants', ...given].join(' ');
}

function machine(): string {
  return `${os.availableParallelism()} cores of ${os.cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}`;
}

/** A row a mutant; what a GPU did without stress and with it stands in one row. */
function markdownTable(scores: readonly Score[], hasBoth: boolean): string[] {
  const rows = hasBoth ? pairedRows(scores, new Set(scores.map(columnOf))) : scores.map(scoreCells);
  const head = hasBoth ? ['#', 'kind', 'change', ...new Set(scores.map(columnOf))] : SCORE_HEAD;
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/** What has not been run yet leaves its cell empty. */
function pairedRows(scores: readonly Score[], columns: ReadonlySet<string>): string[][] {
  const numbers = [...new Set(scores.map(({ mutant }) => mutant.number))];
  return numbers.map((number) => {
    const pair = scores.filter(({ mutant }) => mutant.number === number);
    const { kind, name } = pair[0].mutant;
    const cells = [...columns].map((column) => pair.find((score) => columnOf(score) === column));
    return [String(number), kind, name, ...cells.map((score) => (score === undefined ? '' : cellOf(score)))];
  });
}

function cellOf(score: Score): string {
  const [, , , fate, by, rate, interval] = scoreCells(score);
  return score.fate === 'killed' ? `${rate} (${interval}) by ${by}` : `${fate}${by === '' ? '' : `: ${by}`}`;
}
