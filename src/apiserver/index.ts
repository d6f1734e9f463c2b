// The face of the API server.
export { Auditor, type AuditPolicy, type AuditSink, openAuditLog, parsePolicy } from './audit/index.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './create.ts';
export type { Listening, TlsFiles } from './serving/https.ts';
export type { VersionOptions } from './version.ts';
