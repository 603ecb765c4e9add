import { faultSet } from 'microsoft-cloud';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TokenBroker } from '../../../src/lib/tokens/broker.ts';
import { CachedCredentials } from '../../../src/lib/tokens/credential/cached-credentials.ts';
import { aadstsMeanings, aadstsVariants } from '../../../src/lib/microsoft/aadsts.ts';
import { adviceFor, BrokerError, errorTable } from '../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { silentLogger } from '../../../src/lib/core/log.ts';
import { changeTenant } from 'microsoft-cloud/client';
import { browser, startOperator, type TestOperator } from './operator.ts';

/** Whether the simulated cloud can answer with the number. */
function isSimulated(number: number): boolean {
  try {
    return faultSet(`aadsts-${number}`).rules.length > 0;
  } catch {
    return false;
  }
}
const numbers = [...aadstsMeanings.keys()].filter(isSimulated);
/** The possible meanings: some numbers have two, by what else the reply says. */
const meaningsOf = (number: number) => [
  ...[aadstsMeanings.get(number)].filter((meaning) => meaning !== undefined),
  ...aadstsVariants.filter((variant) => variant.number === number),
];

let operator: TestOperator;
let here: TenantId;
let elsewhere: TenantId;
beforeAll(async () => {
  operator = await startOperator({ tenants: 2 });
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
  [here, elsewhere] = operator.cloud.document.tenants.map(({ tenantId }) => tenantId) as [TenantId, TenantId];
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

/** Asks a new broker, with the real redeemer over HTTP. */
function newBroker() {
  const { store, redeemer, clock, partnerTenantId, canaryResource } = operator;
  const credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
  const broker = new TokenBroker(
    { credentials, redeemer, clock, random: () => 0, log: silentLogger },
    { partnerTenantId, canaryResource, entraConcurrency: 4, cacheSize: 100 },
  );
  const resource = { alias: 'graph', identifier: canaryResource };
  return async (tenantId: TenantId): Promise<BrokerError | undefined> => {
    const request = {
      tenantId,
      resource,
      grant: 'delegated',
      application: 'default',
      minimumLifetimeSeconds: 60,
    } as const;
    try {
      await broker.getToken({ ...request, correlationId: crypto.randomUUID() });
      return undefined;
    } catch (thrown) {
      if (thrown instanceof BrokerError) return thrown;
      throw thrown;
    }
  };
}

describe('each AADSTS number over HTTP', () => {
  it('can be produced by the simulated cloud, except further numbers for a bad certificate', () => {
    expect([...aadstsMeanings.keys()].filter((number) => !isSimulated(number))).toEqual([1000502, 7000274, 7000277]);
  });

  it('AADSTS9002313 for a malformed refresh token means that the credential must be replaced', async () => {
    const { client } = await operator.store.load('default');
    const reply = await operator.redeemer.redeem({
      tenantId: operator.partnerTenantId,
      resourceIdentifier: operator.canaryResource,
      clientId: client.clientId,
      clientCredential: client.credential,
      grant: { kind: 'delegated', refreshToken: new Secret('cut off while it was copied') },
      correlationId: crypto.randomUUID(),
    });
    expect(reply).toMatchObject({
      ok: false,
      failure: { code: 'credential_revoked', detail: expect.stringMatching(/malformed.*AADSTS9002313/) },
    });
  });

  it.each(numbers)('AADSTS%i in one customer tenant fails that tenant only', async (number) => {
    operator.cloud.faults.add({ service: 'entra', tenantId: here, path: '/token$', aadsts: number });
    const ask = newBroker();
    const failure = await ask(here);
    const codes = meaningsOf(number).map(({ code }) => code);
    // A code of the credential is not passed on for one tenant: the partner's own tenant issues tokens.
    const reachesCredential = codes.some((code) => errorTable[code].scope === 'credential');
    if (!reachesCredential) expect(codes).toContain(failure?.code);
    expect(failure?.scope).not.toBe('credential');
    expect(failure?.detail).toContain(`AADSTS${number}`);
    expect(await ask(elsewhere)).toBeUndefined();
  });

  it.each(numbers)('AADSTS%i in every tenant stops the credential only if it is at fault', async (number) => {
    operator.cloud.faults.add({ service: 'entra', path: '/token$', aadsts: number });
    const failure = await newBroker()(here);
    const reaches = new Set(meaningsOf(number).map(({ reach }) => reach));
    const mayBeCredential = reaches.has('credential') || reaches.has('ambiguous');
    const mustBeCredential = mayBeCredential && reaches.size === 1;
    if (mustBeCredential) expect(failure?.scope).toBe('credential');
    if (!mayBeCredential) expect(failure?.scope).not.toBe('credential');
    expect(failure?.detail).toContain(`AADSTS${number}`);
  });
});

describe('a customer that refuses the partner', () => {
  it.each([
    [
      'ends its relationship',
      { relationshipEndsInMs: 0 },
      'tenant_not_delegated',
      /AADSTS50020/,
      /If one is active: check that its role is assigned/,
    ],
    [
      'blocks service providers with Conditional Access',
      { state: 'conditional_access' },
      'blocked_by_policy',
      /Conditional Access.*AADSTS53003/,
      /exclude service provider users of the partner tenant/,
    ],
    ['deletes the application', { consent: 'deleted' }, 'consent_required', /AADSTS\d+/, /ptb tenants consent/],
  ] as const)('fails alone when it %s, with the next step', async (_, change, code, detail, advice) => {
    const { control } = operator.cloud;
    await changeTenant(control, here, change);
    const failure = await newBroker()(here);
    expect(failure).toMatchObject({ code, scope: 'tenant' });
    expect(failure?.detail).toMatch(detail);
    expect(adviceFor(code, 'operator')).toMatch(advice);
    expect(await newBroker()(elsewhere)).toBeUndefined();
    if ('state' in change) await changeTenant(control, here, { state: 'ok' });
    if ('relationshipEndsInMs' in change) await changeTenant(control, here, { relationshipEndsInMs: 86_400_000 });
  });
});
