// What the server keeps up by itself beside answering requests: addresses of Services, tokens in Secrets, APIServices of custom groups, the state of flow schemas and policies.
import type { KubeObject } from '../../machinery/object.ts';
import type { ValidatingAdmissionPolicy } from '../../resources/generated/admissionregistration-v1.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../resources/generated/flowcontrol-v1.ts';
import type { IPAddress } from '../../resources/generated/networking-v1.ts';
import type { Caches } from '../registry/caches.ts';
import type { Catalog } from '../registry/catalog.ts';
import { planApiServices } from './custom-api-services.ts';
import { planFlowSchemas } from './flow-schemas.ts';
import { planAddresses } from './ip-addresses.ts';
import { Keeper, type KeeperParts, type Write } from './keeper.ts';
import { planPolicies } from './policy-types.ts';

export interface UpkeepParts {
  readonly caches: Caches;
  readonly catalog: Catalog;
}

export { expireEvents } from './event-expiry.ts';
export { Keeper, type KeeperParts, type Write } from './keeper.ts';
export { planTokenSecrets, TOKEN_SECRET } from './token-secrets.ts';

type Listenable = { onChange(listener: () => void): () => void };

/** Asks for the caches; they are filled before `start`. */
export function upkeep({ caches, catalog }: UpkeepParts): (parts: KeeperParts) => () => void {
  const services = caches.of<Service & KubeObject>('/v1/services');
  const addresses = caches.of<IPAddress & KubeObject>('networking.k8s.io/v1/ipaddresses');
  const apiServices = caches.of('apiregistration.k8s.io/v1/apiservices');
  const schemas = caches.of<FlowSchema & KubeObject>('flowcontrol.apiserver.k8s.io/v1/flowschemas');
  const levels = caches.of<PriorityLevelConfiguration & KubeObject>(
    'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  );
  const policies = caches.of<ValidatingAdmissionPolicy & KubeObject>(
    'admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  );
  return (parts) => {
    const rows: readonly [plan: () => readonly Write[], ...about: Listenable[]][] = [
      [() => planAddresses(services, addresses), services, addresses],
      [() => planApiServices(catalog, apiServices), catalog, apiServices],
      [() => planFlowSchemas(schemas, levels, parts.clock.now()), schemas, levels],
      [() => planPolicies(policies, catalog), policies],
    ];
    const stops = rows.flatMap(([plan, ...about]) => {
      const keeper = new Keeper(parts, plan);
      keeper.look();
      return [() => keeper.close(), ...about.map((one) => one.onChange(keeper.look))];
    });
    return () => {
      for (const stop of stops) stop();
    };
  };
}
