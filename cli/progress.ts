/** Progress on standard error, on a terminal only. */

import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './io.ts';

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

/** For work of which nobody knows how much there is. */
export interface Counter {
  update(done: number): void;
  stop(): void;
}

/** A bar that appears with the first update and is gone after `stop`. */
export function startProgress(io: Io, label: string, isQuiet: boolean | undefined): Progress {
  return start(io, `${label} {bar} {percentage}% ({value}/{total})`, isQuiet);
}

/** The same with only a number. */
export function startCounter(io: Io, label: string, things: string, isQuiet: boolean | undefined): Counter {
  const line = start(io, `${label}: {value} ${things}`, isQuiet);
  return { update: (done) => line.update(done, 0), stop: () => line.stop() };
}

const SILENT: Progress = { update() {}, stop() {} };

function start(io: Io, format: string, isQuiet: boolean | undefined): Progress {
  if (isQuiet === true || !io.notesToTerminal) return SILENT;
  const bar = new SingleBar(
    {
      format,
      clearOnComplete: true,
      noTTYOutput: false,
      // A process that is interrupted must not leave the terminal changed, nor may the bar keep it from being interrupted.
      hideCursor: false,
      linewrap: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  let isShown = false;
  return {
    update(done, total) {
      if (isShown) bar.update(done);
      else bar.start(total, done);
      isShown = true;
    },
    stop() {
      if (isShown) bar.stop();
      isShown = false;
    },
  };
}
