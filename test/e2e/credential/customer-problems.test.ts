import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { changeTenant } from 'microsoft-cloud/client';
import { adminToken, call } from 'microsoft-cloud/testing';
import { type CustomerBench, exchangeAppId, graphAppId, startCustomers } from './customer-bench.ts';

// Each problem of one customer ends with a sentence and a next step, and nothing else fails with it.

let bench: CustomerBench;
beforeAll(async () => {
  bench = await startCustomers({ tenants: 12 });
});
afterEach(() => {
  bench.operator.cloud.faults.clear();
  bench.operator.cloud.ledger.reset();
});
afterAll(() => bench.stop());

const control = (): string => bench.operator.cloud.control;
const pair = (at: number): [string, string] => [bench.tenantIds[at] ?? '', bench.tenantIds[at + 1] ?? ''];

describe('ptb tenants consent', () => {
  it('says what to do where the service account lacks the role', async () => {
    const [troubled, healthy] = pair(0);
    await changeTenant(control(), troubled, { unassignedRoles: ['Cloud Application Administrator'] });
    const { exitCode, document } = await bench.consent('--tenant', troubled, healthy);
    expect([exitCode, document]).toMatchObject([3, { consented: 1, failed: 1 }]);
    const lines = (await bench.line.ptb(['tenants', 'consent', '--tenant', troubled])).stdout;
    expect(lines).toMatch(
      /refuses access to this customer \(403 20002\)\.\nNext: Make the service account a member of AdminAgents/,
    );
  });

  it('says what to do where the customer blocks service providers', async () => {
    const [troubled, healthy] = pair(2);
    await changeTenant(control(), troubled, { state: 'conditional_access' });
    const { exitCode, document } = await bench.consent('--tenant', troubled, healthy);
    expect([exitCode, document]).toMatchObject([3, { consented: 1, failed: 1 }]);
    expect(document.tenants.find(({ tenantId }) => tenantId === troubled)).toMatchObject({
      code: expect.stringMatching(/blocked_by_policy|interaction_required/) as string,
      nextStep: expect.stringContaining('service provider users') as string,
    });
  });

  it('skips Exchange where the customer has none, and adds it when the customer gets it', async () => {
    const [troubled] = pair(4);
    await changeTenant(control(), troubled, { lacks: [exchangeAppId] });
    const { exitCode, stdout } = await bench.line.ptb(['tenants', 'consent', '--tenant', troubled]);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining('Skipped, because the customer does not have Office 365 Exchange Online'),
    ]);
    await changeTenant(control(), troubled, { lacks: [] });
    expect((await bench.consent('--check', '--tenant', troubled)).exitCode).toBe(3);
    expect((await bench.consent('--tenant', troubled)).document).toMatchObject({ consented: 1 });
    expect(bench.grantsIn(troubled)[exchangeAppId]).toEqual(['Exchange.Manage']);
  });

  it.each(['removed', 'deleted'] as const)('gives the consent again that the customer %s', async (consent) => {
    const [troubled] = pair(4);
    await bench.consent('--tenant', troubled);
    await changeTenant(control(), troubled, { consent });
    const check = await bench.consent('--check', '--tenant', troubled);
    expect([check.exitCode, check.document.tenants]).toMatchObject([3, [{ outcome: 'different' }]]);
    const { exitCode, document } = await bench.consent('--tenant', troubled);
    expect([exitCode, document]).toMatchObject([0, { consented: 1 }]);
    expect(Object.keys(bench.grantsIn(troubled))).toContain(graphAppId);
  });

  it('uses the name that the application has in the portal', async () => {
    const [troubled] = pair(7);
    const { clientId } = (await bench.operator.store.load('default')).client;
    const token = await adminToken(bench.operator.cloud);
    const path = `${bench.operator.cloud.document.graph}/v1.0/applications(appId='${clientId}')`;
    await call(path, token, { method: 'PATCH', body: JSON.stringify({ displayName: 'Renamed in the portal' }) });
    expect((await bench.consent('--tenant', troubled)).document).toMatchObject({ consented: 1, failed: 0 });
  });

  it('explains a refused name, and fails only the requests that it concerns', async () => {
    const [troubled] = pair(8);
    const body = '{"code":2000,"description":"The displayName is not the registered name of the application."}';
    bench.operator.cloud.faults.add({ service: 'partnerCenter', method: 'POST', status: 400, body });
    const { exitCode, stdout } = await bench.line.ptb(['tenants', 'consent', '--tenant', troubled]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/It says: The displayName is not the registered name.*\nNext: .*display name/);
  });

  it('says once that the service account signed in without MFA, and exits with 4', async () => {
    const body = '{"code":900421,"description":"Unauthorized - MFA required"}';
    bench.operator.cloud.faults.add({ service: 'partnerCenter', method: 'POST', status: 401, body });
    const { exitCode, stdout } = await bench.line.ptb(['tenants', 'consent', '--tenant', ...pair(8)]);
    expect(exitCode).toBe(4);
    expect(stdout).toContain('signed in without MFA (401 900421)');
    expect(stdout.match(/^Next: Run `ptb consent` and sign in with MFA\.$/gm)).toHaveLength(1);
  });

  it('does not believe a 409 that the customer does not confirm', async () => {
    const [troubled] = pair(8);
    await bench.consent('--tenant', troubled);
    // The grants exist already, and the journal is not needed.
    await changeTenant(control(), troubled, { consent: 'removed' });
    bench.operator.cloud.ledger.reset();
    bench.operator.cloud.faults.add({ service: 'partnerCenter', method: 'POST', status: 409, count: 3 });
    const before = bench.requested('POST').length;
    const child = bench.line.start(['tenants', 'consent', '--tenant', troubled, '--json']);
    // It reads for three minutes. A grant that appears in the meantime counts.
    while (bench.requested('POST').length < before + 3) await new Promise((next) => setTimeout(next, 50));
    expect((await bench.consent('--tenant', troubled)).document).toMatchObject({ consented: 1 });
    const { exitCode, stdout } = await child.ended;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { already: 1, failed: 0 }]);
  });

  it('obeys 429 and recognizes work that was done in spite of a 500', async () => {
    const [one, two] = pair(10);
    bench.operator.cloud.faults.add({
      service: 'partnerCenter',
      method: 'POST',
      status: 429,
      headers: { 'retry-after': '1' },
      count: 1,
    });
    expect((await bench.consent('--tenant', one)).document).toMatchObject({ consented: 1, failed: 0 });
    bench.operator.cloud.faults.clear();
    bench.operator.cloud.faults.add({ service: 'partnerCenter', method: 'POST', kind: 'late_500', count: 1 });
    const { exitCode, document } = await bench.consent('--tenant', two);
    expect([exitCode, document.failed]).toEqual([0, 0]);
    expect(Object.keys(bench.grantsIn(two))).toHaveLength(3);
  });

  it('ends with 4 and says how to consent again when the credential dies while it reads customers', async () => {
    const { ledger, faults, document } = bench.operator.cloud;
    const { partnerTenantId } = document;
    const customers = pair(10);
    const args = ['tenants', 'consent', '--tenant', ...customers, '--dry-run'];
    const redeemed = { service: 'entra', grant: 'refresh_token' } as const;
    // Without a consent, the broker would also redeem the canary.
    await bench.consent('--tenant', ...customers);
    ledger.reset();
    expect((await bench.line.ptb(args)).exitCode).toBe(0);
    const ownTokens = ledger
      .read()
      .requests.filter(({ grant, tenantId }) => grant === redeemed.grant && tenantId === partnerTenantId).length;
    expect(ownTokens).toBeGreaterThan(0);
    // Tokens for the partner's own tenant are still issued until the customers are read. Then the canary fails, too.
    faults.add({ ...redeemed, tenantId: partnerTenantId, from: ownTokens + 1, aadsts: 50173 });
    for (const tenantId of customers) faults.add({ ...redeemed, tenantId, aadsts: 50173 });
    const { exitCode, stdout, stderr } = await bench.line.ptb(args);
    expect([exitCode, stdout, stderr]).toEqual([4, '', expect.stringMatching(/ptb consent.*\(credential_revoked\)/)]);
  });
});
