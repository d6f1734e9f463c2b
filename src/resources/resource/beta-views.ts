// The beta versions of resource.k8s.io: v1beta2 has the fields of v1, v1beta1 is flatter where requests are and deeper where devices are.
import type { KubeObject } from '../../machinery/object.ts';
import { twinOf } from '../checks/index.ts';
import type { AnyResource, ResourceDefinition } from '../definition.ts';
import type { DeviceRequest, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../generated/resource-v1.ts';
import type * as beta from '../generated/resource-v1beta1.ts';

const GROUP = 'resource.k8s.io';
type RequestV1 = DeviceRequest;
type RequestBeta = beta.DeviceRequest;

const EXACT_FIELDS = [
  'deviceClassName',
  'selectors',
  'allocationMode',
  'count',
  'adminAccess',
  'tolerations',
  'capacity',
] as const;

function requestToV1(request: RequestBeta): RequestV1 {
  const { name, firstAvailable } = request;
  const exact = Object.fromEntries(EXACT_FIELDS.filter((f) => request[f] !== undefined).map((f) => [f, request[f]]));
  const out: RequestV1 = { name };
  // An empty class name beside alternatives is only the zero value of a field that is always sent.
  const named = Object.entries(exact).some(([field, value]) => field !== 'deviceClassName' || value !== '');
  if (named || (firstAvailable ?? []).length === 0) out.exactly = { deviceClassName: '', ...exact };
  if (firstAvailable !== undefined) out.firstAvailable = firstAvailable;
  return out;
}

function requestToBeta(request: RequestV1): RequestBeta {
  const { name, exactly, firstAvailable } = request;
  const out: RequestBeta = { name, ...exactly };
  if (firstAvailable !== undefined) out.firstAvailable = firstAvailable;
  return out;
}

type WithDevices<R> = { devices?: { requests?: R[] } };

function mapRequests<A, B>(spec: WithDevices<A> | undefined, convert: (request: A) => B): WithDevices<B> | undefined {
  if (spec?.devices === undefined) return spec as WithDevices<B> | undefined;
  const { requests, ...rest } = spec.devices;
  return { ...spec, devices: { ...rest, ...(requests == null ? {} : { requests: requests.map(convert) }) } };
}

interface Conversion {
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** The fields that do not differ are taken over as they are, hence the casts: validation runs on the result. */
const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  resourceclaims: {
    toStored: (object) => {
      const claim = object as unknown as beta.ResourceClaim;
      return { ...claim, spec: mapRequests(claim.spec, requestToV1) } as unknown as KubeObject;
    },
    fromStored: (object) => {
      const claim = object as ResourceClaim;
      return { ...claim, spec: mapRequests(claim.spec, requestToBeta) } as unknown as KubeObject;
    },
  },
  resourceclaimtemplates: {
    toStored: (object) => {
      const template = object as unknown as beta.ResourceClaimTemplate;
      const spec = { ...template.spec, spec: mapRequests(template.spec?.spec, requestToV1) };
      return { ...template, spec } as unknown as KubeObject;
    },
    fromStored: (object) => {
      const template = object as ResourceClaimTemplate;
      const spec = { ...template.spec, spec: mapRequests(template.spec?.spec, requestToBeta) };
      return { ...template, spec } as unknown as KubeObject;
    },
  },
  resourceslices: {
    toStored: (object) => {
      const slice = object as unknown as beta.ResourceSlice;
      const devices = slice.spec?.devices?.map(({ name, basic }) => ({ name, ...basic }));
      const spec = { ...slice.spec, ...(devices === undefined ? {} : { devices }) };
      return { ...slice, spec } as unknown as KubeObject;
    },
    fromStored: (object) => {
      const slice = object as ResourceSlice;
      const devices = slice.spec?.devices?.map(({ name, ...basic }) => ({ name, basic }));
      const spec = { ...slice.spec, ...(devices === undefined ? {} : { devices }) };
      return { ...slice, spec } as unknown as KubeObject;
    },
  },
};

const SAME: Conversion = { toStored: (object) => object, fromStored: (object) => object };

/** The same rules, on the other version's objects taken to v1 and back. */
export function betaView<T extends KubeObject>(
  row: ResourceDefinition<T>,
  version: 'v1beta1' | 'v1beta2',
): AnyResource {
  const key = `${GROUP}/v1/${row.plural}`;
  const twin = twinOf<KubeObject>(key, `${GROUP}/${version}`);
  const shape = version === 'v1beta1' ? (CONVERSIONS[row.plural] ?? SAME) : SAME;
  const toStored = (object: KubeObject): T => twin.toStored(shape.toStored(object)) as T;
  const { strategy } = row;
  return {
    ...(row as unknown as AnyResource),
    version,
    schema: row.schema.replace('.v1.', `.${version}.`),
    storedAs: { of: key, toStored, fromStored: (object) => twin.fromStored(shape.fromStored(object)) },
    strategy: {
      ...(strategy as unknown as AnyResource['strategy']),
      applyDefaults(draft) {
        const stored = structuredClone(toStored(draft));
        strategy.applyDefaults?.(stored);
        Object.assign(draft, twin.fromStored(shape.fromStored(stored)));
      },
      validate: (object, context) => strategy.validate?.(toStored(object), context) ?? [],
      validateUpdate: (object, old, context) =>
        strategy.validateUpdate?.(toStored(object), toStored(old), context) ?? [],
    },
  };
}
