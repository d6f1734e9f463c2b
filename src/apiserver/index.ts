// The face of the API server.
export { type ApiServer, type ApiServerOptions, createApiServer } from './create.ts';
export type { Listening, TlsFiles } from './serving/https.ts';
export type { VersionOptions } from './version.ts';
