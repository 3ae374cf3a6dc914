/** A reproducer as a test that somebody can put into his repository: `node --test small.test.mjs`. */

import path from 'node:path';
import { commandWords } from '../../node/command-words.ts';
import type { StressSettings } from '../../src/backend/index.ts';
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

function backendBody(reduced: ReducedRecording, reduction: Reduction, logPath: string): string[] {
  const { subject, fromNode, fromReduce } = subjectExpression(reduced, path.dirname(logPath));
  const kernel = kernelExpression(reduced, path.dirname(logPath));
  const stress = reduction.reproducer?.stress;
  const names = [...new Set(['openRecording', ...fromNode, ...(kernel === undefined ? [] : ['loadKernel'])])];
  const others = ['candidateOfRecording', ...fromReduce].toSorted((left, right) => left.localeCompare(right));
  return [
    "import assert from 'node:assert/strict';",
    "import test from 'node:test';",
    "import { fileURLToPath } from 'node:url';",
    `import { ${names.toSorted().join(', ')} } from 'vrrl/node';`,
    `import { ${others.join(', ')} } from 'vrrl/reduce';`,
    '',
    `const LOG = ${literal(`./${path.basename(logPath)}`)};`,
    `const RUNS = ${runsFor(reduction)};`,
    `const FAILURE = ${literal(reduction.signature ?? '')};`,
    ...(stress === undefined ? [] : [`const STRESS = ${stressLiteral(stress)};`]),
    ...(kernel === undefined
      ? [
          "// The kernel as it was recorded. For yours as it is now, import loadKernel from 'vrrl/node':",
          "// const KERNEL = await loadKernel(fileURLToPath(new URL('./my-kernel.mjs', import.meta.url)));",
          'const KERNEL = undefined;',
        ]
      : [`const KERNEL = ${kernel};`]),
    '',
    `test(${literal(`the slots of ${path.basename(logPath)} do not fail: ${reduction.signature}`)}, async () => {`,
    '  const recording = openRecording(fileURLToPath(new URL(LOG, import.meta.url)));',
    ...subject.map((line) => `  ${line}`),
    '  try {',
    stress === undefined
      ? '    const candidate = candidateOfRecording(recording, KERNEL);'
      : '    const candidate = { ...candidateOfRecording(recording, KERNEL), stress: STRESS };',
    '    const { failures, unresolved } = await subject.run(candidate, RUNS, FAILURE);',
    '    assert.equal(unresolved, undefined);',
    '    assert.deepEqual([...failures.keys()], []);',
    '  } finally {',
    ...(reduced.judge.kind === 'backend' ? ['    await subject.close();'] : []),
    '    recording.close();',
    '  }',
    '});',
  ];
}

function stressLiteral(stress: StressSettings): string {
  return `{ ${Object.entries(stress)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ')} }`;
}

/** Of a kernel that was given on the command line. */
function kernelExpression({ kernelFile }: ReducedRecording, folder: string): string | undefined {
  if (kernelFile === undefined || kernelFile.endsWith('.json')) return undefined;
  return `await loadKernel(fileURLToPath(${urlOf(kernelFile, folder)}))`;
}

function urlOf(file: string, folder: string): string {
  const relative = path.relative(folder, file).split(path.sep).join('/');
  return `new URL(${literal(relative.startsWith('.') ? relative : `./${relative}`)}, import.meta.url)`;
}

interface SubjectExpression {
  readonly subject: readonly string[];
  readonly fromNode: readonly string[];
  readonly fromReduce: readonly string[];
}

function subjectExpression({ judge, memory }: ReducedRecording, folder: string): SubjectExpression {
  const oracle = judge.oracle ?? 'differs-from-reference';
  if (judge.kind === 'explorer') {
    const model = memory === undefined ? [] : [`  memory: ${literal(memory)},`];
    const lines = [`  oracle: ${literal(oracle)},`, ...model];
    return {
      subject: ['const subject = new ExplorerSubject({', ...lines, '});'],
      fromNode: [],
      fromReduce: ['ExplorerSubject'],
    };
  }
  const { imports, make } = backendExpression(judge.asked, folder);
  const lines = [`  name: ${literal(judge.asked)},`, `  make: ${make},`, `  oracle: ${literal(oracle)},`];
  return {
    subject: ['const subject = new BackendSubject({', ...lines, '});'],
    fromNode: imports,
    fromReduce: ['BackendSubject'],
  };
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
    return {
      imports: ['loadBackendFactory'],
      make: `async () => (await loadBackendFactory(fileURLToPath(${urlOf(asked, folder)})))()`,
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
