// The image service of any CRI v1 runtime.
import { type ImageInfo, type ImageService, type PullProgress, type RegistryAuth, RuntimeError } from '../port.ts';
import { type CriConnection, list, type Message, message, number, text, texts, wrapped } from './wire.ts';

const PULL_TIMEOUT_MS = 0;

function imageIn(m: Message): ImageInfo {
  const uid = wrapped(m, 'uid');
  const username = text(m, 'username');
  return {
    id: text(m, 'id'),
    repoTags: texts(m, 'repo_tags'),
    repoDigests: texts(m, 'repo_digests'),
    size: number(m, 'size'),
    pinned: m.pinned === true,
    ...(uid === undefined ? {} : { uid }),
    ...(username === '' ? {} : { username }),
  };
}

/** Runtimes tell the reason of a failed pull in words only. */
function pullError(error: unknown): unknown {
  if (!(error instanceof RuntimeError) || error.kind === 'unavailable') return error;
  const { message: said } = error;
  if (/invalid reference format|failed to parse reference/.test(said))
    return new RuntimeError('invalid-image-name', said, error);
  if (/signature/i.test(said)) return new RuntimeError('signature-validation-failed', said, error);
  if (/authorization failed|unauthorized|denied|no basic auth/i.test(said))
    return new RuntimeError('unauthorized', said, error);
  if (error.kind === 'not-found' || /not found|manifest unknown/i.test(said))
    return new RuntimeError('image-not-found', said, error);
  return new RuntimeError('registry-unavailable', said, error);
}

export class GrpcImages implements ImageService {
  readonly #connection: CriConnection;

  constructor(connection: CriConnection) {
    this.#connection = connection;
  }

  #call(name: string, request: object, timeoutMs?: number, signal?: AbortSignal): Promise<Message> {
    return this.#connection.call('ImageService', name, request, {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    const found = message(await this.#call('ImageStatus', { image: { image } }), 'image');
    return text(found, 'id') === '' ? undefined : imageIn(found);
  }

  async listImages(): Promise<readonly ImageInfo[]> {
    return list(await this.#call('ListImages', {}), 'images').map(imageIn);
  }

  async pullImage(
    image: string,
    auth: RegistryAuth | undefined,
    _onProgress?: (p: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const secret =
      auth === undefined
        ? {}
        : {
            auth: {
              username: auth.username ?? '',
              password: auth.password ?? '',
              auth: auth.auth ?? '',
              server_address: auth.serverAddress ?? '',
              identity_token: auth.identityToken ?? '',
              registry_token: auth.registryToken ?? '',
            },
          };
    try {
      const answer = await this.#call('PullImage', { image: { image }, ...secret }, PULL_TIMEOUT_MS, signal);
      const ref = text(answer, 'image_ref');
      return (await this.imageStatus(ref))?.id ?? ref;
    } catch (error) {
      throw pullError(error);
    }
  }

  async removeImage(image: string): Promise<void> {
    await this.#call('RemoveImage', { image: { image } });
  }

  async imageFsInfo(): Promise<{ usedBytes: number; inodesUsed: number; mountpoint: string }> {
    const [first = {}] = list(await this.#call('ImageFsInfo', {}), 'image_filesystems');
    return {
      usedBytes: wrapped(first, 'used_bytes') ?? 0,
      inodesUsed: wrapped(first, 'inodes_used') ?? 0,
      mountpoint: text(message(first, 'fs_id'), 'mountpoint'),
    };
  }
}
