// The names of a remote command's streams, in the order of their WebSocket channels.

export const ORDERED_STREAMS = ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const;

export type StreamName = (typeof ORDERED_STREAMS)[number];
