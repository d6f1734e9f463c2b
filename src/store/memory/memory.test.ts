// The memory driver under the suite of all drivers.
import { storeConformance } from '../conformance/index.ts';
import { followingConformance } from '../conformance-following.ts';
import { openMemoryStore } from './open.ts';

storeConformance('the store in memory', async () => openMemoryStore());
followingConformance(async () => openMemoryStore());
