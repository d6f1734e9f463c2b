// Nodes that have the pod's images already score higher, the more so the larger the images.
import { nearest } from '../../machinery/int64.ts';
import { MAX_SCORE, type Plugin } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';

const LEAST = 23 * 1024 * 1024;
const MOST_PER_CONTAINER = 1000 * 1024 * 1024;

function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

const sizes = new WeakMap<object, ReadonlyMap<string, number>>();

function imagesOf({ node }: NodeInfo): ReadonlyMap<string, number> {
  let found = sizes.get(node);
  if (found === undefined) {
    const made = new Map<string, number>();
    for (const image of node.status?.images ?? [])
      for (const name of image.names ?? []) made.set(name, nearest(image.sizeBytes ?? 0));
    sizes.set(node, made);
    found = made;
  }
  return found;
}

const holders = new WeakMap<readonly NodeInfo[], ReadonlyMap<string, number>>();

/** How many of the nodes have each image. The list of nodes is another one whenever a node is. */
function holdersOf(nodes: readonly NodeInfo[]): ReadonlyMap<string, number> {
  let found = holders.get(nodes);
  if (found === undefined) {
    const made = new Map<string, number>();
    for (const node of nodes) for (const name of imagesOf(node).keys()) made.set(name, (made.get(name) ?? 0) + 1);
    holders.set(nodes, made);
    found = made;
  }
  return found;
}

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  wakes: new Set(),
  begin({ pod }, snapshot) {
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const images = containers.map((container) => withTag(container.image ?? ''));
    // What few nodes have counts less, or all pods of an image would heap up where it came first.
    const spread = holdersOf(snapshot.nodes);
    const most = MOST_PER_CONTAINER * images.length;
    return {
      score(node) {
        const here = imagesOf(node);
        let sum = 0;
        for (const image of images)
          sum += Math.trunc(((here.get(image) ?? 0) * (spread.get(image) ?? 0)) / snapshot.nodes.length);
        const bounded = Math.min(Math.max(sum, LEAST), most);
        return Math.trunc((MAX_SCORE * (bounded - LEAST)) / (most - LEAST));
      },
    };
  },
};
