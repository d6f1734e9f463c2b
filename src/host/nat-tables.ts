// The `nat` tables that iptables leaves behind on a host once a network plugin has used it: tests take them away when nothing is in them.
import { findProgram, runProgram } from './programs.ts';

/** True for a table of bare hooks that let everything pass: to have it or not is the same. `text` is what `nft list table` prints. */
export function isEmptyTable(text: string): boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '}' && !line.startsWith('#'));
  return rules.every((line) => /^(table|chain) .*\{$/.test(line) || /^type nat hook .* policy accept;$/.test(line));
}

export async function removeEmptyNatTables(): Promise<void> {
  if (findProgram('nft') === undefined) return;
  for (const family of ['ip', 'ip6']) {
    const listed = await runProgram('nft', ['list', 'table', family, 'nat'], { allowFailure: true });
    const text = listed.stdout.toString();
    if (text !== '' && isEmptyTable(text))
      await runProgram('nft', ['delete', 'table', family, 'nat'], { allowFailure: true });
  }
}
