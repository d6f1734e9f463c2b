// FlowSchema: which requests go to which priority level. https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { compareText } from '../../machinery/order.ts';
import { ageColumn, column, ErrorList, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { FlowSchema } from '../generated/flowcontrol-v1.ts';
import { checkFlowConditions } from './conditions.ts';
import { checkRule } from './policy-rules.ts';

const SPEC = FieldPath.of('spec');
const DEFAULT_PRECEDENCE = 1000;
const MAX_PRECEDENCE = 10000;
const EXEMPT = 'exempt';

function applyDefaults(draft: FlowSchema): void {
  draft.spec ??= { priorityLevelConfiguration: { name: '' } };
  if ((draft.spec.matchingPrecedence ?? 0) === 0) draft.spec.matchingPrecedence = DEFAULT_PRECEDENCE;
}

function checkPrecedence(found: ErrorList, precedence: number, name: string): void {
  const path = SPEC.child('matchingPrecedence');
  if (precedence <= 0) found.invalid(path, precedence, 'must be a positive value');
  if (precedence > MAX_PRECEDENCE) found.invalid(path, precedence, `must not be greater than ${MAX_PRECEDENCE}`);
  if (precedence === 1 && name !== EXEMPT)
    found.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
}

function validate(schema: FlowSchema): ErrorList {
  const found = new ErrorList();
  const { spec } = schema;
  checkPrecedence(found, spec?.matchingPrecedence ?? 0, schema.metadata.name ?? '');
  const method = spec?.distinguisherMethod;
  if (method !== undefined && method.type !== 'ByNamespace' && method.type !== 'ByUser')
    // In Go's own form, which messages show.
    found.notSupported(SPEC.child('distinguisherMethod', 'type'), { Type: method.type ?? '' }, [
      'ByNamespace',
      'ByUser',
    ]);
  const level = spec?.priorityLevelConfiguration?.name ?? '';
  const path = SPEC.child('priorityLevelConfiguration', 'name');
  if (level === '') found.required(path, 'must reference a priority level');
  else found.text(path, level, isDns1123Subdomain);
  spec?.rules?.forEach((rule, i) => {
    checkRule(found, rule, SPEC.child('rules').index(i));
  });
  return found.add(checkFlowConditions(schema.status?.conditions));
}

const SPEC_DOC = ['flowcontrol/v1', 'FlowSchemaSpec'] as const;
const COLUMNS: readonly Column<FlowSchema>[] = [
  nameColumn(),
  column({
    name: 'PriorityLevel',
    description: ['flowcontrol/v1', 'PriorityLevelConfigurationReference', 'name'],
    cell: (o) => o.spec?.priorityLevelConfiguration?.name ?? '',
  }),
  column({
    name: 'MatchingPrecedence',
    description: [...SPEC_DOC, 'matchingPrecedence'],
    cell: (o) => o.spec?.matchingPrecedence ?? 0,
  }),
  column({
    name: 'DistinguisherMethod',
    description: [...SPEC_DOC, 'distinguisherMethod'],
    cell: (o) => o.spec?.distinguisherMethod?.type ?? '<none>',
  }),
  ageColumn(),
  column({
    name: 'MissingPL',
    description: 'references a broken or non-existent PriorityLevelConfiguration',
    cell: (o) => o.status?.conditions?.find((condition) => condition.type === 'Dangling')?.status ?? '?',
  }),
];

export const flowSchemas = defineResource<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  singular: 'flowschema',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<FlowSchema>(),
    validate: (schema) => validate(schema).errors,
    validateUpdate: (schema) => validate(schema).errors,
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<FlowSchema>({
      applyDefaults,
      keep: 'metadata',
      validateUpdate: (schema) => validate(schema).errors,
    }),
  },
  columns: COLUMNS,
  // As requests meet them.
  tableOrder: (a, b) =>
    (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0) ||
    compareText(a.metadata.name ?? '', b.metadata.name ?? ''),
});
