// What an image's name says about how it is pulled. https://kubernetes.io/docs/concepts/containers/images/#updating-images
import { imageNameOf, invalidReferenceReason, parseImageReference } from '../../machinery/image-reference.ts';

/** Why a reference is refused, in the words that kubectl users know. */
export function invalidImageMessage(text: string): string {
  const why = invalidReferenceReason(text);
  return `Failed to apply default image tag "${text}": couldn't parse image name "${text}": ${why}`;
}

export function isImageName(text: string): boolean {
  return parseImageReference(text) !== undefined;
}

/** `docker.io/library/nginx` for `nginx:1.25`; the text itself when it is no reference. */
export function fullName(text: string): string {
  const parsed = parseImageReference(text);
  return parsed === undefined ? text : imageNameOf(parsed);
}

/** Kubernetes' default: Always for :latest and for no tag. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  return parseImageReference(image)?.tag === 'latest' ? 'Always' : 'IfNotPresent';
}
