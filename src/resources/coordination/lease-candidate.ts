// LeaseCandidate: who would like to lead (KEP-4355, coordinated leader election).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, nameColumn, twinOf } from '../checks/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { LeaseCandidate } from '../generated/coordination-v1beta1.ts';
import { checkLeaseStrategy } from './lease.ts';

function checkVersion(found: ErrorList, path: FieldPath, version: string): void {
  if (!/^v?\d+(\.\d+)*([-+].*)?$/.test(version))
    found.invalid(path, version, `could not parse ${JSON.stringify(version)} as version`);
}

function validate(candidate: LeaseCandidate): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { leaseName = '', binaryVersion = '', emulationVersion = '', strategy = '' } = candidate.spec ?? {};
  if (leaseName === '') found.required(path.child('leaseName'));
  else found.text(path.child('leaseName'), leaseName, isDns1123Subdomain);
  if (binaryVersion === '') found.required(path.child('binaryVersion'));
  else checkVersion(found, path.child('binaryVersion'), binaryVersion);
  if (emulationVersion !== '') checkVersion(found, path.child('emulationVersion'), emulationVersion);
  if (strategy === '') found.required(path.child('strategy'));
  else {
    checkLeaseStrategy(found, strategy, path.child('strategy'));
    if (strategy === 'OldestEmulationVersion' && emulationVersion === '')
      found.required(path.child('emulationVersion'), 'must be specified when `strategy` is "OldestEmulationVersion"');
  }
  return found.errors;
}

function validateUpdate(candidate: LeaseCandidate, old: LeaseCandidate): FieldError[] {
  const found = new ErrorList().add(validate(candidate));
  found.unchanged(FieldPath.of('spec', 'leaseName'), candidate.spec?.leaseName, old.spec?.leaseName);
  return found.errors;
}

function leaseCandidates(version: 'v1beta1' | 'v1alpha2'): ResourceDefinition<LeaseCandidate> {
  return defineResource<LeaseCandidate>({
    group: 'coordination.k8s.io',
    version,
    kind: 'LeaseCandidate',
    plural: 'leasecandidates',
    singular: 'leasecandidate',
    namespaced: true,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.coordination.${version}.LeaseCandidate`,
    createOnUpdate: true,
    unconditionalUpdate: false,
    strategy: { validate, validateUpdate },
    generation: 'none',
    columns: [
      nameColumn(),
      column({
        name: 'LeaseName',
        description: ['coordination/v1beta1', 'LeaseCandidateSpec', 'leaseName'],
        cell: (o) => o.spec?.leaseName ?? '',
      }),
      column({
        name: 'BinaryVersion',
        description: ['coordination/v1beta1', 'LeaseCandidateSpec', 'binaryVersion'],
        cell: (o) => o.spec?.binaryVersion ?? '',
      }),
      column({
        name: 'EmulationVersion',
        description: ['coordination/v1beta1', 'LeaseCandidateSpec', 'emulationVersion'],
        cell: (o) => o.spec?.emulationVersion ?? '',
      }),
      ageColumn(),
    ],
    ...(version === 'v1beta1'
      ? {}
      : {
          storedAs: twinOf<LeaseCandidate>(
            'coordination.k8s.io/v1beta1/leasecandidates',
            `coordination.k8s.io/${version}`,
          ),
        }),
  });
}

export const leaseCandidateRows = [leaseCandidates('v1beta1'), leaseCandidates('v1alpha2')];
