// What scale subresources speak, as the registry knows kinds.
import { SCALE_ROW } from '../../resources/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';

export const SCALE_ENTRY: CatalogEntry = { row: SCALE_ROW, custom: false, storage: SCALE_ROW, prefix: '' };
