import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addFault, clearFaults, readLedger, resetLedger } from 'microsoft-cloud/client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import { localBrowser } from '../../../src/cli/demo/start-demo.ts';
import { ptbScript } from '../../paths.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell, type PowerShell } from '../powershell/powershell.ts';
import { type GatewayCaller, type Seen, seenByCurl, seenByGraphClient, seenByPowerShell } from './gateway-clients.ts';
import { consentedPermissions, consentToSeven, sevenPermissions } from './seven-permissions.ts';
import { examplesIn, runInNode, runInShell } from '../../support/doc-examples.ts';

/*
 * Two callers and one application that is consented for seven permissions. One caller may only read users, the other
 * only licences. `stop` of the demo scans logs, answers and records for tokens.
 */

const powerShell = findPowerShell();

let demo: WatchedDemo;
let portal: WatchedDemo['cloud']['brokerApplication']['callers'][number];
let users: string;
let licences: string;
let tenantId: string;
let otherTenantId: string;

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly tenant?: string;
  readonly resource?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

async function ask(token: string, path: string, asked: Asked = {}): Promise<Answered> {
  const { method = 'GET', headers = {}, body, tenant = tenantId, resource = 'graph' } = asked;
  const address = /^https?:/.test(path) ? path : `${demo.url}/api/gateway/${tenant}/${resource}${path}`;
  const response = await fetch(address, {
    method,
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, json: isJson ? (JSON.parse(text) as never) : {} };
}

const codeOf = ({ status, json }: Answered) => [status, json['code']];

/** Requests that reached resources of customers since the last `resetLedger`. */
async function arrivedRequests(): Promise<readonly string[]> {
  const { requests } = await readLedger(demo.cloud.control);
  return requests
    .filter(({ service, tenantId: of }) => ['graph', 'exchange'].includes(service) && of !== demo.cloud.partnerTenantId)
    .map(({ method, path }) => `${method} ${path}`);
}

/** Sends a request as it is written, which `fetch` would tidy up. */
async function askRaw(path: string, method = 'GET', headers: OutgoingHttpHeaders = {}): Promise<Answered> {
  const { hostname, port } = new URL(demo.url);
  const options = { hostname, port, method, path, headers: { authorization: `Bearer ${users}`, ...headers } };
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const request = httpRequest(options, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const isJson = response.headers['content-type']?.includes('json') === true;
      const json = isJson ? (JSON.parse(text) as Answered['json']) : {};
      resolve({ status: response.statusCode ?? 0, headers: new Headers(), text, json });
    });
  });
  request.on('error', reject);
  request.end();
  return promise;
}

function callerOf(name: string): typeof portal {
  const caller = demo.cloud.brokerApplication.callers.find((known) => known.name === name);
  if (caller === undefined) throw new Error(`the simulated cloud has no caller ${name}`);
  return caller;
}

beforeAll(async () => {
  demo = await startQuietDemo(25);
  const operations = callerOf('Operations console');
  portal = callerOf('Portal');
  const common = { tenants: ['*'], via: ['gateway'] };
  const policy = {
    version: 1,
    rules: [
      {
        ...(JSON.parse((await examplesIn('gateway.md', 'json'))[0] ?? '') as object),
        ...common,
        name: 'the portal reads users',
        callers: { applications: [portal.clientId] },
      },
      {
        ...common,
        name: 'the portal lists mailboxes',
        callers: { applications: [portal.clientId] },
        resources: ['exchange'],
        requests: { cmdlets: { 'Get-Mailbox': ['ResultSize'] } },
      },
      {
        ...common,
        name: 'operations read licences',
        callers: { applications: [operations.clientId] },
        resources: ['graph'],
        scopes: ['LicenseAssignment.Read.All'],
      },
    ],
  };
  // The app reads the policy with its first request.
  await writeFile(demo.environment['ACCESS_POLICY'] ?? '', JSON.stringify(policy));
  users = await callerTokens(demo.cloud, globalThis.fetch, portal)();
  licences = await callerTokens(demo.cloud, globalThis.fetch, operations)();
  tenantId = tenantOf(demo, 'ok').tenantId;
  otherTenantId = demo.cloud.tenants.filter(({ state }) => state === 'ok')[1]?.tenantId ?? '';
  await consentToSeven(demo.cloud, tenantId);
  // A consent takes a moment until it is in force.
  const isInForce = async () => (await consentedPermissions(demo.cloud, tenantId)).join() === sevenPermissions.join();
  await vi.waitUntil(() => isInForce().catch(() => false), { timeout: 60_000 });
});

afterEach(() => clearFaults(demo.cloud.control));
afterAll(async () => {
  await demo?.stop();
});

describe('two callers of one application with seven permissions', () => {
  it('one reads users and no licences', async () => {
    const read = await ask(users, '/v1.0/users?$select=id,displayName&$top=2');
    expect([read.status, read.headers.get('content-type')]).toEqual([200, expect.stringContaining('application/json')]);
    expect(read.json['value']).toHaveLength(2);
    expect(codeOf(await ask(users, '/v1.0/subscribedSkus'))).toEqual([403, 'caller_forbidden']);
  });

  it('the other reads licences and no users', async () => {
    const read = await ask(licences, '/v1.0/subscribedSkus');
    expect(read.status).toBe(200);
    expect(read.json['value']).not.toEqual([]);
    expect(codeOf(await ask(licences, '/v1.0/users'))).toEqual([403, 'caller_forbidden']);
  });

  it('none gets a token', async () => {
    const answer = await fetch(`${demo.url}/api/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: tenantId, resource: 'graph' }),
    });
    expect(answer.status).toBe(403);
  });
});

describe('the two callers with', () => {
  /** What each caller must see: the portal, then operations. */
  async function expected(): Promise<readonly Seen[]> {
    const all = async (token: string, path: string) => ((await ask(token, path)).json['value'] as unknown[]).length;
    const ofUsers = await all(users, '/v1.0/users?$top=999');
    // So that there are several pages of two.
    expect(ofUsers).toBeGreaterThan(4);
    return [
      { users: ofUsers, licences: 'caller_forbidden', batch: [200, 403] },
      { users: 'caller_forbidden', licences: await all(licences, '/v1.0/subscribedSkus'), batch: [403, 200] },
    ];
  }
  const seenByEach = (seenBy: (caller: GatewayCaller) => Promise<Seen>): Promise<readonly Seen[]> =>
    Promise.all([users, licences].map((token) => seenBy({ url: demo.url, tenantId, token })));

  it("Microsoft's client for Graph", async () => {
    expect(await seenByEach(seenByGraphClient)).toEqual(await expected());
  });

  it('curl', async () => {
    expect(await seenByEach(seenByCurl)).toEqual(await expected());
  });

  it('PowerShell', skippedBecause(typeof powerShell === 'string' ? powerShell : undefined), async () => {
    const shell = powerShell as PowerShell;
    expect(await seenByPowerShell(shell, { url: demo.url, tenantId }, [users, licences])).toEqual(await expected());
  });
});

describe('docs/gateway.md', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ptb-gateway-page-'));
    const rule = JSON.parse(
      ((await examplesIn('gateway.md', 'json'))[0] ?? '').replace('contoso.com', domain()),
    ) as object;
    await writeFile(join(folder, 'access-policy.json'), JSON.stringify({ version: 1, rules: [rule] }));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const domain = (): string => tenantOf(demo, 'ok').domain;

  /** What the examples for a shell print, in their order. */
  const printed: readonly RegExp[] = [
    /^The broker's own application is set up/,
    /^ {2}User\.Read\.All$/m,
    /is valid: 1 rule[\s\S]*\nexit code 1\n$/,
    /"displayName":/,
    /"id":"1","status":200[\s\S]*"id":"2","status":403/,
    /^(?:\{"tenantId":"[^\n]*"accountEnabled":(?:true|false)\}\n){5,}$/,
    /the portal reads users/,
  ];

  it('has examples for a shell that work', async () => {
    const examples = await examplesIn('gateway.md', 'sh');
    expect(examples).toHaveLength(printed.length);
    const operator = {
      ...demo.environment,
      PTB_BROWSER: localBrowser(ptbScript, demo.cloud, 'admin'),
      NODE_EXTRA_CA_CERTS: demo.cloud.caCertificatePath,
    };
    const { principalId } = demo.cloud.managedIdentity;
    for (const [index, example] of examples.entries()) {
      const caller = index === examples.length - 1 ? await demo.callerToken() : users;
      const code = example
        .replaceAll('contoso.com', domain())
        .replace('OBJECT_ID', principalId)
        .replace('--role', '--yes --role');
      const output = await runInShell(code, folder, {
        ...operator,
        BROKER_URL: demo.url,
        CALLER_TOKEN: caller,
        PTB_TOKEN: caller,
      });
      expect(output).toMatch(printed[index] ?? /^$/);
    }
  });

  /** What the page says in words: only the base URL, its host and the scope of the token change. */
  const withoutPackage = `
import { DefaultAzureCredential } from '@azure/identity';
import { Client } from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';

const graph = Client.initWithMiddleware({
  baseUrl: 'https://NAME.azurewebsites.net/api/gateway/contoso.com/graph',
  customHosts: new Set(['name.azurewebsites.net']),
  authProvider: new TokenCredentialAuthenticationProvider(new DefaultAzureCredential(), {
    scopes: ['api://TENANT_ID/partner-token-broker-prod/.default'],
  }),
});
const { value } = await graph.api('/users').select('displayName').top(2).get();
for (const { displayName } of value) console.log(displayName);
`;

  it('works from TypeScript as the page says, with the package and without', async () => {
    const examples = await examplesIn('gateway.md', 'ts');
    expect(examples).toHaveLength(1);
    for (const example of [...examples, withoutPackage]) {
      const options = { authorityHost: demo.cloud.entra, disableInstanceDiscovery: true };
      const code = example
        .replace('new DefaultAzureCredential()', `new DefaultAzureCredential(${JSON.stringify(options)})`)
        .replace('api://TENANT_ID/partner-token-broker-prod', demo.cloud.brokerApplication.audience)
        .replace('contoso.com', domain());
      const output = await runInNode(code, {
        HTTPS_FRONT: 'https://name.azurewebsites.net',
        APP_URL: demo.url,
        NODE_EXTRA_CA_CERTS: demo.cloud.caCertificatePath,
        AZURE_TENANT_ID: demo.cloud.partnerTenantId,
        AZURE_CLIENT_ID: portal.clientId,
        AZURE_CLIENT_SECRET: portal.clientSecret,
      });
      const names = output.trim().split('\n');
      expect(names.length).toBeGreaterThanOrEqual(2);
      for (const name of names) expect(name).toMatch(/^\p{Lu}\S* \S/u);
    }
  });
});

it('a large answer arrives whole', async () => {
  const mebibyte = 1024 * 1024;
  for (const length of [mebibyte, mebibyte + 1, 2 * mebibyte, 2 * mebibyte + 1]) {
    const body = `{"id":"${'0123456789'.repeat(length).slice(0, length - 9)}"}`;
    await addFault(demo.cloud.control, { service: 'graph', path: '/v1\\.0/users', status: 200, body });
    const { status, text } = await ask(users, '/v1.0/users');
    await clearFaults(demo.cloud.control);
    expect([status, text.length, text === body]).toEqual([200, length, true]);
  }
});

describe('a collection', () => {
  it('is read page by page through links of the gateway, by its caller alone', async () => {
    const first = await ask(users, '/v1.0/users?$top=2&$select=id');
    const next = String(first.json['@odata.nextLink']);
    expect(next.startsWith(`${demo.url}/api/gateway/${tenantId}/graph/v1.0/users?`)).toBe(true);
    const second = await ask(users, next);
    expect(second.status).toBe(200);
    expect(second.json['value']).not.toEqual(first.json['value']);
    expect(codeOf(await ask(licences, next))).toEqual([403, 'caller_forbidden']);
    expect(codeOf(await ask(users, next.replace(tenantId, otherTenantId)))).toEqual([403, 'caller_forbidden']);
    expect(codeOf(await ask(users, next.replace('ptb_link', 'x')))).toEqual([400, 'request_invalid']);
  });
});

describe('a batch', () => {
  const part = (id: string, url: string, method = 'GET') => ({ id, method, url });

  it('gets an answer for each part, and 403 for those that the rule does not open', async () => {
    await resetLedger(demo.cloud.control);
    const requests = [
      part('1', '/users?$top=1'),
      part('2', '/subscribedSkus'),
      part('3', `/users/${tenantId}`, 'DELETE'),
    ];
    const { status, json } = await ask(users, '/v1.0/$batch', { method: 'POST', body: { requests } });
    expect(status).toBe(200);
    const responses = json['responses'] as { id: string; status: number }[];
    expect(responses.map((each) => [each.id, each.status])).toEqual([
      ['1', 200],
      ['2', 403],
      ['3', 403],
    ]);
    expect(await arrivedRequests()).toEqual(['GET /v1.0/users']);
  });
});

describe('Exchange', () => {
  const path = () => `/adminapi/beta/${tenantId}/InvokeCommand`;
  const invoke = (name: string, parameters: object, more: Asked = {}) =>
    ask(users, path(), {
      method: 'POST',
      resource: 'exchange',
      body: { CmdletInput: { CmdletName: name, Parameters: parameters } },
      ...more,
    });

  it('runs the cmdlet that the rule lists, with its parameters', async () => {
    const answer = await invoke('get-mailbox', { ResultSize: 'Unlimited' });
    expect([answer.status, (answer.json['value'] as unknown[]).length > 0]).toEqual([200, true]);
  });

  it.each([
    ['Get-OrganizationConfig', {}],
    ['Get-Mailbox', { Identity: 'alice' }],
  ])('refuses %s with %j', async (name, parameters) => {
    await resetLedger(demo.cloud.control);
    expect(codeOf(await invoke(name, parameters))).toEqual([403, 'caller_forbidden']);
    expect(await arrivedRequests()).toEqual([]);
  });
});

describe('bad input is refused and not forwarded', () => {
  /** Sent as written; `T` is the tenant. */
  const paths: readonly (readonly [what: string, path: string, status: number, code: string | undefined])[] = [
    ['an unknown tenant', '/99999999-1111-4111-8111-999999999999/graph/v1.0/users', 403, 'tenant_not_delegated'],
    ['a tenant that is no tenant', '/a%20b/graph/v1.0/users', 400, 'request_invalid'],
    ['an unknown resource', '/T/none/v1.0/users', 400, 'resource_not_allowed'],
    ['no path', '/T/graph', 400, 'request_invalid'],
    ['an absolute URL', '/T/graph/https://evil.example/v1.0/users', 400, 'request_invalid'],
    ['another origin', '/T/graph//evil.example/v1.0/users', 400, 'request_invalid'],
    ['an absolute URL in the query', '/T/graph/v1.0/users?$skiptoken=https://evil.example/', 403, 'caller_forbidden'],
    ['a double encoded slash', '/T/graph/v1.0/users/a%252fb', 400, 'request_invalid'],
    ['an encoded slash', '/T/graph/v1.0/users%2fx', 400, 'request_invalid'],
    ['an encoded backslash', '/T/graph/v1.0/users%5cx', 400, 'request_invalid'],
    ['dot segments', '/T/graph/v1.0/users/../subscribedSkus', 403, 'caller_forbidden'],
    ['encoded dot segments', '/T/graph/v1.0/users/%2e%2e/subscribedSkus', 403, 'caller_forbidden'],
    ['double encoded dot segments', '/T/graph/v1.0/users/%252e%252e/subscribedSkus', 400, 'request_invalid'],
    ['double encoded letters', '/T/graph/v1.0/%2575sers', 400, 'request_invalid'],
    [
      'double encoded dot segments to what is allowed',
      '/T/graph/v1.0/subscribedSkus/%252e%252e/users',
      400,
      'request_invalid',
    ],
    ['a double encoded number sign', '/T/graph/v1.0/users/x%2523y', 400, 'request_invalid'],
    ['a percent sign', '/T/graph/v1.0/users/%zz', 400, 'request_invalid'],
    ['a path that is not UTF-8', '/T/graph/v1.0/users/%ff', 400, 'request_invalid'],
    ['a backslash', String.raw`/T/graph/v1.0/users\x`, 400, 'request_invalid'],
    // The host refuses it.
    ['NUL', '/T/graph/v1.0/users/a%00b', 400, undefined],
    ['overlong UTF-8 in the query', '/T/graph/v1.0/users?$filter=%c0%ae', 400, 'request_invalid'],
    ['another case', '/T/graph/V1.0/SUBSCRIBEDSKUS', 403, 'caller_forbidden'],
    ['a matrix parameter', '/T/graph/v1.0/users;v=1', 400, 'request_invalid'],
    ['an option twice', '/T/graph/v1.0/users?$top=1&$top=2', 400, 'request_invalid'],
    ['an option twice, once without its dollar', '/T/graph/v1.0/users?$select=id&select=mail', 400, 'request_invalid'],
    ['an unknown option', '/T/graph/v1.0/users?x=1', 400, 'request_invalid'],
    ['a navigation that the rule does not open', '/T/graph/v1.0/users?$expand=memberOf', 403, 'caller_forbidden'],
    ['another version', '/T/graph/v2.0/users', 400, 'request_invalid'],
    ['beta', '/T/graph/beta/users', 403, 'caller_forbidden'],
    ['the signed-in account', '/T/graph/v1.0/me', 403, 'caller_forbidden'],
  ];

  it.each(paths)('%s', async (_, path, status, code) => {
    await resetLedger(demo.cloud.control);
    expect(codeOf(await askRaw(`/api/gateway${path.replace('/T/', `/${tenantId}/`)}`))).toEqual([status, code]);
    expect(await arrivedRequests()).toEqual([]);
  });

  it('dot segments that lead to another tenant serve that tenant by its own rules or nothing', async () => {
    await resetLedger(demo.cloud.control);
    const up = `/api/gateway/${tenantId}/graph/v1.0/%252e%252e/%252e%252e/%252e%252e`;
    const answer = await askRaw(`${up}/${otherTenantId}/graph/v1.0/subscribedSkus`);
    expect([400, 403]).toContain(answer.status);
    expect(await arrivedRequests()).toEqual([]);
  });

  const users1 = '/v1.0/users?$top=1';
  const requests: readonly (readonly [what: string, path: string, asked: Asked, status: number])[] = [
    ['a header that overrides the method', users1, { headers: { 'x-http-method-override': 'DELETE' } }, 400],
    ['an absolute URL in a batch', '/v1.0/$batch', batchOf('https://evil.example/v1.0/users'), 400],
    ['a nested batch', '/v1.0/$batch', batchOf('/$batch'), 200],
    ['a batch of 21 parts', '/v1.0/$batch', batchOf(...Array.from({ length: 21 }, () => '/users')), 400],
    ['a batch that is not JSON', '/v1.0/$batch', { method: 'POST', body: '{"requests"' }, 400],
    ['a body with GET', '/v1.0/users/x', { method: 'DELETE', body: { a: 1 } }, 400],
    [
      'a body with a content coding',
      users1,
      { method: 'POST', body: {}, headers: { 'content-encoding': 'gzip' } },
      400,
    ],
    ['a key twice', '/v1.0/users/x', { method: 'PATCH', body: '{"jobTitle":"a","JobTitle":"b"}' }, 400],
    // A method is case-sensitive, and `fetch` sends this one as it is.
    ['a method in lower case', '/v1.0/users/x', { method: 'patch', body: {} }, 400],
    ['a body of more than 4 MiB', '/v1.0/users/x', { method: 'PATCH', body: 'x'.repeat(4 * 1024 * 1024 + 1) }, 413],
    ['1 MB of $filter', `/v1.0/users?$filter=${'a'.repeat(1_000_000)}`, {}, 414],
  ];

  it.each(requests)('%s', async (_, path, asked, status) => {
    await resetLedger(demo.cloud.control);
    const answer = await ask(users, path, asked);
    expect(answer.status).toBe(status);
    if (answer.status === 200) expect(answer.json['responses']).toMatchObject([{ status: 400 }]);
    expect(await arrivedRequests()).toEqual([]);
  });

  it.each([{ 'transfer-encoding': 'chunked' }, { 'transfer-encoding': 'gzip, chunked' }])(
    'a body with %j',
    async (headers) => {
      await resetLedger(demo.cloud.control);
      const answer = await askRaw(`/api/gateway/${tenantId}/graph/v1.0/users/x`, 'PATCH', headers);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(await arrivedRequests()).toEqual([]);
    },
  );
});

function batchOf(...urls: readonly string[]): Asked {
  const method = urls[0] === '/$batch' ? 'POST' : 'GET';
  return { method: 'POST', body: { requests: urls.map((url, index) => ({ id: String(index), method, url })) } };
}

describe('answers', () => {
  const path = '/v1.0/users?$top=1';
  const graph = { service: 'graph', path: '/users$' } as const;

  it.each([
    ['expand to 1 GB', { kind: 'gzip_bomb' }],
    ['are no JSON', { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>hello</p>' }],
    [
      'lead to another host',
      { status: 200, body: '{"@odata.nextLink":"https://evil.example/v1.0/users?$skiptoken=a"}' },
    ],
  ] as const)('that %s are dropped', async (_, fault) => {
    await addFault(demo.cloud.control, { ...graph, tenantId, ...fault });
    expect(codeOf(await ask(users, path))).toEqual([502, 'resource_error']);
  });

  it('pass with their status, request-id and Retry-After, and without cookies and redirects', async () => {
    const headers = {
      'request-id': 'abc',
      'retry-after': '120',
      'set-cookie': 'a=b',
      'www-authenticate': 'Bearer realm=""',
      location: 'https://evil.example/',
    };
    // Another object than in the other tests: requests to this one are stopped for two minutes.
    const fault = { service: 'graph', path: '/users/delta$', tenantId, status: 429, headers } as const;
    await addFault(demo.cloud.control, { ...fault, body: '{"error":{"code":"busy"}}' });
    await resetLedger(demo.cloud.control);
    const answer = await ask(users, '/v1.0/users/delta');
    expect([answer.status, answer.json]).toEqual([429, { error: { code: 'busy' } }]);
    expect([answer.headers.get('request-id'), answer.headers.get('retry-after')]).toEqual(['abc', '120']);
    for (const name of ['set-cookie', 'www-authenticate', 'location']) expect(answer.headers.get(name)).toBeNull();
    // It asks for more time than the gateway waits.
    expect(await arrivedRequests()).toHaveLength(1);
    expect(codeOf(await ask(users, '/v1.0/users/delta'))).toEqual([503, 'throttled']);
    expect(await arrivedRequests()).toHaveLength(1);
  });

  it('that ask for a short pause are waited for', async () => {
    const fault = { ...graph, tenantId, count: 1, status: 429, headers: { 'retry-after': '1' } };
    await addFault(demo.cloud.control, fault);
    await resetLedger(demo.cloud.control);
    expect((await ask(users, path)).status).toBe(200);
    expect(await arrivedRequests()).toHaveLength(2);
  });
});

it('the audit log has each request before it left and its outcome, and what was refused', async () => {
  const since = new Date().toISOString();
  const correlationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c34';
  const headers = { 'x-correlation-id': correlationId };
  await ask(users, '/v1.0/users?$top=1&$select=id', { headers });
  await ask(users, '/v1.0/subscribedSkus', { headers });
  const token = await demo.callerToken();
  let entries: Readonly<Record<string, unknown>>[] = [];
  while (entries.length < 3) {
    const address = `${demo.url}/api/audit?kind=request&from=${since}`;
    const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    entries = ((await answer.json()) as { entries: typeof entries }).entries;
  }
  const about = { kind: 'request', method: 'GET', tenantId, correlationId };
  const sent = { ...about, path: '/v1.0/users', rule: 'the portal reads users', scopes: ['User.Read.All'] };
  expect(entries).toHaveLength(3);
  expect(entries).toContainEqual(expect.objectContaining({ ...sent, outcome: 'sent', uti: expect.any(String) }));
  expect(entries).toContainEqual(
    expect.objectContaining({
      ...sent,
      outcome: 'answered',
      status: 200,
      requestId: expect.any(String),
      bytes: expect.any(Number),
      uti: expect.any(String),
    }),
  );
  const denied = { ...about, path: '/v1.0/subscribedSkus', outcome: 'denied', code: 'caller_forbidden' };
  expect(entries).toContainEqual(expect.objectContaining(denied));
});
