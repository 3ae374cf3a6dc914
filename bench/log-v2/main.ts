/** The v2 log's benchmarks alone: Markdown on standard output, or everything that was measured as JSON with `--json`. */

import { parseArgs } from 'node:util';
import { machineFacts } from '../machine.ts';
import { measureLogV2 } from './measure.ts';
import { renderLogV2 } from './render.ts';

const DEFAULT_ROUNDS = '5';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: DEFAULT_ROUNDS }, json: { type: 'boolean', default: false } },
});
const results = await measureLogV2(Number(values.rounds));
const facts = { date: new Date().toISOString(), node: process.version, machine: machineFacts(), ...results };
const output = values.json ? JSON.stringify(facts, undefined, 2) : renderLogV2(results).join('\n');
process.stdout.write(`${output}\n`);
