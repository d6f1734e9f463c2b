// APIService: a group version served by another API server. https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName, isValidPortNumber } from '../../machinery/names.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { ageColumn, column, ErrorList, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { APIService, APIServiceSpec } from '../generated/apiregistration-v1.ts';

const SPEC = FieldPath.of('spec');
const MAX_GROUP_PRIORITY = 20000;
const MAX_VERSION_PRIORITY = 1000;

/** The same for a prefix: no generated name can be right. */
function validateName(name: string, _isPrefix: boolean, { spec }: APIService): readonly string[] {
  const problems = isPathSegmentName(name);
  if (problems.length > 0) return problems;
  const wanted = `${spec?.version ?? ''}.${spec?.group ?? ''}`;
  return name === wanted ? [] : [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`];
}

function checkPriorities(found: ErrorList, spec: Partial<APIServiceSpec>): void {
  const { groupPriorityMinimum = 0, versionPriority = 0 } = spec;
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY)
    found.invalid(
      SPEC.child('groupPriorityMinimum'),
      groupPriorityMinimum,
      `must be positive and less than ${MAX_GROUP_PRIORITY}`,
    );
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY)
    found.invalid(
      SPEC.child('versionPriority'),
      versionPriority,
      `must be positive and less than ${MAX_VERSION_PRIORITY}`,
    );
}

function checkBackend(found: ErrorList, spec: Partial<APIServiceSpec>): void {
  const size = Buffer.from(spec.caBundle ?? '', 'base64').length;
  const insecure = spec.insecureSkipTLSVerify === true;
  if (spec.service === undefined || spec.service === null) {
    if (size > 0) found.invalid(SPEC.child('caBundle'), `${size} bytes`, 'local APIServices may not have a caBundle');
    if (insecure)
      found.invalid(
        SPEC.child('insecureSkipTLSVerify'),
        insecure,
        'local APIServices may not have insecureSkipTLSVerify',
      );
    return;
  }
  const path = SPEC.child('service');
  if ((spec.service.namespace ?? '') === '') found.required(path.child('namespace'));
  if ((spec.service.name ?? '') === '') found.required(path.child('name'));
  const port = spec.service.port ?? 0;
  const problems = isValidPortNumber(port);
  if (problems.length > 0) found.invalid(path.child('port'), port, `port is not valid: ${problems.join(', ')}`);
  if (insecure && size > 0)
    found.invalid(SPEC.child('insecureSkipTLSVerify'), insecure, 'may not be true if caBundle is present');
}

function validate(service: APIService): ErrorList {
  const found = new ErrorList();
  const spec: Partial<APIServiceSpec> = service.spec ?? {};
  const { group = '', version = '' } = spec;
  if (group === '' && version !== 'v1')
    found.required(SPEC.child('group'), 'only v1 may have an empty group and it better be legacy kube');
  if (group !== '') found.text(SPEC.child('group'), group, isDns1123Subdomain);
  found.text(SPEC.child('version'), version, isDns1035Label);
  checkPriorities(found, spec);
  checkBackend(found, spec);
  return found;
}

function applyDefaults(draft: APIService): void {
  const service = draft.spec?.service;
  if (service !== undefined && service !== null) service.port ??= 443;
}

function availableText(service: APIService): string {
  const condition = service.status?.conditions?.find((one) => one.type === 'Available');
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

export const apiServices = defineResource<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  singular: 'apiservice',
  categories: ['api-extensions'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  anyFinalizer: true,
  validateName,
  unconditionalUpdate: false,
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<APIService>(),
    prepareForCreate(draft, context) {
      delete draft.status;
      if (draft.spec?.service !== undefined && draft.spec.service !== null) return;
      draft.status = {
        conditions: [
          {
            type: 'Available',
            status: 'True',
            lastTransitionTime: rfc3339(context.now),
            reason: 'Local',
            message: 'Local APIServices are always available',
          },
        ],
      };
    },
    validate: (service) => validate(service).errors,
    validateUpdate: (service) => validate(service).errors,
  },
  generation: 'none',
  subresources: { status: statusSubresource<APIService>({ applyDefaults, keep: 'metadata' }) },
  columns: [
    nameColumn(),
    column({
      name: 'Service',
      description: 'The reference to the service that hosts this API endpoint.',
      cell: ({ spec }) =>
        spec?.service === undefined || spec.service === null
          ? 'Local'
          : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`,
    }),
    column({ name: 'Available', description: 'Whether this service is available.', cell: availableText }),
    ageColumn(),
  ],
});
