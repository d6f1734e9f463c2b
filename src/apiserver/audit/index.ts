// The face of auditing.
export { type Annotate, type AuditedAnswer, type AuditOptions, Auditor, type AuditTrail } from './audit.ts';
export { type AuditLogOptions, type AuditSink, openAuditLog } from './log.ts';
export { type AuditPolicy, parsePolicy } from './policy.ts';
