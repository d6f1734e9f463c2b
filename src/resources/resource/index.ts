// The rows of resource.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { betaView } from './beta-views.ts';
import { resourceClaims, resourceClaimTemplates } from './claim.ts';
import { deviceClasses } from './device-class.ts';
import { deviceTaintRuleRows, resourcePoolStatusRequests } from './device-taint-rule.ts';
import { resourceSlices } from './resource-slice.ts';

export { compileDeviceExpression, deviceVariable } from './device-expression.ts';

const BETAS = ['v1beta2', 'v1beta1'] as const;

export const RESOURCE_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [
    deviceClasses,
    resourceClaims,
    resourceClaimTemplates,
    resourceSlices,
    ...BETAS.flatMap((version) => [
      betaView(deviceClasses, version),
      betaView(resourceClaims, version),
      betaView(resourceClaimTemplates, version),
      betaView(resourceSlices, version),
    ]),
    ...deviceTaintRuleRows,
    resourcePoolStatusRequests,
  ],
  {
    deviceclasses: 'create+update',
    resourceclaims: 'create+update',
    resourceclaimtemplates: 'create+update',
  },
);
