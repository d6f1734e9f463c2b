// The memory driver under the suite of all drivers.
import { storeConformance } from '../conformance.ts';
import { openMemoryStore } from './open.ts';

storeConformance('the store in memory', async () => openMemoryStore());
