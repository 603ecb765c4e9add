import type { Partner } from './population/partner.ts';
import type { CustomerTenant, TenantState, TenantTrait } from './population/tenant.ts';
import type { Addresses } from './world.ts';

/** All that a program needs to use the cloud: what `ptb local --json` prints. Holds secrets, of a cloud that is not real. */
export interface CloudDocument {
  readonly entra: string;
  readonly graph: string;
  readonly aadGraph: string;
  readonly partnerCenter: string;
  readonly exchange: string;
  readonly arm: string;
  readonly keyVault: string;
  readonly managedIdentity: {
    readonly endpoint: string;
    readonly header: string;
    readonly clientId: string;
    readonly principalId: string;
  };
  readonly control: string;
  readonly caCertificatePath: string;
  readonly partnerTenantId: string;
  readonly application: { readonly clientId: string; readonly clientSecret: string };
  /** Of the service account, for `application`; live. */
  readonly refreshToken: string;
  readonly brokerApplication: {
    readonly clientId: string;
    readonly audience: string;
    readonly callers: readonly {
      readonly name: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly roles: readonly string[];
    }[];
  };
  readonly accounts: readonly { readonly username: string; readonly state: string }[];
  readonly tenants: readonly {
    readonly tenantId: string;
    readonly domain: string;
    readonly name: string;
    readonly state: TenantState;
    readonly trait?: TenantTrait;
  }[];
}

export interface DocumentParts {
  readonly addresses: Addresses;
  readonly control: string;
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
    keyVault,
    managedIdentity: { endpoint: parts.identityEndpoint, header: parts.identityHeader, clientId, principalId },
    control: parts.control,
    caCertificatePath: parts.caCertificatePath,
    partnerTenantId: partner.tenantId,
    application: partner.application,
    refreshToken: parts.refreshToken,
    brokerApplication: partner.brokerApplication,
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

/** The environment variables that point a program at this cloud. None of them is a secret of the partner's. */
export function environmentOf(document: CloudDocument): Readonly<Record<string, string>> {
  const { entra, graph, aadGraph, partnerCenter, exchange, arm } = document;
  return {
    NODE_EXTRA_CA_CERTS: document.caCertificatePath,
    // The SDKs honour HTTP_PROXY for loopback addresses too, unless told not to.
    NO_PROXY: '127.0.0.1,localhost',
    IDENTITY_ENDPOINT: document.managedIdentity.endpoint,
    IDENTITY_HEADER: document.managedIdentity.header,
    MANAGED_IDENTITY_CLIENT_ID: document.managedIdentity.clientId,
    KEY_VAULT_URL: document.keyVault,
    CLOUD_ENDPOINTS: JSON.stringify({ entra, graph, aadGraph, partnerCenter, exchange, arm }),
    PARTNER_TENANT_ID: document.partnerTenantId,
    BROKER_AUDIENCES: `${document.brokerApplication.clientId},api://${document.brokerApplication.clientId}`,
  };
}
