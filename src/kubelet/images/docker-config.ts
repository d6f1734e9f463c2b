// Credentials that `docker login` has left on this node: in its configuration, or with the helper programs that it names.
// https://docs.docker.com/reference/cli/docker/login/#credential-stores
import { readFile } from 'node:fs/promises';
import type { RegistryAuth } from '../../cri/port.ts';
import { findProgram } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { matchingAuths, place, registryEntries } from './credentials.ts';
import { fullName } from './names.ts';

const TIMEOUT_MS = 30_000;
const HUB = 'https://index.docker.io/v1/';
/** The name that a helper gives to what is a token and no password. */
const TOKEN = '<token>';

export interface DockerConfigOptions {
  readonly path: string;
  readonly run: RunProgram;
  readonly log: (message: string) => void;
}

/** The helper for a registry: its own, else the one for all. */
function helperFor(config: Record<string, unknown>, host: string): { helper: string; server: string } | undefined {
  const helpers = isJsonObject(config.credHelpers) ? Object.entries(config.credHelpers) : [];
  const own = helpers.find(([server]) => place(server).host === host);
  const helper = own?.[1] ?? config.credsStore;
  if (typeof helper !== 'string' || !/^[\w.-]+$/.test(helper)) return undefined;
  return { helper, server: own?.[0] ?? (host === 'docker.io' ? HUB : host) };
}

export class DockerConfig {
  readonly #options: DockerConfigOptions;
  readonly #missing = new Set<string>();

  constructor(options: DockerConfigOptions) {
    this.#options = options;
  }

  /** Read anew each time: people log in while the node runs. */
  async auths(image: string): Promise<RegistryAuth[]> {
    const { path, log } = this.#options;
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return [];
    try {
      const config: unknown = JSON.parse(text);
      if (!isJsonObject(config)) return [];
      const asked = await this.#ask(config, image);
      // What a helper keeps leaves an entry without credentials.
      const written = matchingAuths(image, registryEntries(config.auths)).filter(
        (a) => a.username !== undefined || a.identityToken !== undefined || a.registryToken !== undefined,
      );
      return [...asked, ...written];
    } catch (error) {
      log(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  async #ask(config: Record<string, unknown>, image: string): Promise<RegistryAuth[]> {
    const chosen = helperFor(config, fullName(image).split('/')[0] ?? '');
    if (chosen === undefined) return [];
    const program = `docker-credential-${chosen.helper}`;
    if (findProgram(program) === undefined) {
      if (!this.#missing.has(program))
        this.#options.log(`${this.#options.path} names ${program}, which is not on this host`);
      this.#missing.add(program);
      return [];
    }
    const options = { stdin: `${chosen.server}\n`, timeoutMs: TIMEOUT_MS, allowFailure: true };
    const ran = await this.#options.run(program, ['get'], options);
    if (ran.exitCode !== 0) return []; // it knows nothing of that registry
    const answer: unknown = JSON.parse(ran.stdout.toString());
    if (!isJsonObject(answer) || typeof answer.Username !== 'string' || typeof answer.Secret !== 'string') return [];
    const { Username: username, Secret: secret } = answer;
    const serverAddress = chosen.server;
    return [
      username === TOKEN ? { identityToken: secret, serverAddress } : { username, password: secret, serverAddress },
    ];
  }
}
