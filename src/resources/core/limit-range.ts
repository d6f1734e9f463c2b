// LimitRanges: floors, ceilings and defaults for what containers, pods and claims may ask for.
// Source: https://kubernetes.io/docs/concepts/policy/limit-range/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { setOwn } from '../../machinery/json.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import { parseQuantity, type Quantity } from '../../machinery/quantity.ts';
import {
  addInvalid,
  checkContainerResourceName,
  checkResourceName,
  type Findings,
  isOvercommitAllowed,
  type ResourceList,
  roundUpToMilli,
  sortedKeys,
  validateObjectMeta,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { LimitRange, LimitRangeItem } from '../generated/core-v1.ts';

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** Gives `target` what it lacks of `source`. */
function fill(target: ResourceList, source: ResourceList | undefined): void {
  for (const name of Object.keys(source ?? {})) if (!Object.hasOwn(target, name)) setOwn(target, name, source?.[name]);
}

function grew(list: ResourceList, before: ResourceList | undefined): boolean {
  return Object.keys(list).length > Object.keys(before ?? {}).length;
}

function defaultItem(item: LimitRangeItem): void {
  for (const list of LISTS) roundUpToMilli(item[list]);
  if (item.type !== 'Container') return;
  const limits: ResourceList = { ...item.default };
  fill(limits, item.max);
  const requests: ResourceList = { ...item.defaultRequest };
  fill(requests, limits);
  fill(requests, item.min);
  if (grew(limits, item.default)) item.default = limits;
  if (grew(requests, item.defaultRequest)) item.defaultRequest = requests;
}

const TYPES: readonly string[] = ['Pod', 'Container', 'PersistentVolumeClaim'];

function checkType(type: string, path: FieldPath, out: Findings): void {
  const messages = isQualifiedName(type);
  if (messages.length > 0) addInvalid(type, path, messages, out);
  else if (!type.includes('/') && !TYPES.includes(type))
    out.push(fieldErrors.invalid(path, type, 'must be a standard limit type or fully qualified'));
}

function checkNames(item: LimitRangeItem, list: (typeof LISTS)[number], path: FieldPath, out: Findings): void {
  const check = item.type === 'Pod' || item.type === 'Container' ? checkContainerResourceName : checkResourceName;
  for (const name of sortedKeys(item[list])) check(name, path.child(list).key(name), out);
}

function checkItem(item: LimitRangeItem, path: FieldPath, out: Findings): void {
  checkNames(item, 'max', path, out);
  checkNames(item, 'min', path, out);
  for (const list of ['default', 'defaultRequest'] as const) {
    if (item.type !== 'Pod') checkNames(item, list, path, out);
    else if (Object.keys(item[list] ?? {}).length > 0)
      out.push(fieldErrors.forbidden(path.child(list), "may not be specified when `type` is 'Pod'"));
  }
  const isClaim = item.type === 'PersistentVolumeClaim';
  if (isClaim && item.min?.storage === undefined && item.max?.storage === undefined)
    out.push(
      fieldErrors.required(
        path.child('limits'),
        'either minimum or maximum storage value is required, but neither was provided',
      ),
    );
  checkNames(item, 'maxLimitRequestRatio', path, out);
  const names = new Set(
    LISTS.flatMap((list) => (item.type === 'Pod' && list.startsWith('default') ? [] : sortedKeys(item[list]))),
  );
  for (const name of names) checkAmounts(item, name, path, out);
}

interface Given {
  readonly list: (typeof LISTS)[number];
  readonly title: string;
  readonly amount: Quantity;
}

/** Which list may not exceed which, in Kubernetes' order, and where that is reported with which of the two amounts. */
const ORDER: readonly {
  readonly low: (typeof LISTS)[number];
  readonly high: (typeof LISTS)[number];
  readonly at: (typeof LISTS)[number];
  readonly shown: 'low' | 'high';
  readonly lowFirst: boolean;
}[] = [
  { low: 'min', high: 'max', at: 'min', shown: 'low', lowFirst: true },
  { low: 'min', high: 'defaultRequest', at: 'defaultRequest', shown: 'high', lowFirst: true },
  { low: 'defaultRequest', high: 'max', at: 'defaultRequest', shown: 'low', lowFirst: true },
  { low: 'defaultRequest', high: 'default', at: 'defaultRequest', shown: 'low', lowFirst: true },
  { low: 'min', high: 'default', at: 'default', shown: 'low', lowFirst: true },
  { low: 'default', high: 'max', at: 'default', shown: 'high', lowFirst: true },
];

const TITLES: Readonly<Record<(typeof LISTS)[number], string>> = {
  max: 'max value',
  min: 'min value',
  default: 'default value',
  defaultRequest: 'default request value',
  maxLimitRequestRatio: 'ratio',
};

function given(item: LimitRangeItem, name: string, list: (typeof LISTS)[number]): Given | undefined {
  const amounts = item[list];
  if (amounts === undefined || !Object.hasOwn(amounts, name)) return undefined;
  return { list, title: TITLES[list], amount: parseQuantity(String(amounts[name])) };
}

function checkAmounts(item: LimitRangeItem, name: string, path: FieldPath, out: Findings): void {
  for (const rule of ORDER) {
    const low = given(item, name, rule.low);
    const high = given(item, name, rule.high);
    if (low === undefined || high === undefined || low.amount.cmp(high.amount) <= 0) continue;
    const highTitle = rule.low === 'defaultRequest' && rule.high === 'default' ? 'default limit value' : high.title;
    out.push(
      fieldErrors.invalid(
        path.child(rule.at).key(name),
        (rule.shown === 'low' ? low : high).amount.toString(),
        `${low.title} ${low.amount} is greater than ${highTitle} ${high.amount}`,
      ),
    );
  }
  checkRatio(item, name, path, out);
  const limit = given(item, name, 'default');
  const request = given(item, name, 'defaultRequest');
  if (!isOvercommitAllowed(name) && limit && request && limit.amount.cmp(request.amount) !== 0)
    out.push(
      fieldErrors.invalid(
        path.child('defaultRequest').key(name),
        request.amount.toString(),
        `default value ${limit.amount} must equal to defaultRequest value ${request.amount} in ${name}`,
      ),
    );
}

function checkRatio(item: LimitRangeItem, name: string, path: FieldPath, out: Findings): void {
  const ratio = given(item, name, 'maxLimitRequestRatio')?.amount;
  if (ratio === undefined) return;
  const at = path.child('maxLimitRequestRatio').key(name);
  if (ratio.milliValue() < 1000n) out.push(fieldErrors.invalid(at, ratio.toString(), `ratio ${ratio} is less than 1`));
  const min = given(item, name, 'min')?.amount;
  const max = given(item, name, 'max')?.amount;
  if (min === undefined || max === undefined) return;
  const most = Number(max.milliValue()) / Number(min.milliValue());
  if (Number(ratio.milliValue()) / 1000 > most)
    out.push(fieldErrors.invalid(at, ratio.toString(), `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`));
}

function validate(range: LimitRange): FieldError[] {
  const out: Findings = [];
  const seen = new Set<string>();
  for (const [i, item] of (range.spec?.limits ?? []).entries()) {
    const path = FieldPath.of('spec', 'limits').index(i);
    checkType(item.type ?? '', path.child('type'), out);
    if (seen.has(item.type)) out.push(fieldErrors.duplicate(path.child('type'), item.type));
    seen.add(item.type);
    checkItem(item, path, out);
  }
  return out;
}

export const limitRanges = defineResource<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.LimitRange',
  generation: 'none',
  createOnUpdate: true,
  strategy: {
    applyDefaults: (range) => {
      for (const item of range.spec?.limits ?? []) defaultItem(item);
    },
    // Without a name it gets one that is as good as its UID.
    prepareForCreate: ({ metadata }) => {
      metadata.name ||= metadata.uid;
    },
    validate,
    validateUpdate: (range) => [...validateObjectMeta(range.metadata, { namespaced: true }), ...validate(range)],
  },
  columns: [],
});
