/** What machine a measurement was made on. */

import fs from 'node:fs';
import os from 'node:os';

export interface MachineFacts {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
}

export function machineFacts(): MachineFacts {
  return {
    processor: os.cpus()[0]?.model ?? 'unknown processor',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: systemName(),
  };
}

/** Of one minute. */
export function loadAverage(): number {
  return os.loadavg()[0];
}

function systemName(): string {
  try {
    const name = /^PRETTY_NAME="(.*)"$/m.exec(fs.readFileSync('/etc/os-release', 'utf8'))?.[1];
    return `${name ?? os.type()}, ${os.type()} ${os.release()} ${os.arch()}`;
  } catch {
    return `${os.type()} ${os.release()} ${os.arch()}`;
  }
}
