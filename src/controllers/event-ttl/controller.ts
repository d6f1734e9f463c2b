// Forgets events an hour after they were last written.
import { EVENTS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Event } from '../../resources/generated/core-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'event-ttl-controller';
const LIFE_MS = 3_600_000;
/** They are read in pages at this interval: to watch every event only to forget it an hour later would cost more. */
const ROUND_MS = 300_000;
const PAGE = 500;

export function lastWritten(event: Event): number {
  const times = [
    event.metadata.creationTimestamp ?? undefined,
    event.lastTimestamp,
    event.eventTime,
    event.series?.lastObservedTime,
  ];
  return Math.max(0, ...times.flatMap((time) => (time ? (parseTime(time) ?? []) : [])));
}

async function round({ client, clock }: ControllerContext): Promise<void> {
  const events = client.resource(EVENTS);
  let token: string | undefined;
  do {
    const page = await events.list('', { limit: PAGE, ...(token === undefined ? {} : { continue: token }) });
    for (const event of page.items) {
      if (lastWritten(event) + LIFE_MS > clock.now()) continue;
      const { namespace = '', name = '', resourceVersion } = event.metadata;
      try {
        await events.delete(
          namespace,
          name,
          resourceVersion === undefined ? {} : { preconditions: { resourceVersion } },
        );
      } catch (error) {
        if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
      }
    }
    token = page.metadata.continue === '' ? undefined : page.metadata.continue;
  } while (token !== undefined);
}

export const eventTtl: ControllerRow = {
  name: NAME,
  start(context) {
    const queue = startKeyed(context, {
      name: NAME,
      workers: 1,
      waitFor: [],
      async reconcile() {
        await round(context);
        return { requeueAfterMs: ROUND_MS };
      },
    });
    queue.addAfter('round', ROUND_MS);
  },
};
