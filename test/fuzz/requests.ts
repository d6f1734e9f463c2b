// Requests that no honest client would send, and many that one might.
import type { Chance } from './random.ts';
import { body, type Json, setKey, spoil, text, value } from './values.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly type: string;
  readonly body?: string;
}

const CONTAINER: Json = {
  name: 'c',
  image: 'i:1',
  ports: [{ containerPort: 80, name: 'http', protocol: 'TCP' }],
  env: [
    { name: 'A', value: '1' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ],
  resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } },
  livenessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 5 },
  securityContext: { runAsUser: 1, capabilities: { add: ['A'], drop: ['ALL'] } },
  volumeMounts: [{ name: 'v', mountPath: '/v' }],
};
const POD_SPEC: Json = {
  containers: [CONTAINER],
  volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
  tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
  terminationGracePeriodSeconds: 30,
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] }],
      },
    },
  },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { a: 'b' } } },
  ],
};
const TEMPLATE: Json = { metadata: { labels: { a: 'b' } }, spec: POD_SPEC };

interface Sample {
  readonly path: string;
  readonly object: { [key: string]: Json };
}

function sample(path: string, apiVersion: string, kind: string, rest: { [key: string]: Json }): Sample {
  const metadata = {
    name: 'a',
    labels: { l: '1' },
    annotations: { 'example.com/n': 'x' },
    finalizers: ['example.com/f'],
  };
  return { path, object: { apiVersion, kind, metadata, ...rest } };
}

const NS = 'namespaces/default';
export const SAMPLES: readonly Sample[] = [
  sample(`/api/v1/${NS}/configmaps`, 'v1', 'ConfigMap', { data: { x: '1' }, binaryData: { b: 'dg==' } }),
  sample(`/api/v1/${NS}/secrets`, 'v1', 'Secret', { stringData: { s: 't' }, type: 'Opaque' }),
  sample(`/api/v1/${NS}/pods`, 'v1', 'Pod', { spec: POD_SPEC }),
  sample(`/api/v1/${NS}/services`, 'v1', 'Service', {
    spec: { selector: { a: 'b' }, ports: [{ port: 80, targetPort: 'http', name: 'h' }] },
  }),
  sample(`/api/v1/${NS}/podtemplates`, 'v1', 'PodTemplate', { template: TEMPLATE }),
  sample(`/api/v1/${NS}/persistentvolumeclaims`, 'v1', 'PersistentVolumeClaim', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }),
  sample(`/apis/apps/v1/${NS}/deployments`, 'apps/v1', 'Deployment', {
    spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template: TEMPLATE },
  }),
  sample(`/apis/apps/v1/${NS}/statefulsets`, 'apps/v1', 'StatefulSet', {
    spec: { serviceName: 's', selector: { matchLabels: { a: 'b' } }, template: TEMPLATE },
  }),
  sample(`/apis/batch/v1/${NS}/cronjobs`, 'batch/v1', 'CronJob', {
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: TEMPLATE } } },
  }),
  sample(`/apis/networking.k8s.io/v1/${NS}/networkpolicies`, 'networking.k8s.io/v1', 'NetworkPolicy', {
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] },
  }),
  sample(`/apis/rbac.authorization.k8s.io/v1/${NS}/roles`, 'rbac.authorization.k8s.io/v1', 'Role', {
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  }),
  sample(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    {
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  spec: {
                    type: 'object',
                    properties: {
                      s: { type: 'string', pattern: '^(a+)+$', maxLength: 10 },
                      n: { type: 'integer', minimum: 0, default: 1 },
                      l: {
                        type: 'array',
                        'x-kubernetes-list-type': 'map',
                        'x-kubernetes-list-map-keys': ['k'],
                        items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
                      },
                    },
                    'x-kubernetes-validations': [{ rule: 'self.n < 10', message: 'small' }],
                  },
                },
              },
            },
          },
        ],
      },
    },
  ),
];

export type Family = 'body' | 'patch' | 'selector' | 'path' | 'definition';
export const FAMILIES: readonly Family[] = ['body', 'patch', 'selector', 'path', 'definition'];

const isDefinition = (one: Sample): boolean => one.path.endsWith('customresourcedefinitions');

function spoiled(chance: Chance, one: Sample): Json {
  let object: Json = one.object;
  for (let i = chance.below(3); i >= 0; i--) object = spoil(chance, object);
  return object;
}

function write(chance: Chance, one: Sample): FuzzRequest {
  const put = chance.happens(0.4);
  const yaml = chance.happens(0.2);
  return {
    method: put ? 'PUT' : 'POST',
    path: put ? `${one.path}/a` : one.path,
    query: chance.pick(['', 'dryRun=All', 'fieldValidation=Strict', 'fieldValidation=Ignore&dryRun=All']),
    type: yaml ? 'application/yaml' : 'application/json',
    body: body(chance, spoiled(chance, one)),
  };
}

function operation(chance: Chance): Json {
  const paths = [
    '/metadata/labels/l',
    '/spec',
    '/spec/template/spec/containers/0/image',
    '/data/x',
    '',
    '/',
    '/metadata',
    '/spec/ports/-',
  ];
  const path = chance.happens(0.2) ? text(chance) : chance.pick(paths);
  return {
    op: chance.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'nope']),
    path,
    from: chance.pick(paths),
    value: value(chance),
  };
}

/** Something like the object, with directives strewn in. */
function strategic(chance: Chance, given: Json): Json {
  if (Array.isArray(given)) return given.map((item) => strategic(chance, item));
  if (typeof given !== 'object' || given === null) return chance.happens(0.3) ? value(chance) : given;
  const out: { [key: string]: Json } = {};
  for (const [key, item] of Object.entries(given)) {
    if (chance.happens(0.4)) continue;
    setKey(out, key, strategic(chance, item));
    if (Array.isArray(item) && chance.happens(0.2))
      setKey(out, `$setElementOrder/${key}`, chance.happens(0.7) ? item : value(chance));
    if (Array.isArray(item) && chance.happens(0.1))
      setKey(out, `$deleteFromPrimitiveList/${key}`, chance.happens(0.7) ? item : value(chance));
  }
  if (chance.happens(0.1)) setKey(out, '$patch', chance.pick<Json>(['delete', 'replace', 'merge', 'x', 1]));
  if (chance.happens(0.05)) setKey(out, '$retainKeys', chance.happens(0.7) ? Object.keys(out) : value(chance));
  return out;
}

function patch(chance: Chance, one: Sample): FuzzRequest {
  const kind = chance.pick(['json', 'merge', 'strategic-merge', 'apply'] as const);
  const subresource = chance.pick(['', '', '', '/status', '/scale']);
  const path = `${one.path}/a${subresource}`;
  const base = {
    method: 'PATCH',
    path,
    type: kind === 'apply' ? 'application/apply-patch+yaml' : `application/${kind}-patch+json`,
  };
  const query = kind === 'apply' ? `fieldManager=m${chance.below(4)}${chance.pick(['', '&force=true'])}` : '';
  if (kind === 'json') {
    const operations = Array.from({ length: chance.below(6) }, () => operation(chance));
    return { ...base, query, body: body(chance, chance.happens(0.9) ? operations : value(chance)) };
  }
  const wanted = kind === 'strategic-merge' ? strategic(chance, one.object) : spoiled(chance, one);
  return { ...base, query, body: body(chance, wanted) };
}

const SELECTOR_PARTS = [
  'a',
  '=',
  '==',
  '!=',
  ' in ',
  ' notin ',
  '(',
  ')',
  ',',
  '!',
  ' ',
  '>',
  '<',
  '1',
  'metadata.name',
  'spec.nodeName',
  '\\',
  'é',
  '('.repeat(50),
];

function selector(chance: Chance, one: Sample): FuzzRequest {
  const made = Array.from({ length: chance.below(8) }, () => chance.pick(SELECTOR_PARTS)).join('');
  const query = new URLSearchParams({
    [chance.pick(['labelSelector', 'fieldSelector'])]: made,
    ...(chance.happens(0.2) ? { limit: text(chance), continue: text(chance) } : {}),
    ...(chance.happens(0.2)
      ? { resourceVersion: text(chance), resourceVersionMatch: chance.pick(['Exact', 'NotOlderThan', 'x']) }
      : {}),
  });
  return { method: chance.pick(['GET', 'GET', 'DELETE']), path: one.path, query: query.toString(), type: '' };
}

const SEGMENTS = [
  'api',
  'apis',
  'v1',
  'apps',
  'namespaces',
  'default',
  'pods',
  'configmaps',
  'a',
  'status',
  'scale',
  'log',
  'exec',
  'proxy',
  'watch',
  '',
  '.',
  '..',
  '%2e%2e',
  '%zz',
  '%00',
  'é',
  'openapi',
  'healthz',
  'version',
  '__proto__',
  'constructor',
];

function path(chance: Chance): FuzzRequest {
  const parts = Array.from({ length: 1 + chance.below(8) }, () => chance.pick(SEGMENTS));
  const method = chance.pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'NOPE']);
  const query = chance.happens(0.3)
    ? `${chance.pick(['limit', 'pretty', 'dryRun', 'fieldManager', 'timeout'])}=${encodeURIComponent(chance.pick(['1', 'x', '-1', 'All', '']))}`
    : '';
  const isWrite = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return {
    method,
    path: `/${parts.join('/')}`,
    query,
    type: 'application/json',
    ...(isWrite ? { body: body(chance, value(chance)) } : {}),
  };
}

export function makeRequest(chance: Chance, family: Family): FuzzRequest {
  if (family === 'path') return path(chance);
  const kinds = SAMPLES.filter((one) => isDefinition(one) === (family === 'definition'));
  const one = chance.pick(kinds);
  if (family === 'patch' || (family === 'definition' && chance.happens(0.3))) return patch(chance, one);
  return family === 'selector' ? selector(chance, one) : write(chance, one);
}
