/** Progress on standard error, on a terminal only. */

import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './io.ts';

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

const SILENT: Progress = { update() {}, stop() {} };

/** A bar that appears with the first update and is gone after `stop`. */
export function startProgress(io: Io, label: string, isQuiet: boolean | undefined): Progress {
  if (isQuiet === true || !io.notesToTerminal) return SILENT;
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% ({value}/{total})`,
      clearOnComplete: true,
      hideCursor: true,
      noTTYOutput: false,
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
    },
  };
}
