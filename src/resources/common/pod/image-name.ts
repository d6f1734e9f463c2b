// Names of images: just enough to tell which tag is meant, which decides the default pull policy.
// Source: https://github.com/distribution/reference

const MAX_LENGTH = 1024;
const MAX_NAME = 255;
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const HOST = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*';
const DOMAIN = `(?:${HOST}|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const REMOTE = new RegExp(
  `^${COMPONENT}(?:/${COMPONENT})*(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);
const ONLY_DOMAIN = new RegExp(`^${DOMAIN}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** The tag of an image: `latest` when neither tag nor digest is given, '' when the name is none. */
export function imageTag(image: string): string {
  if (image.length > MAX_LENGTH || IDENTIFIER.test(image)) return '';
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  const hasDomain = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  if (hasDomain && !ONLY_DOMAIN.test(first)) return '';
  const remote = hasDomain ? image.slice(slash + 1) : image;
  const match = REMOTE.exec(remote);
  // A name without a path is one of docker.io's library.
  const name = `${remote.includes('/') ? '' : 'library/'}${remote.replace(/[:@].*$/s, '')}`;
  if (match === null || name.length > MAX_NAME) return '';
  return match[1] ?? (match[2] === undefined ? 'latest' : '');
}

export function defaultPullPolicy(image: string): string {
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
}
