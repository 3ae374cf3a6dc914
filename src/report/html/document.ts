/** A report as one HTML file that asks nobody for anything: no network, no framework, readable without its script. */

import { sha256 } from '@noble/hashes/sha2.js';
import { encodeBase64 } from '../../base/base64.ts';
import type { Rate } from '../../diff/index.ts';
import type { Level } from '../../explain/index.ts';
import type { Report, ReportedBackend, ReportedEpoch, ReportedExplanation, ReportedReduction } from '../report.ts';
import {
  backendText,
  countText,
  epochsText,
  LADDER,
  LEVEL_TEXTS,
  MUTANT_CAVEAT,
  outcomeText,
  overviewText,
  plural,
  rateText,
  reductionText,
  remediesText,
  seenByText,
  sourceText,
  verdictWord,
} from '../sentences.ts';
import { orders } from './lane-table.ts';
import { html, type Markup, trusted } from './markup.ts';
import { SCRIPT } from './script.ts';
import { strip } from './strip.ts';
import { STYLE } from './style.ts';

/** The whole file. */
export function renderHtml(report: Report): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${SCRIPT_HASH}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="vrrl report">
<title>${report.log}: ${report.headline}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<main>
${head(report)}
${report.epoch && why(report.epoch)}
${report.epoch && orders(report.epoch)}
${howOften(report)}
${allEpochs(report)}
${seeAgain(report)}
${report.reduction && madeSmaller(report.reduction)}
${hints(report)}
${notKnown(report)}
<footer>Made by ${report.tool}. Everything is in this file; it asks no network for anything.</footer>
</main>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

/** Only our own script runs, whatever somebody managed to smuggle in. */
const SCRIPT_HASH = encodeBase64(sha256(new TextEncoder().encode(SCRIPT)));

const VERDICT_WORDS = { agree: '= agrees', diverge: '≠ diverges', unknown: '? no telling' } as const;

function head(report: Report): Markup {
  const { verdict, log, kernel, records, lost, epoch, mode } = report;
  const explanation = epoch?.explanation;
  const isViolation = explanation?.verdict === 'unserializable';
  return html`<header>
<p class="kicker"><b>${log}</b> · ${plural(records, 'record')} · ${plural(report.epochs.total, 'epoch')}${kernel.name !== undefined && html` · kernel ${kernel.name}`} · ${mode}</p>
<h1>${report.headline}</h1>
<ul class="tags"><li class="verdict">${VERDICT_WORDS[verdict]}</li>
${explanation && html`<li class="${isViolation ? 'bad' : 'plain'}">${verdictWord(explanation)}</li>`}
${explanation?.violated !== undefined && html`<li>not ${explanation.violated}</li>`}
${explanation?.weakShape !== undefined && html`<li>${explanation.weakShape}</li>`}
${lost > 0 && html`<li>${plural(lost, 'record')} lost</li>`}</ul>
</header>`;
}

function why(epoch: ReportedEpoch): Markup {
  const { explanation, divergence, outcomes } = epoch;
  return html`<section aria-labelledby="why"><h2 id="why">Why</h2>
${explanation && argument(explanation)}
${divergence && html`<p>First difference: <code>${divergence.where}</code> is <code>${divergence.seen}</code> on ${divergence.backend} (replica ${divergence.replica}), and <code>${divergence.expected}</code> in ${sourceText(divergence.comparedWith)}${divergence.differenceCount > 1 && `; ${countText(divergence.differenceCount)} differ in ${divergence.region}`}.</p>`}
${outcomes.length > 1 && outcomesTable(epoch)}
${explanation && ladder(explanation)}</section>`;
}

function argument(explanation: ReportedExplanation): Markup {
  const { argument: sentences, serialOrder, isPublishOrder, contradiction } = explanation;
  const isWhole = contradiction === undefined || contradiction.isMinimal;
  return html`<ol class="argument">${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ol>
${serialOrder !== undefined && !isPublishOrder && html`<p>The order: <code>${serialOrder.join(', ')}</code></p>`}
${!isWhole && html`<p class="soft">Some of these slots and words may have nothing to do with it: the search for a smaller argument was cut off.</p>`}`;
}

function outcomesTable({ outcomes, epoch }: ReportedEpoch): Markup {
  return html`<h3>What was seen of epoch ${epoch}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="Outcomes"><table><thead><tr><th scope="col">Seen by</th><th scope="col">What that is</th></tr></thead>
<tbody>${outcomes.map(
    (outcome) =>
      html`<tr><td class="num">${outcome.seenBy.map((by, index) => [index > 0 && html`<br>`, seenByText(by)])}</td><td class="text">${outcomeText(outcome)}</td></tr>`,
  )}</tbody></table></div>`;
}

/** Each demand with whether what was seen meets it. */
function ladder({ holds, violated }: ReportedExplanation): Markup | undefined {
  if (holds === undefined && violated === undefined) return undefined;
  return html`<h3>Which demands it meets</h3>
<dl class="ladder">${LADDER.map((level) => {
    const [mark, word, style] = markOf(level, holds, violated);
    return html`<dt class="mark ${style}" title="${word}" aria-label="${word}">${mark}</dt><dd class="${style}">${level}</dd><dd class="what ${style}">${LEVEL_TEXTS[level]}</dd>`;
  })}</dl>`;
}

function markOf(
  level: Level,
  holds: Level | undefined,
  violated: Level | undefined,
): readonly [string, string, string] {
  const at = LADDER.indexOf(level);
  if (holds !== undefined && at <= LADDER.indexOf(holds)) return ['✓', 'met', 'yes'];
  if (violated !== undefined && at >= LADDER.indexOf(violated)) return ['✗', 'not met', 'no'];
  return ['–', 'not known', 'off'];
}

function howOften({ backends, oddOneOut, epoch, comparedWith }: Report): Markup | undefined {
  if (backends.length === 0) return undefined;
  const other = comparedWith === 'recording' ? 'the recording' : 'what was seen first';
  return html`<section aria-labelledby="often"><h2 id="often">How often</h2>
${oddOneOut && html`<p>The odd one out is <b>${oddOneOut.source}</b>: in epoch ${oddOneOut.epoch} ${oddOneOut.others.join(' and ')} agree with each other.</p>`}
<p class="soft">Replicas that differ from ${other}, with the interval that holds the true rate with 95% confidence.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Rates by backend"><table><thead><tr><th scope="col">Backend</th>${epoch && html`<th scope="col">In epoch ${epoch.epoch}</th>`}<th scope="col">Anywhere</th><th scope="col">Ran</th></tr></thead>
<tbody>${backends.map((backend) => backendRow(backend, epoch !== undefined))}</tbody></table></div></section>`;
}

function backendRow(backend: ReportedBackend, hasEpoch: boolean): Markup {
  const { diverged, divergedInEpoch, differsFromItself, verdict } = backend;
  const cell = (rate: Rate | undefined) => html`<td class="num">${rate && [rateText(rate), bar(rate)]}</td>`;
  return html`<tr><td class="name"><b>${backend.backend}</b><br><span class="soft">${VERDICT_WORDS[verdict]}${differsFromItself && ', differs from itself'}</span></td>${hasEpoch && cell(divergedInEpoch)}${cell(diverged)}<td class="text">${backendText(backend)}</td></tr>`;
}

/** The interval as a bar, and the share as a line in it. */
function bar({ count, total, low, high }: Rate): Markup | undefined {
  if (total === 0) return undefined;
  const share = (100 * count) / total;
  const place = (percent: number) => Math.round(percent * 10) / 10;
  const width = Math.max(0.5, place(100 * (high - low)));
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" x="0" y="3" width="100" height="4"/><rect class="range" x="${place(100 * low)}" y="1.5" width="${width}" height="7"/><rect class="at" x="${place(Math.min(98.5, share))}" y="0" width="1.5" height="10"/></svg>`;
}

function allEpochs({ epochs, comparedWith }: Report): Markup | undefined {
  if (epochs.total === 0) return undefined;
  const what = overviewText(epochs, comparedWith);
  const diverging = epochsText(epochs.stretches, 'diverge');
  const unknown = epochsText(epochs.stretches, 'unknown');
  return html`<section aria-labelledby="epochs"><h2 id="epochs">All epochs</h2>
<p>${what}.${diverging !== undefined && ` Diverging: ${diverging}.`}${unknown !== undefined && ` Not to be judged: ${unknown}.`}</p>
${strip(epochs.stretches, what)}</section>`;
}

function seeAgain(report: Report): Markup {
  const { seeAgain: again, kernel, backends } = report;
  const { seed, token, versions, commands } = again;
  const devices = backends.filter(({ device }) => Object.keys(device).length > 0);
  return html`<section aria-labelledby="again"><h2 id="again">To see it again</h2>
<dl class="facts">${commands.map(({ what, line }) => html`<dt>${what}</dt><dd>${copyable(line)}</dd>`)}
${token && html`<dt>schedule${!token.isOfWholeEpoch && html` of slots ${token.slots.join(', ')}`}</dt><dd>${copyable(token.token)}</dd>`}
<dt>seed</dt><dd>${seed ?? 'none was given'}</dd>
${kernel.identity !== undefined && html`<dt>kernel</dt><dd>${kernel.name}, ${kernel.source}${copyable(kernel.identity)}</dd>`}
${devices.map(({ backend, device }) => html`<dt>${backend} runs on</dt><dd>${pairsText(device)}</dd>`)}
<dt>versions</dt><dd>${pairsText(versions)}</dd></dl></section>`;
}

function pairsText(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

function copyable(text: string): Markup {
  return html`<div class="copy"><code>${text}</code></div>`;
}

function madeSmaller(reduction: ReportedReduction): Markup {
  const { rateBefore, rateAfter, stages, output, token, commands, judge, signature } = reduction;
  return html`<section aria-labelledby="smaller"><h2 id="smaller">Made smaller</h2>
<p>${reductionText(reduction)}</p>
<dl class="facts"><dt>judged by</dt><dd>${judge}</dd>
${signature !== undefined && html`<dt>failure</dt><dd>${signature}</dd>`}
<dt>failed before</dt><dd>${rateText(rateBefore)}</dd>
${rateAfter && html`<dt>fails now</dt><dd>${rateText(rateAfter)}</dd>`}
${output !== undefined && html`<dt>reproducer</dt><dd>${copyable(output)}</dd>`}
${token !== undefined && html`<dt>schedule</dt><dd>${copyable(token)}</dd>`}
${commands.map((line) => html`<dt>see it</dt><dd>${copyable(line)}</dd>`)}</dl>
${
  stages.length > 0 &&
  html`<h3>What was tried</h3><div class="scroll" tabindex="0" role="region" aria-label="Ledger"><table><thead><tr><th scope="col">Stage</th><th scope="col">Tried</th><th scope="col">Taken</th><th scope="col">Runs</th></tr></thead>
<tbody>${stages.map(({ stage, tried, accepted, runs }) => html`<tr><td>${stage}</td><td class="num">${countText(tried)}</td><td class="num">${countText(accepted)}</td><td class="num">${countText(runs)}</td></tr>`)}</tbody></table></div>`
}</section>`;
}

function hints({ hints: { mutants, remedies } }: Report): Markup | undefined {
  if (mutants.length === 0 && remedies === undefined) return undefined;
  return html`<section aria-labelledby="hints"><h2 id="hints">Where to look</h2>
${remedies && html`<p>${remediesText(remedies)}</p>${remedies.working.length > 0 && html`<ul>${remedies.working.map((what) => html`<li>${what}</li>`)}</ul>`}`}
${mutants.length > 0 && html`<p class="soft">${MUTANT_CAVEAT}</p><ul>${mutants.map(({ number, name, shows, because }) => html`<li><b>${name}</b> (no. ${number} of the catalogue): ${shows}. <span class="soft">${because}</span></li>`)}</ul>`}</section>`;
}

function notKnown({ notKnown: unknown, notes, epoch }: Report): Markup | undefined {
  const assumed = epoch?.explanation?.assumed ?? [];
  if (unknown.length + notes.length + assumed.length === 0) return undefined;
  const list = (title: string, items: readonly string[]) =>
    items.length > 0 && html`<h3>${title}</h3><ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
  return html`<section aria-labelledby="unknown"><h2 id="unknown">What this does not know</h2>
${list('Not known', unknown)}${list('Assumed', assumed)}${list('Notes', notes)}</section>`;
}
