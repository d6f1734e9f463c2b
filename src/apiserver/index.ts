// The face of the API server.
export { Auditor, type AuditPolicy, type AuditSink, openAuditLog, parsePolicy } from './audit/index.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './create.ts';
export { type Listening, listen, type TlsFiles } from './serving/https.ts';
export { servePortForward, serveRemoteCommand, upgradeKind } from './streaming/index.ts';
export type { VersionOptions } from './version.ts';
