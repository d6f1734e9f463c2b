// /livez, /readyz and /healthz: the checks by name, one by one or all, with ?verbose and ?exclude.
// Source: https://kubernetes.io/docs/reference/using-api/health-checks/
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { pageNotFound, textResponse } from './http/responses.ts';

export interface HealthCheck {
  readonly name: string;
  readonly check: () => boolean | Promise<boolean>;
}

const CHECK_TIMEOUT_MS = 5_000;

async function passes(check: HealthCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([Promise.resolve(check.check()), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function plain(status: number, text: string): WireResponse {
  const response = textResponse(status, text);
  return {
    ...response,
    headers: { ...response.headers, 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff' },
  };
}

async function all(root: string, checks: readonly HealthCheck[], query: URLSearchParams): Promise<WireResponse> {
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.has(check.name)) {
      excluded.delete(check.name);
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const ok = await passes(check);
    failed ||= !ok;
    lines.push(ok ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`);
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  const name = root.slice(1);
  if (failed) return plain(500, `${lines.join('\n')}\n${name} check failed\n`);
  return query.has('verbose') ? plain(200, `${lines.join('\n')}\n${name} check passed\n`) : plain(200, 'ok');
}

/** The handler of one root (`/livez`). */
export function healthHandler(
  root: string,
  checks: readonly HealthCheck[],
): (request: WireRequest) => Promise<WireResponse> {
  return async (request) => {
    if (request.path === root || request.path === `${root}/`) return all(root, checks, request.query);
    const name = request.path.slice(root.length + 1);
    const check = checks.find((c) => c.name === name);
    if (check === undefined) return pageNotFound();
    return (await passes(check)) ? plain(200, 'ok') : plain(500, 'internal server error: reason withheld\n');
  };
}
