// IngressClass: which controller serves an Ingress. https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import { ageColumn, checkPrefixedPath, column, ErrorList, IMMUTABLE, isUnset } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { IngressClass, IngressClassParametersReference } from '../generated/networking-v1.ts';
import { checkReference } from './reference.ts';

const MAX_CONTROLLER = 250;
const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';

function checkParameters(found: ErrorList, parameters: IngressClassParametersReference, path: FieldPath): void {
  checkReference(found, parameters, path);
  const { scope, namespace } = parameters;
  if (isUnset(scope)) {
    found.required(path.child('scope'));
    return;
  }
  found.oneOf(path.child('scope'), scope, ['Cluster', 'Namespace']);
  if (scope === 'Namespace') {
    if (namespace === undefined) found.required(path.child('namespace'), "`parameters.scope` is set to 'Namespace'");
    else found.text(path.child('namespace'), namespace, isDns1123Label);
  }
  if (scope === 'Cluster' && namespace !== undefined)
    found.forbidden(path.child('namespace'), "`parameters.scope` is set to 'Cluster'");
}

function validate(ingressClass: IngressClass): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const controller = ingressClass.spec?.controller ?? '';
  if (Buffer.byteLength(controller) > MAX_CONTROLLER) found.tooLong(path.child('controller'), MAX_CONTROLLER);
  checkPrefixedPath(found, path.child('controller'), controller);
  const parameters = ingressClass.spec?.parameters;
  if (parameters !== undefined) checkParameters(found, parameters, path.child('parameters'));
  return found;
}

function validateUpdate(ingressClass: IngressClass, old: IngressClass): ErrorList {
  const found = new ErrorList();
  const controller = ingressClass.spec?.controller ?? '';
  if (controller !== (old.spec?.controller ?? ''))
    found.invalid(FieldPath.of('spec', 'controller'), controller, IMMUTABLE);
  return found.add(validate(ingressClass).errors);
}

function parametersText(ingressClass: IngressClass): string {
  const parameters = ingressClass.spec?.parameters;
  if (parameters === undefined) return '<none>';
  const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
  return `${parameters.kind ?? ''}${group}/${parameters.name ?? ''}`;
}

export const ingressClasses = defineResource<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  singular: 'ingressclass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.IngressClass',
  strategy: {
    applyDefaults(draft) {
      const parameters = draft.spec?.parameters;
      if (parameters !== undefined) parameters.scope ??= 'Cluster';
    },
    validate: (ingressClass) => validate(ingressClass).errors,
    validateUpdate: (ingressClass, old) => validateUpdate(ingressClass, old).errors,
  },
  generation: 'spec',
  columns: [
    column({
      name: 'Name',
      format: 'name',
      description: ['meta/v1', 'ObjectMeta', 'name'],
      cell: (o) => `${o.metadata.name ?? ''}${o.metadata.annotations?.[DEFAULT_CLASS] === 'true' ? ' (default)' : ''}`,
    }),
    column({
      name: 'Controller',
      description: 'Controller that is responsible for handling this class',
      cell: (o) => o.spec?.controller ?? '',
    }),
    column({
      name: 'Parameters',
      description: 'A reference to a resource with additional parameters',
      cell: parametersText,
    }),
    ageColumn(),
  ],
});
