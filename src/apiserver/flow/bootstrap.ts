// The priority levels and flow schemas that every cluster begins with.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults
import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  Subject,
} from '../../resources/generated/flowcontrol-v1.ts';

const API = 'flowcontrol.apiserver.k8s.io/v1';
const ANNOTATIONS = { 'apf.kubernetes.io/autoupdate-spec': 'true' };

/** name, shares, lendable percent, queues/hand/length (absent: refuse at once). */
const LEVELS: readonly (readonly [
  name: string,
  shares: number,
  lendable: number,
  queuing?: readonly [number, number, number],
])[] = [
  ['system', 30, 33, [64, 6, 50]],
  ['node-high', 40, 25, [64, 6, 50]],
  ['leader-election', 10, 0, [16, 4, 50]],
  ['workload-high', 40, 50, [128, 6, 50]],
  ['workload-low', 100, 90, [128, 6, 50]],
  ['global-default', 20, 50, [128, 6, 50]],
  ['catch-all', 5, 0],
];

const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const group = (name: string): Subject => ({ kind: 'Group', group: { name } });
const account = (namespace: string, name: string): Subject => ({
  kind: 'ServiceAccount',
  serviceAccount: { namespace, name },
});

const EVERYTHING = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

const rules = (
  subjects: Subject[],
  what: Omit<PolicyRulesWithSubjects, 'subjects'> = EVERYTHING,
): PolicyRulesWithSubjects[] => [{ subjects, ...what }];

const leases = (namespaces: string[]) => ({
  resourceRules: [
    { verbs: ['get', 'create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces },
  ],
});

type SchemaRow = readonly [
  name: string,
  level: string,
  precedence: number,
  by: 'ByUser' | 'ByNamespace' | undefined,
  rules: PolicyRulesWithSubjects[],
];

const SCHEMAS: readonly SchemaRow[] = [
  ['exempt', 'exempt', 1, undefined, rules([group('system:masters')])],
  [
    'probes',
    'exempt',
    2,
    undefined,
    rules([group('system:unauthenticated'), group('system:authenticated')], {
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
    }),
  ],
  [
    'system-leader-election',
    'leader-election',
    100,
    'ByUser',
    rules(
      [user('system:kube-controller-manager'), user('system:kube-scheduler'), account('kube-system', '*')],
      leases(['kube-system']),
    ),
  ],
  [
    'endpoint-controller',
    'workload-high',
    150,
    'ByUser',
    rules([account('kube-system', 'endpoint-controller'), account('kube-system', 'endpointslice-controller')]),
  ],
  ['workload-leader-election', 'leader-election', 200, 'ByUser', rules([account('kube-system', '*')], leases(['*']))],
  [
    'system-node-high',
    'node-high',
    400,
    'ByUser',
    rules([group('system:nodes')], {
      resourceRules: [
        { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true },
        { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
      ],
    }),
  ],
  ['system-nodes', 'system', 500, 'ByUser', rules([group('system:nodes')])],
  ['kube-controller-manager', 'workload-high', 800, 'ByNamespace', rules([user('system:kube-controller-manager')])],
  ['kube-scheduler', 'workload-high', 800, 'ByNamespace', rules([user('system:kube-scheduler')])],
  ['kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', rules([account('kube-system', '*')])],
  ['service-accounts', 'workload-low', 9000, 'ByUser', rules([group('system:serviceaccounts')])],
  [
    'global-default',
    'global-default',
    9900,
    'ByUser',
    rules([group('system:unauthenticated'), group('system:authenticated')]),
  ],
  ['catch-all', 'catch-all', 10000, 'ByUser', rules([group('system:unauthenticated'), group('system:authenticated')])],
];

function level([name, shares, lendable, queuing]: (typeof LEVELS)[number]): PriorityLevelConfiguration {
  return {
    apiVersion: API,
    kind: 'PriorityLevelConfiguration',
    metadata: { name, annotations: { ...ANNOTATIONS } },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lendable,
        limitResponse:
          queuing === undefined
            ? { type: 'Reject' }
            : { type: 'Queue', queuing: { queues: queuing[0], handSize: queuing[1], queueLengthLimit: queuing[2] } },
      },
    },
  };
}

function schema([name, levelName, precedence, by, ruleList]: SchemaRow): FlowSchema {
  return {
    apiVersion: API,
    kind: 'FlowSchema',
    metadata: { name, annotations: { ...ANNOTATIONS } },
    spec: {
      priorityLevelConfiguration: { name: levelName },
      matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
      rules: ruleList,
    },
  };
}

export function bootstrapFlowObjects(): (PriorityLevelConfiguration | FlowSchema)[] {
  const exempt: PriorityLevelConfiguration = {
    apiVersion: API,
    kind: 'PriorityLevelConfiguration',
    metadata: { name: 'exempt', annotations: { ...ANNOTATIONS } },
    spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  };
  return [exempt, ...LEVELS.map(level), ...SCHEMAS.map(schema)];
}
