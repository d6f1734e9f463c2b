// Scenarios of creates, updates and deletes: versions, UIDs, grace, propagation, preconditions, finalizers, options, namespaces that end.
import { CONFIG_MAPS, configMap, DEPLOYMENTS, first, get, post, type Scenario, type Step } from '../scenario.ts';

const TEMPLATE = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const deployment = (name: string): object => ({
  metadata: { name },
  spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template: TEMPLATE },
});
const PODS = '/api/v1/namespaces/$NS/pods';
const pod = (name: string, spec: object = {}, metadata: object = {}): object => ({
  metadata: { name, ...metadata },
  spec: { ...TEMPLATE.spec, ...spec },
});
const remove = (path: string, body?: unknown): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
});

const WRITE_OPTIONS = [
  'dryRun=All',
  'dryRun=all',
  'dryRun=',
  'dryRun=All&dryRun=All',
  'dryRun=All&dryRun=x',
  'dryRun=true',
  'fieldManager=m',
  'fieldManager=',
  `fieldManager=${'m'.repeat(128)}`,
  `fieldManager=${'m'.repeat(129)}`,
  'fieldManager=%00',
  'fieldManager=a%0ab',
  'fieldManager=a%20b',
  'fieldManager=%C3%A4',
  'fieldValidation=Strict',
  'fieldValidation=x',
  'fieldValidation=',
  'fieldValidation=strict',
  'force=true',
  'force=false',
  'force=x',
  'unknown=1',
  'pretty=true',
  'timeout=1s',
  'timeout=x',
  'dryRun=x&fieldManager=%00&fieldValidation=x',
  'resourceVersion=x',
  'limit=x',
  'gracePeriodSeconds=x',
  'orphanDependents=x',
];

function* options(): Generator<Scenario> {
  for (const option of WRITE_OPTIONS)
    yield {
      id: `options/${option.slice(0, 60)}`,
      steps: [
        post(`${CONFIG_MAPS}?${option}`, configMap('a', { data: { k: 'v' } })),
        first(post(CONFIG_MAPS, configMap('a'))),
        { method: 'PUT', path: `${CONFIG_MAPS}/a?${option}`, body: configMap('a', { data: { x: 'y' } }) },
        ...['merge-patch', 'strategic-merge-patch'].map((kind) => ({
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?${option}`,
          body: { data: { x: 'z' } },
          type: `application/${kind}+json`,
        })),
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?${option}`,
          body: [{ op: 'add', path: '/data/q', value: '1' }],
          type: 'application/json-patch+json',
        },
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?${option}`,
          body: configMap('a', { data: { x: 'z' } }),
          type: 'application/apply-patch+yaml',
        },
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?${option}&fieldManager=n`,
          body: configMap('a', { data: { x: 'w' } }),
          type: 'application/apply-patch+yaml',
        },
        get(`${CONFIG_MAPS}/a?${option}`),
        remove(`${CONFIG_MAPS}/a?${option}`),
        first(post(CONFIG_MAPS, configMap('a'))),
        remove(`${CONFIG_MAPS}?${option}`),
        get(`${CONFIG_MAPS}?${option}`),
        post(`/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?${option}`, {
          spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
        }),
        first(post(PODS, pod('p'))),
        post(`${PODS}/p/binding?${option}`, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } }),
        post(`${PODS}/p/eviction?${option}`, { metadata: { name: 'p' } }),
        first(post(DEPLOYMENTS, deployment('d'))),
        {
          method: 'PUT',
          path: `${DEPLOYMENTS}/d/scale?${option}`,
          body: { metadata: { name: 'd' }, spec: { replicas: 0 } },
        },
      ],
    };
}

const VERSIONS = [undefined, '', '0', '1', '%{rv}', '%{stale}', 'x', '-1', '99999999999'];
const UIDS = [undefined, '', '%{uid}', 'x', '00000000-0000-0000-0000-000000000000'];

function* updates(): Generator<Scenario> {
  const kinds: readonly (readonly [string, string, object])[] = [
    ['ConfigMap', CONFIG_MAPS, { data: { a: '1' } }],
    ['Lease', '/apis/coordination.k8s.io/v1/namespaces/$NS/leases', {}],
    ['Deployment', DEPLOYMENTS, { spec: (deployment('a') as { spec: object }).spec }],
    [
      'PodDisruptionBudget',
      '/apis/policy/v1/namespaces/$NS/poddisruptionbudgets',
      { spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } } },
    ],
    ['Endpoints', '/api/v1/namespaces/$NS/endpoints', {}],
    ['RuntimeClass', '/apis/node.k8s.io/v1/runtimeclasses', { handler: 'x' }],
  ];
  for (const [kind, path, rest] of kinds) {
    const name = path.includes('$NS') ? 'a' : '$NS';
    const made = { metadata: { name }, ...rest };
    const prepared = [
      first(post(path, made, { save: { stale: 'metadata.resourceVersion', uid: 'metadata.uid' } })),
      first({
        method: 'PATCH',
        path: `${path}/${name}`,
        body: { metadata: { labels: { x: '1' } } },
        type: 'application/merge-patch+json',
        save: { rv: 'metadata.resourceVersion' },
      }),
    ];
    const all = VERSIONS.flatMap((resourceVersion) =>
      UIDS.map((uid) => ({
        ...made,
        metadata: {
          name,
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
          ...(uid === undefined ? {} : { uid }),
        },
      })),
    );
    for (const missing of [false, true])
      yield {
        id: `updates/${kind}${missing ? ' missing' : ''}`,
        steps: [
          ...prepared,
          ...(missing ? [first(remove(`${path}/${name}`))] : []),
          ...all.flatMap((body): Step[] => [
            { method: 'PUT', path: `${path}/${name}?dryRun=All`, body },
            {
              method: 'PATCH',
              path: `${path}/${name}?dryRun=All`,
              body: { metadata: body.metadata },
              type: 'application/merge-patch+json',
            },
            {
              method: 'PATCH',
              path: `${path}/${name}?dryRun=All&fieldManager=m&force=1`,
              body: {
                apiVersion: path.startsWith('/api/') ? 'v1' : path.split('/').slice(2, 4).join('/'),
                kind,
                ...body,
              },
              type: 'application/apply-patch+yaml',
            },
            ...(kind === 'Deployment' || kind === 'PodDisruptionBudget'
              ? [{ method: 'PUT', path: `${path}/${name}/status?dryRun=All`, body }]
              : []),
            ...(kind === 'Deployment'
              ? [
                  {
                    method: 'PUT',
                    path: `${path}/${name}/scale?dryRun=All`,
                    body: { metadata: body.metadata, spec: { replicas: 2 } },
                  },
                  {
                    method: 'PATCH',
                    path: `${path}/${name}/scale?dryRun=All`,
                    body: { metadata: body.metadata, spec: { replicas: 2 } },
                    type: 'application/merge-patch+json',
                  },
                ]
              : []),
          ]),
          first(remove(`${path}/${name}`)),
        ],
      };
  }
  yield {
    id: 'updates/metadata',
    steps: [
      first(post(CONFIG_MAPS, configMap('a', { metadata: { name: 'a', labels: { a: 'b' }, finalizers: ['x.io/y'] } }))),
      ...[
        { namespace: 'other' },
        { name: 'b' },
        { name: '' },
        { generateName: 'x-' },
        { creationTimestamp: '2020-01-01T00:00:00Z' },
        { deletionTimestamp: '2020-01-01T00:00:00Z' },
        { deletionGracePeriodSeconds: 5 },
        { generation: 9 },
        { selfLink: '/x' },
        { managedFields: [] },
        { managedFields: [{}] },
        { managedFields: null },
        {
          ownerReferences: [
            { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
            { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
          ],
        },
        {
          ownerReferences: [
            { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true },
            { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'v', controller: true },
          ],
        },
        { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] },
        { finalizers: ['a', 'a'] },
        { finalizers: ['nope'] },
        { labels: { 'a b': 'c' } },
        { annotations: { 'a b': 'c' } },
        { annotations: { a: 'x'.repeat(300_000) } },
      ].flatMap((metadata) => [
        { method: 'PUT', path: `${CONFIG_MAPS}/a?dryRun=All`, body: { metadata: { name: 'a', ...metadata } } },
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?dryRun=All`,
          body: { metadata },
          type: 'application/merge-patch+json',
        },
        post(`${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'new', ...metadata } }),
      ]),
    ],
  };
}

const DELETE_BODIES: readonly object[] = [
  {},
  { kind: 'DeleteOptions', apiVersion: 'v1' },
  { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
  { kind: 'DeleteOptions', apiVersion: 'apps/v1' },
  { kind: 'DeleteOptions', apiVersion: 'nope/v1' },
  { kind: 'DeleteOptions' },
  { apiVersion: 'v1' },
  { kind: 'Pod', apiVersion: 'v1' },
  { kind: 'Nope', apiVersion: 'v1' },
  { gracePeriodSeconds: 0 },
  { gracePeriodSeconds: -1 },
  { gracePeriodSeconds: 5 },
  { gracePeriodSeconds: '5' },
  { gracePeriodSeconds: 1.5 },
  { gracePeriodSeconds: null },
  { propagationPolicy: 'Foreground' },
  { propagationPolicy: 'Background' },
  { propagationPolicy: 'Orphan' },
  { propagationPolicy: 'x' },
  { propagationPolicy: '' },
  { propagationPolicy: 1 },
  { orphanDependents: true },
  { orphanDependents: false },
  { orphanDependents: 'true' },
  { orphanDependents: true, propagationPolicy: 'Orphan' },
  { orphanDependents: null, propagationPolicy: 'Orphan' },
  { preconditions: {} },
  { preconditions: { uid: 'x' } },
  { preconditions: { uid: '%{uid}' } },
  { preconditions: { resourceVersion: '1' } },
  { preconditions: { resourceVersion: '%{rv}' } },
  { preconditions: { resourceVersion: '' } },
  { preconditions: { uid: '' } },
  { preconditions: { uid: 'x', resourceVersion: '1' } },
  { preconditions: 'x' },
  { preconditions: { uid: 1 } },
  { dryRun: ['All'] },
  { dryRun: ['x'] },
  { dryRun: [] },
  { dryRun: 'All' },
  { dryRun: ['All', 'All'] },
  { unknown: 1 },
  { ignoreStoreReadErrorWithClusterBreakingPotential: true },
  { ignoreStoreReadErrorWithClusterBreakingPotential: true, gracePeriodSeconds: 1 },
  { gracePeriodSeconds: 0, propagationPolicy: 'Foreground', dryRun: ['All'] },
];
const DELETE_QUERIES = [
  'gracePeriodSeconds=0',
  'gracePeriodSeconds=-1',
  'gracePeriodSeconds=5',
  'gracePeriodSeconds=x',
  'gracePeriodSeconds=1.5',
  'gracePeriodSeconds=',
  'propagationPolicy=Foreground',
  'propagationPolicy=Background',
  'propagationPolicy=Orphan',
  'propagationPolicy=x',
  'propagationPolicy=',
  'orphanDependents=true',
  'orphanDependents=false',
  'orphanDependents=x',
  'orphanDependents=',
  'orphanDependents=true&propagationPolicy=Orphan',
  'dryRun=All',
  'dryRun=x',
  'preconditions.uid=x',
  'uid=x',
  'resourceVersion=x',
  'preconditions=x',
  'unknown=1',
  'gracePeriodSeconds=0&dryRun=All',
  'ignoreStoreReadErrorWithClusterBreakingPotential=true',
  'ignoreStoreReadErrorWithClusterBreakingPotential=x',
];

function* deletes(): Generator<Scenario> {
  const kinds: readonly (readonly [string, string, object])[] = [
    ['configmap', CONFIG_MAPS, configMap('a')],
    ['held', CONFIG_MAPS, { metadata: { name: 'a', finalizers: ['x.io/y'] } }],
    ['pod', PODS, pod('a')],
    ['bound', PODS, pod('a', { nodeName: 'n' })],
    ['heldpod', PODS, pod('a', { nodeName: 'n' }, { finalizers: ['x.io/y'] })],
    ['deployment', DEPLOYMENTS, deployment('a')],
    [
      'job',
      '/apis/batch/v1/namespaces/$NS/jobs',
      { metadata: { name: 'a' }, spec: { template: { spec: { ...TEMPLATE.spec, restartPolicy: 'Never' } } } },
    ],
    [
      'rc',
      '/api/v1/namespaces/$NS/replicationcontrollers',
      { metadata: { name: 'a' }, spec: { replicas: 0, selector: { a: 'b' }, template: TEMPLATE } },
    ],
    ['service', '/api/v1/namespaces/$NS/services', { metadata: { name: 'a' }, spec: { ports: [{ port: 1 }] } }],
    ['lease', '/apis/coordination.k8s.io/v1/namespaces/$NS/leases', { metadata: { name: 'a' } }],
    ['secret', '/api/v1/namespaces/$NS/secrets', { metadata: { name: 'a' } }],
    ['orphaned', CONFIG_MAPS, { metadata: { name: 'a', finalizers: ['orphan'] } }],
    ['foreground', CONFIG_MAPS, { metadata: { name: 'a', finalizers: ['foregroundDeletion'] } }],
    ['serviceaccount', '/api/v1/namespaces/$NS/serviceaccounts', { metadata: { name: 'a' } }],
  ];
  for (const [name, path, object] of kinds) {
    const free = first({
      method: 'PATCH',
      path: `${path}/a`,
      body: { metadata: { finalizers: null } },
      type: 'application/merge-patch+json',
    });
    const made = first(post(path, object, { save: { uid: 'metadata.uid', rv: 'metadata.resourceVersion' } }));
    const gone = [free, first(remove(`${path}/a?gracePeriodSeconds=0`))];
    for (const body of DELETE_BODIES)
      yield {
        id: `deletes/${name} ${JSON.stringify(body)}`,
        steps: [
          made,
          remove(`${path}/a`, body),
          get(`${path}/a`),
          remove(`${path}/a`, body),
          remove(`${path}/a?propagationPolicy=Foreground`),
          get(`${path}/a`),
          ...gone,
          get(`${path}/a`),
        ],
      };
    for (const query of DELETE_QUERIES)
      yield {
        id: `deletes/${name} ?${query}`,
        steps: [
          made,
          remove(`${path}/a?${query}`),
          get(`${path}/a`),
          remove(`${path}/a?${query}`, { gracePeriodSeconds: 7 }),
          get(`${path}/a`),
          ...gone,
        ],
      };
    for (const query of [
      '',
      ...DELETE_QUERIES,
      'labelSelector=x=y',
      'fieldSelector=metadata.name=a',
      'fieldSelector=metadata.name=b',
      'labelSelector=!!',
      'fieldSelector=x=y',
      'limit=1',
      'limit=x',
      'resourceVersion=0',
      'resourceVersion=99999999999',
      'continue=x',
      'resourceVersion=1&resourceVersionMatch=Exact',
      'watch=1',
      'sendInitialEvents=true',
      'resourceVersionMatch=x',
    ])
      yield {
        id: `collections/${name} ?${query}`,
        steps: [made, remove(`${path}?${query}`), get(`${path}/a`), ...gone],
      };
    for (const body of DELETE_BODIES)
      yield {
        id: `collections/${name} ${JSON.stringify(body)}`,
        steps: [made, remove(path, body), get(`${path}/a`), ...gone],
      };
  }
  yield {
    id: 'deletes/grace',
    steps: [
      first(post(PODS, pod('a', { nodeName: 'n', terminationGracePeriodSeconds: 50 }))),
      remove(`${PODS}/a`),
      remove(`${PODS}/a`, { gracePeriodSeconds: 60 }),
      remove(`${PODS}/a`, { gracePeriodSeconds: 20 }),
      get(`${PODS}/a`),
      remove(`${PODS}/a?dryRun=All`, { gracePeriodSeconds: 0 }),
      {
        method: 'PATCH',
        path: `${PODS}/a`,
        body: { metadata: { finalizers: ['x.io/y'] } },
        type: 'application/merge-patch+json',
      },
      {
        method: 'PATCH',
        path: `${PODS}/a`,
        body: { metadata: { labels: { q: 'y' } } },
        type: 'application/merge-patch+json',
      },
      post(PODS, pod('a')),
      remove(`${PODS}/a`, { gracePeriodSeconds: 0 }),
      get(`${PODS}/a`),
      first(post(PODS, pod('z', { terminationGracePeriodSeconds: 0, nodeName: 'n' }))),
      remove(`${PODS}/z`),
      get(`${PODS}/z`),
      first(post(PODS, pod('m', { terminationGracePeriodSeconds: -5, nodeName: 'n' }))),
      remove(`${PODS}/m`),
      get(`${PODS}/m`),
    ],
  };
  yield {
    id: 'deletes/finalizers',
    steps: [
      first(post(CONFIG_MAPS, configMap('a', { metadata: { name: 'a', finalizers: ['x.io/y', 'x.io/z'] } }))),
      remove(`${CONFIG_MAPS}/a`),
      remove(`${CONFIG_MAPS}/a`),
      post(CONFIG_MAPS, configMap('a')),
      ...[['x.io/y', 'x.io/z', 'x.io/new'], ['x.io/y'], ['x.io/new'], ['x.io/z', 'x.io/y'], []].map((finalizers) => ({
        method: 'PATCH',
        path: `${CONFIG_MAPS}/a?dryRun=All`,
        body: { metadata: { finalizers } },
        type: 'application/merge-patch+json',
      })),
      {
        method: 'PUT',
        path: `${CONFIG_MAPS}/a`,
        body: configMap('a', { data: { a: 'b' }, metadata: { name: 'a', finalizers: ['x.io/y'] } }),
      },
      { method: 'PUT', path: `${CONFIG_MAPS}/a`, body: configMap('a', { data: { a: 'c' } }) },
      get(`${CONFIG_MAPS}/a`),
    ],
  };
  yield {
    id: 'names/generate',
    steps: [
      post(CONFIG_MAPS, { metadata: { generateName: 'gen-' } }),
      post(CONFIG_MAPS, { metadata: { generateName: 'gen-', name: 'x' } }),
      post(CONFIG_MAPS, { metadata: { generateName: 'gen-', name: 'x' } }),
      post(CONFIG_MAPS, { metadata: { generateName: '' } }),
      post(CONFIG_MAPS, {}),
      post(CONFIG_MAPS, { metadata: { name: 'x' } }),
      post(`${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'x' } }),
      post('/api/v1/namespaces/none-$NS/configmaps', configMap('a')),
      post('/api/v1/namespaces/none-$NS/configmaps', { metadata: { name: 'A' } }),
      post('/api/v1/namespaces/none-$NS/configmaps?dryRun=All', configMap('a')),
      post('/api/v1/namespaces/none-$NS/pods', pod('a')),
      post('/api/v1/namespaces', { metadata: { name: 'A' } }),
      post('/api/v1/namespaces', { metadata: { name: '$NS' } }),
      post('/api/v1/namespaces', { metadata: { name: '$NS', namespace: 'x' } }),
      { method: 'PUT', path: '/api/v1/namespaces/none-$NS/configmaps/a', body: configMap('a') },
      {
        method: 'PATCH',
        path: '/api/v1/namespaces/none-$NS/configmaps/a?fieldManager=m',
        body: configMap('a'),
        type: 'application/apply-patch+yaml',
      },
      remove('/api/v1/namespaces/none-$NS/configmaps/a'),
      remove('/api/v1/namespaces/none-$NS/configmaps'),
      { method: 'PUT', path: `${CONFIG_MAPS}/none`, body: configMap('none') },
      { method: 'PATCH', path: `${CONFIG_MAPS}/none`, body: {}, type: 'application/merge-patch+json' },
      remove(`${CONFIG_MAPS}/none`),
      remove(`${CONFIG_MAPS}/none`, { preconditions: { uid: 'x' } }),
    ],
  };
  const space = '/api/v1/namespaces/t-$NS';
  yield {
    id: 'namespaces/ending',
    steps: [
      post('/api/v1/namespaces', { metadata: { name: 't-$NS' } }),
      first(post(`${space}/configmaps`, configMap('a', { metadata: { name: 'a', finalizers: ['x.io/y'] } }))),
      first(post(`${space}/serviceaccounts`, { metadata: { name: 'default' } })),
      remove(`${space}?dryRun=All`),
      remove(space, { propagationPolicy: 'x' }),
      remove(space, { gracePeriodSeconds: 30 }),
      remove(space),
      get(space),
      post(`${space}/configmaps`, configMap('b')),
      post(`${space}/configmaps?dryRun=All`, configMap('b')),
      post(`${space}/pods`, pod('b')),
      post('/api/v1/namespaces', { metadata: { name: 't-$NS' } }),
      {
        method: 'PATCH',
        path: `${space}/configmaps/b?fieldManager=m`,
        body: configMap('b'),
        type: 'application/apply-patch+yaml',
      },
      {
        method: 'PATCH',
        path: `${space}/configmaps/a`,
        body: { data: { a: 'b' } },
        type: 'application/merge-patch+json',
      },
      post(`${space}/serviceaccounts/default/token`, { spec: {} }, { quiet: true }),
      post('/apis/authorization.k8s.io/v1/namespaces/t-$NS/localsubjectaccessreviews', {
        spec: { user: 'a', resourceAttributes: { namespace: 't-$NS', verb: 'get', resource: 'pods' } },
      }),
      { method: 'PUT', path: `${space}/finalize`, body: { metadata: { name: 't-$NS' }, spec: { finalizers: [] } } },
      get(space),
      post(`${space}/configmaps`, configMap('c')),
      remove('/api/v1/namespaces/default'),
      remove('/api/v1/namespaces/kube-system?dryRun=All'),
      { method: 'PUT', path: `${space}/finalize`, body: { metadata: { name: 'other' } } },
      { method: 'PUT', path: `${space}/status`, body: { metadata: { name: 't-$NS' } } },
      {
        method: 'PATCH',
        path: `${space}`,
        body: { spec: { finalizers: ['x.io/y'] } },
        type: 'application/merge-patch+json',
      },
      remove('/api/v1/namespaces?labelSelector=nothing=here'),
      remove(`/api/v1/namespaces`),
    ],
  };
}

export function* writes(): Generator<Scenario> {
  yield* options();
  yield* updates();
  yield* deletes();
}
