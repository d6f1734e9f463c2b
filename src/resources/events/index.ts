// The rows of events.k8s.io.
import type { AnyResource } from '../definition.ts';
import { newEvents } from './event.ts';

export const EVENTS_ROWS: readonly AnyResource[] = [newEvents];
