// Issues the certificates of approved requests, and clears away requests that have had their time.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import { CERTIFICATE_SIGNING_REQUESTS, objectKey } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { CertificateSigningRequest } from '../../resources/generated/certificates-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { endOfRequest, refusalOf, waitsForCertificate } from './rules.ts';

type Status = NonNullable<CertificateSigningRequest['status']>;

export const certificateSigning: ControllerRow = {
  name: 'certificatesigningrequest-signing-controller',
  account: 'certificate-controller',
  start(context) {
    if (context.authority === undefined) return;
    const requests = context.informers.informer(CERTIFICATE_SIGNING_REQUESTS);
    const queue = startKeyed(context, {
      name: 'certificatesigningrequest-signing-controller',
      waitFor: [requests],
      async reconcile(key) {
        const request = requests.get(key);
        if (request !== undefined && waitsForCertificate(request)) await sign(context, request);
        return undefined;
      },
    });
    const consider = (request: CertificateSigningRequest): void => {
      if (waitsForCertificate(request)) queue.add(objectKey(request));
    };
    requests.addHandler({ onAdd: consider, onUpdate: consider });
  },
};

async function sign(context: ControllerContext, request: CertificateSigningRequest): Promise<void> {
  const { authority, clock, client } = context;
  if (authority === undefined) return;
  const { spec, status } = request;
  const pem = Buffer.from(spec?.request ?? '', 'base64').toString('utf8');
  const usages = spec?.usages ?? [];
  const refusal = refusalOf(spec?.signerName ?? '', await authority.read(pem), usages);
  const outcome: Status =
    refusal === undefined
      ? {
          ...status,
          certificate: Buffer.from(
            await authority.sign({ request: pem, usages, seconds: spec?.expirationSeconds }),
          ).toString('base64'),
        }
      : failed(status, refusal, rfc3339(clock.now()));
  try {
    await client.resource(CERTIFICATE_SIGNING_REQUESTS).updateStatus({ ...request, status: outcome });
  } catch (error) {
    // Gone, or changed: what changed it brings the request here again.
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
  }
}

function failed(status: CertificateSigningRequest['status'], message: string, now: string): Status {
  const condition = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message,
    lastUpdateTime: now,
    lastTransitionTime: now,
  };
  return { ...status, conditions: [...(status?.conditions ?? []), condition] };
}

/** Kubernetes clears away once in an hour; whoever answers a request with an old date still finds it for a while. */
const REST_MS = 60_000;

export const certificateCleaner: ControllerRow = {
  name: 'certificatesigningrequest-cleaner-controller',
  account: 'certificate-controller',
  start(context) {
    const { informers, client, clock } = context;
    const requests = informers.informer(CERTIFICATE_SIGNING_REQUESTS);
    const queue = startKeyed(context, {
      name: 'certificatesigningrequest-cleaner-controller',
      waitFor: [requests],
      async reconcile(key) {
        const request = requests.get(key);
        const end = request === undefined ? undefined : endOfRequest(request);
        if (request === undefined || end === undefined) return undefined;
        const left = end - clock.now();
        if (left > 0) return { requeueAfterMs: left };
        try {
          await client.resource(CERTIFICATE_SIGNING_REQUESTS).delete('', request.metadata.name ?? '');
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
        return undefined;
      },
    });
    requests.addHandler({
      onAdd: (request) => queue.add(objectKey(request)),
      onUpdate: (request) => queue.addAfter(objectKey(request), REST_MS),
    });
  },
};
