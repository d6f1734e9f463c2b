// IPAddress: an address that a Service holds. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/ip-address-v1/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isPathSegmentName, isStrictIP } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, IMMUTABLE, nameColumn, twinOf } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { IPAddress, ParentReference } from '../generated/networking-v1.ts';

function checkParent(found: ErrorList, parent: ParentReference | undefined): void {
  const path = FieldPath.of('spec', 'parentRef');
  if (parent === undefined) {
    found.required(path);
    return;
  }
  const { group = '', resource = '', name = '', namespace = '' } = parent;
  if (group !== '') found.text(path.child('group'), group, isDns1123Subdomain);
  if (resource === '') found.required(path.child('resource'));
  else found.text(path.child('resource'), resource, isPathSegmentName);
  if (name === '') found.required(path.child('name'));
  else found.text(path.child('name'), name, isPathSegmentName);
  if (namespace !== '') found.text(path.child('namespace'), namespace, isPathSegmentName);
}

/** In Go's own form, which messages show. */
function goForm({ group = '', resource = '', namespace = '', name = '' }: ParentReference): object {
  return { Group: group, Resource: resource, Namespace: namespace, Name: name };
}

function parentText(address: IPAddress): string {
  const parent = address.spec?.parentRef;
  if (parent === undefined) return '<none>';
  const resource = (parent.group ?? '') === '' ? parent.resource : `${parent.resource}.${parent.group}`;
  return [resource, parent.namespace, parent.name].filter((part) => (part ?? '') !== '').join('/');
}

function row(version: 'v1' | 'v1beta1'): ResourceDefinition<IPAddress> {
  return defineResource<IPAddress>({
    group: 'networking.k8s.io',
    version,
    kind: 'IPAddress',
    plural: 'ipaddresses',
    singular: 'ipaddress',
    shortNames: ['ip'],
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.networking.${version}.IPAddress`,
    // The name is the address.
    validateName: isStrictIP,
    generatedName: 'as it is',
    strategy: {
      validate(address) {
        const found = new ErrorList();
        checkParent(found, address.spec?.parentRef);
        return found.errors;
      },
      validateUpdate(address, old) {
        const found = new ErrorList();
        const now = address.spec?.parentRef;
        checkParent(found, now);
        if (!semanticEqual(now, old.spec?.parentRef))
          found.invalid(FieldPath.of('spec', 'parentRef'), now === undefined ? null : goForm(now), IMMUTABLE);
        return found.errors;
      },
    },
    generation: 'none',
    columns: [
      nameColumn(),
      column({ name: 'ParentRef', description: ['networking/v1', 'IPAddressSpec', 'parentRef'], cell: parentText }),
      ageColumn(),
    ],
    ...(version === 'v1'
      ? {}
      : { storedAs: twinOf<IPAddress>('networking.k8s.io/v1/ipaddresses', `networking.k8s.io/${version}`) }),
  });
}

export const ipAddressRows = [row('v1'), row('v1beta1')];
