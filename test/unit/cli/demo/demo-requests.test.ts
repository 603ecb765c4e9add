import { generateKeyPairSync } from 'node:crypto';
import type { CloudDocument } from 'microsoft-cloud';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { callerTokens, fullCaller } from '../../../../src/cli/demo/caller-token.ts';
import { createCheckpointKey } from '../../../../src/cli/demo/checkpoint-key.ts';
import { applyChange, changeCustomers } from '../../../../src/cli/demo/customer-changes.ts';
import { askForApproval, localPolicy } from '../../../../src/cli/demo/local-policy.ts';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';

const id = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;
const roles = ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write'];
const cloud = {
  control: 'http://cloud.test',
  entra: 'https://entra.test',
  keyVault: 'https://vault.test',
  managedIdentity: { endpoint: 'http://identity.test/token', header: 'the header', clientId: 'identity' },
  partnerTenantId: id('9'),
  tenants: [
    { tenantId: id('a'), state: 'deleted' },
    ...['b', 'c', 'd', 'e'].map((digit) => ({ tenantId: id(digit), state: 'ok' })),
  ],
  accounts: [
    { objectId: id('6'), name: 'Global Administrator', state: 'admin' },
    { objectId: id('7'), name: 'Clara Lindqvist', state: 'member' },
  ],
  brokerApplication: {
    audience: 'api://broker',
    signInClientId: id('3'),
    callers: [
      { name: 'Portal', clientId: id('1'), clientSecret: 'secret of the portal', roles: ['Tokens.Request'] },
      { name: 'All', clientId: id('2'), clientSecret: 'secret of all', roles: [...roles, 'Audit.Read'] },
    ],
  },
} as unknown as CloudDocument;

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** Answers every request by its address. */
function answering(answer: (url: string, sent: readonly Sent[]) => unknown): Sent[] {
  const sent: Sent[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    const body = init.body instanceof URLSearchParams ? Object.fromEntries(init.body) : init.body;
    sent.push({ method: init.method ?? 'GET', url, headers: (init.headers ?? {}) as Record<string, string>, body });
    const found = answer(url, sent);
    return found instanceof Response ? found : Response.json(found);
  });
  return sent;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('callerTokens', () => {
  it('asks Entra for the caller with all roles, and again a minute before the token expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const sent = answering((_url, { length }) => ({ access_token: `token ${length}`, expires_in: 3_600 }));
    const token = callerTokens(cloud);
    expect([await token(), await token()]).toEqual(['token 1', 'token 1']);
    expect(sent).toMatchObject([
      {
        method: 'POST',
        url: `https://entra.test/${id('9')}/oauth2/v2.0/token`,
        body: {
          grant_type: 'client_credentials',
          client_id: id('2'),
          client_secret: 'secret of all',
          scope: 'api://broker/.default',
        },
      },
    ]);
    vi.setSystemTime(Date.now() + 3_539_000);
    expect(await token()).toBe('token 1');
    vi.setSystemTime(Date.now() + 1_000);
    expect(await token()).toBe('token 2');
  });

  it('says why there is none', async () => {
    answering(() => ({ error_description: 'AADSTS7000215' }));
    await expect(callerTokens(cloud)()).rejects.toThrow('Entra issued no token for the caller: AADSTS7000215');
    answering(() => Response.json({}, { status: 503 }));
    await expect(callerTokens(cloud)()).rejects.toThrow('Entra issued no token for the caller: 503');
    const nobody = { ...cloud, brokerApplication: { ...cloud.brokerApplication, callers: [] } };
    expect(() => fullCaller(nobody)).toThrow('no caller with all roles');
  });
});

describe('the policy of the demo', () => {
  it('is valid, and gives the portal and the helpdesk only what a person approves', () => {
    const text = localPolicy(cloud);
    expect(() => parsePolicy(text)).not.toThrow();
    const { rules, tenantGroups, callerNames } = JSON.parse(text) as {
      rules: {
        callers: { applications: string[]; roles?: string[] };
        approval?: object;
        via?: string[];
        tenants: string[];
      }[];
      tenantGroups: Record<string, string[]>;
      callerNames: Record<string, string>;
    };
    const withApproval = rules.filter(({ approval }) => approval !== undefined);
    expect(withApproval).toMatchObject([
      { callers: { applications: [id('3')] }, changes: ['*'] },
      { callers: { applications: [id('1'), id('3')] }, via: ['gateway'] },
    ]);
    const [applies, ...more] = rules.filter(({ approval }) => approval === undefined).toReversed();
    expect(applies).toMatchObject({ callers: { applications: [id('2')] }, changes: ['*'] });
    const others = more.toReversed();
    for (const { callers } of others) expect(callers.applications).toEqual([id('2'), id('3')]);
    // Without the role for tokens, a person of the helpdesk has none of these.
    expect(others.map(({ callers, via }) => via && callers.roles)).toEqual([
      undefined,
      undefined,
      ['Tokens.Request', 'Requests.Send'],
    ]);
    expect(others.map(({ tenants }) => tenants)).toEqual([['*'], [id('9')], ['*']]);
    expect(tenantGroups).toEqual({ gold: [id('b'), id('c'), id('d')], managed: ['tag:managed'] });
    expect(callerNames).toEqual({ [id('1')]: 'Portal', [id('2')]: 'All', [id('7')]: 'Clara Lindqvist' });
  });
});

describe('askForApproval', () => {
  it('sends the request of the portal for a customer that can be reached', async () => {
    const sent = answering(() => ({ access_token: 'token', expires_in: 3_600 }));
    await askForApproval(cloud, 'http://app.test');
    expect(sent[0]).toMatchObject({ body: { client_id: id('1'), client_secret: 'secret of the portal' } });
    expect(sent[1]).toMatchObject({
      url: `http://app.test/api/gateway/${id('b')}/graph/v1.0/users?$select=displayName,userPrincipalName`,
      headers: { authorization: 'Bearer token', 'x-reason': 'Ticket 4711: who has left the company?' },
    });
  });

  it('does nothing without portal or customer, and survives a failure', async () => {
    const sent = answering(() => ({}));
    await askForApproval({ ...cloud, tenants: [] }, 'http://app.test');
    const callers = cloud.brokerApplication.callers.slice(1);
    await askForApproval({ ...cloud, brokerApplication: { ...cloud.brokerApplication, callers } }, 'http://app.test');
    expect(sent).toEqual([]);
    await askForApproval(cloud, 'http://app.test');
    expect(sent).toHaveLength(1);
  });
});

describe('changeCustomers', () => {
  const demo = { callerToken: async () => 'token', cloud, masterKey: 'master', url: 'http://app.test' };
  const none = new AbortController().signal;

  it('changes two customers with a relationship, between two looks that the broker began after each call', async () => {
    const tenants = ['b', 'c', 'd'].map((digit) => ({
      tenantId: id(digit),
      relationship: digit === 'd' ? 'dap' : 'gdap',
    }));
    const [before, later] = ['2020-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
    const sent = answering((url, all) => {
      const looks = all.filter((one) => one.url.endsWith('/watch-tenants')).length;
      // The first look was under way, and the third one: these began before the call.
      if (url.includes('/api/events'))
        return { lookedAt: looks < 2 ? before : later, events: [{ at: looks < 4 ? before : later }] };
      return url.endsWith('/api/tenants') ? { tenants } : {};
    });
    await changeCustomers(demo, none);
    expect(sent[0]).toMatchObject({ method: 'POST', headers: { 'x-functions-key': 'master' } });
    const [look, events] = ['http://app.test/admin/functions/watch-tenants', 'http://app.test/api/events?limit=1'];
    const looks = [look, events, look, events];
    const [first, second] = [id('c'), id('b')].map((tenantId) => expect.stringContaining(tenantId));
    expect(sent.map(({ url }) => url)).toEqual([...looks, 'http://app.test/api/tenants', first, second, ...looks]);
    const bodies = sent.slice(5, 7).map(({ body }) => JSON.parse(String(body)) as unknown);
    expect(bodies).toEqual([{ relationshipEndsInMs: 518_400_000 }, { relationshipEndsInMs: 0 }]);
  });

  it('lets the second look take as long as the first one might', async () => {
    const limits: AbortController[] = [];
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      limits.push(new AbortController());
      return limits.at(-1)!.signal;
    });
    const tenants = ['b', 'c'].map((digit) => ({ tenantId: id(digit), relationship: 'gdap' }));
    const at = '2999-01-01T00:00:00.000Z';
    const sent = answering((url) => {
      if (url.includes('/api/events')) return { lookedAt: at, events: [{ at }] };
      if (url.endsWith('/api/tenants')) return { tenants };
      // The first look used up its time.
      if (!url.endsWith('/watch-tenants')) for (const limit of limits) limit.abort();
      return {};
    });
    await changeCustomers(demo, none);
    expect(sent.at(-1)?.url).toBe('http://app.test/api/events?limit=1');
  });

  it('changes nothing without the key, or without two customers', async () => {
    const sent = answering((url) => (url.includes('/api/events') ? { lookedAt: '2999-01-01T00:00:00.000Z' } : {}));
    await changeCustomers({ ...demo, masterKey: undefined }, none);
    expect(sent).toEqual([]);
    await changeCustomers(demo, none);
    expect(sent).toHaveLength(3);
  });

  it('gives up if the broker cannot look', async () => {
    answering(() => {
      throw new TypeError('fetch failed');
    });
    await expect(changeCustomers(demo, none)).resolves.toBeUndefined();
  });
});

describe('applyChange', () => {
  it('gives up if the broker cannot take it', async () => {
    const sent = answering(() => {
      throw new TypeError('fetch failed');
    });
    const { signal } = new AbortController();
    await expect(applyChange({ cloud, url: 'http://app.test' }, signal)).resolves.toBeUndefined();
    expect(sent.length).toBeGreaterThan(0);
  });

  const held = { hold: { code: 'apply_held' }, waits: true, waitsFor: 'h1', wave: 1, status: 'running' };
  it.each([
    ['ends in its first wave', { status: 'cancelled', wave: 1, waits: false }, 0],
    ['is held for more than the refusal that is part of the story', { ...held, tenants: { failed: 2 } }, 0],
    ['is held for that refusal', { ...held, tenants: { failed: 1 } }, 1],
  ])('leaves the visitor alone with an apply that %s', async (_, apply, released) => {
    const sent = answering((url, before) => {
      if (url.endsWith('/api/tenants')) return { tenants: [] };
      if (url.endsWith('/plans')) return { runId: 'p@1' };
      if (url.endsWith('/apply')) return { approvalId: 'a1' };
      const wentOn = before.some((one) => one.url.endsWith('/go-on'));
      return { status: 'completed', apply: wentOn ? { ...apply, wave: 2 } : apply };
    });
    await applyChange({ cloud, url: 'http://app.test' }, new AbortController().signal, async () => 'token');
    expect(sent.filter(({ url }) => url.endsWith('/go-on'))).toHaveLength(released);
    expect(sent.filter(({ url }) => url.endsWith('/decision'))).toHaveLength(1);
  });
});

describe('createCheckpointKey', () => {
  it('creates the key with the identity of the app', async () => {
    const sent = answering(() => ({ access_token: 'of the identity', key: { kid: 'the id' } }));
    expect(await createCheckpointKey(cloud)).toBe('the id');
    const query = 'resource=https%3A%2F%2Fvault.azure.net&api-version=2019-08-01&client_id=identity';
    expect(sent[0]).toMatchObject({
      url: `http://identity.test/token?${query}`,
      headers: { 'x-identity-header': 'the header' },
    });
    expect(sent[1]).toMatchObject({
      method: 'POST',
      url: 'https://vault.test/keys/audit-checkpoints/create?api-version=7.6',
      headers: { authorization: 'Bearer of the identity' },
      body: JSON.stringify({ kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] }),
    });
  });

  it('imports a key that it is given', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const sent = answering(() => ({ access_token: 'of the identity', key: { kid: 'the id' } }));
    expect(await createCheckpointKey(cloud, privateKey)).toBe('the id');
    const key = { kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'], ...privateKey.export({ format: 'jwk' }) };
    expect(sent[1]).toMatchObject({
      method: 'PUT',
      url: 'https://vault.test/keys/audit-checkpoints?api-version=7.6',
      body: JSON.stringify({ key }),
    });
  });

  it('fails with the answer', async () => {
    answering((url) => (url.startsWith('http://identity') ? {} : new Response('no', { status: 403 })));
    await expect(createCheckpointKey(cloud)).rejects.toThrow('The simulated Key Vault answered 403: no');
  });
});
