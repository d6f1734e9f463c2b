// The face of the controllers.
export type { ControllerContext, ControllerRow } from './shared/context.ts';
export { type StartOptions, startControllers } from './start.ts';
export { CONTROLLERS } from './table.ts';
