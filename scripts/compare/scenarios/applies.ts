// Scenarios of server-side apply: ownership, conflicts, force, lists of all kinds, subresources, managers, resets of managedFields.
import { CONFIG_MAPS, DEPLOYMENTS, first, get, post, type Scenario, type Step } from '../scenario.ts';

const APPLY = 'application/apply-patch+yaml';
const apply = (path: string, manager: string, body: unknown, query = ''): Step => ({
  method: 'PATCH',
  path: `${path}?fieldManager=${manager}${query}`,
  body,
  type: APPLY,
});
const merge = (path: string, body: unknown, query = ''): Step => ({
  method: 'PATCH',
  path: `${path}${query}`,
  body,
  type: 'application/merge-patch+json',
});
const cm = (rest: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  ...rest,
});
const A = `${CONFIG_MAPS}/a`;
const D = `${DEPLOYMENTS}/d`;
const deployment = (spec: object = {}, pod: object = {}, metadata: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', ...metadata },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i:1' }], ...pod } },
    ...spec,
  },
});

const BODIES: readonly unknown[] = [
  {},
  null,
  [],
  'x',
  { apiVersion: 'v1' },
  { kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
  { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'a' } },
  { apiVersion: 'apps/v1', kind: 'ConfigMap', metadata: { name: 'a' } },
  { apiVersion: 'x/y/z', kind: 'ConfigMap', metadata: { name: 'a' } },
  { apiVersion: 1, kind: 'ConfigMap' },
  cm({}, { name: 'b' }),
  cm({}, { name: undefined }),
  cm({}, { namespace: 'x' }),
  cm({}, { uid: 'x' }),
  cm({}, { uid: '' }),
  cm({}, { resourceVersion: '1' }),
  cm({}, { resourceVersion: 'x' }),
  cm({}, { managedFields: [] }),
  cm({}, { managedFields: [{ manager: 'x' }] }),
  cm({}, { managedFields: null }),
  cm({}, { generateName: 'x-' }),
  cm({}, { creationTimestamp: null }),
  cm({}, { creationTimestamp: '2020-01-01T00:00:00Z' }),
  cm({}, { labels: null }),
  cm({}, { labels: {} }),
  cm({}, { labels: { a: null } }),
  cm({}, { labels: { a: 1 } }),
  cm({}, { labels: 'x' }),
  cm({}, { finalizers: ['x.io/a', 'x.io/a'] }),
  cm({}, { finalizers: ['x.io/a'] }),
  cm({}, { finalizers: [1] }),
  cm({}, { ownerReferences: [{ uid: 'u', apiVersion: 'v1', kind: 'Pod', name: 'p' }] }),
  cm({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] }),
  cm(
    {},
    {
      ownerReferences: [
        { uid: 'u', apiVersion: 'v1', kind: 'Pod', name: 'p' },
        { uid: 'u', apiVersion: 'v1', kind: 'Pod', name: 'q' },
      ],
    },
  ),
  cm({ data: { a: null } }),
  cm({ data: null }),
  cm({ data: {} }),
  cm({ data: { a: 1 } }),
  cm({ data: [] }),
  cm({ data: { a: '' } }),
  cm({ binaryData: { a: '!!' } }),
  cm({ binaryData: { a: 'AA==' } }),
  cm({ unknown: 1 }),
  cm({ immutable: 'x' }),
  cm({ immutable: false }),
  cm({}, { unknown: 1 }),
  cm({}, { generation: 5 }),
  cm({}, { deletionTimestamp: '2020-01-01T00:00:00Z' }),
  cm({}, { selfLink: 'x' }),
];

const LISTS: readonly (readonly [string, readonly object[]])[] = [
  [
    'containers',
    [
      {
        containers: [
          { name: 'c', image: 'i:1' },
          { name: 'e', image: 'i:2' },
        ],
      },
      {
        containers: [
          { name: 'e', image: 'i:2' },
          { name: 'c', image: 'i:1' },
        ],
      },
      { containers: [{ name: 'c', image: 'i:1' }] },
      {
        containers: [
          { name: 'c', image: 'i:1' },
          { name: 'c', image: 'i:2' },
        ],
      },
      { containers: [{ image: 'i:1' }] },
      { containers: [] },
      { containers: null },
      { containers: [null] },
      { containers: [{}] },
      { containers: {} },
      { containers: [{ name: 'c', image: null }] },
      { containers: [{ name: 'c', image: '' }] },
      { containers: [{ name: 'c', image: 'i:1', $patch: 'delete' }] },
    ],
  ],
  [
    'ports',
    [80, 81].map((containerPort) => ({ containers: [{ name: 'c', image: 'i:1', ports: [{ containerPort }] }] })),
  ],
  [
    'ports protocol',
    [
      {
        containers: [
          {
            name: 'c',
            image: 'i:1',
            ports: [
              { containerPort: 80, protocol: 'TCP' },
              { containerPort: 80, protocol: 'UDP' },
            ],
          },
        ],
      },
      { containers: [{ name: 'c', image: 'i:1', ports: [{ containerPort: 80, protocol: 'UDP' }] }] },
      {
        containers: [
          { name: 'c', image: 'i:1', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }] },
        ],
      },
      { containers: [{ name: 'c', image: 'i:1', ports: [{ protocol: 'TCP' }] }] },
      { containers: [{ name: 'c', image: 'i:1', ports: [{ containerPort: '80' }] }] },
    ],
  ],
  [
    'env',
    [
      {
        containers: [
          {
            name: 'c',
            image: 'i:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          },
        ],
      },
      {
        containers: [
          {
            name: 'c',
            image: 'i:1',
            env: [
              { name: 'B', value: '2' },
              { name: 'A', value: '1' },
              { name: 'C', value: '3' },
            ],
          },
        ],
      },
      {
        containers: [
          {
            name: 'c',
            image: 'i:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '2' },
            ],
          },
        ],
      },
      {
        containers: [
          { name: 'c', image: 'i:1', env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
        ],
      },
    ],
  ],
  [
    'args',
    [
      { containers: [{ name: 'c', image: 'i:1', args: ['a', 'b'] }] },
      { containers: [{ name: 'c', image: 'i:1', args: ['b'] }] },
      { containers: [{ name: 'c', image: 'i:1', args: [] }] },
      { containers: [{ name: 'c', image: 'i:1', args: null }] },
    ],
  ],
  [
    'tolerations',
    [
      { tolerations: [{ key: 'a', operator: 'Exists' }] },
      { tolerations: [{ key: 'b', operator: 'Exists' }] },
      { tolerations: [] },
    ],
  ],
  ['nodeSelector', [{ nodeSelector: { a: 'b' } }, { nodeSelector: { c: 'd' } }, { nodeSelector: {} }]],
  [
    'volumes',
    [
      { volumes: [{ name: 'v', emptyDir: {} }] },
      { volumes: [{ name: 'v', configMap: { name: 'x' } }] },
      { volumes: [{ name: 'v' }] },
      { volumes: [{ emptyDir: {} }] },
    ],
  ],
  [
    'affinity',
    [
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
            },
          },
        },
      },
      { affinity: {} },
    ],
  ],
  [
    'pull secrets',
    [{ imagePullSecrets: [{ name: 'a' }] }, { imagePullSecrets: [{ name: 'b' }] }, { imagePullSecrets: [{}] }],
  ],
  [
    'spread',
    [
      {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'a',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { a: 'b' } },
          },
        ],
      },
      { topologySpreadConstraints: [{ maxSkew: 2, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' }] },
    ],
  ],
  [
    'resources',
    [
      { containers: [{ name: 'c', image: 'i:1', resources: { limits: { cpu: '1' }, requests: { cpu: '1000m' } } }] },
      { containers: [{ name: 'c', image: 'i:1', resources: { limits: { cpu: 1 } } }] },
      { containers: [{ name: 'c', image: 'i:1', resources: { limits: { cpu: 1.5, memory: 'x' } } }] },
    ],
  ],
  [
    'host aliases',
    [
      { hostAliases: [{ ip: '1.1.1.1', hostnames: ['a'] }] },
      {
        hostAliases: [
          { ip: '1.1.1.1', hostnames: ['b'] },
          { ip: '1.1.1.2', hostnames: ['b'] },
        ],
      },
    ],
  ],
  [
    'capabilities',
    [
      { containers: [{ name: 'c', image: 'i:1', securityContext: { capabilities: { add: ['A', 'B'] } } }] },
      { containers: [{ name: 'c', image: 'i:1', securityContext: { capabilities: { add: ['B'] } } }] },
    ],
  ],
];

function* configMaps(): Generator<Scenario> {
  for (const [i, body] of BODIES.entries())
    for (const validation of ['', 'Strict', 'Ignore'])
      yield {
        id: `apply/body ${i} ${validation}`,
        steps: [
          apply(A, 'm', body, `&fieldValidation=${validation}`),
          apply(A, 'm', cm({ data: { x: '1' } })),
          apply(A, 'n', body, `&fieldValidation=${validation}`),
          apply(A, 'm', body),
          apply(A, 'm', cm()),
          get(A),
        ],
      };
  for (const manager of ['', 'm', '%00', 'm'.repeat(128), 'm'.repeat(129), 'a%20b', '%F0%9F%98%80', 'a%09b', 'a/b'])
    yield {
      id: `apply/manager ${manager.slice(0, 20)}${manager.length}`,
      steps: [
        apply(A, manager, cm({ data: { a: '1' } })),
        get(A),
        { method: 'PATCH', path: A, body: cm(), type: APPLY },
        merge(A, { data: { b: '1' } }, `?fieldManager=${manager}`),
        post(`${CONFIG_MAPS}?fieldManager=${manager}`, cm({}, { name: 'b' })),
      ],
    };
  for (const force of ['true', 'false', '1', '0', 'x', ''])
    yield {
      id: `apply/force=${force}`,
      steps: [
        apply(A, 'm', cm({ data: { a: '1', b: '1' } })),
        apply(A, 'n', cm({ data: { a: '2' } }), `&force=${force}`),
        apply(A, 'o', cm({ data: { a: '3', b: '4' } }), `&force=${force}`),
        apply(A, 'n', cm({ data: { a: '1' } }), `&force=${force}&dryRun=All`),
        get(A),
      ],
    };
  yield {
    id: 'apply/owners',
    steps: [
      apply(A, 'm', cm({ data: { a: '1', b: '2' } })),
      apply(A, 'n', cm({ data: { a: '1', c: '3' } })),
      apply(A, 'm', cm({ data: { b: '2' } })),
      apply(A, 'n', cm({ data: {} })),
      apply(A, 'm', cm()),
      get(A),
      merge(A, { data: { z: '1' } }),
      apply(A, 'm', cm({ data: { z: '2' } })),
      apply(A, 'm', cm({ data: { z: '1' } })),
      merge(A, { data: { z: '5' } }),
      get(A),
      apply(A, 'm', cm({ data: { z: '1' } })),
      apply(A, 'm', cm({ data: { z: '1' } }), '&force=true'),
      get(A),
      { method: 'PUT', path: A, body: cm({ data: { z: '1', y: '2' } }) },
      get(A),
      { method: 'PUT', path: `${A}?fieldManager=put`, body: cm() },
      get(A),
    ],
  };
  yield {
    id: 'apply/conflicts of many',
    steps: [
      ...['m', 'n', 'o'].map((manager, i) => apply(A, manager, cm({ data: { [`k${i}`]: '1', same: '1' } }))),
      apply(A, 'p', cm({ data: { k0: '2', k1: '2', k2: '2', same: '2' } })),
      merge(A, { data: { k0: '3' } }, '?fieldManager=u'),
      apply(A, 'p', cm({ data: { k0: '2', k1: '2', same: '2' } })),
      apply(A, 'p', cm({ data: { k0: '2', k1: '2', same: '2' } }, { labels: { q: 'r' } }), '&force=true'),
      get(A),
    ],
  };
  for (const reset of [
    { managedFields: [] },
    { managedFields: [{}] },
    { managedFields: null },
    {
      managedFields: [
        {
          manager: 'x',
          operation: 'Apply',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { 'f:a': {} } },
        },
      ],
    },
    { managedFields: [{ manager: 'x', operation: 'Nope', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} }] },
    {
      managedFields: [
        { manager: 'x', operation: 'Update', apiVersion: 'v9', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': {} } },
      ],
    },
    { managedFields: [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV2', fieldsV1: {} }] },
    {
      managedFields: [
        { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { nope: {} } },
      ],
    },
    {
      managedFields: [
        {
          manager: 'x',
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          subresource: 'status',
          fieldsV1: { 'f:data': { 'f:a': {} } },
        },
      ],
    },
  ])
    yield {
      id: `apply/reset ${JSON.stringify(reset)}`,
      steps: [
        apply(A, 'm', cm({ data: { a: '1' } })),
        merge(A, { metadata: reset }),
        get(A),
        apply(A, 'm', cm({ data: { a: '2' } })),
        apply(A, 'n', cm({ data: { a: '3' } })),
        { method: 'PUT', path: A, body: cm({ data: { a: '4' } }, reset) },
        get(A),
        post(CONFIG_MAPS, cm({ data: { a: '4' } }, { name: 'b', ...reset })),
      ],
    };
  yield {
    id: 'apply/last applied',
    steps: [
      post(
        `${CONFIG_MAPS}?fieldManager=kubectl-client-side-apply`,
        cm(
          { data: { a: '1' } },
          {
            annotations: {
              'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(cm({ data: { a: '1' } })),
            },
          },
        ),
      ),
      apply(A, 'kubectl', cm({ data: { a: '2' } })),
      get(A),
      apply(A, 'kubectl', cm({ data: { b: '2' } })),
      get(A),
      merge(A, { data: { b: '3' } }, '?fieldManager=kubectl-edit'),
      get(A),
    ],
  };
}

function* deployments(): Generator<Scenario> {
  for (const [name, specs] of LISTS)
    for (const [i, one] of specs.entries())
      for (const [j, other] of specs.entries())
        yield {
          id: `lists/${name} ${i} ${j}`,
          steps: [
            apply(D, 'm', deployment({}, one)),
            apply(D, 'm', deployment({}, other)),
            apply(D, 'n', deployment({}, one)),
            apply(D, 'n', deployment({}, other), '&force=true'),
            apply(D, 'm', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } }),
            get(D),
          ],
        };
  const scale = `${D}/scale`;
  const status = `${D}/status`;
  const scaled = (replicas: unknown): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'd' },
    spec: { replicas },
  });
  const stated = (rest: object): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    ...rest,
  });
  yield {
    id: 'apply/scale',
    steps: [
      apply(scale, 's', scaled(3)),
      apply(D, 'm', deployment({ replicas: 2 })),
      apply(scale, 's', scaled(3)),
      apply(scale, 's', scaled(3), '&force=true'),
      get(D),
      get(scale),
      apply(D, 'm', deployment()),
      get(D),
      apply(scale, 's', { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' } }),
      get(D),
      apply(scale, 's', scaled('x')),
      apply(scale, 's', scaled(-1)),
      apply(scale, 's', { ...scaled(1), kind: 'Deployment' }),
      apply(scale, 's', { ...scaled(1), apiVersion: 'apps/v1' }),
      merge(scale, { spec: { replicas: 5 } }, '?fieldManager=u'),
      get(D),
      { method: 'PUT', path: `${scale}?fieldManager=p`, body: scaled(6) },
      get(D),
      apply(D, 'm', deployment({ replicas: 2 })),
    ],
  };
  yield {
    id: 'apply/status',
    steps: [
      apply(D, 'm', deployment()),
      apply(status, 's', stated({ status: { replicas: 1, conditions: [{ type: 'A', status: 'True' }] } })),
      get(D),
      apply(status, 't', stated({ status: { replicas: 2 } })),
      apply(status, 't', stated({ status: { conditions: [{ type: 'B', status: 'True' }] } })),
      get(D),
      apply(status, 's', stated({ spec: { replicas: 4 }, status: { replicas: 1 } })),
      get(D),
      apply(status, 's', stated({})),
      get(D),
      apply(D, 's', stated({ status: { replicas: 9 } })),
      apply(`${DEPLOYMENTS}/none/status`, 's', {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'none' },
        status: { replicas: 1 },
      }),
      apply(status, 's', stated({ metadata: { name: 'd', labels: { q: 'r' } }, status: { replicas: 1 } })),
      get(D),
    ],
  };
  yield {
    id: 'apply/mixed',
    steps: [
      post(`${DEPLOYMENTS}?fieldManager=c`, deployment()),
      apply(D, 'm', deployment({ replicas: 1 })),
      merge(
        D,
        { spec: { replicas: 4, template: { spec: { containers: [{ name: 'c', image: 'z:1' }] } } } },
        '?fieldManager=u',
      ),
      get(D),
      apply(D, 'm', deployment({ replicas: 1 })),
      apply(D, 'm', deployment({ replicas: 1 }), '&force=true'),
      merge(D, { metadata: { labels: { x: 'y' }, annotations: { a: 'b' } } }),
      merge(D, { metadata: { labels: null } }),
      get(D),
      apply(D, 'm', deployment({}, {}, { labels: { x: 'z' } })),
      get(D),
      { method: 'DELETE', path: `${D}?propagationPolicy=Foreground` },
      apply(D, 'm', deployment()),
      get(D),
    ],
  };
  yield {
    id: 'apply/times',
    steps: [
      apply(D, 'm', deployment()),
      apply(D, 'm', deployment(), '&dryRun=All'),
      first(apply(D, 'm', deployment())),
      get(D),
      merge(D, {}),
      merge(D, { metadata: { labels: {} } }),
      get(D),
    ],
  };
}

const KINDS: readonly (readonly [string, string, object, readonly object[]])[] = [
  [
    'service',
    '/api/v1/namespaces/$NS/services/s',
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } },
    [
      { spec: { ports: [{ port: 80 }] } },
      {
        spec: {
          ports: [
            { port: 80, protocol: 'TCP' },
            { port: 80, protocol: 'UDP', name: 'u' },
          ],
        },
      },
      { spec: { ports: [{ port: 81, name: 'x' }], selector: { a: 'b' } } },
      { spec: { selector: { c: 'd' } } },
      { spec: { type: 'NodePort', ports: [{ port: 80 }] } },
      { spec: { externalIPs: ['1.1.1.1'] } },
    ],
  ],
  [
    'serviceaccount',
    '/api/v1/namespaces/$NS/serviceaccounts/sa',
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sa' } },
    [{ secrets: [{ name: 'a' }] }, { secrets: [{ name: 'b' }] }, { imagePullSecrets: [{ name: 'a' }] }, {}],
  ],
  [
    'role',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/$NS/roles/r',
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' } },
    [
      { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
      { rules: [{ apiGroups: [''], resources: ['x'], verbs: ['get'] }] },
      { rules: [] },
      {},
    ],
  ],
  [
    'secret',
    '/api/v1/namespaces/$NS/secrets/s',
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } },
    [
      { stringData: { a: 'b' } },
      { data: { a: 'Yg==' } },
      { data: { a: 'b' } },
      { type: 'x' },
      { stringData: { a: 'c' } },
      {},
    ],
  ],
  [
    'hpa',
    '/apis/autoscaling/v2/namespaces/$NS/horizontalpodautoscalers/h',
    { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' } },
    [
      { spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' } } },
      {
        spec: {
          maxReplicas: 4,
          scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 5 } } },
          ],
        },
      },
    ],
  ],
  [
    'hpa v1',
    '/apis/autoscaling/v1/namespaces/$NS/horizontalpodautoscalers/h',
    { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' } },
    [
      { spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' } } },
      {
        spec: {
          maxReplicas: 4,
          targetCPUUtilizationPercentage: 7,
          scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
        },
      },
    ],
  ],
  [
    'ingress',
    '/apis/networking.k8s.io/v1/namespaces/$NS/ingresses/i',
    { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i' } },
    [
      { spec: { defaultBackend: { service: { name: 's', port: { number: 1 } } } } },
      { spec: { rules: [{ host: 'a' }] } },
      { spec: { tls: [{ hosts: ['a'] }] } },
    ],
  ],
  [
    'namespace',
    '/api/v1/namespaces/x-$NS',
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x-$NS' } },
    [{}, { metadata: { name: 'x-$NS', labels: { a: 'b' } } }, { spec: { finalizers: ['x.io/y'] } }],
  ],
  [
    'networkpolicy',
    '/apis/networking.k8s.io/v1/namespaces/$NS/networkpolicies/n',
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'n' } },
    [
      { spec: { podSelector: {} } },
      { spec: { podSelector: { matchLabels: { a: 'b' } }, policyTypes: ['Egress'] } },
      { spec: { podSelector: {}, ingress: [{}] } },
    ],
  ],
  [
    'job',
    '/apis/batch/v1/namespaces/$NS/jobs/j',
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' } },
    [
      { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } } } },
      {
        spec: {
          parallelism: 2,
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } },
        },
      },
      { spec: { suspend: true } },
    ],
  ],
  [
    'pod',
    '/api/v1/namespaces/$NS/pods/p',
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } },
    [
      { spec: { containers: [{ name: 'c', image: 'i:1' }] } },
      { spec: { containers: [{ name: 'c', image: 'i:2' }] } },
      { spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i:2' }] } },
      {},
    ],
  ],
  [
    'crd',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/xs.$NS.io',
    { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'xs.$NS.io' } },
    [
      {
        spec: {
          group: '$NS.io',
          scope: 'Namespaced',
          names: { plural: 'xs', kind: 'X' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
        },
      },
    ],
  ],
];

export function* applies(): Generator<Scenario> {
  yield* configMaps();
  yield* deployments();
  for (const [name, path, base, rests] of KINDS)
    for (const [i, one] of rests.entries())
      for (const [j, other] of rests.entries())
        yield {
          id: `apply/${name} ${i} ${j}`,
          steps: [
            apply(path, 'm', { ...base, ...one }),
            apply(path, 'm', { ...base, ...other }),
            apply(path, 'n', { ...base, ...one }),
            apply(path, 'n', { ...base, ...other }, '&force=true'),
            apply(path, 'm', base),
            get(path),
            first({ method: 'DELETE', path }),
          ],
        };
}
