// /livez, /readyz and /healthz: the checks by name, one by one or all, with ?verbose and ?exclude.
// Source: https://kubernetes.io/docs/reference/using-api/health-checks/
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { textResponse } from './http/responses.ts';

/** Why a check fails; undefined when it passes. */
export type Ailment = string | undefined;

export interface HealthCheck {
  readonly name: string;
  readonly check: () => Ailment | Promise<Ailment>;
}

const CHECK_TIMEOUT_MS = 5_000;

async function ailmentOf(check: HealthCheck): Promise<Ailment> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Ailment>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${CHECK_TIMEOUT_MS / 1000}s`), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([Promise.resolve(check.check()), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
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

export interface HealthRoot {
  /** `/livez`. */
  readonly path: string;
  readonly checks: readonly HealthCheck[];
  /** Told of every check that is made for the whole. */
  readonly observe?: (name: string, passed: boolean) => void;
}

async function all({ path, checks, observe }: HealthRoot, query: URLSearchParams): Promise<WireResponse> {
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.has(check.name)) {
      excluded.delete(check.name);
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const ok = (await ailmentOf(check)) === undefined;
    observe?.(check.name, ok);
    failed ||= !ok;
    lines.push(ok ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`);
  }
  if (excluded.size > 0) {
    const names = [...excluded]
      .sort()
      .map((name) => JSON.stringify(name))
      .join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  const name = path.slice(1);
  if (failed) return plain(500, `${lines.join('\n')}\n${name} check failed\n`);
  return query.has('verbose') ? plain(200, `${lines.join('\n')}\n${name} check passed\n`) : plain(200, 'ok');
}

/** The handlers of one root and of its checks, by path; they answer every method. */
export function healthHandlers(root: HealthRoot): ReadonlyMap<string, (request: WireRequest) => Promise<WireResponse>> {
  const one = async (check: HealthCheck): Promise<WireResponse> => {
    const ailment = await ailmentOf(check);
    return ailment === undefined ? textResponse(200, 'ok') : plain(500, `internal server error: ${ailment}\n`);
  };
  return new Map([
    [root.path, (request: WireRequest) => all(root, request.query)],
    ...root.checks.map((check) => [`${root.path}/${check.name}`, () => one(check)] as const),
  ]);
}
