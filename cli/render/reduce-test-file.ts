/** A reproducer as a test that somebody can put into his repository: `node --test small.test.mjs`. */

import path from 'node:path';
import { commandWords } from '../../node/command-words.ts';
import { cleanRunsToReject, type Reduction } from '../../src/reduce/index.ts';
import { EXEC, isBackendModule } from '../backends.ts';
import { commandFor } from '../command-subject.ts';
import type { ReducedRecording } from '../reduction.ts';
import { count, percent, plural, printable } from './text.ts';

/** How likely the test may be to pass although the failure is still there. */
const MISSED = 0.01;
/** A test that goes on for longer is not run by anybody. */
const MOST_RUNS = 200_000;

/** Where the test of a log lies: `small.vrrl` has it in `small.test.mjs`. */
export function testPathOf(logPath: string): string {
  const { dir, name } = path.parse(logPath);
  return path.join(dir, `${name}.test.mjs`);
}

/** The text of the test; `logPath` is where the reproducer is, beside it. */
export function renderTestFile(reduced: ReducedRecording, reduction: Reduction, logPath: string): string {
  const { judge } = reduced;
  const head = headOf(reduced, reduction, logPath);
  const body =
    judge.kind === 'command' ? commandBody(judge.asked, logPath, reduction) : backendBody(reduced, reduction, logPath);
  return `${[...head.map((line) => `// ${printable(line)}`.trimEnd()), ...body].join('\n')}\n`;
}

function headOf({ logPath: from, epochs, failure }: ReducedRecording, reduction: Reduction, logPath: string): string[] {
  const { rateAfter, signature } = reduction;
  const where = epochs.first === epochs.last ? `epoch ${epochs.first}` : `epochs ${epochs.first} to ${epochs.last}`;
  const seen = failure && `: ${failure.where}: expected ${failure.expected}, seen ${failure.seen}`;
  return [
    `Made by vrrl reduce from ${path.basename(from)}, ${where}. Run it with: node --test ${path.basename(testPathOf(logPath))}`,
    '',
    `It fails as long as this is there: ${signature}${seen ?? ''}.`,
    ...(rateAfter === undefined
      ? []
      : [
          `It was there in ${count(rateAfter.count)} of ${plural(rateAfter.total, 'run')}; the true rate is ${percent(rateAfter.low)} … ${percent(rateAfter.high)}, with 95% confidence.`,
        ]),
  ];
}

/** So many that a failure at the lower bound of its rate is missed rarely enough. */
function runsFor({ rateAfter }: Reduction): number {
  if (rateAfter === undefined || rateAfter.count === 0) return 1;
  return rateAfter.total === 1 ? 1 : Math.min(MOST_RUNS, cleanRunsToReject(rateAfter.low, MISSED));
}

function backendBody({ judge }: ReducedRecording, reduction: Reduction, logPath: string): string[] {
  const { imports, make } = backendExpression(judge.asked, path.dirname(logPath));
  const names = ['openRecording', ...imports].toSorted().join(', ');
  return [
    "import assert from 'node:assert/strict';",
    "import test from 'node:test';",
    "import { fileURLToPath } from 'node:url';",
    `import { ${names} } from 'vrrl/node';`,
    "import { BackendSubject, candidateOfRecording } from 'vrrl/reduce';",
    '',
    `const LOG = ${literal(`./${path.basename(logPath)}`)};`,
    `const RUNS = ${runsFor(reduction)};`,
    `const FAILURE = ${literal(reduction.signature ?? '')};`,
    '',
    `test(${literal(`the slots of ${path.basename(logPath)} do not fail: ${reduction.signature}`)}, async () => {`,
    '  const recording = openRecording(fileURLToPath(new URL(LOG, import.meta.url)));',
    '  const subject = new BackendSubject({',
    `    name: ${literal(judge.asked)},`,
    `    make: ${make},`,
    `    oracle: ${literal(judge.oracle ?? 'differs-from-reference')},`,
    '  });',
    '  try {',
    '    const { failures, unresolved } = await subject.run(candidateOfRecording(recording), RUNS, FAILURE);',
    '    assert.equal(unresolved, undefined);',
    '    assert.deepEqual([...failures.keys()], []);',
    '  } finally {',
    '    await subject.close();',
    '    recording.close();',
    '  }',
    '});',
  ];
}

/** How the backend is made in JavaScript, and what that takes from `vrrl/node`. */
function backendExpression(asked: string, folder: string): { readonly imports: string[]; readonly make: string } {
  if (asked.startsWith(EXEC)) {
    const command = commandWords(asked.slice(EXEC.length)).map(literal).join(', ');
    return {
      imports: ['ProcessBackend'],
      make: `(kernel) => ProcessBackend.connect({ command: [${command}], kernel })`,
    };
  }
  if (isBackendModule(asked)) {
    const relative = path.relative(folder, asked).split(path.sep).join('/');
    const url = `new URL(${literal(relative.startsWith('.') ? relative : `./${relative}`)}, import.meta.url)`;
    return {
      imports: ['loadBackendFactory'],
      make: `async () => (await loadBackendFactory(fileURLToPath(${url})))()`,
    };
  }
  if (asked === 'reference') return { imports: ['ReferenceBackend'], make: '(kernel) => new ReferenceBackend(kernel)' };
  if (asked === 'threads') return { imports: ['ThreadsBackend'], make: '(kernel) => new ThreadsBackend(kernel)' };
  return { imports: ['connectGpu'], make: `(kernel) => connectGpu(${literal(asked)}, kernel)` };
}

function commandBody(command: string, logPath: string, reduction: Reduction): string[] {
  const name = path.basename(logPath);
  return [
    "import assert from 'node:assert/strict';",
    "import { spawnSync } from 'node:child_process';",
    "import path from 'node:path';",
    "import test from 'node:test';",
    "import { fileURLToPath } from 'node:url';",
    '',
    `const COMMAND = ${literal(commandFor(command, name))};`,
    `const RUNS = ${runsFor(reduction)};`,
    '',
    `test(${literal(`the command is content with ${name}`)}, () => {`,
    '  const cwd = path.dirname(fileURLToPath(import.meta.url));',
    '  for (let run = 0; run < RUNS; run += 1) {',
    "    const { status } = spawnSync(COMMAND, { shell: true, cwd, stdio: 'inherit' });",
    '    assert.equal(status, 0);',
    '  }',
    '});',
  ];
}

/** A text as JavaScript has it. */
function literal(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
