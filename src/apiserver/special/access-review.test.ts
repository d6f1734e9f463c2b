// The checks of access reviews, and what is said of selectors that could not be read.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../machinery/object.ts';
import {
  type AccessSpec,
  checkLocal,
  checkMetadata,
  checkSpec,
  evaluationError,
  selectedFields,
} from './access-review.ts';

const texts = (spec: AccessSpec, needsUser = false): string[] =>
  checkSpec(spec, needsUser).map((e) => `${e.field}: ${e.body}`);
const onPods = (selectors: object): AccessSpec => ({ resourceAttributes: { resource: 'pods', ...selectors } });

describe('an access review', () => {
  it.each<[string, AccessSpec, string[]]>([
    [
      'shows both kinds of attributes in the form of Go',
      { resourceAttributes: {}, nonResourceAttributes: { path: '/x' } },
      [
        'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes',
      ],
    ],
    [
      'wants something in a selector',
      onPods({ fieldSelector: {} }),
      [
        'spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
      ],
    ],
    [
      'takes a selector in one form only',
      onPods({ labelSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] } }),
      [
        'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements',
      ],
    ],
    [
      'lets operators pass that it does not know',
      onPods({ labelSelector: { requirements: [{ key: 'a', operator: 'Gt' }] } }),
      [],
    ],
    [
      'checks requirements on fields',
      onPods({ fieldSelector: { requirements: [{ key: '', operator: 'In' }] } }),
      [
        'spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified',
        "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
  ])('%s', (_name, spec, wanted) => {
    expect(texts(spec)).toEqual(wanted);
  });

  it('wants a user or a group only where it is about others', () => {
    expect(texts(onPods({}), true)).toEqual([
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ]);
    expect(texts(onPods({}))).toEqual([]);
  });

  it('stays in its namespace where it is local', () => {
    expect(checkLocal({ resourceAttributes: { namespace: 'b' } }, 'a').map((e) => e.body)).toEqual([
      'Invalid value: "b": must match metadata.namespace',
    ]);
  });

  it('shows the metadata that it refuses in the order of the API, with its field sets sorted', () => {
    const metadata = {
      managedFields: [{ manager: 'm', fieldsV1: { 'f:b': {}, 'f:a': {} } }],
      labels: { a: 'b' },
      namespace: 'x',
    };
    const [error] = checkMetadata({ apiVersion: 'v1', kind: 'K', metadata } as KubeObject, 'x');
    expect(error?.body).toBe(
      'Invalid value: {"namespace":"x","labels":{"a":"b"},"managedFields":[{"manager":"m","fieldsV1":{"f:a":{},"f:b":{}}}]}: must be empty except for namespace',
    );
  });

  it.each([
    [{ fieldSelector: { rawSelector: 'x' } }, 'spec.resourceAttributes.fieldSelector ignored due to parse error'],
    [
      {
        labelSelector: {
          requirements: [
            { key: 'a', operator: 'Exists' },
            { key: 'b', operator: 'Gt' },
          ],
        },
      },
      'spec.resourceAttributes.labelSelector partially ignored due to parse error',
    ],
    [{ fieldSelector: { rawSelector: 'a=b' }, labelSelector: { rawSelector: 'a in (b)' } }, ''],
  ])('says what it left out of %j', (selectors, wanted) => {
    expect(evaluationError(selectors as AccessSpec['resourceAttributes'])).toBe(wanted);
  });

  it.each([
    [{ rawSelector: 'spec.nodeName=n' }, 'spec.nodeName=n'],
    [{ rawSelector: 'x' }, ''],
    [
      {
        requirements: [
          { key: 'a', operator: 'In', values: ['x,y'] },
          { key: 'b', operator: 'NotIn', values: ['z'] },
          { key: 'c', operator: 'In', values: ['1', '2'] },
          { key: 'd', operator: 'Exists' },
        ],
      },
      'a=x\\,y,b!=z',
    ],
    [undefined, ''],
  ])('is narrowed to the fields of %j that it understands', (fieldSelector, wanted) => {
    const attributes = fieldSelector === undefined ? {} : { fieldSelector };
    expect(selectedFields(attributes as AccessSpec['resourceAttributes'])).toBe(wanted);
  });
});
