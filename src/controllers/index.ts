// The face of the controllers.
export type { CertificateAuthority, ControllerContext, ControllerRow, RequestFacts } from './shared/context.ts';
export { type StartOptions, startControllers } from './start.ts';
export { CONTROLLERS } from './table.ts';
