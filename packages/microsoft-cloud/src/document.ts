import type { ApiApplication, ClientCredentials } from './population/partner-applications.ts';
import type { Partner } from './population/partner.ts';
import type { CustomerTenant, TenantState, TenantTrait } from './population/tenant.ts';
import type { Addresses } from './world.ts';

/** Everything that a program needs to use the cloud. `--json` prints it. Its secrets are valid in this cloud only. */
export interface CloudDocument {
  readonly entra: string;
  readonly graph: string;
  readonly aadGraph: string;
  readonly partnerCenter: string;
  readonly exchange: string;
  readonly arm: string;
  /** A DNS server with the records of the customers' domains, `dns://ADDRESS:PORT`. */
  readonly dns: string;
  readonly keyVault: string;
  readonly managedIdentity: {
    readonly endpoint: string;
    readonly header: string;
    readonly clientId: string;
    readonly principalId: string;
  };
  /** Address of the control endpoint. */
  readonly control: string;
  /** PEM file of the certificate authority that clients must trust. */
  readonly caCertificatePath: string;
  readonly partnerTenantId: string;
  /** A client application that is set up and consented. */
  readonly application: ClientCredentials;
  /** A valid refresh token of the service account, issued to `application`. */
  readonly refreshToken: string;
  /** An API of the partner with application roles, and clients that have been assigned some of them. */
  readonly brokerApplication: ApiApplication;
  readonly accounts: readonly {
    readonly objectId: string;
    readonly username: string;
    readonly name: string;
    readonly state: string;
    /** Roles of `brokerApplication` that are assigned to the account. */
    readonly roles: readonly string[];
  }[];
  readonly tenants: readonly {
    readonly tenantId: string;
    readonly domain: string;
    readonly name: string;
    readonly state: TenantState;
    readonly trait?: TenantTrait;
  }[];
}

interface DocumentParts {
  readonly addresses: Addresses;
  readonly control: string;
  readonly dns: string;
  readonly identityEndpoint: string;
  readonly identityHeader: string;
  readonly caCertificatePath: string;
  readonly partner: Partner;
  readonly customers: readonly CustomerTenant[];
  readonly refreshToken: string;
}

export function createDocument(parts: DocumentParts): CloudDocument {
  const { addresses, partner, customers } = parts;
  const { entra, graph, aadGraph, partnerCenter, exchange, arm, keyVault } = addresses;
  const { clientId, principalId } = partner.managedIdentity;
  return {
    entra,
    graph,
    aadGraph,
    partnerCenter,
    exchange,
    arm,
    dns: parts.dns,
    keyVault,
    managedIdentity: { endpoint: parts.identityEndpoint, header: parts.identityHeader, clientId, principalId },
    control: parts.control,
    caCertificatePath: parts.caCertificatePath,
    partnerTenantId: partner.tenantId,
    application: partner.application,
    refreshToken: parts.refreshToken,
    brokerApplication: partner.api,
    accounts: partner.accounts,
    tenants: customers.map(({ tenantId, defaultDomain, name, state, trait }) => ({
      tenantId,
      domain: defaultDomain,
      name,
      state,
      ...(trait === undefined ? {} : { trait }),
    })),
  };
}

/**
 * Environment variables for a program that uses this cloud. Node.js and the Azure SDKs read the first four; the others are
 * settings that a program can read. They hold no secret of the partner.
 */
export function environmentOf(document: CloudDocument): Readonly<Record<string, string>> {
  const { entra, graph, aadGraph, partnerCenter, exchange, arm, dns } = document;
  return {
    NODE_EXTRA_CA_CERTS: document.caCertificatePath,
    // Azure SDKs use HTTP_PROXY for loopback addresses as well.
    NO_PROXY: '127.0.0.1,localhost',
    IDENTITY_ENDPOINT: document.managedIdentity.endpoint,
    IDENTITY_HEADER: document.managedIdentity.header,
    MANAGED_IDENTITY_CLIENT_ID: document.managedIdentity.clientId,
    KEY_VAULT_URL: document.keyVault,
    CLOUD_ENDPOINTS: JSON.stringify({ entra, graph, aadGraph, partnerCenter, exchange, arm, dns }),
    PARTNER_TENANT_ID: document.partnerTenantId,
    BROKER_AUDIENCES: `${document.brokerApplication.clientId},api://${document.brokerApplication.clientId}`,
    SIGN_IN_CLIENT_ID: document.brokerApplication.signInClientId,
  };
}
