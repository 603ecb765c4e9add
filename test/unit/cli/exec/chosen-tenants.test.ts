import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerExec } from '../../../../src/cli/commands/exec.ts';
import { selectedTenants } from '../../../../src/cli/exec/chosen-tenants.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { tenant as idOf } from '../../../support/audit-entries.ts';
import { type Request, runCommand } from '../commands/command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const customers = Array.from({ length: 600 }, (_, at) => ({
  tenantId: idOf(at + 1),
  name: `Customer ${String(at).padStart(3, '0')}`,
  defaultDomain: `customer${at}.example`,
  reachable: true,
  tags: at % 2 === 0 ? ['even'] : [],
}));
type Customer = (typeof customers)[number];

const idsOf = (count: number): string[] => customers.slice(0, count).map(({ tenantId }) => tenantId);
const nobody = idOf(999_999);

const isNamed = (customer: Customer, entries: string): boolean =>
  entries
    .split(',')
    .some(
      (entry) =>
        entry === '*' ||
        customer.tenantId === entry ||
        customer.defaultDomain === entry ||
        customer.tags.includes(entry.replace('tag:', '')),
    );

/** A broker with these customers. */
function stage(all: readonly Customer[] = customers) {
  const paths: string[] = [];
  const get = async (path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> => {
    paths.push(path);
    const { tenants, except } = query;
    expect(`${encodeURIComponent(tenants ?? '')}${encodeURIComponent(except ?? '')}`.length).toBeLessThan(8_100);
    if (path === '/tenants') {
      const chosen = all
        .filter((customer) => tenants === undefined || isNamed(customer, tenants))
        .filter((customer) => except === undefined || !isNamed(customer, except));
      return { tenants: chosen, warnings: ['The list is old.'] };
    }
    const found = all.find((customer) => isNamed(customer, decodeURIComponent(path.slice('/tenants/'.length))));
    if (found === undefined) throw new BrokerError('tenant_unknown', 'The tenant is not among the customer tenants.');
    return found;
  };
  const choose = async (tenants?: readonly string[], except?: readonly string[]): Promise<string[]> =>
    (await selectedTenants({ get }, { tenants, except })).tenants.map(({ tenantId }) => tenantId);
  return { get, choose, paths };
}

describe('selectedTenants', () => {
  it('finds 500 ids in one read of the list', async () => {
    const { choose, paths } = stage();
    expect(await choose(idsOf(500))).toEqual(idsOf(500));
    expect(paths).toEqual(['/tenants']);
  });

  it('takes 500 ids away in one read of the list', async () => {
    const { choose, paths } = stage();
    expect(await choose(undefined, idsOf(500))).toEqual(customers.slice(500).map(({ tenantId }) => tenantId));
    expect(paths).toEqual(['/tenants']);
  });

  it.each([
    ['tenants', [...idsOf(499), nobody], undefined],
    ['except', undefined, [nobody, ...idsOf(499)]],
  ])('names one wrong id among 500 in %s', async (_, tenants, except) => {
    const { choose, paths } = stage();
    await expect(choose(tenants, except)).rejects.toMatchObject({
      code: 'tenant_unknown',
      detail: expect.stringContaining(`"${nobody}" is not among the customer tenants`) as string,
    });
    expect(paths).toEqual(['/tenants', `/tenants/${nobody}`, '/tenants']);
  });

  it('keeps a tenant that became a customer between two requests', async () => {
    const { get } = stage();
    const old = async (path: string, query?: Readonly<Record<string, string>>): Promise<unknown> =>
      path === '/tenants' ? { tenants: customers.slice(1), warnings: [] } : get(path, query);
    const { tenants } = await selectedTenants({ get: old }, { tenants: idsOf(2) });
    expect(tenants.map(({ tenantId }) => tenantId)).toEqual(idsOf(2));
  });

  it('joins ids, domains and tags, and takes away what is excepted', async () => {
    const { choose } = stage(customers.slice(0, 8));
    const id = (at: number): string => customers[at]?.tenantId ?? '';
    expect(await choose([id(1), 'customer3.example'])).toEqual([id(1), id(3)]);
    expect(await choose(['tag:even'], [id(2)])).toEqual([id(0), id(4), id(6)]);
    expect(await choose([id(0), id(1)], ['tag:even'])).toEqual([id(1)]);
    expect(await choose([id(1), 'tag:even'], ['customer1.example', 'customer4.example', id(6)])).toEqual([
      id(0),
      id(2),
    ]);
    expect(await choose(['*'], ['tag:even', id(7)])).toEqual([id(1), id(3), id(5)]);
    expect(await choose()).toHaveLength(8);
  });

  it('asks with short addresses for hundreds of domains', async () => {
    const { choose, paths } = stage();
    const domains = customers.slice(0, 400).map(({ defaultDomain }) => defaultDomain);
    expect(await choose(domains)).toEqual(idsOf(400));
    expect(paths.filter((path) => path === '/tenants').length).toBeGreaterThan(1);
    expect(await choose(undefined, domains)).toEqual(customers.slice(400).map(({ tenantId }) => tenantId));
  });

  it('names a domain that is unknown', async () => {
    const { choose } = stage();
    const wrong = choose(['customer1.example'], ['nobody.example']);
    await expect(wrong).rejects.toMatchObject({ detail: '"nobody.example" is not among the customer tenants.' });
  });

  it.each([
    [['*', idOf(1)], undefined, /^tenants: "\*" means all/],
    [undefined, ['*'], /^except: "\*" takes every tenant away/],
  ])('asks nothing for entries that are none: %j, %j', async (tenants, except, problem) => {
    const { choose, paths } = stage();
    await expect(choose(tenants, except)).rejects.toThrow(problem);
    expect(paths).toEqual([]);
  });

  it('finds a tenant by its name', async () => {
    const { choose } = stage();
    expect(await choose(['customer 007'], undefined)).toEqual([customers[7]?.tenantId]);
    await expect(choose(['customer x'])).rejects.toThrow('No tenant is called "customer x"');
  });

  it('says each warning of the broker once, and passes other failures on', async () => {
    const { get } = stage();
    const asked = { tenants: [idOf(1), 'tag:even'], except: ['customer5.example'] };
    expect((await selectedTenants({ get }, asked)).warnings).toEqual(['The list is old.']);
    const failure = new BrokerError('storage_unavailable', 'No answer.');
    const failing = { get: () => Promise.reject(failure) };
    await expect(selectedTenants(failing, { tenants: ['x.example'] })).rejects.toBe(failure);
  });
});

describe('ptb exec', () => {
  const answer = ({ path }: Request): Response =>
    path === '/tenants'
      ? Response.json({ tenants: customers, warnings: [] })
      : Response.json(
          { code: 'tenant_unknown', detail: 'The tenant is not among the customer tenants.' },
          { status: 404 },
        );

  it('starts nothing if one of 500 ids is wrong, and names it', async () => {
    const ids = [...idsOf(499), nobody];
    // A program that is started would fail with another sentence.
    const { exit, err } = await runCommand(registerExec, ['exec', '--tenant', ...ids], answer, [
      '--token',
      'caller-token',
      '--',
      '/no/such/program',
    ]);
    expect(err).toContain(`"${nobody}" is not among the customer tenants`);
    expect(exit).toBe(1);
  });

  it('lists the programs for 500 ids after one request', async () => {
    const { exit, out, requests } = await runCommand(
      registerExec,
      ['exec', '--dry-run', '--tenant', ...idsOf(500)],
      answer,
      ['--token', 'caller-token', '--', 'true'],
    );
    expect([exit, out.trim().split('\n').length, requests.length]).toEqual([0, 500, 1]);
  });
});
