// What is told of a container: its status, and what conmon has left of its end.
import { readFileSync, statSync } from 'node:fs';
import type { ContainerStatus } from '../port.ts';
import type { ContainerRecord } from './records.ts';

export function containerStatusOf(record: ContainerRecord): ContainerStatus {
  const { config } = record;
  return {
    id: record.id,
    sandboxId: record.sandboxId,
    name: config.name,
    attempt: config.attempt,
    state: record.state === 'creating' ? 'created' : record.state,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    exitCode: record.exitCode,
    reason: record.reason,
    message: record.message,
    image: record.imageName,
    imageRef: record.imageRef,
    imageId: record.imageId,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: record.logPath,
    user: record.user,
    stopSignal: record.stopSignal,
    ...(record.signal === undefined ? {} : { signal: record.signal }),
    ...(record.process === undefined || record.state !== 'running' ? {} : { pid: record.process.pid }),
    ...(record.resources === undefined ? {} : { resources: record.resources }),
  };
}

/** What conmon has written of a container's end, on a tmpfs. */
export function readEnd(file: string): { exitCode: number; finishedAt: number } | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return /^-?\d+\s*$/.test(text) ? { exitCode: Number(text), finishedAt: statSync(file).mtimeMs } : undefined;
  } catch {
    return undefined; // it has not ended
  }
}

export function containerdState(state: ContainerRecord['state']): string {
  return `CONTAINER_${state === 'creating' ? 'UNKNOWN' : state.toUpperCase()}`;
}
