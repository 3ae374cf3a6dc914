/**
 * Histories, parsed and judged: those of etcd in test/fixtures/histories, and as many of a simulated register as there
 * are logs of etcd, 102, of the same length.
 *
 *     node scripts/run-typescript.js bench/judge.ts [--rounds 9] [--histories FILE]
 */

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { findModel, judgeHistory, parseHistory } from '../src/histories/index.ts';
import { type NamedHistory, simulateRegisters, textOf } from '../test/histories/simulated-register.ts';
import { machineFacts } from './machine.ts';
import { measureInTurn, summarise } from './measurement.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    histories: { type: 'string', default: 'test/fixtures/histories/etcd.jsonl' },
  },
});
const model = findModel('cas-register')!;
const { cores, processor } = machineFacts();
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cores} cores of ${processor}`);
const lines = fs.readFileSync(values.histories, 'utf8').trimEnd().split('\n');
measure(values.histories, lines.map((line): NamedHistory => JSON.parse(line))); // biome-ignore format: one line
measure('102 simulated', simulateRegisters({ seed: 1, count: 102, operations: 84 }));

function measure(name: string, histories: readonly NamedHistory[]): void {
  const texts = histories.map(textOf);
  const parsed = texts.map((text) => parseHistory(text, model));
  const judgements = parsed.map((history) => judgeHistory(history, { contradiction: false }));
  const right = judgements.filter(({ verdict }, each) => {
    return verdict === (histories[each].isSerializable ? 'serializable' : 'unserializable');
  }).length;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const operations = sum(parsed.map((history) => history.operations.length));
  const nodes = judgements.map((judgement) => judgement.nodes);
  console.log(`${name}: ${histories.length} histories, ${operations} operations, ${right} right`);
  console.log(`  states visited: ${sum(nodes)}, at most ${Math.max(...nodes)} in one`);
  const scale = (milliseconds: number) => milliseconds;
  const measurements = measureInTurn(
    [
      { name: 'parse', unit: 'ms', scale, run: () => texts.forEach((text) => void parseHistory(text, model)) },
      { name: 'judge', unit: 'ms', scale, run: () => judgeAll(false) },
      { name: 'judge, contradictions made small', unit: 'ms', scale, run: () => judgeAll(true) },
    ],
    Number(values.rounds),
  );
  for (const { name: what, samples } of measurements) {
    const { median, min, max, spread } = summarise(samples);
    const range = `${min.toFixed(1)} to ${max.toFixed(1)}, spread ${spread.toFixed(2)}`;
    console.log(`  ${what}: median ${median.toFixed(1)} ms (${range}) of ${samples.length} rounds`);
  }

  function judgeAll(contradiction: boolean): void {
    for (const history of parsed) judgeHistory(history, { contradiction });
  }
}
