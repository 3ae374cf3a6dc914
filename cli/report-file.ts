/** Where a report goes: a file that is somebody's work is not replaced by one. */

import fs from 'node:fs';
import { InputError } from '../src/base/errors.ts';

/** The path that means standard output. */
export const STANDARD_OUTPUT = '-';

/** What every report has near its beginning. */
const MARK = '<meta name="generator" content="vrrl report">';
const MARK_WITHIN_BYTES = 2_048;

/** @throws InputError if two things were to go to standard output, or a file there is no report. */
export function refuseOverwritingReport({
  output,
  json,
  force,
}: {
  readonly output?: string | undefined;
  readonly json?: true | undefined;
  readonly force?: true | undefined;
}): void {
  if (output === undefined) return;
  if (output === STANDARD_OUTPUT) {
    if (json) throw new InputError('HTML and JSON cannot both go to standard output', 'name a file with -o.');
    return;
  }
  if (force || !fs.existsSync(output) || beginsAsReport(output)) return;
  throw new InputError(`${output} is there and is no report`, 'name another file, or pass --force to replace it.');
}

function beginsAsReport(path: string): boolean {
  const bytes = Buffer.alloc(MARK_WITHIN_BYTES);
  const file = fs.openSync(path, 'r');
  try {
    return bytes.toString('utf8', 0, fs.readSync(file, bytes, 0, bytes.length, 0)).includes(MARK);
  } finally {
    fs.closeSync(file);
  }
}
