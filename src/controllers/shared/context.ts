// What every controller is given, and what a row of the table of controllers is.
import { type Client, EventRecorder, type InformerFactory } from '../../client/index.ts';
import type { Clock, Random } from '../../host/clock.ts';

/** What a certificate request asks for, read out of its PEM. */
export interface RequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
}

/** Reads certificate requests and signs them with the cluster's authority; its key stays with whoever made this. */
export interface CertificateAuthority {
  /** Rejects what is no certificate request. */
  read(pem: string): Promise<RequestFacts>;
  /** PEM of the certificate; at most a year long. */
  sign(order: {
    readonly request: string;
    readonly usages: readonly string[];
    readonly seconds: number | undefined;
  }): Promise<string>;
}

export interface ControllerContext {
  /** The controller's own. */
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** PEM of the authority that signed the API server's certificate; published in every namespace. */
  readonly rootCa?: string;
  /** Without it nobody issues certificates. */
  readonly authority?: CertificateAuthority;
  /** Told of what went wrong, with the controller's name. */
  readonly onError?: (error: unknown, controller: string) => void;
}

export interface ControllerRow {
  /** The name `kube-controller-manager --controllers` knows it by. */
  readonly name: string;
  /** The service account in kube-system that it acts as; the role `system:controller:ACCOUNT` says what it may. */
  readonly account: string;
  start(context: ControllerContext): void;
}

export function recorderFor(context: ControllerContext, component: string): EventRecorder {
  const { client, clock, onError } = context;
  return new EventRecorder({
    client,
    clock,
    component,
    ...(onError === undefined ? {} : { onError: (error: unknown) => onError(error, component) }),
  });
}
