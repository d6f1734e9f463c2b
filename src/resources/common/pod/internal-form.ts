// How Kubernetes prints a whole structure in a field error: as JSON of its internal type, with Go's names and all fields in their order.
// Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/apis/core/types.go

/** A field of an internal type: its wire name, what stands there when nothing is given, and its own fields where it is a structure. */
interface InternalField {
  readonly go: string;
  readonly wire: string;
  readonly empty: unknown;
  readonly of?: InternalType;
}

export type InternalType = readonly InternalField[];

function field(go: string, empty: unknown = null, of?: InternalType): InternalField {
  return { go, wire: wireName(go), empty, ...(of === undefined ? {} : { of }) };
}

/** `RunAsUser` → `runAsUser`, `SELinuxOptions` → `seLinuxOptions`, `IP` → `ip`. */
function wireName(go: string): string {
  if (go.startsWith('SELinux')) return `seLinux${go.slice('SELinux'.length)}`;
  return go === go.toUpperCase() ? go.toLowerCase() : `${go.charAt(0).toLowerCase()}${go.slice(1)}`;
}

const PROFILE: InternalType = [field('Type', ''), field('LocalhostProfile')];

export const INTERNAL_PROFILE = PROFILE;

export const INTERNAL_RESOURCE_CLAIM: InternalType = [
  field('Name', ''),
  field('ResourceClaimName'),
  field('ResourceClaimTemplateName'),
];

export const INTERNAL_ADDRESS: InternalType = [field('IP', '')];

const REQUIREMENT: InternalType = [field('Key', ''), field('Operator', ''), field('Values')];

export const INTERNAL_NODE_TERM: InternalType = [
  field('MatchExpressions', null, REQUIREMENT),
  field('MatchFields', null, REQUIREMENT),
];

export const INTERNAL_SECURITY_CONTEXT: InternalType = [
  field('Capabilities', null, [field('Add'), field('Drop')]),
  field('Privileged'),
  field('SELinuxOptions', null, [field('User', ''), field('Role', ''), field('Type', ''), field('Level', '')]),
  field('WindowsOptions', null, [
    { go: 'GMSACredentialSpecName', wire: 'gmsaCredentialSpecName', empty: null },
    { go: 'GMSACredentialSpec', wire: 'gmsaCredentialSpec', empty: null },
    field('RunAsUserName'),
    field('HostProcess'),
  ]),
  field('RunAsUser'),
  field('RunAsGroup'),
  field('RunAsNonRoot'),
  field('ReadOnlyRootFilesystem'),
  field('AllowPrivilegeEscalation'),
  field('ProcMount'),
  field('SeccompProfile', null, PROFILE),
  field('AppArmorProfile', null, PROFILE),
];

/** A value of the wire, or a list of such, as the internal type has it. */
export function internalForm(value: unknown, type: InternalType): unknown {
  if (Array.isArray(value)) return value.map((item) => internalForm(item, type));
  if (typeof value !== 'object' || value === null) return null;
  const given = new Map(Object.entries(value));
  return Object.fromEntries(
    type.map(({ go, wire, empty, of }) => {
      const found: unknown = given.get(wire) ?? empty;
      return [go, of === undefined ? found : internalForm(found, of)];
    }),
  );
}
