import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { customerResources } from '../../../../src/lib/consent/customer-grants.ts';
import { partnerCenterAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { NewTenantsBench, partnerTenantId, tenant } from './new-tenants-bench.ts';

const wanted = customerResources(profiles.gdap);
const [graph, exchange, arm] = wanted;
if (graph === undefined || exchange === undefined || arm === undefined) throw new Error('the profile has changed');

let bench: NewTenantsBench;
beforeEach(() => {
  bench = new NewTenantsBench();
});

const later = (code: string) => ({ outcome: 'later', failure: { code } });
const refused = (code: string) => ({ outcome: 'refused', failure: { code } });
const isOfPartnerCenter = (url: URL): boolean => url.pathname.includes('/applicationconsents');
const answerOfPartnerCenter = (status: number, body: object = {}, headers: Record<string, string> = {}): void => {
  bench.answer = ({ url }) => (isOfPartnerCenter(url) ? Response.json(body, { status, headers }) : undefined);
};

describe('in a tenant without any consent', () => {
  it('gives every registered permission that the customer has a resource for', async () => {
    bench.add(1);
    const resources = [graph.appId, arm.appId, partnerCenterAppId];
    bench.add(2, { resources });
    expect(await bench.consentIn(1, 2)).toEqual([{ outcome: 'given' }, { outcome: 'given' }]);
    expect(bench.sent(1)).toEqual(
      wanted.map(({ appId, scopes }) => ({
        applicationId: 'client',
        displayName: 'Broker',
        applicationGrants: [{ enterpriseApplicationId: appId, scope: scopes.join(', ') }],
      })),
    );
    expect([...(bench.customers.get(tenant(2))?.granted.keys() ?? [])]).toEqual([graph.appId, arm.appId]);
    expect(bench.seen.map(({ method }) => method)).not.toContain('DELETE');
  });

  it('asks for tokens as a job of the broker, and for a new one before it reads a consent back', async () => {
    bench.add(1);
    await bench.consentIn(1);
    expect(new Set(bench.requests.map(({ purpose }) => purpose))).toEqual(new Set(['auto-consent']));
    expect(new Set(bench.requests.map(({ application }) => application))).toEqual(new Set(['default']));
    // A token must live until its request is sent.
    expect(new Set(bench.requests.map(({ minimumLifetimeSeconds }) => minimumLifetimeSeconds))).toEqual(new Set([60]));
    expect(bench.forgotten).toEqual([tenant(1), tenant(1)]);
    expect(new Set(bench.requests.map(({ grant }) => grant))).toEqual(new Set(['delegated']));
    const own = bench.requests.filter(({ tenantId }) => tenantId === partnerTenantId);
    expect(new Set(own.map(({ resource, grant }) => `${resource.alias} ${grant}`))).toEqual(
      new Set(['graph delegated', 'partner-center delegated']),
    );
  });

  it('records each request before it leaves, and its answer', async () => {
    bench.add(1, { resources: [exchange.appId] });
    await bench.consentIn(1);
    const common = {
      kind: 'request',
      correlationId: expect.any(String) as string,
      tokenId: expect.any(String) as string,
      caller: {
        applicationId: '00000000-0000-0000-0000-000000000000',
        objectId: '00000000-0000-0000-0000-000000000000',
        kind: 'application',
      },
      rule: 'auto-consent',
      tenantId: tenant(1),
      resource: 'partner-center',
      scopes: ['Office 365 Exchange Online: Exchange.Manage'],
      grant: 'delegated',
      application: 'default',
      method: 'POST',
      path: `/v1/customers/${tenant(1)}/applicationconsents`,
      atMs: expect.any(Number) as number,
    };
    expect(bench.recorded()).toEqual([
      { ...common, outcome: 'sent' },
      { ...common, outcome: 'answered', status: 201 },
    ]);
    const [sent, answered] = bench.recorded();
    expect([sent?.tokenId, sent?.correlationId]).toEqual([answered?.tokenId, answered?.correlationId]);
    expect(sent?.tokenId).not.toBe(sent?.correlationId);
  });

  it('sends nothing that it cannot record', async () => {
    bench.add(1);
    bench.audit.down = true;
    expect(await bench.consentIn(1)).toMatchObject([later('audit_unavailable')]);
    expect(bench.sent(1)).toEqual([]);
  });

  it('stands by a consent whose answer it cannot record, and logs that', async () => {
    bench.add(1, { resources: [exchange.appId] });
    bench.answer = ({ url }) => {
      if (isOfPartnerCenter(url)) bench.audit.down = true;
      return undefined;
    };
    expect(await bench.consentIn(1)).toEqual([{ outcome: 'given' }]);
    expect(bench.lines()).toEqual([
      expect.objectContaining({ event: 'audit.outcome_not_recorded', level: 'error', code: 'audit_unavailable' }),
    ]);
  });

  it('tries again later if what it gave cannot be seen', async () => {
    bench.add(1, { isBlind: true });
    expect(await bench.consentIn(1)).toMatchObject([later('consent_required')]);
  });
});

describe('in a tenant with a consent', () => {
  it('sends nothing if the consent has everything', async () => {
    bench.add(1, { granted: new Map(wanted.map(({ appId, scopes }) => [appId, scopes.join(' ')])) });
    expect(await bench.consentIn(1)).toEqual([{ outcome: 'given' }]);
    expect([bench.sent(1), bench.recorded()]).toEqual([[], []]);
  });

  it('leaves one with fewer permissions to a person: more would need a withdrawal', async () => {
    bench.add(1, { granted: new Map([[graph.appId, 'User.Read']]) });
    const [attempt] = await bench.consentIn(1);
    expect(attempt).toMatchObject(refused('consent_required'));
    expect(attempt).toMatchObject({
      failure: {
        detail: expect.stringContaining('Directory.Read.All') as string,
        nextStep: expect.stringContaining('`ptb tenants consent --renew`') as string,
      },
    });
    expect(bench.customers.get(tenant(1))?.granted.get(graph.appId)).toBe('User.Read');
  });

  it('adds resources that have none', async () => {
    bench.add(1, { granted: new Map([[graph.appId, graph.scopes.join(' ')]]) });
    expect(await bench.consentIn(1)).toEqual([{ outcome: 'given' }]);
    expect(bench.sent(1)).toHaveLength(2);
  });
});

describe('what Partner Center answers', () => {
  beforeEach(() => void bench.add(1));

  it.each([
    ['it blocks service providers', 403, { code: 900309 }, refused('blocked_by_policy')],
    ['the request is wrong', 400, { code: 2000 }, refused('job_failed')],
    ['a role is missing yet', 403, {}, later('access_denied')],
    ['it does not know the customer yet', 404, { code: 60003 }, later('tenant_unknown')],
    ['the service account lacks MFA', 401, { code: 900421 }, later('interaction_required')],
    ['it is out of order', 503, {}, later('resource_error')],
  ])('%s (%i %j)', async (_, status, body, expected) => {
    answerOfPartnerCenter(status, body);
    const [attempt] = await bench.consentIn(1);
    expect(attempt).toMatchObject(expected);
    // Nobody runs a command here.
    expect(JSON.stringify(attempt)).not.toContain('Run the command again.');
  });

  it('tries again later while it throttles for longer than a process waits', async () => {
    answerOfPartnerCenter(429, {}, { 'retry-after': '600' });
    expect(await bench.consentIn(1)).toMatchObject([
      { outcome: 'later', failure: { code: 'throttled', nextStep: 'Wait 600 seconds.' } },
    ]);
  });

  it('records a request without an answer, and one without a token, as failed', async () => {
    bench.answer = ({ url }) => {
      if (isOfPartnerCenter(url)) throw new TypeError('fetch failed');
      return undefined;
    };
    expect(await bench.consentIn(1)).toMatchObject([later('resource_error')]);
    const ends = () => bench.recorded().filter(({ outcome }) => outcome !== 'sent');
    expect(new Set(ends().map(({ outcome, code }) => `${outcome} ${code}`))).toEqual(
      new Set(['failed resource_error']),
    );
    bench.audit.entries.length = 0;
    bench.answer = () => undefined;
    bench.refuse = ({ resource }) =>
      resource.alias === 'partner-center' ? new BrokerError('entra_unavailable', 'Entra is away.') : undefined;
    expect(await bench.consentIn(1)).toMatchObject([later('entra_unavailable')]);
    expect(ends()).toMatchObject([{ outcome: 'failed', code: 'entra_unavailable' }]);
  });
});

describe('a consent that cannot be read', () => {
  beforeEach(() => {
    bench.add(1);
    bench.add(2);
  });
  const refuseFirst = (
    code: 'tenant_excluded' | 'access_denied' | 'blocked_by_policy' | 'interaction_required',
  ): void => {
    bench.refuse = ({ tenantId }) => (tenantId === tenant(1) ? new BrokerError(code, 'Refused.') : undefined);
  };

  it.each([
    ['tenant_excluded', 'refused'],
    ['blocked_by_policy', 'refused'],
    ['access_denied', 'later'],
    ['interaction_required', 'later'],
  ] as const)('because of the tenant (%s) stops only that tenant, which is %s', async (code, outcome) => {
    refuseFirst(code);
    expect(await bench.consentIn(1, 2)).toMatchObject([{ outcome, failure: { code } }, { outcome: 'given' }]);
    expect(bench.sent(1)).toEqual([]);
    expect(bench.lines()).toEqual([]);
  });

  it.each(['credential_revoked', 'policy_missing', 'entra_unavailable'] as const)(
    'for a reason that concerns no tenant alone (%s) stops all, until later',
    async (code) => {
      bench.refuse = ({ tenantId }) => (tenantId === tenant(1) ? new BrokerError(code, 'Refused.') : undefined);
      expect(await bench.consentIn(1, 2)).toMatchObject([later(code), later(code)]);
      const [attempt] = await bench.consentIn(1);
      expect(attempt).toMatchObject({
        failure: { detail: 'Refused.', nextStep: expect.stringMatching(/\w/) as string },
      });
      expect([...bench.sent(1), ...bench.sent(2)]).toEqual([]);
      expect(bench.lines()[0]).toMatchObject({ event: 'auto_consent.failed', level: 'warn', code });
    },
  );
});

describe('the registration in the partner tenant', () => {
  beforeEach(() => void bench.add(1));
  const answerOfOwnGraph = (answer: (authorization: string) => Response | object | undefined): void => {
    bench.answer = ({ url, headers }) =>
      url.pathname.endsWith('/applications') ? answer(headers.get('authorization') ?? '') : undefined;
  };

  it('is read by the application itself if the service account may not', async () => {
    answerOfOwnGraph((authorization) =>
      authorization.includes('delegated') ? problem(403, 'Authorization_RequestDenied') : undefined,
    );
    expect(await bench.consentIn(1)).toEqual([{ outcome: 'given' }]);
    const own = bench.requests.filter(({ tenantId }) => tenantId === partnerTenantId);
    expect(own.slice(0, 2).map(({ grant }) => grant)).toEqual(['delegated', 'application']);
  });

  it('that cannot be read for another reason is read later', async () => {
    answerOfOwnGraph(() => problem(503, 'Unavailable'));
    expect(await bench.consentIn(1)).toMatchObject([{ outcome: 'later' }]);
    expect(bench.requests.map(({ grant }) => grant)).not.toContain('application');
  });

  it('that is missing is a matter of the configuration', async () => {
    answerOfOwnGraph(() => ({ value: [] }));
    expect(await bench.consentIn(1)).toMatchObject([
      {
        outcome: 'later',
        failure: { code: 'config_invalid', detail: expect.stringContaining('client id client') as string },
      },
    ]);
  });

  it('without a permission for customers is a matter of the configuration', async () => {
    bench.profile = { name: 'none', resources: [] };
    expect(await bench.consentIn(1)).toMatchObject([later('config_invalid')]);
    expect(bench.sent(1)).toEqual([]);
  });
});
