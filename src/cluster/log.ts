// The server's log: one JSON object a line, on standard output, which the daemon sends to D/minke.log.
import { type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger };

export function createLogger(name: string): Logger {
  return pino({ name, level: process.env.MINKE_LOG_LEVEL ?? 'info', timestamp: stdTimeFunctions.isoTime, base: null });
}
