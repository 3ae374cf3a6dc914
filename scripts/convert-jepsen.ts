/**
 * Jepsen's text logs of a compare-and-set register as one file of histories: a line each, with its name, its answer and its
 * operations in the form of spec/history.md.
 *
 *     node scripts/run-typescript.js scripts/convert-jepsen.ts --unserializable 000,099 etcd_*.log > etcd.jsonl
 *
 * A line of such a log is `INFO jepsen.util - PROCESS :invoke|:ok|:fail|:info :read|:write|:cas VALUE`. Times are the
 * numbers of the lines.
 */

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

interface Operation {
  readonly process: number;
  readonly call: number;
  return: number | null;
  readonly input: Readonly<Record<string, unknown>>;
  output: Readonly<Record<string, unknown>> | null;
}

const { values, positionals } = parseArgs({
  options: { unserializable: { type: 'string', default: '' } },
  allowPositionals: true,
});
const unserializable = values.unserializable.split(',');
for (const file of positionals) {
  const name = path.basename(file, '.log');
  const isSerializable = !unserializable.some((number) => number !== '' && name.endsWith(number));
  console.log(JSON.stringify({ name, isSerializable, operations: convert(fs.readFileSync(file, 'utf8')) }));
}

function convert(log: string): Operation[] {
  const operations: Operation[] = [];
  const open = new Map<number, Operation>();
  log.split('\n').forEach((line, time) => {
    const found = /^INFO\s+jepsen\.util - (\d+)\t:(invoke|ok|fail|info)\t:(read|write|cas)\t(.*)$/.exec(line);
    if (found === null) return;
    const [, process, event, op, value] = found;
    if (event === 'invoke') {
      const call = { process: Number(process), call: time, return: null, input: inputOf(op, value), output: null };
      operations.push(call);
      open.set(Number(process), call);
      return;
    }
    const operation = open.get(Number(process));
    const answer = answerOf(event, op, value);
    if (operation === undefined || answer === undefined) return;
    operation.return = time;
    operation.output = answer;
  });
  return operations;
}

function inputOf(op: string, value: string): Record<string, unknown> {
  if (op === 'read') return { op };
  if (op === 'write') return { op, value: Number(value) };
  const [from, to] = value.slice(1, -1).split(' ').map(Number);
  return { op, from, to };
}

/** Undefined if nobody saw the end. */
function answerOf(event: string, op: string, value: string): Record<string, unknown> | undefined {
  if (event === 'info' || value === ':timed-out') return undefined;
  if (op === 'cas') return { ok: event === 'ok' };
  if (event === 'fail') return undefined;
  return op === 'read' ? { value: value === 'nil' ? null : Number(value) } : {};
}
