// The face of the controllers.
export type { RequestFacts } from './certificates/rules.ts';
export type { CertificateAuthority, ControllerContext, ControllerRow } from './shared/context.ts';
export { type StartOptions, startControllers } from './start.ts';
export { CONTROLLERS } from './table.ts';
