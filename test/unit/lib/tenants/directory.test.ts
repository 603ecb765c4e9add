import { describe, expect, test } from 'vitest';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import { type AccessToken, Secret, type TokenRequest, type TokenSource } from '../../../../src/lib/core/secrets.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import {
  type DomainName,
  parseDomainName,
  parseTenantId,
  type TenantId,
} from '../../../../src/lib/core/identifiers.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { createTenantDirectory } from '../../../../src/lib/tenants/directory.ts';
import { selectTenants } from '../../../../src/lib/access/tenants/selected-tenants.ts';
import type { WantedTenants } from '../../../../src/lib/tenants/selection.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryExcludedDomains } from '../../../fakes/memory-excluded-domains.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { problem, type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const partner = parseTenantId('99999999-0000-4000-8000-000000000000')!;
const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const tenant = (number: number): TenantId => parseTenantId(id(number))!;
const domain = (text: string): DomainName => parseDomainName(text)!;
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
  customers: () => Scripted | Promise<Scripted>;
}

function stage(
  answers: Partial<Answers> = {},
  token: (request: TokenRequest) => void = () => undefined,
  wanted: Partial<WantedTenants> = {},
  excludedDomains = new MemoryExcludedDomains(),
) {
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
  const tokenRequests: TokenRequest[] = [];
  const tokens: TokenSource = {
    getToken: async (request): Promise<AccessToken> => {
      tokenRequests.push(request);
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
  /** The tenants of the domains in Entra. Undefined if Entra does not answer. */
  const entra: { owners: Readonly<Record<string, number>> | undefined } = { owners: { 'two.example': 2 } };
  const directory = createTenantDirectory(
    {
      domains: {
        tenantOf: async (domain) => {
          if (entra.owners === undefined)
            throw new BrokerError('entra_unavailable', 'Silent.', { retryAfterSeconds: 60 });
          const owner = entra.owners[domain];
          return owner === undefined ? undefined : tenant(owner);
        },
      },
      excludedDomains,
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
    { include: [], exclude: [], withoutGdap: 'allow', ...wanted },
  );
  return { directory, clock, seen, tokenRequests, logger, scripted, entra, excludedDomains };
}

/** The outcome of a call, with the clock advanced past its pauses. */
async function after<T>(clock: FakeClock, call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  await clock.advance(60_000);
  return call;
}

describe('createTenantDirectory', () => {
  test('merges the three lists, read as the service account in the partner tenant', async () => {
    const { directory, tokenRequests, seen } = stage();
    const list = await directory.list();
    expect(list.map(({ name, reason }) => [name, reason])).toEqual([
      ['Tenant 1', 'gdap_active'],
      ['Tenant 2', 'gdap_active'],
      ['Three', 'no_relationship'],
    ]);
    expect(
      new Set(tokenRequests.map(({ tenantId, grant, application }) => `${tenantId} ${grant} ${application}`)),
    ).toEqual(new Set([`${partner} delegated default`]));
    expect(seen).toHaveLength(3);
  });

  test('finds a tenant only by its id, in upper or lower case, or by a domain', async () => {
    const { directory } = stage();
    await expect(directory.find(id(2).toUpperCase())).resolves.toMatchObject({ tenantId: id(2) });
    await expect(directory.find('TWO.example')).resolves.toMatchObject({ tenantId: id(2) });
    await expect(directory.find(id(77))).resolves.toBeUndefined();
    await expect(directory.find("' or 1=1")).resolves.toBeUndefined();
  });

  test('reads the lists once for concurrent callers, and again after ten minutes', async () => {
    const { directory, clock, seen } = stage();
    await Promise.all(Array.from({ length: 50 }, () => directory.list()));
    expect(seen).toHaveLength(3);
    await clock.advance(9 * 60_000);
    await directory.list();
    expect(seen).toHaveLength(3);
    await clock.advance(2 * 60_000);
    await directory.list();
    expect(seen).toHaveLength(6);
  });

  test('reads the lists again after the clock was set back', async () => {
    const { directory, clock, seen } = stage();
    await directory.list();
    await clock.advance(-3_600_000);
    await directory.list();
    expect(seen).toHaveLength(6);
  });

  test('includes no tenant if TENANTS_INCLUDE contains only a domain that no tenant has', async () => {
    const { directory, entra } = stage({}, undefined, { include: [domain('typo.example')] });
    entra.owners = {};
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants.filter(({ reachable }) => reachable)).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('TENANTS_INCLUDE')]);
  });
});

describe('a domain', () => {
  const bothClaim = () => ({
    value: [1, 2].map((number) => ({ customerId: id(number), displayName: 'x', defaultDomainName: 'moved.example' })),
  });

  test('belongs to the tenant that Entra names, although the contract of another tenant has it', async () => {
    const { directory, entra } = stage({ contracts: bothClaim });
    entra.owners = { 'moved.example': 1 };
    await expect(directory.find('moved.example')).resolves.toMatchObject({ tenantId: id(1) });
    entra.owners = { 'moved.example': 77 };
    await expect(directory.find('moved.example')).resolves.toBeUndefined();
    await expect(directory.tenantOf(domain('moved.example'))).resolves.toBe(id(77));
  });

  test('belongs to the tenant that Entra names, although only another tenant is listed with it', async () => {
    const { directory, entra } = stage();
    entra.owners = { 'two.example': 1 };
    await expect(directory.find('two.example')).resolves.toMatchObject({ tenantId: id(1) });
  });

  test('belongs to the only tenant that is listed with it, while Entra does not answer', async () => {
    const { directory, entra } = stage();
    entra.owners = undefined;
    await expect(directory.find('two.example')).resolves.toMatchObject({ tenantId: id(2) });
    await expect(directory.find('nobody.example')).rejects.toMatchObject({ code: 'entra_unavailable' });
  });

  test('is looked up by Entra alone if the lists must not decide', async () => {
    const { directory, entra } = stage();
    await expect(directory.tenantByEntra(domain('two.example'))).resolves.toBe(id(2));
    entra.owners = undefined;
    await expect(directory.tenantByEntra(domain('two.example'))).rejects.toMatchObject({ code: 'entra_unavailable' });
    await expect(directory.tenantOf(domain('two.example'))).resolves.toBe(id(2));
  });

  test('is unresolved if two tenants are listed with it, while Entra does not answer', async () => {
    const { directory, entra } = stage({ contracts: bothClaim });
    entra.owners = undefined;
    await expect(directory.find('moved.example')).rejects.toMatchObject({ code: 'entra_unavailable' });
  });
});

describe('a domain in TENANTS_EXCLUDE', () => {
  const exclude = { exclude: [domain('secret.example'), tenant(2)] };
  const reasons = async ({ directory }: ReturnType<typeof stage>) =>
    (await directory.list()).map(({ tenantId, reason, reachable }) => [tenantId, reason, reachable]);

  test('excludes the tenant that Entra names, whichever domains the lists have', async () => {
    const forbidden = () => problem(403, 'Authorization_RequestDenied');
    for (const answers of [{}, { contracts: forbidden, customers: forbidden }]) {
      const staged = stage(answers, undefined, exclude);
      staged.entra.owners = { 'secret.example': 1 };
      expect((await reasons(staged)).slice(0, 2)).toEqual([
        [id(1), 'excluded', false],
        [id(2), 'excluded', false],
      ]);
    }
  });

  test('makes the list fail while Entra does not resolve it', async () => {
    const { directory, entra } = stage({}, undefined, exclude);
    entra.owners = undefined;
    await expect(directory.list()).rejects.toMatchObject({
      code: 'directory_unavailable',
      retryAfterSeconds: 60,
      detail: expect.stringContaining('TENANTS_EXCLUDE') as string,
    });
  });

  test('stays excluded in the last good list, which is used while Entra does not answer', async () => {
    const staged = stage({}, undefined, exclude);
    staged.entra.owners = { 'secret.example': 1 };
    await staged.directory.list();
    staged.entra.owners = undefined;
    await staged.clock.advance(11 * 60_000);
    expect((await reasons(staged))[0]).toEqual([id(1), 'excluded', false]);
    expect((await staged.directory.snapshot()).warnings).toEqual([expect.stringContaining('directory_unavailable')]);
  });

  test('adds a warning to the list if no tenant has it', async () => {
    const { directory, entra } = stage({}, undefined, exclude);
    entra.owners = {};
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants[0]).toMatchObject({ tenantId: id(1), reachable: true });
    expect(warnings).toEqual([expect.stringMatching(/TENANTS_EXCLUDE.*secret\.example.*no tenant has/)]);
  });

  test('excludes its tenant in a new process after the customer has removed the domain', async () => {
    const before = stage({}, undefined, exclude);
    before.entra.owners = { 'secret.example': 1 };
    await before.directory.list();
    const after = stage({}, undefined, exclude, before.excludedDomains);
    after.entra.owners = {};
    expect((await reasons(after))[0]).toEqual([id(1), 'excluded', false]);
    expect((await after.directory.snapshot()).warnings).toEqual([expect.stringContaining('stays excluded')]);
  });

  test('that does not resolve is logged once, and reported also while the last good list is in use', async () => {
    const { directory, entra, scripted, clock, logger } = stage({}, undefined, exclude);
    expect(directory.settingsWarnings()).toEqual([]);
    entra.owners = {};
    const expected = expect.stringMatching(/TENANTS_EXCLUDE.*secret\.example.*no tenant has/) as string;
    expect((await directory.snapshot()).warnings).toEqual([expected]);
    await clock.advance(11 * 60_000);
    await directory.list();
    scripted.relationships = () => problem(503, 'serviceNotAvailable');
    await clock.advance(11 * 60_000);
    expect((await after(clock, directory.snapshot())).warnings).toEqual([
      expect.stringContaining('directory_unavailable'),
      expected,
    ]);
    expect(directory.settingsWarnings()).toEqual([expected]);
    expect(logger.events().filter((event) => event === 'tenants.domain_unresolved')).toHaveLength(1);
  });

  test("can exclude the partner's own tenant, which is on no list", async () => {
    const { directory, entra } = stage({}, undefined, exclude);
    entra.owners = { 'secret.example': 99 };
    await expect(directory.excludes(tenant(99))).resolves.toBe(true);
    await expect(directory.excludes(partner)).resolves.toBe(false);
    entra.owners = undefined;
    await expect(directory.excludes(partner)).rejects.toMatchObject({ code: 'directory_unavailable' });
  });
});

describe('createTenantDirectory when a list fails', () => {
  test('omits the customers of Partner Center and adds a warning if Partner Center refuses access', async () => {
    const { directory, logger } = stage({ customers: () => Response.json({ code: 900421 }, { status: 401 }) });
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants).toHaveLength(2);
    expect(warnings).toEqual([expect.stringContaining('Partner Center')]);
    expect(warnings[0]).toContain('access_denied');
    expect(logger.events()).toContain('tenants.list_failed');
  });

  test('adds a warning if the permission for contracts is missing', async () => {
    const { directory } = stage({ contracts: () => problem(403, 'Authorization_RequestDenied') });
    const { tenants, warnings } = await directory.snapshot();
    expect(tenants).toHaveLength(3);
    expect(warnings).toHaveLength(1);
  });

  const throttled = (): Scripted => new Response('Too many requests', { status: 429 });

  test.each(['contracts', 'customers'] as const)(
    'uses the copy of throttled %s with a warning, and reads them again a minute later',
    async (list) => {
      const { directory, clock, scripted } = stage();
      const known = (await directory.list()).map(({ tenantId }) => tenantId);
      const healthy = scripted[list];
      scripted[list] = throttled;
      await clock.advance(11 * 60_000);
      const { tenants, warnings, complete } = await after(clock, directory.snapshot());
      expect(tenants.map(({ tenantId }) => tenantId)).toEqual(known);
      expect(warnings).toEqual([expect.stringMatching(/throttled.*copy from 2026-11-24T00:00/)]);
      expect(complete).toBe(true);
      scripted[list] = healthy;
      await clock.advance(61_000);
      expect((await directory.snapshot()).warnings).toEqual([]);
    },
  );

  test('is incomplete while a list without a copy is throttled, and then calls no tenant unknown', async () => {
    const { directory, clock, scripted } = stage({ customers: throttled });
    expect(await after(clock, directory.snapshot())).toMatchObject({ complete: false });
    await expect(after(clock, directory.find(id(1)))).resolves.toMatchObject({ name: 'Tenant 1' });
    await expect(after(clock, directory.find(id(3)))).rejects.toMatchObject({
      code: 'directory_unavailable',
      retryAfterSeconds: 60,
      detail: expect.stringContaining('Partner Center') as string,
    });
    scripted.customers = () => customers;
    await clock.advance(61_000);
    await expect(directory.find(id(3))).resolves.toMatchObject({ name: 'Three' });
  });

  test('does not use a copy of a list after a day', async () => {
    const { directory, clock, scripted } = stage();
    await directory.list();
    scripted.customers = throttled;
    await clock.advance(25 * 3_600_000);
    expect(await after(clock, directory.snapshot())).toMatchObject({ complete: false });
  });

  test('throws an error that names AdminAgents if the list of relationships is empty', async () => {
    const { directory } = stage({ relationships: () => ({ value: [] }) });
    await expect(directory.list()).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('AdminAgents') as string,
    });
  });

  test('throws directory_unavailable with the cause if the list of relationships fails', async () => {
    const { directory, clock } = stage({ relationships: () => problem(403, 'Authorization_RequestDenied') });
    await expect(after(clock, directory.list())).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: expect.stringContaining('access_denied') as string,
    });
  });

  test('throws a failure of the credential unchanged, for each list', async () => {
    for (const alias of ['graph', 'partner-center']) {
      const { directory, clock } = stage({}, ({ resource }) => {
        if (resource.alias === alias) throw new BrokerError('credential_revoked', 'Revoked.');
      });
      await expect(after(clock, directory.list())).rejects.toMatchObject({ code: 'credential_revoked' });
    }
  });

  test('uses the last good list with a warning, and reads the lists again a minute later', async () => {
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

  test('does not use the last good list after a day', async () => {
    const { directory, clock, scripted } = stage();
    await directory.list();
    scripted.relationships = () => ({ value: [] });
    await clock.advance(25 * 3_600_000);
    await expect(directory.list()).rejects.toMatchObject({ code: 'directory_unavailable' });
  });

  test('throws credential_revoked although there is a last good list', async () => {
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

describe('createTenantDirectory when a source accepts the connection and does not answer', () => {
  /** A list 11 minutes old, whose refresh hangs until it is released. */
  async function hanging() {
    const staged = stage();
    await staged.directory.list();
    const { promise, resolve } = Promise.withResolvers<Scripted>();
    staged.scripted.customers = () => promise;
    await staged.clock.advance(11 * 60_000);
    return { ...staged, release: () => resolve(customers) };
  }
  const isSettled = async (promise: Promise<unknown>): Promise<boolean> =>
    Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);

  test('finds a tenant of the last good list within seconds, and the next time immediately', async () => {
    const { directory, clock, seen, release } = await hanging();
    const first = directory.find(id(2));
    await clock.advance(2_900);
    expect(await isSettled(first)).toBe(false);
    await clock.advance(200);
    expect(await isSettled(first)).toBe(true);
    await expect(first).resolves.toMatchObject({ tenantId: id(2) });
    const before = seen.length;
    const second = directory.find('two.example');
    await clock.advance(0);
    expect(await isSettled(second)).toBe(true);
    await expect(second).resolves.toMatchObject({ tenantId: id(2) });
    expect(seen).toHaveLength(before);
    release();
  });

  test('continues the load and uses its list as soon as it ends', async () => {
    const { directory, clock, scripted, release } = await hanging();
    scripted.relationships = () => relationships(1);
    const found = directory.find(id(2));
    await clock.advance(4_000);
    expect(await isSettled(found)).toBe(true);
    await expect(found).resolves.toMatchObject({ reason: 'gdap_active' });
    release();
    await clock.advance(0);
    expect((await directory.snapshot()).warnings).toEqual([]);
    await expect(directory.find(id(2))).resolves.toMatchObject({ reason: 'reseller_contract' });
  });

  test('waits a minute for the list, or for a tenant that is not on it, then warns with the age of the list', async () => {
    const { directory, clock, release } = await hanging();
    const [snapshot, stranger] = [directory.snapshot(), directory.find(id(77))];
    await clock.advance(59_000);
    expect(await isSettled(snapshot)).toBe(false);
    expect(await isSettled(stranger)).toBe(false);
    await clock.advance(2_000);
    expect([await isSettled(snapshot), await isSettled(stranger)]).toEqual([true, true]);
    expect((await snapshot).warnings).toEqual([expect.stringMatching(/still being refreshed.*2026-11-24T00:00/)]);
    await expect(stranger).resolves.toBeUndefined();
    release();
  });

  test('uses a list with an old copy for a minute, although it arrived late', async () => {
    const { directory, clock, seen, scripted } = await hanging();
    const { promise, reject } = Promise.withResolvers<Scripted>();
    scripted.customers = () => promise;
    const snapshot = directory.snapshot();
    await clock.advance(300_000);
    await snapshot;
    reject(new Error('reset'));
    scripted.customers = () => problem(503, 'gone');
    await clock.advance(10_000);
    const before = seen.length;
    expect((await directory.snapshot()).warnings).toEqual([expect.stringContaining('The copy from')]);
    expect(seen).toHaveLength(before);
  });

  test('waits for the load if the last good list is too old', async () => {
    const { directory, clock, release } = await hanging();
    await clock.advance(25 * 3_600_000);
    const found = directory.find(id(2));
    await clock.advance(90_000);
    expect(await isSettled(found)).toBe(false);
    release();
    await expect(found).resolves.toMatchObject({ tenantId: id(2) });
  });
});

describe('selectTenants', () => {
  test('returns each named tenant once, in the order of the directory', async () => {
    const { directory } = stage();
    const chosen = await selectTenants(directory, ['two.example', id(1), id(2)]);
    expect(chosen.map(({ tenantId }) => tenantId)).toEqual([id(1), id(2)]);
  });

  test('rejects a name that the directory does not know', async () => {
    const { directory } = stage();
    await expect(selectTenants(directory, [id(1), 'nobody.example'])).rejects.toMatchObject({ code: 'tenant_unknown' });
  });

  test('looks up four names at a time and stops at the first one that is unknown or fails', async () => {
    const known = (await stage().directory.list())[0];
    const lookedUp: string[] = [];
    const { promise: slow, resolve } = Promise.withResolvers<undefined>();
    const directory = {
      ...stage().directory,
      find: async (reference: string) => {
        lookedUp.push(reference);
        if (reference === 'slow.example') return slow;
        if (reference === 'down.example') throw new BrokerError('entra_unavailable', 'Entra is down.');
        return reference === 'nobody.example' ? undefined : known;
      },
    };
    const many = Array.from({ length: 100 }, (_, index) => `c${index}.example`);
    const chosen = selectTenants(directory, ['slow.example', 'nobody.example', 'down.example', ...many]);
    await Promise.resolve();
    expect(lookedUp).toHaveLength(4);
    resolve(undefined);
    await expect(chosen).rejects.toMatchObject({ code: 'tenant_unknown', detail: expect.stringContaining('slow') });
    await expect(selectTenants(directory, [id(1), 'down.example', 'nobody.example', ...many])).rejects.toMatchObject({
      code: 'entra_unavailable',
    });
    expect(lookedUp).toHaveLength(8);
  });
});

describe('a complete read', () => {
  test('is one that began after the time that is asked for, and serves the list too', async () => {
    const { directory, clock, seen } = stage();
    await directory.list();
    const before = seen.length;
    const read = await directory.completeRead(clock.nowMs());
    expect(read?.tenants.map(({ tenantId }) => tenantId)).toEqual([tenant(1), tenant(2), tenant(3)]);
    expect([read?.refused, seen.length - before]).toEqual([[], 3]);
    await directory.list();
    expect(seen.length - before).toBe(3);
  });

  test('does not join one that began before', async () => {
    let answer: (value: Scripted) => void = () => undefined;
    const waiting = new Promise<Scripted>((resolve) => {
      answer = resolve;
    });
    let reads = 0;
    const { directory, clock } = stage({ customers: () => ((reads += 1) === 1 ? waiting : customers) });
    const early = directory.list();
    await clock.advance(10);
    const read = directory.completeRead(clock.nowMs());
    await clock.advance(1);
    answer(customers);
    await early;
    expect((await read)?.tenants).toHaveLength(3);
    expect(reads).toBe(2);
  });

  test.each([500, 429])('is none while a list answers %i, also with a copy of it', async (status) => {
    let isDown = false;
    const { directory, clock } = stage({ contracts: () => (isDown ? problem(status, 'x') : contracts) });
    expect(await directory.completeRead(clock.nowMs())).toBeDefined();
    isDown = true;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const read = directory.completeRead(clock.nowMs());
      for (let second = 0; second < 400; second += 1) await clock.advance(1000);
      expect(await read).toBeUndefined();
    }
  });

  test('names the lists that are refused', async () => {
    const { directory, clock } = stage({ customers: () => problem(403, 'x') });
    expect(await directory.completeRead(clock.nowMs())).toMatchObject({ refused: ['partner-center'] });
  });

  test('is none if the relationships cannot be read and the last list is used', async () => {
    let isDown = false;
    const { directory, clock } = stage({ relationships: () => (isDown ? problem(403, 'x') : relationships(1)) });
    await expect(stage({ relationships: () => problem(403, 'x') }).directory.completeRead(0)).rejects.toThrow(
      'cannot be read',
    );
    await directory.list();
    isDown = true;
    const read = directory.completeRead(clock.nowMs());
    await clock.advance(60_000);
    expect(await read).toBeUndefined();
  });
});
