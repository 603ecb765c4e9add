import { describe, expect, test } from 'vitest';
import { createResourceRegistry } from '../../../../src/lib/broker/resources.ts';
import type { AccessToken, TokenRequest, TokenSource } from '../../../../src/lib/broker/token.ts';
import { clouds } from '../../../../src/lib/entra/clouds.ts';
import { BrokerError } from '../../../../src/lib/errors.ts';
import { parseTenantId } from '../../../../src/lib/identifiers.ts';
import { Limiter } from '../../../../src/lib/limiter.ts';
import { Secret } from '../../../../src/lib/secret.ts';
import { createTenantDirectory, selectTenants } from '../../../../src/lib/tenants/directory.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { problem, type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const partner = parseTenantId('99999999-0000-4000-8000-000000000000')!;
const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const relationships = (...numbers: number[]) => ({
  value: numbers.map((number) => ({
    displayName: 'GDAP',
    status: 'active',
    endDateTime: '2030-01-01T00:00:00Z',
    customer: { tenantId: id(number), displayName: `Tenant ${number}` },
  })),
});
const contracts = {
  value: [{ customerId: id(2), displayName: 'Two', defaultDomainName: 'two.example', contractType: 'ResellerPartner' }],
};
const customers = {
  items: [
    {
      id: id(3),
      companyProfile: { tenantId: id(3), domain: 'three.example', companyName: 'Three' },
      relationshipToPartner: 'advisor',
    },
  ],
};

interface Answers {
  relationships: () => Scripted;
  contracts: () => Scripted;
  customers: () => Scripted;
}

function stage(answers: Partial<Answers> = {}, token: (request: TokenRequest) => void = () => undefined) {
  const scripted: Answers = {
    relationships: () => relationships(1, 2),
    contracts: () => contracts,
    customers: () => customers,
    ...answers,
  };
  const clock = new FakeClock();
  const logger = recordingLogger();
  const { fetch, seen } = scriptedFetch(({ url }) => {
    if (url.pathname.endsWith('/delegatedAdminRelationships')) return scripted.relationships();
    return url.pathname.endsWith('/contracts') ? scripted.contracts() : scripted.customers();
  });
  const asked: TokenRequest[] = [];
  const tokens: TokenSource = {
    getToken: async (request): Promise<AccessToken> => {
      asked.push(request);
      token(request);
      return {
        ...request,
        secret: new Secret('t'),
        scopes: [],
        expiresAtMs: clock.nowMs() + 3_600_000,
        fromCache: false,
      };
    },
    forgetTenant: () => undefined,
  };
  const directory = createTenantDirectory(
    {
      fetch,
      clock,
      random: () => 0,
      log: logger.log,
      newId: () => 'c0',
      limiter: new Limiter(8),
      tokens,
      resources: createResourceRegistry(clouds.public, []),
      endpoints: clouds.public.endpoints,
      partnerTenantId: partner,
    },
    { include: [], exclude: [], withoutGdap: 'allow' },
  );
  return { directory, clock, seen, asked, logger, scripted };
}

/** The outcome of a call whose waits are jumped over. */
async function after<T>(clock: FakeClock, call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  await clock.advance(60_000);
  return call;
}

test('unites the three lists, asked as the service account in the partner tenant', async () => {
  const { directory, asked, seen } = stage();
  const list = await directory.list();
  expect(list.map(({ name, reason }) => [name, reason])).toEqual([
    ['Tenant 1', 'gdap_active'],
    ['Tenant 2', 'gdap_active'],
    ['Three', 'no_relationship'],
  ]);
  expect(new Set(asked.map(({ tenantId, grant, application }) => `${tenantId} ${grant} ${application}`))).toEqual(
    new Set([`${partner} delegated default`]),
  );
  expect(seen).toHaveLength(3);
});

test('finds a tenant by id in any case or by its default domain, and nothing by anything else', async () => {
  const { directory } = stage();
  await expect(directory.find(id(2).toUpperCase())).resolves.toMatchObject({ tenantId: id(2) });
  await expect(directory.find('TWO.example')).resolves.toMatchObject({ tenantId: id(2) });
  await expect(directory.find(id(77))).resolves.toBeUndefined();
  await expect(directory.find("' or 1=1")).resolves.toBeUndefined();
});

test('reads the lists once for many who ask at once, and again after ten minutes', async () => {
  const { directory, clock, seen } = stage();
  await Promise.all(Array.from({ length: 50 }, () => directory.list()));
  expect(seen).toHaveLength(3);
  await clock.advance(9 * 60_000);
  await directory.list();
  expect(seen).toHaveLength(3);
  await clock.advance(2 * 60_000);
  await directory.list();
  expect(seen).toHaveLength(6);
  directory.refresh();
  await directory.list();
  expect(seen).toHaveLength(9);
});

describe('when a list fails', () => {
  test('Partner Center refusing costs its customers and a warning, not the list', async () => {
    const { directory, logger } = stage({ customers: () => Response.json({ code: 900421 }, { status: 401 }) });
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants).toHaveLength(2);
    expect(warnings).toEqual([expect.stringContaining('Partner Center')]);
    expect(warnings[0]).toContain('access_denied');
    expect(logger.events()).toContain('tenants.list_failed');
  });

  test('so does an application without a permission for contracts', async () => {
    const { directory } = stage({ contracts: () => problem(403, 'Authorization_RequestDenied') });
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants).toHaveLength(3);
    expect(warnings).toHaveLength(1);
  });

  test('an empty list of relationships is an error that names AdminAgents, however many contracts there are', async () => {
    const { directory } = stage({ relationships: () => ({ value: [] }) });
    await expect(directory.list()).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('AdminAgents') as string,
    });
  });

  test('a failing list of relationships is directory_unavailable, with the cause told', async () => {
    const { directory, clock } = stage({ relationships: () => problem(403, 'Authorization_RequestDenied') });
    await expect(after(clock, directory.list())).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('access_denied') as string,
    });
  });

  test('a failure of the credential stays what it is, whichever list met it', async () => {
    for (const alias of ['graph', 'partner-center']) {
      const { directory, clock } = stage({}, ({ resource }) => {
        if (resource.alias === alias) throw new BrokerError('credential_revoked', 'Revoked.');
      });
      await expect(after(clock, directory.list())).rejects.toMatchObject({ code: 'credential_revoked' });
    }
  });

  test('the last good list serves on, with a warning, and the next try comes a minute later', async () => {
    const { directory, clock, seen, scripted } = stage();
    await directory.list();
    scripted.relationships = () => ({ value: [] });
    await clock.advance(11 * 60_000);
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants).toHaveLength(3);
    expect(warnings).toEqual([expect.stringContaining('directory_unavailable')]);
    const before = seen.length;
    await directory.list();
    expect(seen).toHaveLength(before);
    scripted.relationships = () => relationships(1);
    await clock.advance(61_000);
    expect((await directory.snapshot()).warnings).toEqual([]);
  });

  test('after a day the last good list is too old to serve', async () => {
    const { directory, clock, scripted } = stage();
    await directory.list();
    scripted.relationships = () => ({ value: [] });
    await clock.advance(25 * 3_600_000);
    await expect(directory.list()).rejects.toMatchObject({ code: 'directory_unavailable' });
  });

  test('the last good list does not hide a revoked credential', async () => {
    let revoked = false;
    const { directory, clock } = stage({}, () => {
      if (revoked) throw new BrokerError('credential_revoked', 'Revoked.');
    });
    await directory.list();
    revoked = true;
    await clock.advance(11 * 60_000);
    await expect(directory.list()).rejects.toMatchObject({ code: 'credential_revoked' });
  });
});

describe('choosing tenants', () => {
  test('gives each named tenant once, in the order of the directory', async () => {
    const { directory } = stage();
    const chosen = await selectTenants(directory, ['two.example', id(1), id(2)]);
    expect(chosen.map(({ tenantId }) => tenantId)).toEqual([id(1), id(2)]);
  });

  test('refuses a name that the directory does not know', async () => {
    const { directory } = stage();
    await expect(selectTenants(directory, [id(1), 'nobody.example'])).rejects.toMatchObject({ code: 'tenant_unknown' });
  });
});
