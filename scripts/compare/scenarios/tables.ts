// Scenarios of tables: every kind with a rich object, alone, listed and watched, and with all that includeObject knows.
import { written } from '../objects.ts';
import { first, get, post, type Scenario, type Step } from '../scenario.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

function* shown(path: string, name: string): Generator<Step> {
  const one = path.includes('$NS') ? '' : `fieldSelector=metadata.name=${name}&`;
  yield get(`${path}/${name}`, { accept: TABLE });
  for (const include of ['', 'includeObject=None', 'includeObject=Object', 'includeObject=Metadata', 'includeObject=x'])
    yield get(`${path}?${one}${include}`, { accept: TABLE });
  yield get(`${path}?${one}limit=1`, { accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io' });
  yield get(`${path}?fieldSelector=metadata.name=nothing`, { accept: TABLE });
  for (const include of ['', '&includeObject=None', '&includeObject=Object'])
    yield get(`${path}?${one}watch=1&timeoutSeconds=1${include}`, { accept: TABLE });
  yield get(`${path}?${one}watch=1&timeoutSeconds=1&allowWatchBookmarks=true`, { accept: TABLE });
}

export function* tables(): Generator<Scenario> {
  let count = 0;
  for (const { path, object } of written()) {
    const plain = (object.metadata as { name?: string } | undefined)?.name ?? 'x';
    const status: Step = { method: 'PUT', path: `${path}/${plain}/status`, body: object };
    yield {
      id: `tables/${path.slice(path.lastIndexOf('/') + 1)} ${count++}`,
      steps: [
        first({ method: 'DELETE', path: `${path}/${plain}` }),
        first(post(path, object)),
        ...(object.status === undefined ? [] : [first(status)]),
        ...shown(path, plain),
        first({ method: 'DELETE', path: `${path}/${plain}?gracePeriodSeconds=0` }),
      ],
    };
  }
}
