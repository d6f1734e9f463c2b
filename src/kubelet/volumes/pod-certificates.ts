// Certificates that a pod asks for in its volumes: a key made here, a request in the API, the chain that a signer puts into it (KEP-4317).
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#podcertificate
import type { Client } from '../../client/index.ts';
import { POD_CERTIFICATE_REQUESTS, SERVICE_ACCOUNTS } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import { parseTime } from '../../machinery/time.ts';
import type { PodCertificateRequest } from '../../resources/generated/certificates-v1beta1.ts';
import type { Node, Pod, PodCertificateProjection } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import { namesOf, specOf } from '../pod/identity.ts';
import { emptyRequest, keyPair } from './empty-csr.ts';

export interface Credentials {
  /** PKCS#8, PEM. */
  readonly key: string;
  /** The leaf first. */
  readonly chain: string;
}

interface Held extends Credentials {
  readonly refreshAt: number;
  readonly notAfter: number;
}

export interface CertificateDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly node: () => Node | undefined;
  /** A certificate has come, or will not come. */
  readonly onChange: () => void;
}

const RETRY_MS = 30_000;
const BLOCKS = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What the signer said; undefined while it has said nothing. */
function verdictOf(request: PodCertificateRequest): 'issued' | Error | undefined {
  for (const { type, status, reason, message } of request.status?.conditions ?? []) {
    if (status !== 'True') continue;
    if (type === 'Issued') return 'issued';
    if (type === 'Denied' || type === 'Failed') {
      return new Error(
        `PodCertificateRequest was permanently ${type.toLowerCase()}: reason="${reason}" message="${message}"`,
      );
    }
  }
  return undefined;
}

/** One pod's certificates. */
export class PodCertificates {
  private readonly held = new Map<string, Held>();
  private readonly refused = new Map<string, Error>();
  private readonly asking = new Map<string, AbortController>();
  private readonly retryAt = new Map<string, number>();

  constructor(private readonly deps: CertificateDeps) {}

  /** The soonest time at which a certificate wants to be renewed. */
  get renewAt(): number | undefined {
    const now = this.deps.clock.now();
    const times = [...this.held]
      .filter(([key]) => !this.asking.has(key))
      .map(([key, one]) => Math.max(one.refreshAt, this.retryAt.get(key) ?? 0));
    // One that is being asked for wakes the pod itself.
    return times.length === 0 ? undefined : Math.max(Math.min(...times), now);
  }

  /** The credentials for one place of the pod; throws until there are some. */
  credentials(pod: Pod, key: string, source: PodCertificateProjection): Credentials {
    const now = this.deps.clock.now();
    const held = this.held.get(key);
    const refused = this.refused.get(key);
    const due = held === undefined || held.refreshAt <= now;
    if (due && refused === undefined && !this.asking.has(key) && (this.retryAt.get(key) ?? 0) <= now)
      this.begin(pod, key, source);
    if (held !== undefined && held.notAfter > now) return held;
    throw refused ?? new Error(`credentials for signer ${source.signerName} are not issued yet`);
  }

  stop(): void {
    for (const one of this.asking.values()) one.abort();
    this.asking.clear();
  }

  private begin(pod: Pod, key: string, source: PodCertificateProjection): void {
    const stop = new AbortController();
    this.asking.set(key, stop);
    this.ask(pod, source, stop.signal)
      .then((got) => {
        if (got instanceof Error) this.refused.set(key, got);
        else this.held.set(key, got);
      })
      .catch((error: unknown) => {
        // The API is away or refuses: asked again later.
        this.retryAt.set(key, this.deps.clock.now() + RETRY_MS);
        if (!this.held.has(key)) this.failedOnce(key, error);
      })
      .finally(() => {
        this.asking.delete(key);
        stop.abort();
        this.deps.onChange();
      });
  }

  /** Told once to the pod's events, and forgotten when it is time to ask again. */
  private failedOnce(key: string, error: unknown): void {
    this.refused.set(key, new Error(`while requesting a certificate: ${messageOf(error)}`));
    this.deps.clock.setTimer(RETRY_MS, () => {
      this.refused.delete(key);
      this.deps.onChange();
    });
  }

  private async ask(pod: Pod, source: PodCertificateProjection, signal: AbortSignal): Promise<Held | Error> {
    const { client } = this.deps;
    const { namespace } = namesOf(pod);
    const keys = await keyPair(source.keyType);
    const stub = emptyRequest(source.keyType, keys);
    const request = await client
      .resource(POD_CERTIFICATE_REQUESTS)
      .create(namespace, await this.request(pod, source, stub));
    const answered = await this.answer(request, signal);
    const verdict = verdictOf(answered);
    if (verdict !== 'issued') return verdict ?? new Error('the PodCertificateRequest is gone');
    const { certificateChain = '', beginRefreshAt = '', notAfter = '' } = answered.status ?? {};
    const now = this.deps.clock.now();
    return {
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      chain: (certificateChain.match(BLOCKS) ?? []).map((block) => `${block}\n`).join(''),
      refreshAt: parseTime(beginRefreshAt) ?? now + RETRY_MS,
      notAfter: parseTime(notAfter) ?? Number.POSITIVE_INFINITY,
    };
  }

  private async request(pod: Pod, source: PodCertificateProjection, stub: Buffer): Promise<PodCertificateRequest> {
    const { namespace, name, uid } = namesOf(pod);
    const serviceAccountName = specOf(pod).serviceAccountName ?? 'default';
    const account = await this.deps.client.resource(SERVICE_ACCOUNTS).get(namespace, serviceAccountName);
    const { name: nodeName = '', uid: nodeUID = '' } = this.deps.node()?.metadata ?? {};
    const { maxExpirationSeconds, userAnnotations } = source;
    return {
      apiVersion: 'certificates.k8s.io/v1beta1',
      kind: 'PodCertificateRequest',
      metadata: {
        generateName: `req-${name.slice(0, 40)}-`,
        namespace,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }],
      },
      spec: {
        signerName: source.signerName,
        podName: name,
        podUID: uid,
        serviceAccountName,
        serviceAccountUID: account.metadata.uid ?? '',
        nodeName,
        nodeUID,
        stubPKCS10Request: stub.toString('base64'),
        ...(maxExpirationSeconds === undefined ? {} : { maxExpirationSeconds }),
        ...(userAnnotations === undefined ? {} : { unverifiedUserAnnotations: userAnnotations }),
      },
    };
  }

  /** Waits until the signer has spoken. */
  private async answer(request: PodCertificateRequest, signal: AbortSignal): Promise<PodCertificateRequest> {
    const { namespace = '', name = '', resourceVersion } = request.metadata;
    const requests = this.deps.client.resource(POD_CERTIFICATE_REQUESTS);
    const options = {
      fieldSelector: `metadata.name=${name},spec.nodeName=${request.spec.nodeName}`,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    while (!signal.aborted) {
      for await (const event of requests.watch(namespace, options, signal)) {
        if (event.type === 'DELETED') return event.object;
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED') break;
        if (verdictOf(event.object) !== undefined) return event.object;
      }
      // The watch ended: what happened meanwhile is in the object.
      const now = await requests.get(namespace, name);
      if (verdictOf(now) !== undefined) return now;
      await this.deps.clock.sleep(1_000, signal);
    }
    throw new Error('the pod is gone');
  }
}
