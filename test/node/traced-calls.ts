import { type FileCalls, systemCalls } from '../../node/file-calls.ts';
import { systemError } from '../../node/open-file.ts';

type CallName = Exclude<keyof FileCalls, 'withoutNative'>;

/** Which call is to fail: the n-th of all, counted from 0, and whether those after it fail too. */
export interface Failure {
  readonly at: number;
  readonly mode: 'once' | 'forever';
  readonly code: string;
}

/**
 * The system's calls, written down, of which some are made to fail.
 *
 * A close that fails has closed all the same, as it has on Linux. `forever` fails every call of the name that failed
 * first: a disk that is full, a link that the file system has not.
 */
export class TracedCalls {
  /** Names of the calls, in order. */
  readonly made: CallName[] = [];
  readonly openDescriptors: Set<number> = new Set();
  readonly calls: FileCalls;
  /** The name of the call that was made to fail. */
  failed: CallName | undefined;
  readonly #failure: Failure | undefined;

  constructor(failure?: Failure, base: FileCalls = systemCalls) {
    this.#failure = failure;
    this.calls = {
      withoutNative: base.withoutNative,
      open: (...args) => this.#noteOpen(this.#make('open', () => base.open(...args))),
      close: (descriptor) => {
        base.close(descriptor);
        this.openDescriptors.delete(descriptor);
        this.#make('close', () => undefined);
      },
      stat: (...args) => this.#make('stat', () => base.stat(...args)),
      statPath: (...args) => this.#make('statPath', () => base.statPath(...args)),
      realPath: (...args) => this.#make('realPath', () => base.realPath(...args)),
      read: (...args) => this.#make('read', () => base.read(...args)),
      write: (...args) => this.#make('write', () => base.write(...args)),
      truncate: (...args) => this.#make('truncate', () => base.truncate(...args)),
      sync: (...args) => this.#make('sync', () => base.sync(...args)),
      syncData: (...args) => this.#make('syncData', () => base.syncData(...args)),
      link: (...args) => this.#make('link', () => base.link(...args)),
      rename: (...args) => this.#make('rename', () => base.rename(...args)),
      remove: (...args) => this.#make('remove', () => base.remove(...args)),
      map: (...args) => this.#make('map', () => base.map(...args)),
      flush: (...args) => this.#make('flush', () => base.flush(...args)),
      lock: (...args) => this.#make('lock', () => base.lock(...args)),
      unlock: (...args) => this.#make('unlock', () => base.unlock(...args)),
      allocate: (...args) => this.#make('allocate', () => base.allocate(...args)),
    };
  }

  #noteOpen(descriptor: number): number {
    this.openDescriptors.add(descriptor);
    return descriptor;
  }

  #make<Result>(name: CallName, run: () => Result): Result {
    const index = this.made.push(name) - 1;
    const { at, mode, code } = this.#failure ?? {};
    if (index === at) this.failed = name;
    const isFailing = index === at || (mode === 'forever' && this.failed === name);
    if (isFailing) throw systemError(code ?? 'EIO', 'made up');
    return run();
  }
}

/** The calls of a machine without koffi. */
export function withoutKoffi(calls: FileCalls = systemCalls): FileCalls {
  return { ...calls, withoutNative: 'left out by the test', allocate: () => {} };
}
