// Tests of reading bodies: what is kept, what is refused and in which words.

import { describe, expect, it } from 'vitest';
import { leastProcessorMs } from '../../host/processor-time.ts';
import { ApiError } from '../../machinery/errors.ts';
import { builtinSchema } from './builtin.ts';
import { decode, decodeFree, normalize, strictWarnings } from './decode.ts';
import { settleEmptyLists } from './empty-lists.ts';

const CONFIG_MAP = builtinSchema('io.k8s.api.core.v1.ConfigMap');
const DEPLOYMENT = builtinSchema('io.k8s.api.apps.v1.Deployment');
const POD = builtinSchema('io.k8s.api.core.v1.Pod');
const LEASE = builtinSchema('io.k8s.api.coordination.v1.Lease');
const KINDS: Readonly<Record<string, readonly [typeof POD, string]>> = {
  Pod: [POD, 'v1'],
  Deployment: [DEPLOYMENT, 'apps/v1'],
  Lease: [LEASE, 'coordination.k8s.io/v1'],
};

function read(text: string, kind = 'ConfigMap', contentType = 'application/json'): ReturnType<typeof decode> {
  const [schema = CONFIG_MAP, apiVersion = 'v1'] = KINDS[kind] ?? [];
  return decode(schema, Buffer.from(text), {
    kind,
    apiVersion,
    contentType,
    registered: (_version, k) => k === 'ConfigMapList',
  });
}

function refusal(text: string, kind?: string, contentType?: string): string {
  try {
    read(text, kind, contentType);
  } catch (error) {
    if (error instanceof ApiError && error.code === 400) return error.message;
    throw error;
  }
  return 'accepted';
}

const HANDLED = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: ';
const UNKNOWN = 'the object provided is unrecognized (must be of type ConfigMap): ';

describe('a JSON body', () => {
  it('has bytes as base64, as numbers, or as null for none', () => {
    const { object } = read('{"binaryData":{"a":"AA==","b":[1,255],"c":null}}');
    expect(object.binaryData).toEqual({ a: 'AA==', b: 'Af8=', c: '' });
  });

  it.each([
    ['2024-01-01T00:00:00.123456Z', 'accepted'],
    ['2024-01-01T00:00:00Z', 'cannot parse "Z" as ".000000"'],
    ['2024-01-01T00:00:00.123Z', 'cannot parse ".123Z" as ".000000"'],
    ['2024-01-01T00:00:00.1234567Z', 'cannot parse "7Z" as "Z07:00"'],
  ])('%s as a time to the microsecond', (text, problem) => {
    const told = refusal(`{"spec":{"renewTime":"${text}"}}`, 'Lease');
    const start = `Lease in version "v1" cannot be handled as a Lease: parsing time "${text}" as "2006-01-02T15:04:05.000000Z07:00": `;
    expect(told).toBe(problem === 'accepted' ? problem : start + problem);
  });

  it.each([
    [
      '{"apiVersion":"v1","kind":"ConfigMap"',
      `${UNKNOWN}couldn't get version/kind; json parse error: unexpected end of JSON input ({"apiVersion":"v1","kind":"Con ...)`,
    ],
    [
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}} x',
      `${UNKNOWN}couldn't get version/kind; json parse error: invalid character 'x' after top-level value ({"apiVersion":"v1","kind":"Con ...)`,
    ],
    ['', `${UNKNOWN}couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`],
    ['{"data":{"x":7}}', `${HANDLED}json: cannot unmarshal number into Go struct field ConfigMap.data of type string`],
    ['{"data":{"x":true}}', `${HANDLED}json: cannot unmarshal bool into Go struct field ConfigMap.data of type string`],
    [
      '{"data":["x"]}',
      `${HANDLED}json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string`,
    ],
    [
      '{"metadata":{"labels":{"x":1}}}',
      `${HANDLED}json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string`,
    ],
    [
      '{"metadata":"a"}',
      `${HANDLED}json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta`,
    ],
    [
      '{"apiVersion":"v1","kind":"Widget"}',
      'Widget in version "v1" cannot be handled as a ConfigMap: no kind "Widget" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      '{"apiVersion":"nope/v1"}',
      `${HANDLED}no kind "ConfigMap" is registered for version "nope/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    ],
    [
      '{"apiVersion":"a/b/c","kind":"ConfigMap"}',
      `${UNKNOWN}unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)`,
    ],
    [
      '{"apiVersion":"v1","kind":1}',
      `${UNKNOWN}couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"apiVersion":"v1","kind":1})`,
    ],
    [
      '{"apiVersion":"v1","kind":"ConfigMapList","items":[]}',
      'ConfigMapList in version "v1" cannot be handled as a ConfigMap: converting (v1.ConfigMapList) to (core.ConfigMap): unknown conversion',
    ],
    [
      '{"metadata":{"creationTimestamp":"yesterday"}}',
      `${HANDLED}parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`,
    ],
    [
      '{"metadata":{"creationTimestamp":"2024-13-01T00:00:00Z"}}',
      `${HANDLED}parsing time "2024-13-01T00:00:00Z": month out of range`,
    ],
    [
      '{"binaryData":{"x":[1,256]}}',
      `${HANDLED}json: cannot unmarshal number 256 into Go struct field ConfigMap.binaryData of type uint8`,
    ],
    [
      '{"apiVersion":"\\u0000"}',
      `ConfigMap in version "\\x00" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "\\x00" in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    ],
    ['{"binaryData":{"x":"a b"}}', `${HANDLED}illegal base64 data at input byte 1`],
    [
      '{"a" 1}',
      `${UNKNOWN}couldn't get version/kind; json parse error: invalid character '1' after object key ({"a" 1})`,
    ],
    [
      '[1,]',
      `${UNKNOWN}couldn't get version/kind; json parse error: invalid character ']' looking for beginning of value (5b312c5d)`,
    ],
  ])('%s is refused as Kubernetes does', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it.each([
    ['{"spec":{"replicas":1.5}}', 'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"replicas":80.0}}', 'number 80.0 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      '{"spec":{"replicas":3000000000}}',
      'number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    ['{"spec":{"paused":"true"}}', 'string into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      '{"spec":{"template":{"spec":{"containers":{}}}}}',
      'object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}',
      'bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"env":[{"value":1}]}]}}}}',
      'number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"restartPolicy":1}}}}',
      'number into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy',
    ],
    [
      '{"spec":{"template":{"spec":{"volumes":[{"hostPath":{"path":1}}]}}}}',
      'number into Go struct field HostPathVolumeSource.spec.template.spec.volumes.VolumeSource.hostPath.path of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"livenessProbe":{"exec":"x"}}]}}}}',
      'string into Go struct field Probe.spec.template.spec.containers.livenessProbe.ProbeHandler.exec of type v1.ExecAction',
    ],
  ])('%s tells Go types', (text, message) => {
    expect(refusal(text, 'Deployment')).toBe(
      `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal ${message}`,
    );
  });

  it('without kind and version is what the path says', () => {
    expect(read('{"metadata":{"name":"a"}}').object).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
    });
    expect(read('null').object).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
  });

  it('tells unknown and duplicate fields in the order of the document, depth first', () => {
    const { strictErrors, object } = read(
      '{"metadata":{"name":"a","color":"red"},"spec":{"containers":[{"name":"c","imagee":"x","ports":[{"containerPort":1,"hostport":2}]}],"nodeSelector":{"a":"b","a":"c"}},"bogus":{"deep":1}}',
      'Pod',
    );
    expect(strictErrors).toEqual([
      'unknown field "metadata.color"',
      'unknown field "spec.containers[0].imagee"',
      'unknown field "spec.containers[0].ports[0].hostport"',
      'duplicate field "spec.nodeSelector.a"',
      'unknown field "bogus"',
    ]);
    expect(object.spec).toMatchObject({ nodeSelector: { a: 'c' } });
    expect(read('{"Data":{"x":"1"}}').strictErrors).toEqual(['unknown field "Data"']);
  });

  it('keeps keys that are special in JavaScript', () => {
    const { object } = read('{"data":{"__proto__":"x","constructor":"y"}}');
    expect(JSON.stringify(object.data)).toBe('{"__proto__":"x","constructor":"y"}');
  });

  it('too deep is refused, not a crash', () => {
    expect(refusal(`{"data":${'['.repeat(200_000)}`)).toContain("invalid character '[' exceeded max depth");
  });

  it('drops nulls and zero values, and adds what is always sent', () => {
    const pod = read(
      '{"metadata":{"name":"a","labels":null,"creationTimestamp":null},"spec":{"hostNetwork":false,"priority":0,"containers":[{"name":"c","image":"","command":[],"resources":{"limits":{"cpu":"0.5","memory":1024}}}],"volumes":null}}',
      'Pod',
    ).object;
    expect(pod).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { priority: 0, containers: [{ name: 'c', resources: { limits: { cpu: '500m', memory: '1024' } } }] },
      status: {},
    });
    expect(normalize(POD, { spec: {} })).toEqual({ metadata: {}, spec: { containers: null }, status: {} });
  });

  it('gives a value that needs no change back as it is', () => {
    const object = { metadata: { name: 'a' }, data: { x: '1' } };
    expect(normalize(CONFIG_MAP, object)).toBe(object);
  });
});

describe('lists that are always sent', () => {
  it('stay as they were sent until they are stored', () => {
    const role = builtinSchema('io.k8s.api.rbac.v1.Role');
    const sent = normalize(role, { metadata: {}, rules: [] });
    expect(sent).toEqual({ metadata: {}, rules: [] });
    settleEmptyLists(role, sent);
    expect(sent).toEqual({ metadata: {}, rules: null });
    expect(normalize(role, {})).toEqual({ metadata: {}, rules: null });
  });

  it('templates tell that their metadata was never created, objects do not', () => {
    expect(normalize(DEPLOYMENT, { metadata: { name: 'a' }, spec: { template: {} } })).toMatchObject({
      metadata: { name: 'a' },
      spec: { template: { metadata: { creationTimestamp: null } } },
    });
    expect(normalize(DEPLOYMENT, { metadata: { name: 'a' } })).not.toHaveProperty('metadata.creationTimestamp');
  });
});

describe('a YAML body', () => {
  const yaml = (text: string): ReturnType<typeof decode> => read(text, 'ConfigMap', 'application/yaml');

  it('has the scalars of YAML 1.1', () => {
    expect(
      yaml('kind: ConfigMap\nmetadata: {name: a}\ndata:\n  y: |\n    two\n    lines\n  1: a\n').object.data,
    ).toEqual({ true: 'two\nlines\n', 1: 'a' });
    const free = decodeFree(
      Buffer.from(
        'a: 0644\nb: 1_000\nc: 22:22\nd: 2001-01-01\ne: ~\nf: "1"\ng: off\nh: 1e3\ni: 0x1F\nj: .5\nk: !!str 1\n',
      ),
      {
        kind: 'X',
        apiVersion: 'x/v1',
        contentType: 'application/yaml',
      },
    ).object;
    expect(free).toMatchObject({
      a: 420,
      b: 1000,
      c: '22:22',
      d: '2001-01-01',
      e: null,
      f: '1',
      g: false,
      h: 1000,
      i: 31,
      j: 0.5,
      k: '1',
    });
  });

  it('takes anchors and merge keys', () => {
    const { object } = yaml('metadata: {name: a, labels: &l {a: b}}\ndata:\n  <<: *l\n  c: d\n');
    expect(object.data).toEqual({ a: 'b', c: 'd' });
  });

  it('tells duplicates with their line, then unknown fields', () => {
    const { strictErrors, object } = yaml(
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nnope: 1\ndata:\n  x: a\n  x: b\n',
    );
    expect(strictWarnings(strictErrors)).toEqual(['line 8: key "x" already set in map', 'unknown field "nope"']);
    expect(object.data).toEqual({ x: 'b' });
  });

  it('refuses what is no YAML in the words of Go', () => {
    expect(refusal('a: b: c\n', 'ConfigMap', 'application/yaml')).toBe(
      `${UNKNOWN}yaml: mapping values are not allowed in this context (613a20623a20630a)`,
    );
    expect(refusal('a:\n\tb: c\n', 'ConfigMap', 'application/yaml')).toContain(
      'yaml: line 2: found character that cannot start any token',
    );
    expect(refusal('a: "x\n', 'ConfigMap', 'application/yaml')).toContain('found unexpected end of stream');
    expect(refusal('{', 'ConfigMap', 'application/yaml')).toContain('yaml: line 1: did not find expected node content');
    expect(refusal('a: [1, 2\n', 'ConfigMap', 'application/yaml')).toContain(
      "yaml: line 1: did not find expected ',' or ']'",
    );
    expect(refusal('data: {x: 1}\n', 'ConfigMap', 'application/yaml')).toContain(
      'cannot unmarshal number into Go struct field ConfigMap.data of type string',
    );
  });

  it('refuses alias bombs', () => {
    let text = 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n';
    for (let i = 1; i < 10; i++)
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(',')}]\n`;
    expect(refusal(text, 'ConfigMap', 'application/yaml')).toContain('document contains excessive aliasing');
  });
});

describe('speed', () => {
  it('a pod is read in well under a millisecond', async () => {
    const body = Buffer.from(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web-1', namespace: 'default', labels: { app: 'web', tier: 'front' } },
        spec: {
          containers: [1, 2].map((i) => ({
            name: `c${i}`,
            image: 'registry.example/app:1.2.3',
            env: [1, 2, 3].map((n) => ({ name: `E${n}`, value: 'some value' })),
            ports: [{ containerPort: 8000 + i, protocol: 'TCP' }],
            resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          })),
          volumes: [{ name: 'data', emptyDir: {} }],
        },
        status: {},
      }),
    );
    const options = { kind: 'Pod', apiVersion: 'v1' };
    for (let i = 0; i < 3000; i++) decode(POD, body, options);
    const times = 500;
    const least = await leastProcessorMs(4, () => {
      for (let i = 0; i < times; i++) decode(POD, body, options);
    });
    const micros = (least / times) * 1000;
    expect(micros).toBeLessThan(300);
    if (process.env.MINKE_SHOW_TIMES === '1') console.log(`${body.length} bytes in ${micros.toFixed(1)} µs`);
  });
});
