// PriorityLevelConfiguration: how many requests of a kind run at once. https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../generated/flowcontrol-v1.ts';
import { checkFlowConditions } from './conditions.ts';

type Level = PriorityLevelConfiguration;

const SPEC = FieldPath.of('spec');
const EXEMPT = 'exempt';
const DEFAULT_SHARES = 30;
const MAX_QUEUES = 10 * 1000 * 1000;
const MAX_ENTROPY_BITS = 60;

function applyDefaults(draft: Level): void {
  const { exempt, limited } = draft.spec ?? {};
  if (exempt !== undefined) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
  if (limited === undefined) return;
  limited.nominalConcurrencyShares ??= DEFAULT_SHARES;
  limited.lendablePercent ??= 0;
  const queuing = limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.handSize ||= 8;
  queuing.queues ||= 64;
  queuing.queueLengthLimit ||= 50;
}

/** Bits that a hand of this size takes from the hash of a flow (shuffle sharding). */
function entropyBits(deck: number, hand: number): number {
  return Math.ceil(Math.log2(deck) * hand);
}

function checkQueuing(found: ErrorList, queuing: QueuingConfiguration, path: FieldPath): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  if (queueLengthLimit <= 0) found.invalid(path.child('queueLengthLimit'), queueLengthLimit, 'must be positive');
  if (queues <= 0) found.invalid(path.child('queues'), queues, 'must be positive');
  else if (queues > MAX_QUEUES) found.invalid(path.child('queues'), queues, `must not be greater than ${MAX_QUEUES}`);
  if (handSize <= 0) found.invalid(path.child('handSize'), handSize, 'must be positive');
  else if (handSize > queues)
    found.invalid(path.child('handSize'), handSize, `should not be greater than queues (${queues})`);
  else if (entropyBits(queues, handSize) > MAX_ENTROPY_BITS)
    found.invalid(
      path.child('handSize'),
      handSize,
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_ENTROPY_BITS}`,
    );
}

function checkLimitResponse(found: ErrorList, response: Partial<LimitResponse>, path: FieldPath): void {
  const { type = '', queuing } = response;
  if (type === 'Reject') {
    if (queuing !== undefined)
      found.forbidden(path.child('queuing'), 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type !== 'Queue') found.notSupported(path.child('type'), type, ['Queue', 'Reject']);
  else if (queuing === undefined)
    found.required(path.child('queuing'), 'must not be empty if limited.limitResponse.type is Limited');
  else checkQueuing(found, queuing, path.child('queuing'));
}

function checkShares(
  found: ErrorList,
  shares: { nominalConcurrencyShares?: number; lendablePercent?: number },
  path: FieldPath,
): void {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent = 0 } = shares;
  if (nominal < 0) found.invalid(path.child('nominalConcurrencyShares'), nominal, 'must be a non-negative integer');
  if (lendablePercent < 0 || lendablePercent > 100)
    found.invalid(path.child('lendablePercent'), lendablePercent, 'must be between 0 and 100, inclusive');
}

function checkLimited(found: ErrorList, limited: LimitedPriorityLevelConfiguration, path: FieldPath): void {
  checkShares(found, limited, path);
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0)
    found.invalid(path.child('borrowingLimitPercent'), borrowing, 'if specified, must be a non-negative integer');
  checkLimitResponse(found, limited.limitResponse ?? {}, path.child('limitResponse'));
}

function checkSpec(found: ErrorList, spec: Partial<PriorityLevelConfigurationSpec>, name: string): void {
  const { type = '', limited, exempt } = spec;
  if ((name === EXEMPT) !== (type === 'Exempt'))
    found.invalid(SPEC.child('type'), type, "type must be 'Exempt' if and only if name is 'exempt'");
  if (type === 'Exempt') {
    if (exempt !== undefined) checkShares(found, exempt, SPEC.child('exempt'));
    if (limited !== undefined) found.forbidden(SPEC.child('limited'), 'must be nil if the type is not Limited');
  } else if (type === 'Limited') {
    if (exempt !== undefined) found.forbidden(SPEC.child('exempt'), 'must be nil if the type is Limited');
    if (limited === undefined) found.required(SPEC.child('limited'), 'must not be empty when type is Limited');
    else checkLimited(found, limited, SPEC.child('limited'));
  } else found.notSupported(SPEC.child('type'), type, ['Exempt', 'Limited']);
}

function validate(level: Level): ErrorList {
  const found = new ErrorList();
  checkSpec(found, level.spec ?? {}, level.metadata.name ?? '');
  return found.add(checkFlowConditions(level.status?.conditions));
}

function queuingColumn(name: string, field: keyof QueuingConfiguration): Column<Level> {
  return column<Level>({
    name,
    description: ['flowcontrol/v1', 'QueuingConfiguration', field],
    cell: (o) => o.spec?.limited?.limitResponse?.queuing?.[field] ?? '<none>',
  });
}

export const priorityLevels = defineResource<Level>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<Level>(),
    validate: (level) => validate(level).errors,
    validateUpdate: (level) => validate(level).errors,
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<Level>({
      applyDefaults,
      keep: 'metadata',
      validateUpdate: (level) => validate(level).errors,
    }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'Type',
      description: ['flowcontrol/v1', 'PriorityLevelConfigurationSpec', 'type'],
      cell: (o) => o.spec?.type ?? '',
    }),
    column({
      name: 'NominalConcurrencyShares',
      description: ['flowcontrol/v1', 'LimitedPriorityLevelConfiguration', 'nominalConcurrencyShares'],
      cell: (o) => o.spec?.limited?.nominalConcurrencyShares ?? '<none>',
    }),
    queuingColumn('Queues', 'queues'),
    queuingColumn('HandSize', 'handSize'),
    queuingColumn('QueueLengthLimit', 'queueLengthLimit'),
    ageColumn(),
  ],
});
