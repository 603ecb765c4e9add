import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TokenBroker } from '../../../src/lib/tokens/broker.ts';
import type { TokenRequest } from '../../../src/lib/core/secrets.ts';
import { CachedCredentials } from '../../../src/lib/tokens/credential/cached-credentials.ts';
import { parseTenantId, type TenantId } from '../../../src/lib/core/identifiers.ts';
import * as control from 'microsoft-cloud/client';
import { account } from 'microsoft-cloud/testing';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
let broker: TokenBroker;
beforeAll(async () => {
  operator = await startOperator({ tenants: 60 });
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
});
beforeEach(() => {
  const { clock, store, redeemer, log } = operator;
  broker = new TokenBroker(
    { credentials: new CachedCredentials({ store, clock, log }, 600), redeemer, clock, random: Math.random, log },
    {
      partnerTenantId: operator.partnerTenantId,
      canaryResource: operator.canaryResource,
      entraConcurrency: 8,
      cacheSize: 1000,
    },
  );
});
afterAll(() => operator.stop());

const tenantIds = (): TenantId[] =>
  operator.cloud.document.tenants.map(({ tenantId }) => parseTenantId(tenantId) as TenantId);

const request = (tenantId: TenantId): TokenRequest => ({
  tenantId,
  resource: { alias: 'graph', identifier: operator.canaryResource },
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds: 0,
  correlationId: 'recovery',
});
const askAll = () => Promise.allSettled(tenantIds().map((tenantId) => broker.getToken(request(tenantId))));
const tokenRequests = (): number => operator.cloud.ledger.read().totals.entraTokenRequests;

describe('a dead credential', () => {
  it('causes few requests to Entra, and works again within a minute after a new consent', async () => {
    const first = tenantIds()[0]!;
    await broker.getToken(request(first));
    await control.changeAccount(operator.cloud.control, account(operator.cloud, 'broker'), { revoke: true });
    operator.cloud.clock.advance(2_000);
    broker.forgetTenant(first);
    operator.cloud.ledger.reset();
    const outcomes = await askAll();
    expect(outcomes.map(({ status }) => status)).toEqual(tenantIds().map(() => 'rejected'));
    const reasons = outcomes.map(
      (outcome) => (outcome as PromiseRejectedResult).reason as { code: string; scope: string },
    );
    expect(new Set(reasons.map(({ code }) => code))).toEqual(new Set(['credential_revoked']));
    // At most one request per concurrent slot, and one canary.
    expect(tokenRequests()).toBeLessThanOrEqual(9);
    process.stdout.write(
      `dead credential: ${outcomes.length} tenants requested, ${tokenRequests()} requests to Entra\n`,
    );

    operator.cloud.ledger.reset();
    await askAll();
    expect(tokenRequests()).toBe(0);
    expect(broker.credentialFailure('default')?.code).toBe('credential_revoked');

    await operator.consent(browser(operator.cloud));
    operator.cloud.clock.advance(60_000);
    const after = await askAll();
    const recovered = after.filter(({ status }) => status === 'fulfilled').length;
    // At first, only the probe may be let through.
    expect(recovered).toBeGreaterThanOrEqual(1);
    expect((await askAll()).map(({ status }) => status)).toEqual(tenantIds().map(() => 'fulfilled'));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  it('is probed at growing intervals until it recovers without a new version', async () => {
    const username = account(operator.cloud, 'broker');
    await control.changeAccount(operator.cloud.control, username, { enabled: false });
    await askAll();
    operator.cloud.ledger.reset();
    for (let minute = 0; minute < 60; minute += 1) {
      operator.cloud.clock.advance(60_000);
      await askAll();
    }
    const probes = tokenRequests();
    process.stdout.write(`dead credential: ${probes} probes in an hour of ${tenantIds().length} requests a minute\n`);
    expect(probes).toBeGreaterThan(0);
    expect(probes).toBeLessThanOrEqual(15);
    await control.changeAccount(operator.cloud.control, username, { enabled: true });
    operator.cloud.clock.advance(901_000);
    await askAll();
    operator.cloud.clock.advance(31_000);
    await askAll();
    expect((await askAll()).map(({ status }) => status)).toEqual(tenantIds().map(() => 'fulfilled'));
  });
});
