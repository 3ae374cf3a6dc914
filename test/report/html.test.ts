import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Report, renderHtml, renderText } from '../../src/report/index.ts';
import { expectValid } from '../cli/schemas.ts';
import { lostUpdate, racyKernel } from './reports.ts';

const VOID = new Set(['meta', 'br']);

/** Every element that is opened is closed, in turn; returns the names of the elements that there are. */
function elementsOf(page: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const body = page.replace(/<(script|style)>[\s\S]*?<\/\1>/g, '<$1></$1>').replace('<!doctype html>', '');
  for (const [, closes, name, attributes] of body.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+="[^"<>]*")*\s*\/?)>/g,
  )) {
    if (closes) expect(open.pop(), `</${name}>`).toBe(name);
    else {
      names.push(name);
      if (!VOID.has(name) && !attributes.endsWith('/')) open.push(name);
    }
  }
  expect(open).toEqual([]);
  // Whatever else has an angle bracket would be a tag that is none.
  expect(body.replace(/<\/?[a-z][a-z0-9]*(?:\s+[a-zA-Z-]+="[^"<>]*")*\s*\/?>/g, '')).not.toMatch(/[<>]/);
  return names;
}

function expectSelfContained(page: string): void {
  const withoutText = page.replace(/>[^<]*</g, '><');
  expect(withoutText).not.toMatch(/\s(src|href|action|poster|background|xlink:href)=/i);
  expect(page).not.toMatch(/@import|url\(/i);
  expect(page).toContain("default-src 'none'");
}

describe('the HTML', () => {
  test('is well formed and needs nothing from anywhere', async () => {
    const page = renderHtml(await lostUpdate());
    expect(elementsOf(page).filter((name) => name === 'table').length).toBeGreaterThanOrEqual(4);
    expectSelfContained(page);
    expect(page).not.toMatch(/https?:|\/\//);
  });

  test('says what the text says', async () => {
    const report = await lostUpdate();
    const page = renderHtml(report)
      .replace(/<script>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/g, '')
      .replace(/<[^>]*>/g, '')
      .replaceAll('&#39;', "'")
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
    const text = renderText(report, Number.POSITIVE_INFINITY);
    const facts = [
      report.headline,
      ...report.epoch!.explanation!.argument,
      report.seeAgain.token!.token,
      report.kernel.identity!,
      ...report.hints.remedies!.working,
      ...report.hints.mutants.map(({ shows }) => shows),
      ...report.notKnown,
      ...report.seeAgain.commands.map(({ line }) => line),
      '4 of 4, 95% interval 51% to 100%',
      'from here on the orders differ',
    ];
    for (const fact of facts) {
      expect(text).toContain(fact);
      expect(page).toContain(fact);
    }
  });

  test('the text keeps to the width of a terminal, but for what must not be broken', async () => {
    const report = await lostUpdate();
    const prose = renderText(report, 60).split('To see it again:')[0];
    expect(prose.split('\n').filter((line) => line.length > 60)).toEqual([]);
    expect(prose).toContain('from here on the orders differ');
  });

  test('the data is as the schema says', async () => {
    const report = await lostUpdate();
    expectValid('report', JSON.parse(JSON.stringify(report)));
  });

  test('thousands of epochs are a few paths, shapes differ, and no data is left out', async () => {
    const report = await lostUpdate();
    const stretches = Array.from({ length: 5_000 }, (_, index) => ({
      verdict: (['agree', 'agree', 'diverge', 'unknown', 'not reached'] as const)[index % 5],
      first: index,
      count: 1,
    }));
    const page = renderHtml({ ...report, epochs: { ...report.epochs, total: 5_000, stretches } });
    const shapes = [...page.matchAll(/<path class="(\w+)" d="([^"]*)"/g)].slice(0, 4);
    expect(shapes.map(([, name]) => name).sort()).toEqual(['agree', 'diverge', 'reached', 'unknown']);
    const cells = shapes.reduce((sum, [, , path]) => sum + path.split('M').length - 1, 0);
    // A cross takes one stroke that is begun with M and one that is not.
    expect(cells).toBe(5_000);
    elementsOf(page);
    const many = [{ verdict: 'agree' as const, first: 0, count: 3_000_000 }];
    expect(renderHtml({ ...report, epochs: { ...report.epochs, stretches: many } }).length).toBeLessThan(500_000);
  });
});

describe('what was read from elsewhere', () => {
  const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\u0000\u202e\u001b[31m`;

  /** A report with a text in every place that can have one. */
  function spoiled(report: Report, text: string): Report {
    const kept = new Set([
      'verdict',
      'kind',
      'order',
      'memory',
      'mode',
      'comparedWith',
      'violated',
      'holds',
      'shape',
      'source',
    ]);
    const spoil = (value: unknown, name: string): unknown => {
      if (typeof value === 'string') return kept.has(name) ? value : text;
      if (Array.isArray(value)) return value.map((each) => spoil(each, name));
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, spoil(member, key)]));
    };
    return spoil({ ...report, notes: [text] }, '') as Report;
  }

  test('is shown and never obeyed', async () => {
    const report = spoiled(await lostUpdate(), HOSTILE);
    const page = renderHtml({ ...report, lost: Number.MAX_SAFE_INTEGER });
    const names = elementsOf(page);
    expect(names.filter((name) => name === 'script')).toHaveLength(1);
    expect(names).not.toContain('img');
    expectSelfContained(page);
    expect(page).toContain('\\u202e');
    expect(page).toContain('9,007,199,254,740,991');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(renderText(report)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/);
  });

  test('whatever it is, the page stays well formed', async () => {
    const report = await lostUpdate();
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[<>&"'/=!a-z -]{0,30}$/));
    fc.assert(
      fc.property(text, (each) => {
        expect(elementsOf(renderHtml(spoiled(report, each))).filter((name) => name === 'script')).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });

  test('a name of a kernel comes through a whole report', async () => {
    const report = await lostUpdate({ kernel: racyKernel('</title><script>x</script>') });
    expect(elementsOf(renderHtml(report)).filter((name) => name === 'script')).toHaveLength(1);
  });
});
