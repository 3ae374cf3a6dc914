/** The runner's side of the backend protocol: any `Backend` behind two streams of bytes. */
export type { Write } from './outlet.ts';
export { RunnerServer, type ServeOptions, serveBackend } from './runner-server.ts';
export type { SlotJudge } from './served-backend.ts';
