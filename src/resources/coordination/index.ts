// The rows of coordination.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { leases } from './lease.ts';
import { leaseCandidateRows } from './lease-candidate.ts';

export const COORDINATION_ROWS: readonly AnyResource[] = metadataOnUpdate([leases, ...leaseCandidateRows]);
