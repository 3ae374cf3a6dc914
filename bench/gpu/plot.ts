/** Curves as an SVG picture with two logarithmic axes, in colours that can be read on white and on black. */

import type { Curve, Point } from './curves.ts';

const WIDTH = 760;
const PLOT = { left: 64, top: 46, right: 730, bottom: 350 } as const;
const LEGEND = { top: 412, rowHeight: 20, columnWidth: 350 } as const;
/** Neither light nor dark: there is no telling what the page behind the picture looks like. */
const INK = '#7d8590';
const COLOURS = ['#3b82f6', '#d97706', '#16a34a', '#c026d3', '#dc2626', '#0891b2'] as const;
const WIDE_DASH = '7 5';
const MARK = 4;

/** A logarithmic axis: a 1, 2 or 5 with zeros at each end, and pixels. */
interface Axis {
  readonly least: number;
  readonly most: number;
  readonly from: number;
  readonly to: number;
}

export interface PlotOptions {
  readonly title: string;
  /** What the horizontal axis counts. */
  readonly across: string;
}

export function plotSvg(curves: readonly Curve[], { title, across }: PlotOptions): string {
  const points = curves.flatMap((curve) => curve.points);
  const x = axisOver(
    points.map((point) => point.x),
    PLOT.left,
    PLOT.right,
  );
  const times = points.flatMap(({ min, max }) => [min, max]);
  const y = axisOver(times, PLOT.bottom, PLOT.top);
  const adapters = [...new Set(curves.map(({ adapter }) => adapter))];
  const rankOf = ({ adapter }: Curve) => adapters.indexOf(adapter);
  const colourOf = (curve: Curve) => COLOURS[rankOf(curve) % COLOURS.length];
  const height = LEGEND.top + LEGEND.rowHeight * adapters.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<text x="${PLOT.left}" y="24" font-size="16" font-weight="600">${escaped(title)}</text>`,
    ...acrossLines(x, across),
    ...upLines(y),
    ...curves.flatMap((curve) => curveLines(curve, x, y, colourOf(curve))),
    ...curves.flatMap((curve) => legendLines(curve, rankOf(curve), colourOf(curve))),
    '</svg>',
    '',
  ].join('\n');
}

function axisOver(values: readonly number[], from: number, to: number): Axis {
  const [smallest, greatest] = [Math.min(...values), Math.max(...values)];
  const ends = roundNumbers(smallest, greatest);
  // Products of powers of ten are not always what they look like.
  const least = ends.findLast((end) => end <= smallest * 1.0001) ?? smallest;
  const most = ends.find((end) => end >= greatest * 0.9999 && end > least) ?? greatest;
  return { least, most, from, to };
}

/** Every 1, 2 and 5 with zeros from below the smallest to above the greatest. */
function roundNumbers(smallest: number, greatest: number): number[] {
  const first = Math.floor(Math.log10(smallest));
  const powers = Array.from(
    { length: Math.ceil(Math.log10(greatest)) - first + 2 },
    (_, power) => 10 ** (first + power),
  );
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}

function place({ least, most, from, to }: Axis, value: number): number {
  const share = Math.log10(value / least) / Math.log10(most / least);
  return Number((from + share * (to - from)).toFixed(1));
}

/** Where the axis has lines. Powers of ten have labels; all have where there are few powers. */
function ticks({ least, most }: Axis): { value: number; isLabelled: boolean }[] {
  const values = roundNumbers(least, most).filter((value) => value >= least * 0.9999 && value <= most * 1.0001);
  const areFew = values.filter(isPower).length < 3;
  return values.map((value) => ({ value, isLabelled: areFew || isPower(value) }));
}

function isPower(value: number): boolean {
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;
}

function acrossLines(axis: Axis, label: string): string[] {
  const middle = (PLOT.left + PLOT.right) / 2;
  return [
    ...ticks(axis).flatMap(({ value, isLabelled }) => {
      const at = place(axis, value);
      const text = value.toLocaleString('en-US');
      const grid = gridLine(`M${at} ${PLOT.top}V${PLOT.bottom}`, isLabelled);
      return isLabelled
        ? [grid, `<text x="${at}" y="${PLOT.bottom + 18}" text-anchor="middle">${text}</text>`]
        : [grid];
    }),
    `<text x="${middle}" y="${PLOT.bottom + 38}" text-anchor="middle">${escaped(label)}</text>`,
  ];
}

function upLines(axis: Axis): string[] {
  return ticks(axis).flatMap(({ value, isLabelled }) => {
    const at = place(axis, value);
    const grid = gridLine(`M${PLOT.left} ${at}H${PLOT.right}`, isLabelled);
    if (!isLabelled) return [grid];
    return [grid, `<text x="${PLOT.left - 8}" y="${at + 4}" text-anchor="end">${timeText(value)}</text>`];
  });
}

function gridLine(path: string, isLabelled: boolean): string {
  return `<path d="${path}" stroke="${INK}" stroke-opacity="${isLabelled ? 0.4 : 0.13}" fill="none"/>`;
}

function timeText(ms: number): string {
  if (ms >= 1_000) return `${Math.round(ms / 1_000)} s`;
  return ms >= 1 ? `${Math.round(ms)} ms` : `${Math.round(ms * 1_000)} µs`;
}

function curveLines({ shape, points, adapter, fixed }: Curve, x: Axis, y: Axis, colour: string): string[] {
  const path = points.map((point) => `${place(x, point.x)} ${place(y, point.median)}`).join('L');
  return [
    `<g stroke="${colour}" fill="${colour}" stroke-width="2"><title>${escaped(`${adapter}, ${shape}: ${fixed}`)}</title>`,
    `<path d="M${path}" fill="none"${dashOf(shape)}/>`,
    ...points.map((point) => rangeLine(point, x, y)),
    ...points.map((point) => mark(shape, place(x, point.x), place(y, point.median))),
    '</g>',
  ];
}

/** From the fastest sample to the slowest. */
function rangeLine({ x: across, min, max }: Point, x: Axis, y: Axis): string {
  return `<path d="M${place(x, across)} ${place(y, min)}V${place(y, max)}" stroke-width="1"/>`;
}

/** Kinds of lines differ in more than a dash, which short ones do not show. */
function mark(shape: Curve['shape'], x: number, y: number): string {
  if (shape === 'resident') return `<circle cx="${x}" cy="${y}" r="${MARK}" stroke="none"/>`;
  return `<path d="M${x - MARK} ${y - MARK}h${2 * MARK}v${2 * MARK}h${-2 * MARK}z" stroke="none"/>`;
}

function dashOf(shape: Curve['shape']): string {
  return shape === 'wide' ? ` stroke-dasharray="${WIDE_DASH}"` : '';
}

/** A row an adapter, a column a shape. */
function legendLines({ adapter, shape, fixed }: Curve, row: number, colour: string): string[] {
  const x = PLOT.left + (shape === 'resident' ? 0 : LEGEND.columnWidth);
  const y = LEGEND.top + row * LEGEND.rowHeight;
  return [
    `<g stroke="${colour}" fill="${colour}" stroke-width="2"><path d="M${x} ${y}h36"${dashOf(shape)}/>${mark(shape, x + 18, y)}</g>`,
    `<text x="${x + 44}" y="${y + 4}">${escaped(`${adapter}, ${shape}: ${fixed}`)}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
