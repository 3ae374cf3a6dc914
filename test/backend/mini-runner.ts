/** The runner that tests talk to, and the faults that it can be told to have. */

import { fileURLToPath } from 'node:url';
import { ProcessBackend, type ProcessBackendOptions } from '../../node/process-backend.ts';

export function miniCommand(fault = ''): string[] {
  const script = fileURLToPath(new URL('./runners/mini-runner.mjs', import.meta.url));
  return [process.execPath, script, fault];
}

export function connectMini(fault = '', options: Partial<ProcessBackendOptions> = {}): Promise<ProcessBackend> {
  return ProcessBackend.connect({ command: miniCommand(fault), ...options });
}
