// The face of aggregation.
export { Aggregator, type AggregatorParts } from './aggregator.ts';
export { authenticationConfigMap, type Trust } from './trust.ts';
