// Warnings about the pairs in TLS Secrets.
import { describe, expect, test } from 'vitest';
import { tlsPairProblem } from './tls-pair.ts';

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUdgj5jZTWMXi/iary5Ruw/fnjpfowCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMzAyMzA1MjFaGA8yMTI2MTEwNjIzMDUyMVow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCKSnnSLbLXN
Knd8UVTtOWmpXbwS+sehXcTIz0WH5x6tYnjuzy64LHlDYQxfUWJsA2mKFrCLul+V
Oarm1qKMQZijUzBRMB0GA1UdDgQWBBT7vDTLI4mtgmSw3z4i0DP4vXKI5jAfBgNV
HSMEGDAWgBT7vDTLI4mtgmSw3z4i0DP4vXKI5jAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIFlU0lRuPhN7J0SwJlHkkNKzDA1C9MFPitDNKwjLZKqY
AiEAt4Y+ZzNWyWEIp3gl6aUS7ubzYCGZec8pcFXpn2+JoNg=
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICZAsAKZy2j9ZyvkaMa5IhorTb82mbPFEHBV0xNdQtbhoAoGCCqGSM49
AwEHoUQDQgAEIpKedItstc0qd3xRVO05aaldvBL6x6FdxMjPRYfnHq1ieO7PLrgs
eUNhDF9RYmwDaYoWsIu6X5U5qubWooxBmA==
-----END EC PRIVATE KEY-----
`;
const OTHER_KEY = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIDlGwlgtjOAfbYOoNZvfZodC0PxVADNBMB0bhaWXpoK8oAoGCCqGSM49
AwEHoUQDQgAEensa4/3tFLt2kHRbxzwuU6vbbsVsBRFH4YZFUCzIM1CjrbDGJFq2
RqF4bF1+l7ptiTMsKnKveef+P3pocuUjew==
-----END EC PRIVATE KEY-----
`;
const ED25519_KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICmA9dqjVZVo2Ovxrr9YGIhJa5G7UbPqyzVMSWQu6K3I
-----END PRIVATE KEY-----
`;
const JUNK = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const ODD = JUNK.replaceAll('CERTIFICATE', 'ODD');

describe('a certificate and a key', () => {
  const cases: [what: string, certificate: string, key: string, problem: string | undefined][] = [
    ['that fit', CERTIFICATE, KEY, undefined],
    ['that are no PEM', 'cert', 'key', 'tls: failed to find any PEM data in certificate input'],
    ['of which one is missing', CERTIFICATE, '', 'tls: failed to find any PEM data in key input'],
    [
      'in the wrong order',
      KEY,
      CERTIFICATE,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
    ],
    [
      'of which one comes twice',
      CERTIFICATE,
      CERTIFICATE,
      'tls: found a certificate rather than a key in the PEM for the private key',
    ],
    ['of two pairs', CERTIFICATE, OTHER_KEY, 'tls: private key does not match public key'],
    ['of two kinds', CERTIFICATE, ED25519_KEY, 'tls: private key type does not match public key type'],
    ['of which one cannot be read', JUNK, KEY, 'x509: malformed certificate'],
    [
      'of which the other cannot be read',
      CERTIFICATE,
      JUNK.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
      'tls: failed to parse private key',
    ],
    [
      'among other things',
      ODD,
      KEY,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [ODD]',
    ],
    [
      'among other things, the key',
      CERTIFICATE,
      ODD,
      'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [ODD]',
    ],
  ];
  test.each(cases)('%s', (_what, certificate, key, problem) => {
    expect(tlsPairProblem(certificate, key)).toBe(problem);
  });
});
