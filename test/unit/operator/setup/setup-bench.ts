import { keyMark } from '../../../../src/lib/tokens/credential/client-keys.ts';
import { createCertificate } from '../../../../src/lib/tokens/credential/client-certificate.ts';
import { createGraphClient, createGraphWriter } from '../../../../src/lib/microsoft/graph.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { applicationTag } from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId } from '../../../../src/lib/consent/permissions.ts';
import type { SetupDeps, SetupRequest } from '../../../../src/operator/setup/setup.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;

export const options: SetupRequest = {
  partnerTenantId,
  application: 'default',
  displayName: 'Broker',
  profile: { name: 'small', resources: [{ appId: graphAppId, name: 'Microsoft Graph', scopes: [], roles: [] }] },
  credential: 'secret',
  entraEndpoint: 'https://login.test',
  federationAudience: 'api://audience',
};

/** An application that lacks only its client credential. */
export const present = {
  id: 'object',
  appId: 'client',
  displayName: 'Broker',
  signInAudience: 'AzureADMultipleOrgs',
  tags: [applicationTag('default')],
  web: { redirectUris: ['http://localhost'] },
  requiredResourceAccess: [],
  servicePrincipalLockConfiguration: { isEnabled: true, allProperties: true },
  keyCredentials: [{ keyId: 'older', key: 'left out by Graph' }],
};

/** Display name of the client credentials that a broker with this vault creates. */
export const keyName = (vault = 'vault.example'): string => keyMark(vault, 'default', []).name;

export const secretOf = (secret: string) => ({
  credential: { kind: 'secret', secret: new Secret(secret) } as const,
  keyId: secret,
});

/** Sleeps without waiting and records how long. */
class EagerClock extends FakeClock {
  readonly slept: number[] = [];
  override async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    await Promise.resolve();
  }
}

/** A scripted directory and vault for `runSetup`. */
export class SetupBench {
  readonly clock = new EagerClock();
  store = new MemoryCredentialStore();
  readonly redeemer = new FakeRedeemer(this.clock);
  /** Answers of Graph to GET, by a part of the path or query. */
  directory: Record<string, object[]> = {
    "displayName eq 'AdminAgents'": [{ id: 'agents' }],
    "displayName eq 'Broker'": [present],
    "appId eq 'client'": [{ id: 'principal' }],
    [`appId eq '${graphAppId}'`]: [{ id: 'graph', appId: graphAppId }],
    '/oauth2PermissionGrants': [
      { id: 'grant', consentType: 'AllPrincipals', resourceId: 'graph', scope: 'openid profile offline_access' },
    ],
    '/memberOf': [{ id: 'agents' }],
    '/transitiveMemberOf': [{ id: 'agents' }],
  };
  /** Answers a request before the directory does. */
  graph: (request: SeenRequest, count: number) => Scripted | undefined = () => undefined;
  seen: SeenRequest[] = [];
  readonly reported: string[] = [];

  deps(): SetupDeps {
    const scripted = scriptedFetch((request, count) => this.graph(request, count) ?? this.#answer(request));
    this.seen = scripted.seen;
    const { clock, store, redeemer } = this;
    const exchange = { fetch: scripted.fetch, clock, random: () => 0, limiter: new Limiter(4) };
    const binding = { baseUrl: 'https://graph.test', token: async () => new Secret('operator'), correlationId: 'id' };
    let ids = 0;
    return {
      graph: createGraphClient(exchange, binding),
      writer: createGraphWriter(exchange, binding),
      store,
      redeemer,
      clock,
      newId: () => `0000000${(ids += 1)}-id`,
      createCertificate,
      graphIdentifier: 'https://graph.microsoft.com',
      report: ({ step, state }) => this.reported.push(`${state}: ${step.slice(0, 24)}`),
    };
  }

  writes(): string[] {
    return this.seen
      .filter(({ method }) => method !== 'GET')
      .map(({ method, url }) => `${method} ${url.pathname.slice(5)}`);
  }

  bodyOf(path: string): unknown {
    const write = this.seen.find(({ method, url }) => method !== 'GET' && url.pathname.endsWith(path));
    return JSON.parse(write?.body ?? 'null');
  }

  #answer({ method, url }: SeenRequest): Scripted {
    const requested = decodeURIComponent(`${url.pathname}${url.search}`);
    if (method === 'GET') {
      return { value: Object.entries(this.directory).find(([part]) => requested.includes(part))?.[1] ?? [] };
    }
    if (requested.endsWith('/addPassword')) {
      return { secretText: 'made', keyId: 'key', endDateTime: '2027-05-01T00:00:00Z' };
    }
    if (requested.endsWith('/applications')) return { id: 'object', appId: 'client' };
    if (requested.endsWith('/servicePrincipals')) return { id: 'principal' };
    return new Response(null, { status: 204 });
  }
}
