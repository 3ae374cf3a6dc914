import { VrrlError } from '../base/errors.ts';

/** The calls a storage makes, as named in errors. */
export type StorageCall =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'close'
  | 'rename'
  | 'stat'
  | 'allocate'
  | 'map'
  | 'lock'
  | 'link'
  | 'remove';

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
    super(`${call} on \`${path}\` failed: ${reason}`, fixForSystem(systemCode), { cause });
    this.call = call;
    this.path = path;
    this.systemCode = systemCode;
  }
}

function codeOf(cause: unknown): string | undefined {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return undefined;
}

/** What can be done about what the system reports, by its name for it. */
export function fixForSystem(systemCode: string | undefined): string {
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
    case 'ENOTDIR':
      return 'check the path; what it names as a folder is a file.';
    case 'EEXIST':
      return 'name another file; there is one of that name.';
    case 'ENAMETOOLONG':
      return 'take a shorter name.';
    case 'ELOOP':
      return 'check the path; its symbolic links lead in a circle.';
    case 'ESPIPE':
      return 'copy what it yields into a regular file, and name that.';
    case 'EFBIG':
      return 'put it where larger files may be, or raise the limit on the size of files (ulimit -f).';
    case 'EIO':
      return 'check the disk; it could not do what was asked of it.';
    case 'EBADF':
      return 'open it again; it was closed, or opened for something else.';
    case 'ENOMEM':
      return 'make the log smaller, or raise the limit on the memory of a process (ulimit -v).';
    case 'ENODEV':
      return 'put it on another file system; this one maps no files.';
    case 'EMFILE':
    case 'ENFILE':
      return 'close some files or raise the limit on open files.';
    default:
      return 'check disk space and permissions.';
  }
}
