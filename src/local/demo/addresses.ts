/** What `ptb local --json` prints when the simulated cloud is ready. */
export interface CloudReady {
  readonly entra: string;
  readonly graph: string;
  readonly aadGraph: string;
  readonly partnerCenter: string;
  readonly exchange: string;
  readonly arm: string;
  readonly keyVault: string;
  readonly managedIdentity: { readonly endpoint: string; readonly header: string };
  readonly control: string;
  readonly caCertificatePath: string;
  readonly partnerTenantId: string;
  readonly brokerApplication: {
    readonly clientId: string;
    readonly audience: string;
    readonly callers: readonly {
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
    readonly state: string;
  }[];
}

/** The environment in which commands and SDKs find the simulated cloud instead of Microsoft's. */
export function cloudEnvironment(cloud: CloudReady): Record<string, string> {
  const { entra, graph, aadGraph, partnerCenter, exchange, arm } = cloud;
  return {
    NODE_EXTRA_CA_CERTS: cloud.caCertificatePath,
    // The SDKs honour HTTP_PROXY for loopback addresses too, unless told not to.
    NO_PROXY: '127.0.0.1,localhost',
    IDENTITY_ENDPOINT: cloud.managedIdentity.endpoint,
    IDENTITY_HEADER: cloud.managedIdentity.header,
    KEY_VAULT_URL: cloud.keyVault,
    PARTNER_TENANT_ID: cloud.partnerTenantId,
    CLOUD_ENDPOINTS: JSON.stringify({ entra, graph, aadGraph, partnerCenter, exchange, arm }),
    BROKER_AUDIENCES: `${cloud.brokerApplication.clientId},${cloud.brokerApplication.audience}`,
  };
}

/** An access policy under which the simulated cloud's callers may ask for everything: for trying, never for production. */
export function localPolicy(cloud: CloudReady): string {
  const rule = (name: string, tenants: readonly string[]) => ({
    name,
    callers: { applications: cloud.brokerApplication.callers.map((caller) => caller.clientId) },
    tenants,
    resources: ['*'],
    grants: ['delegated', 'application'],
  });
  const rules = [
    rule('local callers may try every customer', ['*']),
    rule('local callers may try the partner tenant', [cloud.partnerTenantId]),
  ];
  return JSON.stringify({ version: 1, rules }, null, 2);
}
