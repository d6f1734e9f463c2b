// Writes operations as the `paths` of OpenAPI v2 and v3: what all of a path's operations take is told once, and in v2 what many paths take.
// Source: https://swagger.io/specification/v2/ and https://spec.openapis.org/oas/v3.0.0
import type { JsonObject } from '../../machinery/object.ts';
import { inOrder } from './parameters.ts';
import type { Answer, Parameter, Payload, Route } from './route.ts';
import type { SchemaCollector } from './schemas.ts';
import { SharedParameters } from './shared-parameters.ts';

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of routes) {
    const known = paths.get(route.path);
    if (known === undefined) paths.set(route.path, [route]);
    else known.push(route);
  }
  return new Map([...paths].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const sameAs = (a: Parameter) => (b: Parameter) =>
  a.name === b.name && a.in === b.in && a.description === b.description;

/** The parameters that all of these operations take. */
function common([first, ...others]: readonly Route[]): readonly Parameter[] {
  return (first?.parameters ?? []).filter((one) => others.every(({ parameters }) => parameters.some(sameAs(one))));
}

function marks(route: Route): JsonObject {
  return {
    ...(route.action === undefined ? {} : { 'x-kubernetes-action': route.action }),
    ...(route.kind === undefined ? {} : { 'x-kubernetes-group-version-kind': route.kind }),
  };
}

function heading({ description, id, tag }: Route): JsonObject {
  return { ...(description === undefined ? {} : { description }), tags: [tag], operationId: id };
}

function schemaOf(payload: Payload, collector: SchemaCollector): JsonObject {
  return payload === 'text' ? { type: 'string' } : collector.reference(payload.type);
}

/** Without any the field is left out: clients that read and write the document again must find it the same. */
function listed(name: string, values: readonly unknown[]): JsonObject {
  return values.length === 0 ? {} : { [name]: values };
}

function answersV2(answers: readonly Answer[], collector: SchemaCollector): JsonObject {
  const entries = answers.map(({ code, description, payload }): [string, JsonObject] => [
    code,
    { description, ...(payload === undefined ? {} : { schema: schemaOf(payload, collector) }) },
  ]);
  return Object.fromEntries(entries);
}

/** `paths` and `parameters`. */
export function pathsV2(
  routes: readonly Route[],
  collector: SchemaCollector,
): { paths: JsonObject; parameters: JsonObject } {
  const shared = new SharedParameters();
  const paths: JsonObject = {};
  for (const [path, all] of byPath(routes)) {
    const taken = common(all);
    const item: JsonObject = {};
    for (const route of all) {
      const own = inOrder(route.parameters.filter((one) => !taken.some(sameAs(one)))).map((one) => shared.plain(one));
      if (route.body !== undefined) own.push(shared.body(route.body, collector.reference(route.body.type)));
      own.sort((a, b) => (shared.nameOf(a) < shared.nameOf(b) ? -1 : 1));
      item[route.method] = {
        ...heading(route),
        ...listed('consumes', route.consumes),
        ...listed('produces', route.produces),
        schemes: ['https'],
        ...listed('parameters', own),
        responses: answersV2(route.answers, collector),
        ...marks(route),
      };
    }
    paths[path] = {
      ...item,
      ...listed(
        'parameters',
        inOrder(taken).map((one) => shared.plain(one)),
      ),
    };
  }
  return { paths, parameters: shared.all() };
}

function parameterV3({ name, in: where, type, description }: Parameter): JsonObject {
  const required = where === 'path' ? { required: true } : {};
  return { name, in: where, description, ...required, schema: { type, uniqueItems: true } };
}

function content(types: readonly string[], schema: JsonObject): JsonObject {
  return { content: Object.fromEntries([...types].sort().map((type) => [type, { schema }])) };
}

function operationV3(route: Route, own: readonly Parameter[], collector: SchemaCollector): JsonObject {
  const { body } = route;
  const sent =
    body === undefined
      ? {}
      : {
          requestBody: {
            ...content(route.consumes, collector.reference(body.type)),
            ...(body.required ? { required: true } : {}),
          },
        };
  const answers = route.answers.map(({ code, description, payload }): [string, JsonObject] => [
    code,
    { description, ...(payload === undefined ? {} : content(route.produces, schemaOf(payload, collector))) },
  ]);
  return {
    ...heading(route),
    ...listed('parameters', inOrder(own).map(parameterV3)),
    ...sent,
    responses: Object.fromEntries(answers),
    ...marks(route),
  };
}

export function pathsV3(routes: readonly Route[], collector: SchemaCollector): JsonObject {
  const paths: JsonObject = {};
  for (const [path, all] of byPath(routes)) {
    const taken = common(all);
    const item: JsonObject = {};
    for (const route of all) {
      const own = route.parameters.filter((one) => !taken.some(sameAs(one)));
      item[route.method] = operationV3(route, own, collector);
    }
    paths[path] = { ...item, ...listed('parameters', inOrder(taken).map(parameterV3)) };
  }
  return paths;
}
