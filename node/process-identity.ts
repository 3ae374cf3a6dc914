/** Which process is meant by a number that somebody wrote down: numbers are given again, after a while and after each start of a machine. */

import fs from 'node:fs';
import os from 'node:os';

/** What tells a process apart from all others. A field that this system does not say is undefined. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Drawn anew whenever the machine starts; 32 hexadecimal digits. */
  readonly bootId: string | undefined;
  /** Within which the number means this process: containers have their own. */
  readonly pidNamespace: string | undefined;
  /** When the process was started, in ticks since the machine was. */
  readonly startTicks: string | undefined;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    host: os.hostname(),
    bootId: machineBootId(),
    pidNamespace: readOrNothing(() => fs.readlinkSync('/proc/self/ns/pid')),
    startTicks: statusOf(process.pid)?.startTicks,
  };
}

/** What Linux calls this start of the machine, as 32 hexadecimal digits; undefined on other systems. */
export function machineBootId(): string | undefined {
  const text = readOrNothing(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'));
  return text?.trim().replaceAll('-', '');
}

/** What became of a process; `unknown` if it cannot be seen from here. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** Whether `other` still runs, as far as `own`, this process, can tell. */
export function livenessOf(other: ProcessIdentity, own: ProcessIdentity = ownIdentity()): Liveness {
  if (other.host !== own.host) return 'unknown';
  if (other.bootId !== own.bootId) return other.bootId === undefined || own.bootId === undefined ? 'unknown' : 'dead';
  if (other.pidNamespace !== own.pidNamespace) return 'unknown';
  if (!isNumberInUse(other.pid)) return 'dead';
  const status = statusOf(other.pid);
  // Nobody can say more than that the number is in use.
  if (status === undefined) return 'alive';
  const isSame = other.startTicks === undefined || status.startTicks === other.startTicks;
  return isSame && !status.isZombie ? 'alive' : 'dead';
}

function isNumberInUse(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // It is there and somebody else's.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

/** From /proc/PID/stat (proc(5)): the state is field 3 and the start field 22, behind a name that may hold anything. */
function statusOf(pid: number): { startTicks: string; isZombie: boolean } | undefined {
  const text = readOrNothing(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields.length < 20) return undefined;
  return { startTicks: fields[22 - 3], isZombie: fields[0] === 'Z' || fields[0] === 'X' };
}

function readOrNothing(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
