// A process that appends to a v2 log with the built package until it is killed: `node log-appender.mjs FILE ACCESS`.
// After each append that returned it says the record's number on a line of standard output.

import fs from 'node:fs';
import { openFlightLogFile } from '../../dist/node/index.js';

const [file, access] = process.argv.slice(2);
const { log } = openFlightLogFile(file, {}, { access: access === 'plain' ? 'plain' : 'mapped' });
for (;;) {
  const sequence = log.nextSequence;
  log.append({
    timestampNs: BigInt(sequence),
    slotIndex: sequence % 7,
    tenantId: 1,
    opcode: 2,
    args: [sequence, ~sequence >>> 0],
    epoch: 3,
  });
  fs.writeSync(1, `${sequence}\n`);
}
