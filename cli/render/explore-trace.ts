/** One schedule, access by access: a column a lane, a row an access. */

import type { Run, Seriality } from '../../src/explore/index.ts';
import type { FindingDetails } from '../explore-judging.ts';
import type { NamedScenario } from '../explored-scenario.ts';
import type { Io } from '../io.ts';
import { accessJson, differencesOf, subjectJson } from './explore.ts';
import { accessLines, findingLines } from './explore-finding.ts';
import { plural, printable } from './text.ts';

export interface ReplayedToken {
  readonly named: NamedScenario;
  readonly run: Run;
  readonly seriality: Seriality;
  readonly token: string;
  readonly details: FindingDetails;
}

/** The text that `explore --token` prints. */
export function renderReplayed(io: Io, { named, run, seriality, details }: ReplayedToken): string {
  const verdict = {
    serial: 'an order of its slots gives the same',
    'not serial': 'no order of its slots gives this',
    unknown: 'whether an order of its slots gives this is not known',
  }[seriality];
  const lines = [
    `${named.name}: ${plural(run.steps, 'step')}${run.isHung ? ', hung' : ''}; ${verdict}`,
    '',
    ...(seriality === 'not serial'
      ? findingLines(named.scenario, details, io)
      : accessLines(named.scenario, details.accesses, io)),
    '',
    ...differencesOf(named.scenario, run.outcome).map(
      ({ name, published, seen }) => `${name}: ${seen}, not ${published} as in the order of publishing`,
    ),
  ];
  return `${lines.map(printable).join('\n').trimEnd()}\n`;
}

/** The object that `explore --token --json` prints. */
export function replayedJson(tool: string, { named, run, seriality, token }: ReplayedToken): unknown {
  const { outcome, isHung, steps } = run;
  return {
    schemaVersion: 1,
    tool,
    ...subjectJson(named),
    token,
    seriality,
    hung: isHung,
    steps,
    done: outcome.done,
    pending: outcome.pending,
    faults: outcome.faults.length,
    differences: differencesOf(named.scenario, outcome),
    accesses: run.trace().map(accessJson),
    notes: named.notes,
  };
}
