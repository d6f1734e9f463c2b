// The face of the admission webhooks.
export type { ServiceResolver } from './caller.ts';
export { mutatingWebhooks, validatingWebhooks, type WebhookParts } from './webhooks.ts';
