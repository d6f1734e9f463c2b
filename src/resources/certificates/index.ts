// The rows of certificates.k8s.io.
import { metadataOnUpdate } from '../checks/index.ts';
import type { AnyResource } from '../definition.ts';
import { certificateSigningRequests } from './certificate-signing-request.ts';
import { clusterTrustBundleRows } from './cluster-trust-bundle.ts';
import { podCertificateRequests } from './pod-certificate-request.ts';

export const CERTIFICATES_ROWS: readonly AnyResource[] = metadataOnUpdate(
  [certificateSigningRequests, ...clusterTrustBundleRows, podCertificateRequests],
  {
    certificatesigningrequests: 'update+create',
    'certificatesigningrequests/status': 'update+create',
    'certificatesigningrequests/approval': 'update+create',
  },
);
