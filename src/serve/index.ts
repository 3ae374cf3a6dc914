/** The runner's side of the backend protocol: any `Backend` behind two streams of bytes. */
export { RunnerServer, type ServeOptions, serveBackend, type Write } from './runner-server.ts';
