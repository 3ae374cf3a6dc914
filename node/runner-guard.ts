/**
 * Sees to it that runners do not outlive vrrl.
 *
 * They are in process groups of their own, so that all of a runner's processes can be ended at once; but then an
 * interrupt from the terminal does not reach them, and one that hangs would not notice that its input was closed.
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What ends each runner that is alive. */
const live = new Set<() => void>();

/** Has `kill` called if this process ends. Returns what takes that back. */
export function guard(kill: () => void): () => void {
  if (live.size === 0) listen();
  live.add(kill);
  return () => {
    if (live.delete(kill) && live.size === 0) unlisten();
  };
}

function killAll(): void {
  for (const kill of live) kill();
}

function onSignal(signal: NodeJS.Signals): void {
  killAll();
  unlisten();
  live.clear();
  // With nobody else listening the signal does what it would have done without us.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function listen(): void {
  process.on('exit', killAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off('exit', killAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
