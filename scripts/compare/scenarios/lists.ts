// Scenarios of lists and watches: resourceVersion, limit, continue, selectors, bookmarks and initial events in all combinations.
import { CONFIG_MAPS, configMap, first, get, post, type Scenario, type Step } from '../scenario.ts';

const PREPARED: readonly Step[] = [
  ...['a', 'b', 'c', 'd'].map((name) =>
    first(
      post(
        CONFIG_MAPS,
        { ...configMap(name), metadata: { name, labels: { app: name, tier: 'x' } } },
        { save: { [`rv_${name}`]: 'metadata.resourceVersion', [`uid_${name}`]: 'metadata.uid' } },
      ),
    ),
  ),
  first(get(`${CONFIG_MAPS}?limit=2`, { save: { next: 'metadata.continue', list: 'metadata.resourceVersion' } })),
];

/** Every way to take one value of each option. */
export function combinations(options: Readonly<Record<string, readonly (string | undefined)[]>>): string[] {
  let out = [''];
  for (const [name, choices] of Object.entries(options))
    out = out.flatMap((query) =>
      choices.map((choice) =>
        choice === undefined
          ? query
          : `${query}${query === '' ? '?' : '&'}${name}=${encodeURIComponent(choice).replace(/%25%7B(\w+)%7D/g, '%{$1}')}`,
      ),
    );
  return out;
}

// A revision from the future is waited for, so few ask for it.
const VERSIONS = [undefined, '', '0', '1', '%{rv_b}', '%{list}', 'x', '-1'];
const FUTURE = '99999999999';
const MATCHES = [undefined, '', 'Exact', 'NotOlderThan', 'exact', 'x'];

function* listed(): Generator<Scenario> {
  for (const continued of [undefined, '', '%{next}', 'x', 'bm90IGpzb24', '!!!'])
    for (const limit of [undefined, '1', '2', 'x'])
      yield {
        id: `list/continue=${continued} limit=${limit}`,
        steps: [
          ...PREPARED,
          ...combinations({
            resourceVersion: VERSIONS,
            resourceVersionMatch: limit === undefined || limit === '1' ? MATCHES : [undefined, 'Exact', 'NotOlderThan'],
            limit: [limit],
            continue: [continued],
          }).map((query) => get(`${CONFIG_MAPS}${query}`)),
        ],
      };
  yield {
    id: 'list/odd',
    steps: [
      ...PREPARED,
      ...[
        `resourceVersion=${FUTURE}`,
        `resourceVersion=${FUTURE}&resourceVersionMatch=Exact`,
        `resourceVersion=${FUTURE}&resourceVersionMatch=NotOlderThan`,
        `resourceVersion=${FUTURE}&limit=1`,
        `resourceVersion=${FUTURE}&limit=1&labelSelector=app=a`,
        'limit=0',
        'limit=500',
        'limit=-1',
        'limit=9223372036854775808',
        'resourceVersion=1.5',
        'sendInitialEvents=true',
        'sendInitialEvents=false',
        'sendInitialEvents=x',
        'sendInitialEvents=',
        'allowWatchBookmarks=true',
        'allowWatchBookmarks=x',
        'timeoutSeconds=1',
        'timeoutSeconds=x',
        'timeoutSeconds=-1',
        'timeoutSeconds=',
        'unknown=1',
        'watch=&timeoutSeconds=1',
        'watch=false&timeoutSeconds=1',
        'watch=0&timeoutSeconds=1',
        'watch=F&timeoutSeconds=1',
        'watch=f&timeoutSeconds=1',
        'limit=',
        'limit=1.5',
        'limit=+1',
        'limit=1&limit=2',
        'limit=01',
        'limit=0x1',
        'labelSelector=app=a&labelSelector=app=b',
        'pretty=true&limit=1',
        'pretty=1&limit=1',
        'pretty&limit=1',
        'pretty=x&limit=1',
        'pretty=false&limit=1',
        'timeout=1s',
        'timeout=0',
        'timeout=x',
        'timeout=-1s',
        'timeout=1',
        'timeout=1h',
        'timeout=',
        'timeout=100h',
        'shardSelector=x',
        'resourceVersion=0&limit=1',
        'limit=1&labelSelector=app%20in%20(a,c)',
        'limit=1&fieldSelector=metadata.name!=a',
        'limit=2&labelSelector=tier=x',
        'limit=4&labelSelector=tier=x',
        'limit=3',
        'limit=4',
        'limit=5',
      ].map((query) => get(`${CONFIG_MAPS}?${query}`)),
    ],
  };
  yield {
    id: 'list/pages',
    steps: [
      ...PREPARED,
      get(`${CONFIG_MAPS}?limit=1&continue=%{next}`, { save: { third: 'metadata.continue' } }),
      first({ method: 'DELETE', path: `${CONFIG_MAPS}/d` }),
      get(`${CONFIG_MAPS}?limit=1&continue=%{third}`),
      get(`${CONFIG_MAPS}?continue=%{third}`),
      get(`${CONFIG_MAPS}?continue=%{third}&resourceVersion=0`),
      get(`${CONFIG_MAPS}?continue=%{third}&labelSelector=app=d`),
      get(`/api/v1/configmaps?continue=%{third}`),
      get(`/api/v1/namespaces/$NS/secrets?continue=%{third}`),
      get(`${CONFIG_MAPS}?resourceVersion=%{list}&resourceVersionMatch=Exact`),
      get(`${CONFIG_MAPS}?resourceVersion=%{list}&limit=10`),
      get(`${CONFIG_MAPS}?resourceVersion=%{list}`),
      get(`${CONFIG_MAPS}?resourceVersion=%{rv_a}&resourceVersionMatch=Exact`),
      get(`${CONFIG_MAPS}?resourceVersion=%{rv_a}&resourceVersionMatch=Exact&limit=1`),
    ],
  };
}

const LABELS = [
  'app',
  '!app',
  'app=a',
  'app==a',
  'app!=a',
  'app in (a,b)',
  'app notin (a)',
  'app in ()',
  'app in (a',
  'app in a',
  'app=',
  'app=a,tier=x',
  'app=a,',
  ',',
  'app=a b',
  '=a',
  'app===a',
  'app>1',
  'app<x',
  'app>x',
  'app > 1',
  '!',
  'a/b/c=d',
  'x y',
  'app=a;b',
  '-app=a',
  `${'l'.repeat(64)}=a`,
  `app=${'v'.repeat(64)}`,
  'app=-v',
  'app exists',
  'app in (a,,b)',
  'app in (a, b)',
  ' app = a ',
  'APP IN (a)',
  'app not in (a)',
  'in=a',
  'app=in',
  'notin',
  'app!',
  '!app=a',
  'example.com/x=y',
  '/x=y',
  'x/=y',
  'app in (A)',
  'app=(a)',
  'app==',
  'app!=',
  '()',
  'app,!tier',
];
const FIELDS = [
  'metadata.name=a',
  'metadata.name==a',
  'metadata.name!=a',
  'metadata.namespace=x',
  'metadata.name',
  'metadata.name=',
  'metadata.name=a,metadata.name=b',
  'x=y',
  'spec.nodeName=n',
  'status.phase=Running',
  'metadata.labels=a',
  '=',
  ',',
  'metadata.name=a\\,b',
  'metadata.name=a\\',
  'metadata.name=a\\x',
  'metadata.name>a',
  'metadata.name in (a)',
  'metadata.name=a=b',
  '!metadata.name',
  ' metadata.name = a ',
  'name=a',
  'metadata.uid=x',
  'type=Opaque',
  'involvedObject.name=x',
  'reason=x',
  'spec.unschedulable=true',
  'status.replicas=1',
  'status.successful=1',
  'metadata.name=a,',
  'spec.signerName=x',
  'spec.clusterIP=None',
  'spec.type=ClusterIP',
];

const KINDS = [
  '/api/v1/namespaces/$NS/configmaps',
  '/api/v1/namespaces/$NS/secrets',
  '/api/v1/namespaces/$NS/pods',
  '/api/v1/namespaces/$NS/services',
  '/api/v1/namespaces/$NS/events',
  '/apis/events.k8s.io/v1/namespaces/$NS/events',
  '/api/v1/namespaces/$NS/replicationcontrollers',
  '/api/v1/nodes',
  '/api/v1/namespaces',
  '/apis/apps/v1/namespaces/$NS/replicasets',
  '/apis/apps/v1/namespaces/$NS/deployments',
  '/apis/batch/v1/namespaces/$NS/jobs',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/apiregistration.k8s.io/v1/apiservices',
  '/apis/resource.k8s.io/v1/resourceslices',
  '/apis/resource.k8s.io/v1/namespaces/$NS/resourceclaims',
  '/apis/coordination.k8s.io/v1/namespaces/$NS/leases',
  '/apis/autoscaling/v1/namespaces/$NS/horizontalpodautoscalers',
  '/apis/policy/v1/namespaces/$NS/poddisruptionbudgets',
  '/apis/storage.k8s.io/v1/storageclasses',
  '/api/v1/persistentvolumes',
  '/api/v1/componentstatuses',
  '/apis/networking.k8s.io/v1/namespaces/$NS/ingresses',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/discovery.k8s.io/v1/namespaces/$NS/endpointslices',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
  '/apis/scheduling.k8s.io/v1/priorityclasses',
  '/apis/node.k8s.io/v1/runtimeclasses',
];

function* selected(): Generator<Scenario> {
  for (const path of KINDS) {
    const narrow = path.includes('$NS') ? '' : 'metadata.name=nothing,';
    const name = path.slice(path.lastIndexOf('/') + 1);
    yield {
      id: `selectors/fields ${name}`,
      steps: FIELDS.flatMap((field) => [
        get(`${path}?fieldSelector=${encodeURIComponent(narrow + field)}`),
        get(`${path}?watch=1&timeoutSeconds=1&fieldSelector=${encodeURIComponent(narrow + field)}`, { headers: {} }),
      ]).filter((_, i) => i % 2 === 0 || i < 20 || path.includes('pods')),
    };
    yield {
      id: `selectors/labels ${name}`,
      steps: (path === CONFIG_MAPS ? LABELS : LABELS.slice(0, 12)).flatMap((label) => [
        get(`${path}?labelSelector=${encodeURIComponent(narrow === '' ? label : `nothing=here,${label}`)}`),
      ]),
    };
  }
  yield {
    id: 'selectors/found',
    steps: [
      ...PREPARED,
      ...LABELS.map((label) => get(`${CONFIG_MAPS}?labelSelector=${encodeURIComponent(label)}`)),
      ...FIELDS.map((field) => get(`${CONFIG_MAPS}?fieldSelector=${encodeURIComponent(field)}`)),
      get(`${CONFIG_MAPS}/a?fieldSelector=x`),
      get(`${CONFIG_MAPS}/a?labelSelector=!!`),
      get(`/api/v1/configmaps?fieldSelector=metadata.namespace=$NS`),
      get(`/api/v1/configmaps?fieldSelector=metadata.namespace=$NS,metadata.name=a`),
    ],
  };
}

function* watched(): Generator<Scenario> {
  const queries = combinations({
    watch: ['1'],
    timeoutSeconds: ['1'],
    resourceVersion: [undefined, '0', '1', '%{rv_b}', FUTURE, 'x'],
    resourceVersionMatch: [undefined, 'Exact', 'NotOlderThan', 'x'],
    sendInitialEvents: [undefined, 'true', 'false'],
    allowWatchBookmarks: [undefined, 'true'],
  });
  for (const query of queries)
    yield {
      id: `watch/${query}`,
      steps: [
        ...PREPARED,
        get(`${CONFIG_MAPS}${query}`, { tell: ['content-type', 'transfer-encoding', 'cache-control'] }),
      ],
    };
  const odd = [
    'watch=true&limit=1',
    'watch=true&limit=x',
    'watch=x',
    'watch=F&limit=1',
    'watch=1&continue=x',
    'watch=1&continue=x&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    'watch=1&labelSelector=app=a',
    'watch=1&labelSelector=!!',
    'watch=1&fieldSelector=metadata.name=b',
    'watch=1&fieldSelector=x=y',
    'watch=1&sendInitialEvents=x',
    'watch=1&allowWatchBookmarks=x',
    'watch=1&pretty=true',
    'watch=1&fieldSelector=metadata.name=nope',
    'watch=1&includeObject=None',
  ];
  for (const accept of [
    'application/json',
    'application/json;stream=watch',
    'application/yaml',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    'application/vnd.kubernetes.protobuf',
    'application/cbor',
    'text/plain',
    'application/vnd.kubernetes.protobuf;stream=watch',
  ])
    for (const query of accept === 'application/json' ? odd : odd.slice(-2))
      yield {
        id: `watch/odd ${accept} ${query}`,
        steps: [...PREPARED, get(`${CONFIG_MAPS}?${query}&timeoutSeconds=1`, { accept, tell: ['content-type'] })],
      };
  for (const query of [
    '',
    '&allowWatchBookmarks=true',
    '&labelSelector=app=a',
    '&fieldSelector=metadata.name=a',
    '&labelSelector=new=1',
  ])
    yield {
      id: `watch/changes ${query}`,
      steps: [
        ...PREPARED,
        first({
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a`,
          type: 'application/merge-patch+json',
          body: { metadata: { labels: { new: '1' } } },
        }),
        first({
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a`,
          type: 'application/merge-patch+json',
          body: { metadata: { labels: { app: 'z' } } },
        }),
        first({ method: 'DELETE', path: `${CONFIG_MAPS}/a` }),
        first(post(CONFIG_MAPS, configMap('e'))),
        get(`${CONFIG_MAPS}?watch=1&timeoutSeconds=1&resourceVersion=%{rv_a}${query}`),
        get(`/api/v1/watch/namespaces/$NS/configmaps?timeoutSeconds=1&resourceVersion=%{rv_a}${query}`),
        get(`/api/v1/watch/namespaces/$NS/configmaps/a?timeoutSeconds=1&resourceVersion=%{rv_a}${query}`),
        get(`/api/v1/watch/namespaces/$NS/configmaps/b?timeoutSeconds=1${query}`),
        get(`${CONFIG_MAPS}/b?watch=1&timeoutSeconds=1${query}`),
      ],
    };
}

export function* lists(): Generator<Scenario> {
  yield* listed();
  yield* selected();
  yield* watched();
}
