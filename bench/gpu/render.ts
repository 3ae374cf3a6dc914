/**
 * Makes the section on GPUs of bench/RESULTS.md, and its pictures, of reports: `npm run bench:gpu-render -- FILES`.
 *
 * An adapter is called what its file is called. Without files, all of bench/results/ is taken, hardware first.
 */

import fs from 'node:fs';
import path from 'node:path';
import { sectionWriter } from '../markdown.ts';
import { CURVES, curvesOf } from './curves.ts';
import { plotSvg } from './plot.ts';
import { parseReport } from './report.ts';
import { gpuSection, type NamedReport, type Picture } from './section.ts';

const FOLDER = 'bench';
const RESULTS = path.join(FOLDER, 'RESULTS.md');
const REPORTS = path.join(FOLDER, 'results');

const AXIS_LABELS = { replicas: 'replicas', slotsOfEpoch: 'slots an epoch', epochs: 'epochs' } as const;

function readReports(files: readonly string[]): NamedReport[] {
  const reports = files.map((file) => ({
    name: path.basename(file, '.json'),
    report: parseReport(fs.readFileSync(file, 'utf8'), file),
  }));
  const rank = ({ report }: NamedReport) => Number(report.adapter.isSoftware);
  return reports.sort((left, right) => rank(left) - rank(right));
}

function allReportFiles(): string[] {
  const names = fs.readdirSync(REPORTS).filter((name) => name.endsWith('.json'));
  return names.map((name) => path.join(REPORTS, name));
}

/** A picture for each curve that any report has. */
function writePictures(reports: readonly NamedReport[]): Picture[] {
  return CURVES.flatMap((kind) => {
    const curves = reports.flatMap(({ name, report }) => curvesOf(name, report, kind));
    if (curves.length === 0) return [];
    const file = `gpu-${kind.group}.svg`;
    fs.writeFileSync(path.join(FOLDER, file), plotSvg(curves, { title: kind.title, across: AXIS_LABELS[kind.field] }));
    return [{ file, title: kind.title }];
  });
}

const files = process.argv.slice(2);
const reports = readReports(files.length === 0 ? allReportFiles() : files);
sectionWriter(RESULTS, 'gpu')(gpuSection(reports, writePictures(reports)));
process.stderr.write(`bench: ${RESULTS} has ${reports.map(({ name }) => name).join(', ')}\n`);
