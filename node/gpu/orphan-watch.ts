/**
 * Ends the process that it runs in when the host has gone: a thread of its own, because the other one may wait for a driver
 * that never answers, and then nobody reads that its input has ended.
 */

import process from 'node:process';

const PERIOD_MS = 1_000;
const host = process.ppid;

setInterval(() => {
  if (process.ppid !== host) process.kill(process.pid, 'SIGKILL');
}, PERIOD_MS);
