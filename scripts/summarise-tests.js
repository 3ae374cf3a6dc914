// Prints one line about a test run from Vitest's JSON report, and fails if tests failed. With --none-skipped it also fails
// if a test was skipped, and names it: on a machine that can run everything, a skipped test is a hole.

import { readFileSync } from 'node:fs';

const [, , file = '', ...flags] = process.argv;
/** @type {{ testResults: { name: string, assertionResults: { fullName: string, status: string }[] }[] }} */
const report = JSON.parse(readFileSync(file, 'utf8'));
const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
/** @param {string[]} statuses */
const having = (...statuses) => tests.filter(({ status }) => statuses.includes(status));
const passed = having('passed').length;
const failed = having('failed').length;
const skipped = having('skipped', 'pending', 'todo', 'disabled');

for (const { fullName } of skipped) process.stdout.write(`skipped: ${fullName}\n`);
process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
if (failed > 0 || passed === 0 || (flags.includes('--none-skipped') && skipped.length > 0)) process.exitCode = 1;
