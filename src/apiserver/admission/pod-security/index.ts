// The face of pod security.
export { type Level, violations, violationsText } from './checks.ts';
export { podSecurity } from './plugin.ts';
