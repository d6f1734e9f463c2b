// What this node itself knows of registries' credentials, beside the pull secrets of pods: docker's configuration and provider programs.
import { readFile } from 'node:fs/promises';
import type { RegistryAuth } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { isMissing } from '../../host/files.ts';
import { runProgram } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { DockerConfig } from './docker-config.ts';
import { parseProviderConfig } from './provider-config.ts';
import { CredentialProviders, type PodAccount } from './providers.ts';

export interface NodeCredentialsOptions {
  /** A configuration of docker's, as `docker login` writes it. */
  readonly dockerConfig?: string;
  /** A CredentialProviderConfig, and the directory of the programs that it names. */
  readonly providers?: { readonly config: string; readonly directory: string };
  /** What provider programs find in their environment, beside what the configuration says. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly run?: RunProgram;
}

export type NodeCredentials = (
  image: string,
  account: () => Promise<PodAccount | undefined>,
) => Promise<readonly RegistryAuth[]>;

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** Throws when the configuration of the providers is wrong: a node that has lost its credentials should not look healthy. */
export async function openNodeCredentials(
  options: NodeCredentialsOptions,
  clock: Clock,
  log: (message: string) => void,
): Promise<NodeCredentials> {
  const run = options.run ?? runProgram;
  const docker =
    options.dockerConfig === undefined ? undefined : new DockerConfig({ path: options.dockerConfig, run, log });
  const text = options.providers === undefined ? undefined : await textOf(options.providers.config);
  let providers: CredentialProviders | undefined;
  if (text !== undefined && options.providers !== undefined) {
    const { config, directory } = options.providers;
    try {
      const environment = options.environment ?? {};
      providers = new CredentialProviders({
        providers: parseProviderConfig(text),
        directory,
        environment,
        clock,
        run,
        log,
      });
    } catch (error) {
      throw new Error(`${config}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return async (image, account) => [
    ...((await providers?.auths(image, account)) ?? []),
    ...((await docker?.auths(image)) ?? []),
  ];
}
