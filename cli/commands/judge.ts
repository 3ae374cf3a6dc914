/** `vrrl judge`: whether a history of calls and returns has an order that explains it. */

import { Option } from '@commander-js/extra-typings';
import { findModel, type HistoryVerdict, judgeHistory, MODELS, parseHistory } from '../../src/histories/index.ts';
import { DEFAULT_MAX_NODES } from '../../src/serial/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource } from '../log-source.ts';
import { integer } from '../options.ts';
import { tidyJson } from '../render/json.ts';
import { describeJudgement, renderHistoryJudgement } from '../render/judge.ts';

const AFTER_HELP = `
A history is JSON lines, an operation a line; spec/history.md says what each model has a meaning for.
  {"process":3,"call":17,"return":42,"input":{"op":"cas","from":1,"to":2},"output":{"ok":true}}
A return or an output of null is an operation whose end nobody saw: it may have happened at any time after its call, or
never. An operation comes before those that were called after it returned; equal times order nothing.
Exit codes: 0 serializable, 1 not, 3 unknown: the search gave up.

Examples:
  $ vrrl judge history.jsonl --model cas-register
  $ my-test-of-a-store | vrrl judge - --model kv --json`;

const EXIT_CODES: Readonly<Record<HistoryVerdict, number>> = {
  serializable: ExitCode.AGREE,
  unserializable: ExitCode.DIVERGED,
  unknown: ExitCode.UNKNOWN,
};

const MODEL_NAMES = MODELS.map(({ name }) => name);

export const addJudge: AddCommand = (program, context) => {
  program
    .command('judge')
    .description('say whether a history of calls and returns has an order that explains every answer')
    .argument('<history>', 'file of JSON lines, or - for standard input')
    .addOption(new Option('--model <name>', 'what was called').choices(MODEL_NAMES).makeOptionMandatory())
    .option(
      '--max-nodes <n>',
      'states to visit before giving up, for each key of kv',
      integer(1, Number.MAX_SAFE_INTEGER),
      DEFAULT_MAX_NODES,
    )
    .option('--json', 'print one JSON object (spec/judge.schema.json)')
    .addHelpText('after', AFTER_HELP)
    .action(async (path, options) => {
      const { io } = context;
      // Commander lets no other names through.
      const model = findModel(options.model)!;
      const history = parseHistory(await readAll(io, path), model);
      const judgement = judgeHistory(history, { maxNodes: options.maxNodes });
      const output = options.json
        ? `${tidyJson(describeJudgement(path, judgement))}\n`
        : renderHistoryJudgement(io, path, judgement);
      await io.write(output);
      context.exitCode = EXIT_CODES[judgement.verdict];
    });
};

async function readAll(io: Io, path: string): Promise<Uint8Array> {
  const storage = await openLogSource(io, path);
  try {
    const bytes = new Uint8Array(storage.size());
    const length = storage.readAt(bytes, 0);
    return bytes.subarray(0, length);
  } finally {
    storage.close();
  }
}
