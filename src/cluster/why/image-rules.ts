// Images that cannot be had, and why not.
import { parseImageReference } from '../../machinery/image-reference.ts';
import { type Facts, podFacts, type Rule, waitingMessage } from './rule.ts';
import { type ContainerView, eventOf, type PodView, waiting } from './view.ts';

const PULL = ['ErrImagePull', 'ImagePullBackOff'];
const NOT_THERE = /not found|manifest unknown|404/i;
const NO_ACCESS = /denied|unauthorized|401|403|authorization/i;
const OUT_OF_REACH = /no such host|refused|timeout|did not answer|failed to do request/i;

/** Names on Docker Hub that beginners mean. */
const KNOWN = [
  ...['nginx', 'busybox', 'ubuntu', 'debian', 'alpine', 'redis', 'mysql', 'mariadb', 'postgres', 'mongo', 'httpd'],
  ...['node', 'python', 'golang', 'openjdk', 'tomcat', 'wordpress', 'rabbitmq', 'memcached', 'traefik', 'haproxy'],
];

/** What the node said of its last attempt, and the event that tells more. */
function pullWords(view: PodView, container: ContainerView): string {
  return `${waitingMessage(container)}\n${eventOf(view, 'Failed', /Failed to pull image/) ?? ''}`;
}

function pullProblem(view: PodView, message: RegExp): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined || !message.test(pullWords(view, container))) return undefined;
  return imageFacts(container, view);
}

function imageFacts(container: ContainerView, view: PodView, more: Facts = {}): Facts {
  const image = container.spec.image ?? '';
  const reference = parseImageReference(image);
  return podFacts(view, {
    container: container.name,
    image,
    registry: reference?.registry ?? '',
    repository: reference?.repository.replace(/^library\//, '') ?? image,
    ...more,
  });
}

function isHere(view: PodView, container: ContainerView): boolean {
  const reference = parseImageReference(container.spec.image ?? '');
  if (reference === undefined) return false;
  return view.images.has(`${reference.registry}/${reference.repository}:${reference.tag ?? 'latest'}`);
}

function hereButAsked(view: PodView): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined || container.spec.imagePullPolicy !== 'Always') return undefined;
  return isHere(view, container) ? imageFacts(container, view) : undefined;
}

/** A name without a slash and a tag that no registry has is what people build themselves. */
function localLatest(view: PodView): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined || container.spec.imagePullPolicy !== 'Always') return undefined;
  const image = container.spec.image ?? '';
  const latest = parseImageReference(image)?.tag === 'latest';
  const own = !image.includes('/') && /not found|no such host|denied|refused/.test(pullWords(view, container));
  return latest && own ? imageFacts(container, view) : undefined;
}

function misspelt(view: PodView): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined || !/not found|denied/.test(pullWords(view, container))) return undefined;
  const name = (container.spec.image ?? '').replace(/[:@].*$/, '');
  const meant = KNOWN.find(
    (known) => known !== name && known.length > 4 && distance(name, known) <= (known.length < 6 ? 1 : 2),
  );
  return meant === undefined ? undefined : imageFacts(container, view, { meant });
}

/** How many letters have to be put in, left out, changed or swapped to make one of the other. */
export function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 4;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + same,
        swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

function waitsFor(reason: string): (view: PodView) => Facts | undefined {
  return (view) => {
    const container = waiting(view, [reason]);
    return container === undefined ? undefined : imageFacts(container, view);
  };
}

export const IMAGE_RULES: readonly Rule[] = [
  { id: 'image-name-invalid', find: waitsFor('InvalidImageName') },
  { id: 'image-never', find: waitsFor('ErrImageNeverPull') },
  { id: 'image-here-but-asked', find: hereButAsked },
  { id: 'image-misspelt', find: misspelt },
  { id: 'image-local-latest', find: localLatest },
  { id: 'image-no-access', find: (v) => pullProblem(v, NO_ACCESS) },
  { id: 'image-not-found', find: (v) => pullProblem(v, NOT_THERE) },
  { id: 'image-unreachable', find: (v) => pullProblem(v, OUT_OF_REACH) },
  { id: 'image-failed', find: (v) => pullProblem(v, /^/) },
];
