import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addFault, clearFaults, readFaults, readLedger, resetLedger } from '../../src/client.ts';
import { type FaultRule, faultSetNames, type RunningCloud } from '../../src/index.ts';
import { accessToken, call, redeem, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
let tenant: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ plain: true, tenants: 5 });
  tenant = cloud.document.tenants[0]?.tenantId ?? '';
});
afterEach(async () => {
  await clearFaults(cloud.document.control);
  await resetLedger(cloud.document.control);
});
afterAll(() => cloud.stop());

const add = (rule: FaultRule) => addFault(cloud.document.control, rule);
const token = (of = tenant) => redeem(cloud, of);

describe('fault rules', () => {
  it('affects as many requests as set, from the nth on', async () => {
    await add({
      service: 'entra',
      from: 2,
      count: 2,
      status: 503,
      headers: { 'retry-after': '7' },
      body: '{"error":"down"}',
    });
    const replies = [];
    for (let request = 0; request < 4; request += 1) replies.push(await token());
    expect(replies.map(({ status }) => status)).toEqual([200, 503, 503, 200]);
    expect(replies[1]?.headers.get('retry-after')).toBe('7');
    expect(replies[1]?.body).toEqual({ error: 'down' });
    expect(await readFaults(cloud.document.control)).toMatchObject([{ matched: 4, applied: 2 }]);
  });

  it('selects requests by tenant, grant, resource and path', async () => {
    const other = cloud.document.tenants[1]?.tenantId ?? '';
    await add({
      service: 'entra',
      tenantId: tenant,
      grant: 'refresh_token',
      resource: 'https://graph.microsoft.com',
      path: 'v2\\.0/token$',
      aadsts: 53003,
    });
    expect((await token()).body['error_codes']).toEqual([53003]);
    expect((await token(other)).status).toBe(200);
    expect((await redeem(cloud, tenant, { scope: 'https://outlook.office365.com/.default' })).status).toBe(200);
    expect((await redeem(cloud, tenant, { grant_type: 'client_credentials' })).status).toBe(200);
  });

  it('affects every nth request', async () => {
    await add({ service: 'entra', from: 2, every: 2, kind: 'empty_json' });
    const bodies = [];
    for (let request = 0; request < 4; request += 1) bodies.push(Object.keys((await token()).body).length === 0);
    expect(bodies).toEqual([false, true, false, true]);
  });

  it.each(['drop', 'lost_reply', 'truncated'] as const)('closes the connection for %s', async (kind) => {
    await add({ service: 'entra', kind, count: 1 });
    await expect(token()).rejects.toThrow();
    expect((await token()).status).toBe(200);
  });

  it('handles the request before lost_reply, but not before drop', async () => {
    const graph = await accessToken(cloud, cloud.document.partnerTenantId);
    const lost = async (kind: FaultRule['kind'], path: string) => {
      await add({ service: 'graph', count: 1, ...(kind === undefined ? {} : { kind }) });
      await expect(call(`${cloud.document.graph}/v1.0${path}`, graph)).rejects.toThrow();
    };
    await lost('lost_reply', '/nonsense');
    await lost('drop', '/nonsense');
    const { requests } = await readLedger(cloud.document.control);
    const seen = requests
      .filter(({ service }) => service === 'graph')
      .map(({ status, unmatched }) => ({ status, unmatched }));
    expect(seen).toEqual([
      { status: 0, unmatched: true },
      { status: 0, unmatched: undefined },
    ]);
  });

  it('replies with an HTML page, plain text or 10 MB', async () => {
    await add({ service: 'entra', kind: 'html', count: 1 });
    await add({ service: 'entra', kind: 'plain_429', from: 2, count: 1, headers: { 'retry-after': '3' } });
    await add({ service: 'entra', kind: 'huge', from: 3, count: 1 });
    const raw = async () => {
      const response = await fetch(`${cloud.document.entra}/${tenant}/oauth2/token`, {
        method: 'POST',
        body: new URLSearchParams(),
      });
      return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
    };
    expect(await raw()).toMatchObject({
      status: 503,
      type: 'text/html',
      text: expect.stringContaining('<!DOCTYPE html>') as string,
    });
    expect(await raw()).toEqual({ status: 429, type: 'text/plain', text: 'Too Many Requests' });
    expect((await raw()).text.length).toBeGreaterThan(10 * 1024 * 1024);
  });

  it('sends a megabyte of gzip that expands to a gigabyte for gzip_bomb', async () => {
    await add({ service: 'entra', kind: 'gzip_bomb', count: 1 });
    const response = await fetch(`${cloud.document.entra}/common/discovery/instance`);
    expect(Number(response.headers.get('content-length'))).toBeLessThan(2 * 1024 * 1024);
    let size = 0;
    for await (const chunk of response.body ?? []) size += (chunk as Uint8Array).byteLength;
    expect(size).toBe(1024 ** 3);
  });

  it('sends the normal reply in small chunks for drip', async () => {
    await add({ service: 'entra', kind: 'drip', count: 1 });
    const response = await fetch(`${cloud.document.entra}/common/discovery/instance`);
    const chunks: number[] = [];
    for await (const chunk of response.body ?? []) chunks.push((chunk as Uint8Array).byteLength);
    expect(chunks.length).toBeGreaterThan(3);
  });

  it('rejects invalid rules and unknown sets', async () => {
    const attempt = (rule: object) => addFault(cloud.document.control, rule);
    await expect(attempt({ service: 'entra' })).rejects.toThrow('needs one of status, kind, aadsts and delayMs');
    await expect(attempt({ service: 'nowhere', status: 500 })).rejects.toThrow(
      '"service" of the fault rule is not valid',
    );
    await expect(attempt({ kind: 'explode' })).rejects.toThrow('"kind" of the fault rule is not valid');
    await expect(attempt({ path: '(', status: 500 })).rejects.toThrow('"path"');
    await expect(attempt({ when: 'now', status: 500 })).rejects.toThrow('no field "when"');
    await expect(addFault(cloud.document.control, 'nonsense')).rejects.toThrow(
      /There is no fault set "nonsense". Use one of none, flaky,/,
    );
  });

  it('silences directory roles alone', async () => {
    const graph = await accessToken(cloud, tenant);
    const status = async (path: string) => (await call(`${cloud.document.graph}/v1.0/${path}`, graph)).status;
    const [user] = (await call(`${cloud.document.graph}/v1.0/users?$top=1`, graph)).body['value'] as { id: string }[];
    const paths = [
      `roleManagement/directory/roleAssignments?$filter=principalId eq '${user?.id}'`,
      `users/${user?.id}/transitiveMemberOf/microsoft.graph.directoryRole`,
    ];
    expect(await Promise.all(paths.map(status))).toEqual([200, 200]);
    await addFault(cloud.document.control, 'directory-roles-down');
    expect(await Promise.all(paths.map(status))).toEqual([503, 503]);
    expect(await status(`users/${user?.id}`)).toBe(200);
    await clearFaults(cloud.document.control);
    await add({ service: 'graph', tenantId: tenant, path: '/roleManagement/', kind: 'drop' });
    await expect(status(paths[0] ?? '')).rejects.toThrow();
    expect(await status(paths[1] ?? '')).toBe(200);
  });

  it('accepts every fault set by name', async () => {
    for (const name of faultSetNames) await addFault(cloud.document.control, name);
    expect((await readFaults(cloud.document.control)).length).toBeGreaterThan(faultSetNames.length / 2);
  });
});

describe('ledger', () => {
  it('counts requests and holds no secret', async () => {
    await Promise.all([token(), token(), token()]);
    await call(`${cloud.document.graph}/v1.0/organization`, await accessToken(cloud, tenant));
    await add({ service: 'entra', status: 429, count: 1 });
    await token();
    const { totals, requests } = await readLedger(cloud.document.control);
    expect(totals).toMatchObject({ entraTokenRequests: 5, graphRequests: 1, throttled: 1, unmatched: 0 });
    expect(totals.maxConcurrentEntra).toBeGreaterThan(1);
    expect(requests.at(-1)).toMatchObject({
      service: 'entra',
      method: 'POST',
      tenantId: tenant,
      grant: 'refresh_token',
      resource: 'https://graph.microsoft.com',
      status: 429,
    });
    const { application, refreshToken } = cloud.document;
    const text = JSON.stringify(requests);
    for (const secret of [application.clientSecret, refreshToken, 'eyJ']) expect(text).not.toContain(secret);
  });
});

describe('control endpoint', () => {
  it('rejects requests with another Host header', async () => {
    const { port } = new URL(cloud.document.control);
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/document', headers: { host: 'attacker.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('shows tenants, accounts and faults on its page, without secrets', async () => {
    await add({ service: 'graph', path: '<b>', status: 500 });
    const text = await (await fetch(`${cloud.document.control}/`)).text();
    for (const shown of [
      cloud.document.tenants[0]?.name,
      cloud.document.accounts[0]?.username,
      'conditional-access-everywhere',
      'KEY_VAULT_URL',
      '&lt;b&gt;',
    ]) {
      expect(text).toContain(shown);
    }
    const { application, refreshToken, managedIdentity } = cloud.document;
    for (const secret of [application.clientSecret, refreshToken, managedIdentity.header])
      expect(text).not.toContain(secret);
  });
});
