// Image references as Docker and Kubernetes read them.
// Source: https://kubernetes.io/docs/concepts/containers/images/#image-names

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?`;
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(
  `^((?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@(${DIGEST}))?$`,
);

const MAX_LENGTH = 4096;
const MAX_NAME = 255;

export interface ImageReference {
  /** `docker.io`, `127.0.0.1:5000` … */
  readonly registry: string;
  /** `library/nginx` */
  readonly repository: string;
  /** `latest` when neither tag nor digest was given; undefined when only a digest was. */
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

/** Undefined when it is no reference. `nginx` is `docker.io/library/nginx:latest`. */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const found = REFERENCE.exec(text);
  const name = found?.[1];
  if (name === undefined || name.length > MAX_NAME) return undefined;
  const digest = found?.[3];
  const tag = found?.[2] ?? (digest === undefined ? 'latest' : undefined);
  return { ...splitName(name), tag, digest };
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  const registry = isHost ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  const rest = isHost ? name.slice(slash + 1) : name;
  return { registry, repository: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}

/** `docker.io/library/nginx` */
export function imageNameOf(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** `docker.io/library/nginx:latest`, or with `@sha256:…` when there is a digest. */
export function imageReferenceText(reference: ImageReference): string {
  const name = imageNameOf(reference);
  if (reference.digest !== undefined) return `${name}@${reference.digest}`;
  return `${name}:${reference.tag ?? 'latest'}`;
}

/** Why a text is no reference, in Docker's words. */
export function invalidReferenceReason(text: string): string {
  if (/^[a-f0-9]{64}$/.test(text))
    return `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`;
  // The registry may be in capitals, and all that follows the first colon after it; what is between may not.
  const [name = ''] = splitName(text).repository.split(':');
  if (name !== name.toLowerCase()) return `invalid reference format: repository name (${name}) must be lowercase`;
  return 'invalid reference format';
}
