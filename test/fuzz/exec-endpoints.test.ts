import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openGraphRelay } from '../../src/cli/exec/graph-relay.ts';
import {
  type IdentityDeps,
  type IdentityEndpoint,
  openIdentityEndpoint,
} from '../../src/cli/exec/identity-endpoint.ts';
import type { LoopbackServer } from '../../src/cli/exec/loopback-server.ts';
import { addResource } from '../../src/cli/exec/resource-aliases.ts';
import type { BrokerClient } from '../../src/cli/remote/broker-client.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { seededRandom } from '../fakes/fake-clock.ts';
import { casesOf } from '../support/extent.ts';

// The endpoints of a program under attack by another process, or by the program itself: nothing is served for a wrong secret,
// another tenant or another resource, and nothing leaves for the gateway beyond the tenant.

const attempts = casesOf(10_000);
const tenant = { tenantId: '11111111-2222-4333-8444-555555555555', name: 'Contoso', defaultDomain: 'contoso.com' };
const otherTenant = '99999999-2222-4333-8444-555555555555';
const brokerUrl = 'https://broker.example';
const getToken = vi.fn<IdentityDeps['getToken']>(() =>
  Promise.reject(new BrokerError('internal', 'A wrong request reached the broker.')),
);
const relay = vi.fn<BrokerClient['relay']>(() =>
  Promise.resolve({ status: 200, headers: new Headers(), body: Buffer.from('served') }),
);
const newSecret = (): string => randomBytes(32).toString('base64url');
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const random = seededRandom(23);

let identity: IdentityEndpoint;
let graph: LoopbackServer;
beforeAll(async () => {
  identity = await openIdentityEndpoint({
    tenant,
    resources: addResource('graph'),
    newSecret,
    getToken,
    nowMs: () => Date.now(),
  });
  graph = await openGraphRelay({ tenant, client: { url: brokerUrl, relay }, newSecret });
});
afterAll(async () => {
  agent.destroy();
  await Promise.all([identity.close(), graph.close()]);
});

interface Attempt {
  readonly server: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;

/** Another text that is nearly the same. */
function nearly(secret: string): string {
  const at = Math.floor(random() * secret.length);
  return pick([
    secret.slice(0, at),
    `${secret}${pick(['=', 'A', '%00', ' x', ','])}`,
    `${secret.slice(0, at)}${secret[at] === 'A' ? 'B' : 'A'}${secret.slice(at + 1)}`,
    secret.toUpperCase() === secret ? secret.toLowerCase() : secret.toUpperCase(),
    `${secret}, ${secret}`,
    '',
    newSecret(),
  ]);
}

const resource = 'https://graph.microsoft.com';
const good = `resource=${resource}&api-version=2019-08-01`;
const tokenPath = '/msi/token';

const wrongHeader = (): Attempt => ({
  server: identity.url,
  path: pick([`${tokenPath}?${good}`, `//${tokenPath}?${good}`, `${tokenPath}/../token?${good}`, `/?${good}`]),
  method: pick(['GET', 'GET', 'POST', 'HEAD', 'OPTIONS']),
  headers: {
    [pick(['x-identity-header', 'X-IDENTITY-HEADER', 'secret', 'metadata'])]: nearly(identity.header),
    host: pick(['127.0.0.1', 'localhost', 'attacker.example', '169.254.169.254']),
  },
});

/** The program itself asks for another tenant or resource. */
const wrongQuery = (): Attempt => ({
  server: identity.url,
  path: `${tokenPath}?${pick([
    `${good}&${pick(['tenant', 'tenant_id', 'TenantId', 'authority', '%74enant'])}=${otherTenant}`,
    `${good}&${pick(['client_id', 'object_id', 'mi_res_id', 'msi_res_id', 'principal_id'])}=${otherTenant}`,
    `resource=${pick([
      'https://vault.azure.net',
      'https://management.azure.com',
      'https://graph.microsoft.com.attacker.example',
      'https://graph.microsoft.com/x',
      'https://graph.microsoft.com//',
      `https://graph.microsoft.com/${otherTenant}/.default`,
      'graph',
      '',
      '__proto__',
    ])}`,
    `${good}&resource=https://vault.azure.net`,
    `resource=https://vault.azure.net&${good}`,
    'api-version=2019-08-01',
  ])}`,
  headers: { 'x-identity-header': identity.header },
});

const wrongSecret = (): Attempt => {
  const secret = new URL(graph.url).pathname.slice(1);
  return {
    server: graph.url,
    path: `/${encodeURI(nearly(secret)).replaceAll('?', '%3F')}${pick(['/v1.0/users', '', '/', '//v1.0/users', `/../${secret}/v1.0/users`])}`,
    method: pick(['GET', 'POST', 'PATCH', 'DELETE', 'HEAD', 'PUT']),
    headers: { host: pick(['127.0.0.1', 'attacker.example']) },
  };
};

const status = ({ server, path, method = 'GET', headers = {} }: Attempt): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server);
    request({ hostname, port, path, method, headers, agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });

test(`serves none of ${attempts} requests with a wrong secret, tenant or resource`, { timeout: 600_000 }, async () => {
  const wrong: unknown[] = [];
  let answered = 0;
  const left = Array.from({ length: attempts }, (_, n) => [wrongHeader, wrongQuery, wrongSecret][n % 3]);
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const attempt = next();
      const found = await status(attempt);
      answered += 1;
      if (found < 400 || found > 499) wrong.push({ ...attempt, found });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  expect(wrong).toEqual([]);
  expect(answered).toBe(attempts);
  expect(getToken).not.toHaveBeenCalled();
  expect(relay).not.toHaveBeenCalled();
  expect(identity.refused()).toBeUndefined();
});

test(`sends none of ${attempts / 10} paths of the program beyond its tenant`, async () => {
  relay.mockClear();
  const secret = new URL(graph.url).pathname;
  const piece = (): string =>
    pick([
      '..',
      '.',
      '%2e%2e',
      '%2E.',
      '..%2f',
      '..%5c',
      '..\\',
      '\\',
      '/',
      '//',
      ';',
      '@',
      'v1.0',
      'users',
      otherTenant,
      'graph',
      '%00',
      '%2f%2e%2e',
    ]);
  for (let n = 0; n < attempts / 10; n += 1) {
    const path = `${secret}/${Array.from({ length: 1 + Math.floor(random() * 6) }, piece).join(pick(['/', '']))}`;
    await status({ server: graph.url, path });
  }
  expect(relay.mock.calls.length).toBeGreaterThan(attempts / 100);
  for (const [sent] of relay.mock.calls)
    expect(new URL(sent.url).href.startsWith(`${brokerUrl}/api/gateway/${tenant.tenantId}/graph/`)).toBe(true);
});
