// A client of the registry API: manifests and blobs, with basic and bearer-token authentication.
// Source: https://distribution.github.io/distribution/spec/api/ and https://distribution.github.io/distribution/spec/auth/token/
import { createHash } from 'node:crypto';
import { isJsonObject } from '../../../machinery/object.ts';
import { type RegistryAuth, RuntimeError } from '../../port.ts';
import { MANIFEST_TYPES } from './oci.ts';
import type { RegistryEndpoint } from './registries.ts';
import { type HttpAnswer, type Patience, readAll, send } from './registry-http.ts';

const MANIFEST_LIMIT = 4 * 1024 * 1024;
const ERROR_LIMIT = 64 * 1024;

interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Takes `Bearer realm="…",service="…"` apart. */
export function parseChallenge(header: string): Challenge | undefined {
  const scheme = /^\s*([A-Za-z]+)/.exec(header)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  const parameters: Record<string, string> = {};
  for (const [, key = '', quoted, bare] of header.matchAll(/([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/g)) {
    parameters[key.toLowerCase()] = quoted ?? bare ?? '';
  }
  return { scheme, parameters };
}

function basicCredentials(auth: RegistryAuth | undefined): string | undefined {
  if (auth?.username !== undefined && auth.username !== '')
    return Buffer.from(`${auth.username}:${auth.password ?? ''}`).toString('base64');
  return auth?.auth === undefined || auth.auth === '' ? undefined : auth.auth;
}

export interface ManifestAnswer {
  readonly bytes: Buffer;
  readonly digest: string;
}

export class RegistryClient {
  private authorization: string | undefined;
  private reached = false;

  constructor(
    private readonly endpoint: RegistryEndpoint,
    private readonly patience: Patience,
    private readonly signal?: AbortSignal,
  ) {
    const token = endpoint.auth?.registryToken;
    if (token !== undefined && token !== '') this.authorization = `Bearer ${token}`;
  }

  /** `reference` is a tag or a digest; a digest is verified. */
  async manifest(reference: string): Promise<ManifestAnswer> {
    const path = `manifests/${reference}`;
    const headers = { accept: [...MANIFEST_TYPES, '*/*'].join(', ') };
    if (!this.reached) await this.reach(path, headers);
    const answer = await this.get(path, headers);
    const bytes = await readAll(answer.body, MANIFEST_LIMIT);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (reference.startsWith('sha256:') && reference !== digest) {
      throw new RuntimeError(
        'registry-unavailable',
        `failed to verify manifest: unexpected digest ${digest}, expected ${reference}`,
      );
    }
    return { bytes, digest };
  }

  /** The blob from byte `offset` on. `partial` tells whether the registry kept to the offset. */
  async blob(
    digest: string,
    offset: number,
  ): Promise<{ readonly body: HttpAnswer['body']; readonly partial: boolean }> {
    const answer = await this.get(`blobs/${digest}`, offset === 0 ? {} : { range: `bytes=${offset}-` });
    return { body: answer.body, partial: answer.status === 206 };
  }

  /** Registries count what is got, not what is only asked for: so whether there is one at all is asked first. Its answer waits for the next question. */
  private async reach(path: string, headers: Record<string, string>): Promise<void> {
    (await this.ask('HEAD', path, headers)).body.resume();
    this.reached = true;
  }

  private async get(path: string, headers: Record<string, string>): Promise<HttpAnswer> {
    const answer = await this.ask('GET', path, headers);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.refused(answer, path);
  }

  private async ask(method: 'GET' | 'HEAD', path: string, headers: Record<string, string>): Promise<HttpAnswer> {
    const url = new URL(`${this.endpoint.url}/v2/${this.endpoint.repository}/${path}`);
    for (let tried = false; ; tried = true) {
      const answer = await send(
        {
          method,
          url,
          headers: {
            'user-agent': 'minke',
            ...headers,
            ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
          },
          ...(this.endpoint.tls === undefined ? {} : { tls: this.endpoint.tls }),
          ...(this.signal === undefined ? {} : { signal: this.signal }),
        },
        this.patience,
      );
      if (answer.status === 401 && !tried && (await this.authenticate(answer))) {
        answer.body.resume();
        continue;
      }
      return answer;
    }
  }

  /** Answers the challenge; false when there is nothing to answer it with. */
  private async authenticate(answer: HttpAnswer): Promise<boolean> {
    const challenge = parseChallenge(answer.headers['www-authenticate'] ?? '');
    const basic = basicCredentials(this.endpoint.auth);
    if (challenge?.scheme === 'basic' && basic !== undefined) {
      this.authorization = `Basic ${basic}`;
      return true;
    }
    if (challenge?.scheme !== 'bearer' || challenge.parameters.realm === undefined) return false;
    this.authorization = `Bearer ${await this.token(challenge.parameters)}`;
    return true;
  }

  private async token(parameters: Readonly<Record<string, string>>): Promise<string> {
    const realm = new URL(parameters.realm ?? '');
    const scope = parameters.scope ?? `repository:${this.endpoint.repository}:pull`;
    const { identityToken } = this.endpoint.auth ?? {};
    const basic = basicCredentials(this.endpoint.auth);
    const common = { ...(this.endpoint.tls === undefined ? {} : { tls: this.endpoint.tls }) };
    let answer: HttpAnswer;
    if (identityToken !== undefined && identityToken !== '') {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        service: parameters.service ?? '',
        scope,
        client_id: 'minke',
        refresh_token: identityToken,
      });
      answer = await send(
        {
          ...common,
          method: 'POST',
          url: realm,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: form.toString(),
        },
        this.patience,
      );
    } else {
      if (parameters.service !== undefined) realm.searchParams.set('service', parameters.service);
      realm.searchParams.set('scope', scope);
      answer = await send(
        {
          ...common,
          method: 'GET',
          url: realm,
          headers: basic === undefined ? {} : { authorization: `Basic ${basic}` },
        },
        this.patience,
      );
    }
    if (answer.status !== 200) {
      answer.body.resume();
      throw new RuntimeError(
        'unauthorized',
        `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to ${realm.href}: ${answer.status}`,
      );
    }
    const doc: unknown = JSON.parse((await readAll(answer.body, ERROR_LIMIT)).toString('utf8'));
    const token = isJsonObject(doc) ? (doc.token ?? doc.access_token) : undefined;
    if (typeof token !== 'string' || token === '')
      throw new RuntimeError('unauthorized', 'the token server sent no token');
    return token;
  }

  private async refused(answer: HttpAnswer, path: string): Promise<RuntimeError> {
    const text = await readAll(answer.body, ERROR_LIMIT).then(
      (b) => b.toString('utf8'),
      () => '',
    );
    const said = serverMessage(text);
    if (answer.status === 404) return new RuntimeError('image-not-found', 'not found');
    if (answer.status === 401 || answer.status === 403) {
      return new RuntimeError(
        'unauthorized',
        `pull access denied, repository does not exist or may require authorization: ${said === '' ? 'authorization failed' : `server message: ${said}`}`,
      );
    }
    return new RuntimeError(
      'registry-unavailable',
      `unexpected status from GET request to ${answer.url.origin}/v2/${this.endpoint.repository}/${path}: ${answer.status}${said === '' ? '' : `: ${said}`}`,
    );
  }
}

/** What a registry's error document says, on one line. */
function serverMessage(text: string): string {
  try {
    const doc: unknown = JSON.parse(text);
    if (!isJsonObject(doc) || !Array.isArray(doc.errors)) return '';
    return doc.errors
      .filter(isJsonObject)
      .map((e) => [e.code, e.message].filter((x) => typeof x === 'string').join(': '))
      .join('; ')
      .slice(0, 500);
  } catch {
    return '';
  }
}
