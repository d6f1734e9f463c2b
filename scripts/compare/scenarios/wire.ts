// Scenarios of what is on the wire: media types, methods, malformed bodies, subresources that do not exist.
import { CONFIG_MAPS, configMap, DEPLOYMENTS, first, get, post, type Scenario, type Step } from '../scenario.ts';

const ACCEPTS = [
  '',
  '*/*',
  'application/*',
  'text/*',
  'text/html',
  'application/json',
  'application/yaml',
  'application/cbor',
  'application/JSON',
  'application/json;charset=utf-8',
  'application/json; q=0.5, application/yaml',
  'application/yaml;q=0.1, application/json;q=0.2',
  'text/html, application/json',
  'text/html,*/*;q=0.1',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
  'application/json;as=Table;v=v2;g=meta.k8s.io',
  'application/json;as=Table;g=meta.k8s.io',
  'application/json;as=Table',
  'application/json;as=Table;v=v1;g=apps',
  'application/json;as=Tables;v=v1;g=meta.k8s.io',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=Tables;v=v1;g=meta.k8s.io,application/json',
  'application/yaml;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io',
  'application/json;stream=watch',
  'application/json;stream=x',
  'application/json;pretty=1',
  'application/json;pretty=0',
  'application/json;pretty=true',
  'application/json;v=v1',
  'application/json;g=x;v=v1',
  'application/json;profile=x',
  'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
  'application/json;',
  ';',
  ',',
  'json',
  'application/merge-patch+json',
  'application/x-yaml',
  'application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io',
];
const TELL = [
  'content-type',
  'cache-control',
  'allow',
  'vary',
  'content-encoding',
  'x-content-type-options',
  'retry-after',
];

function* negotiated(): Generator<Scenario> {
  for (const accept of ACCEPTS) {
    const ask = { accept, tell: TELL };
    yield {
      id: `accept/${accept}`,
      steps: [
        first(post(CONFIG_MAPS, configMap('a', { data: { k: 'v' } }))),
        get(`${CONFIG_MAPS}/a`, ask),
        get(CONFIG_MAPS, ask),
        get(`${CONFIG_MAPS}?limit=1`, ask),
        get('/api/v1/namespaces/$NS/secrets', ask),
        get(`${CONFIG_MAPS}/nope`, ask),
        get('/api/v1/namespaces/$NS/nope', ask),
        get('/nope', ask),
        post(CONFIG_MAPS, configMap('b'), ask),
        { method: 'PUT', path: `${CONFIG_MAPS}/b`, body: configMap('b', { data: { a: 'b' } }), ...ask },
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/b`,
          body: { data: { a: 'c' } },
          type: 'application/merge-patch+json',
          ...ask,
        },
        { method: 'DELETE', path: `${CONFIG_MAPS}/b`, ...ask },
        { method: 'DELETE', path: CONFIG_MAPS, ...ask },
        post(
          '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } },
          ask,
        ),
        first(
          post(DEPLOYMENTS, {
            metadata: { name: 'd' },
            spec: {
              replicas: 0,
              selector: { matchLabels: { a: 'b' } },
              template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } },
            },
          }),
        ),
        get(`${DEPLOYMENTS}/d/scale`, ask),
        get('/version', ask),
      ],
    };
  }
  for (const include of ['None', 'Metadata', 'Object', 'x', '', 'none'])
    yield {
      id: `table/includeObject=${include}`,
      steps: [
        first(post(CONFIG_MAPS, configMap('a', { data: { k: 'v' } }))),
        ...['v1', 'v1beta1'].flatMap((version) => {
          const accept = `application/json;as=Table;v=${version};g=meta.k8s.io`;
          return [
            get(`${CONFIG_MAPS}/a?includeObject=${include}`, { accept }),
            get(`${CONFIG_MAPS}?includeObject=${include}`, { accept }),
            get(`/api/v1/namespaces/$NS/secrets?includeObject=${include}`, { accept }),
            get(`${CONFIG_MAPS}?includeObject=${include}&includeObject=None`, { accept }),
            get(`${CONFIG_MAPS}/nope?includeObject=${include}`, { accept }),
          ];
        }),
        get(`${CONFIG_MAPS}/a?includeObject=${include}`),
      ],
    };
}

const PATHS = [
  '/api',
  '/api/',
  '/apis',
  '/apis/',
  '/api/v1',
  '/api/v1/',
  '/apis/apps',
  '/apis/apps/v1',
  '/apis/apps/v2',
  '/apis/nope',
  '/apis/nope/v1',
  '/version',
  '/version/',
  '/healthz',
  '/livez',
  '/readyz',
  '/healthz/ping',
  '/healthz/nope',
  '/openapi',
  '/openapi/v2/',
  '/openapi/v3/nope',
  '/',
  '',
  '/nope',
  '/api/v2',
  '/api/v1/nope',
  '/api/v1/namespaces/$NS/nope',
  '/api/v1/namespaces/$NS/nope/x',
  '/api/v1/configmaps/x',
  '/api/v1/namespaces/$NS/nodes',
  '/api/v1/namespaces/$NS/nodes/x',
  CONFIG_MAPS,
  `${CONFIG_MAPS}/`,
  `${CONFIG_MAPS}/a`,
  `${CONFIG_MAPS}/a/`,
  `${CONFIG_MAPS}/a/status`,
  `${CONFIG_MAPS}/a/nope`,
  `${CONFIG_MAPS}/a/b/c`,
  '/api/v1/namespaces/$NS/pods/a/nope',
  '/api/v1/namespaces/$NS/pods/a/status',
  '/api/v1/namespaces/$NS/pods/a/log',
  '/api/v1/namespaces/$NS/pods/a/exec',
  '/api/v1/namespaces/$NS/pods/a/binding',
  '/api/v1/namespaces/$NS/pods/a/eviction',
  '/api/v1/namespaces/$NS/pods/a/ephemeralcontainers',
  '/api/v1/namespaces/$NS/pods/a/resize',
  '/api/v1/namespaces/$NS/pods/a/attach',
  '/api/v1/namespaces/$NS/pods/a/portforward',
  '/api/v1/namespaces/$NS/pods/a/proxy',
  '/api/v1/namespaces/$NS/pods/a/scale',
  `${DEPLOYMENTS}/a/scale`,
  `${DEPLOYMENTS}/a/status`,
  `${DEPLOYMENTS}/a/rollback`,
  '/api/v1/namespaces/$NS/serviceaccounts/default/token',
  '/api/v1/namespaces/$NS/status',
  '/api/v1/namespaces/$NS/finalize',
  '/api/v1/namespaces/$NS/nope/status',
  '/api/v1/namespaces/$NS',
  '/api/v1/namespaces/none-$NS',
  '/api/v1/namespaces/none-$NS/configmaps',
  '/api/v1/namespaces/none-$NS/configmaps/a',
  '/api/v1/namespaces//configmaps',
  '/api//v1/configmaps',
  '/api/v1/watch',
  '/api/v1/watch/nope',
  '/api/v1/proxy',
  '/api/v1/bindings',
  '/api/v1/namespaces/$NS/bindings',
  '/api/v1/namespaces/$NS/bindings/a',
  '/api/v1/componentstatuses',
  '/api/v1/componentstatuses/nope',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x',
  '/apis/authorization.k8s.io/v1/namespaces/$NS/localsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/localsubjectaccessreviews',
  '/apis/authentication.k8s.io/v1/tokenreviews',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/status',
  '/apis/apiregistration.k8s.io/v1/apiservices/x/status',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x/status',
  '/apis/metrics.k8s.io/v1beta1/nodes',
  '/logs',
  '/metrics/x',
  '/debug',
  '/.well-known/openid-configuration',
  '/openid/v1/jwks',
  '/api/v1/namespaces/$NS/services/a/proxy',
  '/api/v1/nodes/a/proxy',
  '/apis/policy/v1/namespaces/$NS/poddisruptionbudgets/a/status',
  '/API/v1',
  '/api/V1',
  '/api/v1/namespaces/%2e%2e/configmaps',
  '/api/v1/namespaces/$NS/configmaps/a%2Fb',
  '/api/v1/namespaces/$NS/configmaps/%zz',
  '/api/v1/namespaces/$NS/configmaps/..',
  '/api/v1/namespaces/$NS/configmaps/a%20b',
  `/api/v1/namespaces/$NS/configmaps/${'n'.repeat(300)}`,
];
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'];

function* routed(): Generator<Scenario> {
  for (const method of METHODS)
    for (const [i, path] of PATHS.entries()) {
      // What needs no body gets none; deletions of collections would take what all scenarios share.
      const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? {} : undefined;
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const big =
        method === 'GET' &&
        (path === '/api/v1' ||
          path.startsWith('/apis/apps/v1') ||
          path === '/apis' ||
          path === '/apis/' ||
          path === '/version' ||
          path === '/openid/v1/jwks' ||
          path.startsWith('/openapi'));
      const step: Step = { method, path, ...(body === undefined ? {} : { body, type }), tell: TELL };
      yield {
        id: `routes/${method} ${path.slice(0, 100)} ${i}`,
        steps: big ? [] : [step, ...(path.endsWith('/a') ? [] : [])],
      };
    }
}

const BODIES: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['null', 'null'],
  ['space', ' '],
  ['array', '[]'],
  ['string', '"x"'],
  ['number', '1'],
  ['true', 'true'],
  ['open', '{'],
  ['text', 'hello'],
  ['yaml in json', 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n'],
  ['trailing comma', '{"kind":"ConfigMap",}'],
  ['single quotes', "{'kind':'ConfigMap'}"],
  ['twice', '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}{"x":1}'],
  ['trailing text', '{"metadata":{"name":"a"}} x'],
  ['truncated', '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"'],
  ['unterminated', '{"kind":"Conf'],
  ['bad escape', '{"metadata":{"name":"\\x"}}'],
  ['bad unicode', '{"metadata":{"name":"\\u12"}}'],
  ['control', '{"metadata":{"name":"a\nb"}}'],
  ['bad literal', '{"metadata":nul}'],
  ['bad number', '{"metadata":{"name":01}}'],
  ['kind number', '{"kind":1}'],
  ['apiVersion number', '{"apiVersion":1}'],
  ['other kind', '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}'],
  ['unknown kind', '{"kind":"Nope","apiVersion":"v1","metadata":{"name":"a"}}'],
  ['unknown group', '{"kind":"ConfigMap","apiVersion":"nope/v1","metadata":{"name":"a"}}'],
  ['other version', '{"kind":"ConfigMap","apiVersion":"v2","metadata":{"name":"a"}}'],
  ['odd version', '{"kind":"ConfigMap","apiVersion":"a/b/c","metadata":{"name":"a"}}'],
  ['deployment', '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"}}'],
  ['list', '{"kind":"ConfigMapList","apiVersion":"v1","items":[]}'],
  ['v1 list', '{"kind":"List","apiVersion":"v1","items":[]}'],
  ['no kind', '{"metadata":{"name":"a"}}'],
  ['kind alone', '{"kind":"ConfigMap","metadata":{"name":"a"}}'],
  ['lower kind', '{"kind":"configmap","apiVersion":"v1","metadata":{"name":"a"}}'],
  ['metadata string', '{"metadata":"x"}'],
  ['metadata array', '{"metadata":[]}'],
  ['name number', '{"metadata":{"name":1}}'],
  ['data number', '{"metadata":{"name":"a"},"data":{"a":1}}'],
  ['data array', '{"metadata":{"name":"a"},"data":[]}'],
  ['data string', '{"metadata":{"name":"a"},"data":"x"}'],
  ['binary bad', '{"metadata":{"name":"a"},"binaryData":{"a":"!!!"}}'],
  ['binary number', '{"metadata":{"name":"a"},"binaryData":{"a":1}}'],
  ['immutable string', '{"metadata":{"name":"a"},"immutable":"yes"}'],
  ['labels number', '{"metadata":{"name":"a","labels":{"a":1}}}'],
  ['labels null', '{"metadata":{"name":"a","labels":{"a":null}}}'],
  ['finalizers string', '{"metadata":{"name":"a","finalizers":"x"}}'],
  ['time bad', '{"metadata":{"name":"a","creationTimestamp":"yesterday"}}'],
  ['time number', '{"metadata":{"name":"a","creationTimestamp":1}}'],
  ['generation string', '{"metadata":{"name":"a","generation":"1"}}'],
  ['generation float', '{"metadata":{"name":"a","generation":1.5}}'],
  ['generation large', '{"metadata":{"name":"a","generation":99999999999999999999}}'],
  ['unknown field', '{"metadata":{"name":"a"},"nope":1}'],
  ['unknown in metadata', '{"metadata":{"name":"a","nope":1}}'],
  ['duplicate', '{"metadata":{"name":"a"},"data":{"a":"1","a":"2"}}'],
  ['duplicate metadata', '{"metadata":{"name":"a"},"metadata":{"name":"b"}}'],
  ['case', '{"Metadata":{"name":"a"}}'],
  ['bom', '\ufeff{"metadata":{"name":"a"}}'],
  ['deep', `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`],
  ['deeper', `${'['.repeat(10_001)}${']'.repeat(10_001)}`],
  ['nan', '{"metadata":{"name":NaN}}'],
  ['comment', '{"metadata":{"name":"a"} /* x */}'],
  ['managed bad', '{"metadata":{"name":"a","managedFields":[{"manager":"m"}]}}'],
  [
    'managed time',
    '{"metadata":{"name":"a","managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:a":{}}}}]},"data":{"a":"b"}}',
  ],
  ['owner bad', '{"metadata":{"name":"a","ownerReferences":[{"kind":"x"}]}}'],
  ['no name', '{"metadata":{}}'],
  ['generate', '{"metadata":{"generateName":"gen-"}}'],
  ['both names', '{"metadata":{"name":"a","generateName":"gen-"}}'],
  ['rv', '{"metadata":{"name":"a","resourceVersion":"1"}}'],
  ['rv 0', '{"metadata":{"name":"a","resourceVersion":"0"}}'],
  ['rv x', '{"metadata":{"name":"a","resourceVersion":"x"}}'],
  ['uid', '{"metadata":{"name":"a","uid":"x"}}'],
  ['other namespace', '{"metadata":{"name":"a","namespace":"other"}}'],
  ['deleting', '{"metadata":{"name":"a","deletionTimestamp":"2020-01-01T00:00:00Z","deletionGracePeriodSeconds":3}}'],
  ['selfLink', '{"metadata":{"name":"a","selfLink":"/x"}}'],
  ['generation', '{"metadata":{"name":"a","generation":7}}'],
  ['bad name', '{"metadata":{"name":"A_B"}}'],
  ['long name', `{"metadata":{"name":"${'n'.repeat(254)}"}}`],
  ['bad finalizer', '{"metadata":{"name":"a","finalizers":["x y"]}}'],
  ['bad generateName', '{"metadata":{"generateName":"A-"}}'],
  ['long generateName', `{"metadata":{"generateName":"gen-${'n'.repeat(300)}-"}}`],
];

const YAMLS: readonly (readonly [string, string])[] = [
  ['good', 'metadata:\n  name: a\n'],
  ['empty', ''],
  ['null', '~'],
  ['comment', '# x'],
  ['tab', 'metadata:\n\tname: a\n'],
  ['indent', 'metadata:\n  name: a\n name: b\n'],
  ['open flow', 'metadata: {name: a'],
  ['two documents', 'metadata:\n  name: a\n---\nmetadata:\n  name: b\n'],
  ['scalar', 'hello'],
  ['list', '- a\n- b\n'],
  ['duplicate', 'metadata:\n  name: a\n  name: b\n'],
  ['anchor', 'metadata: &x\n  name: a\nother: *x\n'],
  ['unknown anchor', 'metadata: *x\n'],
  ['octal', 'metadata:\n  name: a\ndata:\n  a: 010\n'],
  ['yes', 'metadata:\n  name: a\nimmutable: yes\n'],
  ['number key', 'metadata:\n  name: a\ndata:\n  1: x\n'],
  ['bad colon', 'metadata: name: a\n'],
  ['unclosed quote', 'metadata:\n  name: "a\n'],
  ['json', '{"metadata":{"name":"a"}}'],
  ['bad json', '{"metadata":{"name":"a"}'],
  ['number data', 'metadata:\n  name: a\ndata:\n  a: 1\n'],
  ['unknown', 'metadata:\n  name: a\nnope: 1\n'],
  ['merge', 'x: &x\n  name: a\nmetadata:\n  <<: *x\n'],
  ['date', 'metadata:\n  name: a\ndata:\n  a: 2020-01-01\n'],
  ['tag', 'metadata: !!str a\n'],
  ['bad tag', 'metadata: !foo a\n'],
  ['block', 'metadata:\n  name: a\ndata:\n  a: |\n    x\n    y\n'],
  ['percent', '%YAML 1.1\n---\nmetadata:\n  name: a\n'],
];

const TYPES = [
  '',
  'application/json',
  'application/json; charset=utf-8',
  'application/JSON',
  'text/plain',
  'text/json',
  'application/xml',
  'application/cbor',
  'application/vnd.kubernetes.protobuf',
  'application/merge-patch+json',
  'application/x-www-form-urlencoded',
  'json',
  ';',
  '*/*',
  'application/json,application/yaml',
  'application/json;x',
  'application/yaml;charset=x',
  'multipart/form-data',
  'application/apply-patch+yaml',
  'application/apply-patch+cbor',
  'application/json-patch+json',
  'application/strategic-merge-patch+json',
];

function* bodied(): Generator<Scenario> {
  for (const validation of ['', 'Strict', 'Ignore', 'strict'])
    for (const [name, body] of BODIES)
      yield {
        id: `bodies/${name} ${validation}`,
        steps: [
          post(`${CONFIG_MAPS}?dryRun=All&fieldValidation=${validation}`, body),
          first(post(CONFIG_MAPS, configMap('a', { data: { x: 'y' } }))),
          ...(validation === 'strict'
            ? []
            : [
                { method: 'PUT', path: `${CONFIG_MAPS}/a?dryRun=All&fieldValidation=${validation}`, body },
                ...['merge-patch', 'strategic-merge-patch', 'json-patch'].map((kind) => ({
                  method: 'PATCH',
                  path: `${CONFIG_MAPS}/a?dryRun=All&fieldValidation=${validation}`,
                  body,
                  type: `application/${kind}+json`,
                })),
                {
                  method: 'PATCH',
                  path: `${CONFIG_MAPS}/a?dryRun=All&fieldManager=m&fieldValidation=${validation}`,
                  body,
                  type: 'application/apply-patch+yaml',
                },
                ...(validation === ''
                  ? [
                      { method: 'DELETE', path: `${CONFIG_MAPS}/a?dryRun=All`, body },
                      { method: 'DELETE', path: `${CONFIG_MAPS}?dryRun=All`, body },
                      post('/api/v1/namespaces/$NS/pods/x/eviction', body),
                      post('/apis/authorization.k8s.io/v1/subjectaccessreviews', body),
                    ]
                  : []),
              ]),
        ],
      };
  for (const [name, body] of YAMLS)
    yield {
      id: `yaml/${name}`,
      steps: [
        ...['', 'Strict'].map((v) =>
          post(`${CONFIG_MAPS}?dryRun=All&fieldValidation=${v}`, body, { type: 'application/yaml' }),
        ),
        first(post(CONFIG_MAPS, configMap('a'))),
        { method: 'PUT', path: `${CONFIG_MAPS}/a?dryRun=All`, body, type: 'application/yaml' },
        ...['', 'Strict', 'Ignore'].map((v) => ({
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?dryRun=All&fieldManager=m&fieldValidation=${v}`,
          body,
          type: 'application/apply-patch+yaml',
        })),
        { method: 'DELETE', path: `${CONFIG_MAPS}/a?dryRun=All`, body, type: 'application/yaml' },
        { method: 'PATCH', path: `${CONFIG_MAPS}/a?dryRun=All`, body, type: 'application/merge-patch+yaml' },
      ],
    };
  for (const type of TYPES)
    yield {
      id: `types/${type}`,
      steps: [
        post(CONFIG_MAPS, configMap('a'), { headers: { 'content-type': type } }),
        first(post(CONFIG_MAPS, configMap('a'))),
        { method: 'PUT', path: `${CONFIG_MAPS}/a`, body: configMap('a'), headers: { 'content-type': type } },
        {
          method: 'PATCH',
          path: `${CONFIG_MAPS}/a?fieldManager=m`,
          body: { metadata: { labels: { a: 'b' } } },
          headers: { 'content-type': type },
        },
        { method: 'DELETE', path: `${CONFIG_MAPS}/a?dryRun=All`, body: {}, headers: { 'content-type': type } },
        { method: 'DELETE', path: `${CONFIG_MAPS}/a?dryRun=All`, headers: { 'content-type': type } },
        {
          method: 'PATCH',
          path: `${DEPLOYMENTS}/a/scale`,
          body: { spec: { replicas: 1 } },
          headers: { 'content-type': type },
        },
        post(
          '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } },
          { headers: { 'content-type': type } },
        ),
        post(
          '/api/v1/namespaces/$NS/serviceaccounts/default/token',
          { spec: { audiences: ['a'] } },
          { headers: { 'content-type': type }, quiet: type.includes('json') || type === '' },
        ),
      ],
    };
}

export function* wires(): Generator<Scenario> {
  yield* negotiated();
  yield* routed();
  yield* bodied();
}
