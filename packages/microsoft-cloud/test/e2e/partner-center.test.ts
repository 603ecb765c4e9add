import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, account, call, type JsonReply, postForm, startTrustedCloud } from '../../src/testing.ts';

const resource = 'https://api.partnercenter.microsoft.com';
let cloud: RunningCloud;
let token: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 30 });
  token = await accessToken(cloud, cloud.document.partnerTenantId, resource);
});
afterAll(() => cloud.stop());

const at = (path: string, init: RequestInit = {}, bearer = token): Promise<JsonReply> =>
  call(`${cloud.document.partnerCenter}/v1${path}`, bearer, init);

const items = ({ body }: JsonReply) => (body['items'] ?? []) as readonly Record<string, unknown>[];
const customersOf = () => cloud.world.customers.filter(({ state, trait }) => state === 'ok' && trait === undefined);

async function tokenWithoutMfa(): Promise<string> {
  const { entra, application, control, partnerTenantId } = cloud.document;
  const redirectUri = 'http://localhost:1';
  const query = new URLSearchParams({
    client_id: application.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: `${resource}/.default`,
  });
  const back = await signIn(
    control,
    `${entra}/${partnerTenantId}/oauth2/v2.0/authorize?${query.toString()}`,
    account(cloud, 'nomfa'),
  );
  const { body } = await postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
    grant_type: 'authorization_code',
    client_id: application.clientId,
    client_secret: application.clientSecret,
    redirect_uri: redirectUri,
    code: new URL(back).searchParams.get('code') ?? '',
    scope: `${resource}/.default`,
  });
  return String(body['access_token']);
}

describe('Partner Center', () => {
  it('pages customers by a continuation token in a header', async () => {
    const found: string[] = [];
    let next: { uri: string; headers: { key: string; value: string }[] } | undefined = {
      uri: '/customers?size=7',
      headers: [],
    };
    while (next !== undefined) {
      const headers = Object.fromEntries(next.headers.map(({ key, value }) => [key, value]));
      const { body }: JsonReply = await at(next.uri, { headers });
      found.push(...(body['items'] as { id: string }[]).map(({ id }) => id));
      next = (body['links'] as { next?: typeof next }).next;
    }
    expect(found.length).toBeGreaterThan(14);
    expect(new Set(found).size).toBe(found.length);
  });

  it('reports MFA, repeats request ids, and rejects a user without MFA', async () => {
    const id = randomUUID();
    const fine = await at('/customers?size=1', { headers: { ValidateMfa: 'true', 'MS-RequestId': id } });
    expect([fine.headers.get('ismfacompliant'), fine.headers.get('ms-requestid')]).toEqual(['true', id]);
    const refused = await at('/customers?size=1', { headers: { ValidateMfa: 'true' } }, await tokenWithoutMfa());
    expect(refused).toMatchObject({ status: 401, body: { code: 900421, data: [], source: 'PartnerFD' } });
    expect(refused.headers.get('ismfacompliant')).toBe('false');
  });

  it('rejects a token for Azure AD Graph', async () => {
    const old = await accessToken(cloud, cloud.document.partnerTenantId, 'https://graph.windows.net');
    expect(await at('/customers', {}, old)).toMatchObject({ status: 401, body: { code: 900420 } });
  });

  it('returns 404 for an unknown customer', async () => {
    expect(await at(`/customers/${randomUUID()}`)).toMatchObject({ status: 404, body: { code: 60003 } });
  });

  it('has relative addresses in links', async () => {
    const [customer] = items(await at('/customers?size=1'));
    const id = String(customer?.['id']);
    expect(customer).toMatchObject({
      links: { self: { uri: `/customers/${id}`, method: 'GET', headers: [] } },
      companyProfile: { links: { self: { uri: `/customers/${id}/profiles/company` } } },
    });
    expect((await at(`/customers/${id}/profiles/billing`)).body).toMatchObject({ id });
  });

  it('filters customers by the start of a name or domain, and refuses other filters', async () => {
    const filter = (...[Field, Operator, Value]: readonly string[]) =>
      at(`/customers?size=0&filter=${encodeURIComponent(JSON.stringify({ Field, Operator, Value }))}`);
    const [first] = cloud.document.tenants;
    const found = items(await filter('CompanyName', 'starts_with', first?.name.slice(0, 5).toUpperCase() ?? ''));
    expect(found.map(({ id }) => id)).toContain(first?.tenantId);
    expect(found.length).toBeLessThan(items(await at('/customers')).length);
    expect(items(await filter('Domain', 'starts_with', first?.domain ?? '')).map(({ id }) => id)).toEqual([
      first?.tenantId,
    ]);
    const refused = [
      filter('CompanyName', 'substring', 'a'),
      filter('Colour', 'starts_with', 'a'),
      at('/customers?filter=x'),
    ];
    for (const reply of await Promise.all(refused)) expect(reply).toMatchObject({ status: 400, body: { code: 2000 } });
  });

  it('sells the licences that Graph lists to its resale customers only', async () => {
    const [reseller, advisor] = ['reseller', 'advisor'].map((kind) =>
      customersOf().find(({ sources }) => sources.customer && sources.contract === (kind === 'reseller')),
    );
    const path = `/customers/${reseller?.tenantId}`;
    const sold = items(await at(`${path}/subscriptions`));
    expect(sold.length).toBeGreaterThan(0);
    const skus = items(await at(`${path}/subscribedskus`));
    const graph = await call(
      `${cloud.document.graph}/v1.0/subscribedSkus`,
      await accessToken(cloud, reseller?.tenantId ?? ''),
    );
    const listed = graph.body['value'] as { skuId: string; consumedUnits: number; prepaidUnits: { enabled: number } }[];
    expect(skus.map(({ productSku, consumedUnits, activeUnits }) => [productSku, consumedUnits, activeUnits])).toEqual(
      listed.map(({ skuId, consumedUnits, prepaidUnits }) => [
        expect.objectContaining({ id: skuId }) as unknown,
        consumedUnits,
        prepaidUnits.enabled,
      ]),
    );
    const [one] = sold;
    expect((await at(`${path}/subscriptions/${String(one?.['id'])}`)).body).toEqual(one);
    expect(Date.parse(String(one?.['commitmentEndDate']))).toBeGreaterThan(cloud.clock.nowMs());
    expect(await at(`/customers/${advisor?.tenantId}/subscriptions`)).toMatchObject({
      status: 403,
      body: { code: 20002 },
    });
  });

  it('has the users of a customer in which the caller has a role', async () => {
    const tenant = cloud.document.tenants.find(({ state }) => state === 'ok')?.tenantId ?? '';
    const users = items(await at(`/customers/${tenant}/users`));
    const customer = cloud.world.findCustomer(tenant);
    expect(users.map(({ id }) => id)).toEqual((customer ? cloud.world.usersOf(customer) : []).map(({ id }) => id));
    const [first] = users;
    expect((await at(`/customers/${tenant}/users/${String(first?.['id'])}`)).body).toEqual(first);
    const lapsed = cloud.document.tenants.find(({ state }) => state === 'gdap_expired')?.tenantId;
    expect((await at(`/customers/${lapsed}/users`)).status).toBe(403);
  });

  it('pages invoices by the index of the first one', async () => {
    const all = items(await at('/invoices')).map(({ id }) => id);
    const page = await at('/invoices?size=2&offset=3');
    expect(items(page).map(({ id }) => id)).toEqual(all.slice(3, 5));
    expect(page.body['links']).toMatchObject({ next: { uri: '/invoices?size=2&offset=5', headers: [] } });
    const last = await at('/invoices?size=2&offset=5');
    expect(items(last).map(({ id }) => id)).toEqual(all.slice(5));
    expect(last.body['links']).not.toHaveProperty('next');
    expect((await at('/invoices?offset=-1')).status).toBe(400);
    expect((await at('/invoices?offset=x')).status).toBe(400);
  });

  it('owes what the invoices charge, for the account and for each currency', async () => {
    const charged = items(await at('/invoices')).reduce((sum, { totalCharges }) => sum + Number(totalCharges), 0);
    const { status, body } = await at('/invoices/summary');
    expect(status).toBe(200);
    expect(Number(body['balanceAmount'])).toBeCloseTo(charged, 2);
    expect(body).toMatchObject({ currencyCode: 'GBP', attributes: { objectType: 'InvoiceSummary' } });
    expect(items(await at('/invoices/summaries'))).toEqual([body]);
  });

  it('has an invoice for each month, whose line items add up', async () => {
    const invoices = items(await at('/invoices'));
    expect(invoices).toHaveLength(6);
    const [newest] = invoices;
    expect(Date.parse(String(newest?.['billingPeriodEndDate']))).toBeLessThanOrEqual(cloud.clock.nowMs());
    const [detail] = (newest?.['invoiceDetails'] ?? []) as { links: { self: { uri: string } } }[];
    const lines = items(await at(detail?.links.self.uri ?? ''));
    const pence = lines.reduce((sum, { subtotal }) => sum + Math.round(Number(subtotal) * 100), 0);
    expect(pence).toBe(Math.round(Number(newest?.['totalCharges']) * 100));
    expect((await at(`/invoices/${String(newest?.['id'])}`)).body).toEqual(newest);
    expect((await at('/invoices/none')).status).toBe(404);
  });

  it('has audit records of the last 90 days, by date, customer and name', async () => {
    const daysAgo = (days: number) => new Date(cloud.clock.nowMs() - days * 86_400_000).toISOString();
    const records = items(await at(`/auditrecords?startDate=${daysAgo(30)}`));
    const [first] = records;
    const customerId = String(first?.['customerId']);
    const filter = JSON.stringify({ Field: 'CustomerId', Value: customerId, Operator: 'equals' });
    const own = items(await at(`/auditrecords?startDate=${daysAgo(30)}&filter=${encodeURIComponent(filter)}`));
    expect(own.map((record) => record['customerId'])).toEqual([customerId]);
    const [changed] = (first?.['customizedData'] ?? []) as { value: string }[];
    const customer = cloud.world.findCustomer(customerId);
    expect((customer ? cloud.world.usersOf(customer) : []).map(({ id }) => id)).toContain(changed?.value);
    expect(Date.parse(String(first?.['operationDate']))).toBeLessThanOrEqual(cloud.clock.nowMs());
    for (const query of ['', `?startDate=${daysAgo(91)}`, '?startDate=yesterday'])
      expect((await at(`/auditrecords${query}`)).status).toBe(400);
  });

  it('has the profiles of the partner', async () => {
    for (const name of ['organization', 'legalbusiness', 'mpn', 'support', 'billing'])
      expect((await at(`/profiles/${name}`)).body).toMatchObject({ links: { self: { uri: `/profiles/${name}` } } });
    expect((await at('/profiles/none')).status).toBe(404);
    expect(
      cloud.ledger
        .read()
        .requests.filter(({ unmatched }) => unmatched)
        .map(({ path }) => path),
    ).toEqual(['/v1/profiles/none']);
  });
});
