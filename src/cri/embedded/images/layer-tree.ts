// What a layer has written so far, held in memory, so that no path of a tar ever leads out of the layer's own directory.
import { RuntimeError } from '../../port.ts';

/** What stands at a path of the layer: a directory, something else, or a symbolic link and its target. */
export type TreeNode = 'directory' | 'other' | { readonly link: string };

const MAX_LINKS = 40;

/** Splits an entry's name; `..` and empty parts are resolved as `chroot` would: never above the root. */
export function cleanParts(name: string): string[] {
  if (name.includes('\u0000')) throw new RuntimeError('internal', 'a name in the layer holds a NUL byte');
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

export class LayerTree {
  private readonly nodes = new Map<string, TreeNode>();

  at(path: string): TreeNode | undefined {
    return path === '' ? 'directory' : this.nodes.get(path);
  }

  set(path: string, node: TreeNode): void {
    this.nodes.set(path, node);
  }

  /** Forgets a path and all below it. */
  remove(path: string): void {
    this.nodes.delete(path);
    const below = `${path}/`;
    for (const key of [...this.nodes.keys()]) if (key.startsWith(below)) this.nodes.delete(key);
  }

  /** Direct children of a directory. */
  *children(path: string): Generator<string> {
    const below = path === '' ? '' : `${path}/`;
    for (const key of this.nodes.keys()) {
      if (key.startsWith(below) && !key.slice(below.length).includes('/')) yield key.slice(below.length);
    }
  }

  /** The directory that an entry goes into, with links of this layer followed inside the layer; directories that miss are named in `missing`. */
  resolveParent(name: string): { readonly path: string; readonly missing: readonly string[] } {
    const parts = cleanParts(name);
    const base = parts.pop();
    if (base === undefined) return { path: '', missing: [] };
    const missing: string[] = [];
    const directory = this.walk(parts, missing);
    return { path: directory === '' ? base : `${directory}/${base}`, missing };
  }

  /** The path that a hard link's target means, links of directories followed. */
  resolveTarget(name: string): string {
    return this.resolveParent(name).path;
  }

  private walk(parts: readonly string[], missing: string[]): string {
    const todo = [...parts];
    let here = '';
    let links = 0;
    while (todo.length > 0) {
      const part = todo.shift() ?? '';
      if (part === '..') {
        here = here.includes('/') ? here.slice(0, here.lastIndexOf('/')) : '';
        continue;
      }
      const next = here === '' ? part : `${here}/${part}`;
      const node = this.at(next);
      if (node === undefined) {
        missing.push(next);
        this.set(next, 'directory');
        here = next;
      } else if (node === 'directory') here = next;
      else if (node === 'other')
        throw new RuntimeError(
          'internal',
          `the layer puts something below ${JSON.stringify(next)}, which is no directory`,
        );
      else {
        if (++links > MAX_LINKS)
          throw new RuntimeError('internal', `too many symbolic links at ${JSON.stringify(next)}`);
        const target = node.link.split('/').filter((p) => p !== '' && p !== '.');
        if (node.link.startsWith('/')) here = '';
        todo.unshift(...target);
      }
    }
    return here;
  }
}
