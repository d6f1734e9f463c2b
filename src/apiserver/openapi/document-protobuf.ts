// OpenAPI v3 as protobuf: a document in the messages that gnostic defines. Links and callbacks, which no API server tells, are left out.
// Source: https://github.com/google/gnostic-models/blob/main/openapiv3/OpenAPIv3.proto
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { bool, encoded, extensions, message, strings, text } from './protobuf-parts.ts';
import {
  body,
  entries,
  list,
  type Members,
  map,
  one,
  orReference,
  type Shape,
  type Write,
  yaml,
} from './protobuf-shapes.ts';
import { externalDocs, schema } from './schema-protobuf.ts';

const EXAMPLE: Shape = {
  members: [
    ['summary', 1, text],
    ['description', 2, text],
    ['value', 3, yaml],
    ['externalValue', 4, text],
  ],
  marks: 5,
};
const examples = map(orReference(() => EXAMPLE));

const ENCODING: Shape = {
  members: [
    ['contentType', 1, text],
    ['headers', 2, map(orReference(() => HEADER))],
    ['style', 3, text],
    ['explode', 4, bool],
    ['allowReserved', 5, bool],
  ],
  marks: 6,
};

const MEDIA_TYPE: Shape = {
  members: [
    ['schema', 1, schema],
    ['example', 2, yaml],
    ['examples', 3, examples],
    ['encoding', 4, map(one(() => ENCODING))],
  ],
  marks: 5,
};
const content = map(one(() => MEDIA_TYPE));

/** What parameters and headers have in common; the numbers of a parameter's are two higher, for its name and its place. */
function valueMembers(shift: number): Members {
  const members: Members = [
    ['description', 1, text],
    ['required', 2, bool],
    ['deprecated', 3, bool],
    ['allowEmptyValue', 4, bool],
    ['style', 5, text],
    ['explode', 6, bool],
    ['allowReserved', 7, bool],
    ['schema', 8, schema],
    ['example', 9, yaml],
    ['examples', 10, examples],
    ['content', 11, content],
  ];
  return members.map(([key, field, write]) => [key, field + shift, write]);
}

const HEADER: Shape = { members: valueMembers(0), marks: 12 };
const headers = map(orReference(() => HEADER));
const PARAMETER: Shape = { members: [['name', 1, text], ['in', 2, text], ...valueMembers(2)], marks: 14 };
const parameter = orReference(() => PARAMETER);

const REQUEST_BODY: Shape = {
  members: [
    ['description', 1, text],
    ['content', 2, content],
    ['required', 3, bool],
  ],
  marks: 4,
};
const requestBody = orReference(() => REQUEST_BODY);

const RESPONSE: Shape = {
  members: [
    ['description', 1, text],
    ['headers', 2, headers],
    ['content', 3, content],
  ],
  marks: 5,
};
const response = orReference(() => RESPONSE);

/** An answer for each code, and one for all others. */
const responses: Write = (field, value) => {
  if (!isJsonObject(value)) return [];
  const codes = Object.entries(value).filter(([code]) => /^[0-9X]{3}$/.test(code));
  return [
    message(field, [
      ...(value.default === undefined ? [] : response(1, value.default)),
      ...entries(2, codes, response),
      ...extensions(3, value),
    ]),
  ];
};

const SERVER_VARIABLE: Shape = {
  members: [
    ['enum', 1, strings],
    ['default', 2, text],
    ['description', 3, text],
  ],
  marks: 4,
};

const SERVER: Shape = {
  members: [
    ['url', 1, text],
    ['description', 2, text],
    ['variables', 3, map(one(() => SERVER_VARIABLE))],
  ],
  marks: 4,
};
const servers = list(one(() => SERVER));

const scopes: Write = (field, value) => [message(field, strings(1, value))];
/** Which schemes a client fulfils, each with its scopes (none for keys). */
const security = list(map(scopes));

const OPERATION: Shape = {
  members: [
    ['tags', 1, strings],
    ['summary', 2, text],
    ['description', 3, text],
    ['externalDocs', 4, externalDocs],
    ['operationId', 5, text],
    ['parameters', 6, list(parameter)],
    ['requestBody', 7, requestBody],
    ['responses', 8, responses],
    ['deprecated', 10, bool],
    ['security', 11, security],
    ['servers', 12, servers],
  ],
  marks: 13,
};
const operation = one(() => OPERATION);

const PATH_ITEM: Shape = {
  members: [
    ['$ref', 1, text],
    ['summary', 2, text],
    ['description', 3, text],
    ['get', 4, operation],
    ['put', 5, operation],
    ['post', 6, operation],
    ['delete', 7, operation],
    ['options', 8, operation],
    ['head', 9, operation],
    ['patch', 10, operation],
    ['trace', 11, operation],
    ['servers', 12, servers],
    ['parameters', 13, list(parameter)],
  ],
  marks: 14,
};

const paths: Write = (field, value) => {
  if (!isJsonObject(value)) return [];
  const items = Object.entries(value).filter(([path]) => path.startsWith('/'));
  return [
    message(field, [
      ...entries(
        1,
        items,
        one(() => PATH_ITEM),
      ),
      ...extensions(2, value),
    ]),
  ];
};

const OAUTH_FLOW: Shape = {
  members: [
    ['authorizationUrl', 1, text],
    ['tokenUrl', 2, text],
    ['refreshUrl', 3, text],
    ['scopes', 4, map(text)],
  ],
  marks: 5,
};
const oauthFlow = one(() => OAUTH_FLOW);

const OAUTH_FLOWS: Shape = {
  members: [
    ['implicit', 1, oauthFlow],
    ['password', 2, oauthFlow],
    ['clientCredentials', 3, oauthFlow],
    ['authorizationCode', 4, oauthFlow],
  ],
  marks: 5,
};

const SECURITY_SCHEME: Shape = {
  members: [
    ['type', 1, text],
    ['description', 2, text],
    ['name', 3, text],
    ['in', 4, text],
    ['scheme', 5, text],
    ['bearerFormat', 6, text],
    ['flows', 7, one(() => OAUTH_FLOWS)],
    ['openIdConnectUrl', 8, text],
  ],
  marks: 9,
};

const COMPONENTS: Shape = {
  members: [
    ['schemas', 1, map(schema)],
    ['responses', 2, map(response)],
    ['parameters', 3, map(parameter)],
    ['examples', 4, examples],
    ['requestBodies', 5, map(requestBody)],
    ['headers', 6, headers],
    ['securitySchemes', 7, map(orReference(() => SECURITY_SCHEME))],
  ],
  marks: 10,
};

const CONTACT: Shape = {
  members: [
    ['name', 1, text],
    ['url', 2, text],
    ['email', 3, text],
  ],
  marks: 4,
};

const LICENSE: Shape = {
  members: [
    ['name', 1, text],
    ['url', 2, text],
  ],
  marks: 3,
};

const INFO: Shape = {
  members: [
    ['title', 1, text],
    ['description', 2, text],
    ['termsOfService', 3, text],
    ['contact', 4, one(() => CONTACT)],
    ['license', 5, one(() => LICENSE)],
    ['version', 6, text],
    ['summary', 8, text],
  ],
  marks: 7,
};

const TAG: Shape = {
  members: [
    ['name', 1, text],
    ['description', 2, text],
    ['externalDocs', 3, externalDocs],
  ],
  marks: 4,
};

const DOCUMENT: Shape = {
  members: [
    ['openapi', 1, text],
    ['info', 2, one(() => INFO)],
    ['servers', 3, servers],
    ['paths', 4, paths],
    ['components', 5, one(() => COMPONENTS)],
    ['security', 6, security],
    ['tags', 7, list(one(() => TAG))],
    ['externalDocs', 8, externalDocs],
  ],
  marks: 9,
};

/** Integers above 2^53 are bigints, as `parseExact` reads them. */
export function encodeDocument(document: JsonObject): Uint8Array {
  return encoded(() => body(DOCUMENT, document));
}
