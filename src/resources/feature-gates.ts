// Feature gates: what of a row can be switched on or off when a cluster starts.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
import { pods } from './core/pod/pod.ts';
import type { AnyResource } from './definition.ts';

/** The gates that are known, and what each means for the rows. */
const GATES: Readonly<Record<string, (row: AnyResource) => AnyResource>> = {
  // Counts a generation of Pods, that status and conditions refer to. Source: https://kep.k8s.io/5067
  PodObservedGenerationTracking: (row) =>
    row.plural === pods.plural && row.group === pods.group ? { ...row, generation: 'spec' } : row,
};

/** Gates that are on, by name. */
export type FeatureGates = readonly string[];

/** Reads `A=true,B=false`. Throws a text for people when a gate is unknown or its value is neither. */
export function parseFeatureGates(text: string): FeatureGates {
  const on = new Set<string>();
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [name = '', value = ''] = part.split('=', 2).map((piece) => piece.trim());
    if (!Object.hasOwn(GATES, name)) {
      throw new Error(`unrecognized feature gate: ${name} (known: ${Object.keys(GATES).join(', ')})`);
    }
    if (value !== 'true' && value !== 'false') {
      throw new Error(`invalid value of ${name}: ${value}, want true or false`);
    }
    if (value === 'true') on.add(name);
    else on.delete(name);
  }
  return [...on];
}

/** As `parseFeatureGates` reads them. */
export function featureGatesText(gates: FeatureGates): string {
  return gates.map((gate) => `${gate}=true`).join(',');
}

/** The rows as the gates make them. */
export function withFeatureGates(rows: readonly AnyResource[], gates: FeatureGates): readonly AnyResource[] {
  return gates.reduce((all, gate) => all.map(GATES[gate] ?? ((row) => row)), rows);
}
