import { VrrlError } from '../base/errors.ts';

/** The calls a storage makes, as named in errors. */
export type StorageCall = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'close' | 'rename' | 'stat';

/** A call on a file failed. Carries the call, the path and the system's own error as `cause`. */
export class StorageError extends VrrlError {
  readonly code = 'VRRL_IO';
  readonly call: StorageCall;
  readonly path: string;
  /** The system's name for what happened (`ENOSPC`, `EACCES`), if it gave one. */
  readonly systemCode: string | undefined;

  constructor(call: StorageCall, path: string, cause: unknown) {
    const systemCode = codeOf(cause);
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${call} on \`${path}\` failed: ${reason}`, fixFor(systemCode), { cause });
    this.call = call;
    this.path = path;
    this.systemCode = systemCode;
  }
}

function codeOf(cause: unknown): string | undefined {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return undefined;
}

function fixFor(systemCode: string | undefined): string {
  switch (systemCode) {
    case 'ENOENT':
      return 'check the path; the file or its folder does not exist.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'check the permissions of the file and its folder.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'free some disk space; what was confirmed before is still in the file.';
    case 'EISDIR':
      return 'name a file, not a folder.';
    case 'EMFILE':
    case 'ENFILE':
      return 'close some files or raise the limit on open files.';
    default:
      return 'check disk space and permissions.';
  }
}
