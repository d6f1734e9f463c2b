// What a cluster has left on the host: lines of processes, links, routes, tables, mounts and cgroups that bear its name or its directory.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './cluster.ts';

function cgroupsNamed(name: string, dir = '/sys/fs/cgroup', depth = 0): string[] {
  if (depth > 4 || !existsSync(dir)) return [];
  const found: string[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(dir, entry.name);
    if (entry.name === name || entry.name.startsWith(`${name}-`) || entry.name.startsWith(`${name}.`)) found.push(path);
    found.push(...cgroupsNamed(name, path, depth + 1));
  }
  return found;
}

export async function leftovers(name: string, dir: string): Promise<string[]> {
  const commands = [
    ['ps', '-eo', 'args'],
    ['ip', '-o', 'link'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', 'netns', 'list'],
    ['nft', 'list', 'tables'],
    ['cat', '/proc/mounts'],
  ] as const;
  const found: string[] = [];
  for (const [file, ...args] of commands) {
    const { stdout } = await run(file, args);
    found.push(...stdout.split('\n').filter((line) => line.includes(name) || line.includes(dir)));
  }
  return [...found, ...cgroupsNamed(name)];
}
