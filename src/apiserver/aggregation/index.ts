// The face of aggregation.
export { Aggregator, type AggregatorParts } from './aggregator.ts';
