// VolumeAttachment: a volume that is to be attached to a node. https://kubernetes-csi.github.io/docs/external-attacher.html
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, IMMUTABLE, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PersistentVolumeSpec } from '../generated/core-v1.ts';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '../generated/storage-v1.ts';
import { checkDriverName } from './csi-names.ts';

const EXACTLY_ONE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
const NOT_INLINE = 'may not be specified in the context of inline volumes';
const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const MAX_METADATA = 256 * 1024;
const MAX_ERROR_MESSAGE = 1024;

/** A volume that was migrated to CSI and travels inside the attachment. */
function checkInline(found: ErrorList, volume: PersistentVolumeSpec, path: FieldPath): void {
  if (volume.claimRef !== undefined) found.forbidden(path.child('claimRef'), NOT_INLINE);
  if (Object.keys(volume.capacity ?? {}).length > 0) found.forbidden(path.child('capacity'), NOT_INLINE);
  if (volume.csi === undefined)
    found.required(path.child('csi'), 'has to be specified in the context of inline volumes');
  const modes = volume.accessModes ?? [];
  if (modes.length === 0) found.required(path.child('accessModes'));
  for (const mode of modes) found.oneOf(path.child('accessModes'), mode, ACCESS_MODES);
  if (volume.csi !== undefined) {
    checkDriverName(found, volume.csi.driver ?? '', path.child('csi', 'driver'));
    if ((volume.csi.volumeHandle ?? '') === '') found.required(path.child('csi', 'volumeHandle'));
  }
  const policy = volume.persistentVolumeReclaimPolicy ?? '';
  if (policy !== '' && policy !== 'Retain')
    found.forbidden(path.child('persistentVolumeReclaimPolicy'), 'may only be Retain in the context of inline volumes');
  for (const field of ['storageClassName', 'volumeMode', 'nodeAffinity'] as const)
    if ((volume[field] ?? '') !== '') found.forbidden(path.child(field), NOT_INLINE);
}

function checkSource(found: ErrorList, source: VolumeAttachmentSource, path: FieldPath): void {
  const { inlineVolumeSpec, persistentVolumeName } = source;
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) found.required(path, EXACTLY_ONE);
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) found.forbidden(path, EXACTLY_ONE);
  else if (persistentVolumeName === '')
    found.required(path.child('persistentVolumeName'), 'must specify non empty persistentVolumeName');
  if (inlineVolumeSpec !== undefined && persistentVolumeName === undefined)
    checkInline(found, inlineVolumeSpec, path.child('inlineVolumeSpec'));
}

function checkError(found: ErrorList, error: VolumeError | undefined, path: FieldPath): void {
  if (Buffer.byteLength(error?.message ?? '') > MAX_ERROR_MESSAGE)
    found.tooLong(path.child('message'), MAX_ERROR_MESSAGE);
}

function checkMetadata(found: ErrorList, metadata: Readonly<Record<string, string>>, path: FieldPath): void {
  let size = 0;
  for (const [key, value] of Object.entries(metadata)) {
    if (key === '') found.invalid(path, key, 'field can not be empty');
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > MAX_METADATA) found.tooLong(path, MAX_METADATA);
}

function validate(attachment: VolumeAttachment): ErrorList {
  const found = new ErrorList();
  const spec = FieldPath.of('spec');
  const status = FieldPath.of('status');
  if ((attachment.spec?.attacher ?? '') === '') found.required(spec.child('attacher'));
  checkSource(found, attachment.spec?.source ?? {}, spec.child('source'));
  found.text(spec.child('nodeName'), attachment.spec?.nodeName ?? '', isDns1123Subdomain);
  checkMetadata(found, attachment.status?.attachmentMetadata ?? {}, status.child('attachmentMetadata'));
  checkError(found, attachment.status?.attachError, status.child('attachError'));
  checkError(found, attachment.status?.detachError, status.child('detachError'));
  checkDriverName(found, attachment.spec?.attacher ?? '', spec.child('attacher'));
  const name = attachment.spec?.source?.persistentVolumeName;
  if (name !== undefined) found.text(spec.child('source', 'persistentVolumeName'), name, isDns1123Subdomain);
  return found;
}

function validateUpdate(attachment: VolumeAttachment, old: VolumeAttachment): ErrorList {
  const found = validate(attachment);
  if (!semanticEqual(attachment.spec, old.spec)) found.invalid(FieldPath.of('spec'), attachment.spec, IMMUTABLE);
  return found;
}

export const volumeAttachments = defineResource<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  singular: 'volumeattachment',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.VolumeAttachment',
  unconditionalUpdate: false,
  deleteAnswersObject: true,
  resetFields: ['status'],
  strategy: {
    ...statusKept<VolumeAttachment>(),
    validate: (attachment) => validate(attachment).errors,
    validateUpdate: (attachment, old) => validateUpdate(attachment, old).errors,
  },
  generation: 'none',
  subresources: {
    status: statusSubresource<VolumeAttachment>({
      keep: 'metadata',
      validateUpdate: (attachment, old) => validateUpdate(attachment, old).errors,
    }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'Attacher',
      format: 'name',
      description: ['storage/v1', 'VolumeAttachmentSpec', 'attacher'],
      cell: (o) => o.spec?.attacher ?? '',
    }),
    column({
      name: 'PV',
      description: ['storage/v1', 'VolumeAttachmentSource', 'persistentVolumeName'],
      cell: (o) => o.spec?.source?.persistentVolumeName ?? '',
    }),
    column({
      name: 'Node',
      description: ['storage/v1', 'VolumeAttachmentSpec', 'nodeName'],
      cell: (o) => o.spec?.nodeName ?? '',
    }),
    column({
      name: 'Attached',
      type: 'boolean',
      description: ['storage/v1', 'VolumeAttachmentStatus', 'attached'],
      cell: (o) => o.status?.attached ?? false,
    }),
    ageColumn(),
  ],
});
