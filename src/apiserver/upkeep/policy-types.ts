// Checks the expressions of ValidatingAdmissionPolicies against the types of the objects they are for, and tells what cannot be right.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
import { CelSyntaxError, type CelType, compileCel, DYN, STRING } from '../../machinery/cel/index.ts';
import { setOwn } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type {
  ExpressionWarning,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
} from '../../resources/generated/admissionregistration-v1.ts';
import { admissionEnvironment, type ExpressionScope, variableType } from '../../resources/index.ts';
import { builtinSchema, celTypeOf } from '../../resources/schema/index.ts';
import type { Catalog, CatalogEntry } from '../registry/catalog.ts';
import { schemaOf } from '../registry/codec.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { Write } from './keeper.ts';

const API = 'admissionregistration.k8s.io/v1';
/** Policies for more kinds are not checked for all of them. */
const MAX_KINDS = 10;

const exact = (list: readonly string[] | undefined): readonly string[] =>
  (list ?? []).filter((one) => !one.includes('*') && !one.includes('/'));

/** Kinds that the rules name without wildcards. */
function kindsOf(rules: readonly NamedRuleWithOperations[], catalog: Catalog): CatalogEntry[] {
  const found = new Map<string, CatalogEntry>();
  for (const { apiGroups, apiVersions, resources } of rules) {
    for (const group of exact(apiGroups)) {
      for (const version of exact(apiVersions)) {
        for (const plural of exact(resources)) {
          const entry = catalog.find(group, version, plural);
          if (entry !== undefined && found.size < MAX_KINDS) found.set(`${group}/${version}/${entry.row.kind}`, entry);
        }
      }
    }
  }
  const order = ({ row }: CatalogEntry): string => [row.group, row.version, row.kind].join('\0');
  return [...found.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const kindText = ({ row }: CatalogEntry): string => `${row.group}/${row.version}, Kind=${row.kind}`;

interface Expression {
  readonly fieldRef: string;
  readonly text: string;
}

function expressionsOf({ spec = {} }: ValidatingAdmissionPolicy): Expression[] {
  return (spec.validations ?? []).flatMap(({ expression = '', messageExpression = '' }, i) => {
    const at = `spec.validations[${i}]`;
    const message = { fieldRef: `${at}.messageExpression`, text: messageExpression };
    return [{ fieldRef: `${at}.expression`, text: expression }, ...(messageExpression === '' ? [] : [message])];
  });
}

const META = builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/** All of an object, its metadata too: rules of custom resources see less of it. */
function typeOf(entry: CatalogEntry): CelType {
  const type = celTypeOf(schemaOf(entry));
  if (type.kind !== 'object') return DYN;
  const fields = new Map(type.fields);
  for (const name of ['apiVersion', 'kind']) fields.set(name, { json: name, type: STRING });
  fields.set('metadata', { json: 'metadata', type: celTypeOf(META) });
  return { ...type, fields };
}

/** The type that an expression comes to, or what is wrong with it. */
function checked(text: string, scope: ExpressionScope): CelType | string {
  const { types } = admissionEnvironment(scope);
  try {
    return compileCel(text, types).type;
  } catch (error) {
    if (error instanceof CelSyntaxError) return error.message;
    throw error;
  }
}

/** The type of the parameters, where the policy has some; anything, where their kind is not known. */
function paramsOf({ paramKind }: NonNullable<ValidatingAdmissionPolicy['spec']>, catalog: Catalog): ExpressionScope {
  if (paramKind === undefined) return {};
  const { apiVersion = '', kind = '' } = paramKind;
  const slash = apiVersion.indexOf('/');
  const entry = catalog.findKind(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
  return { params: entry === undefined ? DYN : typeOf(entry) };
}

/** What expressions for one kind know; what is wrong with variables is told where they are used. */
function scopeOf(
  spec: NonNullable<ValidatingAdmissionPolicy['spec']>,
  entry: CatalogEntry,
  catalog: Catalog,
): ExpressionScope {
  const known = { object: typeOf(entry), ...paramsOf(spec, catalog) };
  const variables: Record<string, CelType> = {};
  for (const { name, expression } of spec.variables ?? []) {
    const type = checked(expression, { ...known, variables: { ...variables } });
    setOwn(variables, name, typeof type === 'string' ? DYN : variableType(type));
  }
  return { ...known, variables };
}

export function warningsOf(policy: ValidatingAdmissionPolicy, catalog: Catalog): ExpressionWarning[] {
  const { spec = {} } = policy;
  const kinds = kindsOf(spec.matchConstraints?.resourceRules ?? [], catalog);
  const scopes = kinds.map((entry) => ({ entry, scope: scopeOf(spec, entry, catalog) }));
  return expressionsOf(policy).flatMap(({ fieldRef, text }) => {
    const problems = scopes.flatMap(({ entry, scope }) => {
      const problem = checked(text, scope);
      return typeof problem === 'string' ? [`${kindText(entry)}: ${problem}\n`] : [];
    });
    return problems.length === 0 ? [] : [{ fieldRef, warning: problems.join('\n') }];
  });
}

export function planPolicies(policies: LiveCache<ValidatingAdmissionPolicy & KubeObject>, catalog: Catalog): Write[] {
  const writes: Write[] = [];
  for (const policy of policies.list()) {
    const { name = '', generation = 1 } = policy.metadata;
    if (policy.status?.observedGeneration === generation) continue;
    const expressionWarnings = warningsOf(policy, catalog);
    const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
    writes.push({
      method: 'PATCH',
      path: `/apis/${API}/validatingadmissionpolicies/${encodeURIComponent(name)}/status?fieldManager=validatingadmissionpolicy-status&force=true`,
      body: {
        apiVersion: API,
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name },
        status: { observedGeneration: generation, typeChecking },
      },
    });
  }
  return writes;
}
