// A child process of the crash test: writes as fast as it can and tells of each write only after the store has acknowledged it.
import { writeSync } from 'node:fs';
import { openLmdbStore } from '../open.ts';

const [directory = '', writers = '16'] = process.argv.slice(2);
const store = await openLmdbStore({ directory });
const encode = (revision: number): Uint8Array => Buffer.from(`{"revision":${revision},"pad":"${'x'.repeat(200)}"}`);

/** Lines `key revision` for a put, `key -revision` for a deletion. */
function tell(key: string, revision: number): void {
  writeSync(1, `${key} ${revision}\n`);
}

async function run(writer: number): Promise<never> {
  for (let n = Math.floor(Math.random() * 1000); ; n++) {
    const key = `/w/${writer}/${n % 25}`;
    const before = await store.get(key);
    const kind = before !== undefined && n % 4 === 0 ? 'delete' : 'put';
    const result = await store.txn([{ kind, key, expected: before?.modRevision ?? 0, encode }]);
    if (!result.ok) throw new Error('nobody else writes this key');
    tell(key, kind === 'put' ? result.revision : -result.revision);
  }
}

async function compactNowAndThen(): Promise<never> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const revision = await store.revision();
    if (revision > 200 && revision - 200 > (await store.compactedRevision())) await store.compact(revision - 200);
  }
}

tell('ready', 0);
await Promise.all([compactNowAndThen(), ...Array.from({ length: Number(writers) }, (_, i) => run(i))]);
