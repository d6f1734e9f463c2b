// The audit log on the disk: a JSON event a line, in files that are turned over when they grow.
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';

export interface AuditSink {
  write(line: string): void;
  close(): void;
}

export interface AuditLogOptions {
  readonly path: string;
  /** Default 100 MB. */
  readonly maxBytes?: number;
  /** Old files kept, `path.1` the newest. Default 5. */
  readonly keep?: number;
}

/** Lines are handed to the kernel at once, so that what was answered is in the log. */
export function openAuditLog(options: AuditLogOptions): AuditSink {
  const { path } = options;
  const max = options.maxBytes ?? 100_000_000;
  const keep = options.keep ?? 5;
  let fd = openSync(path, 'a', 0o600);
  let size = statSync(path).size;
  const turn = () => {
    closeSync(fd);
    rmSync(`${path}.${keep}`, { force: true });
    for (let i = keep - 1; i >= 1; i--) {
      try {
        renameSync(`${path}.${i}`, `${path}.${i + 1}`);
      } catch {
        // There are not so many yet.
      }
    }
    renameSync(path, `${path}.1`);
    fd = openSync(path, 'a', 0o600);
    size = 0;
  };
  return {
    write(line) {
      const bytes = Buffer.from(`${line}\n`);
      if (size > 0 && size + bytes.length > max) turn();
      writeSync(fd, bytes);
      size += bytes.length;
    },
    close: () => closeSync(fd),
  };
}
