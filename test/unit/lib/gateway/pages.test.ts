import { describe, expect, it } from 'vitest';
import { bodyOf, contoso, json, stage, usersRule } from './send/stage.ts';

const gateway = `https://broker.example/api/gateway/${contoso}/graph`;
const graph = 'https://graph.microsoft.com';

/** Sends a request, and then the next link of each answer. @returns the URLs that were sent to the gateway. */
async function follow(
  { world, send }: ReturnType<typeof stage>,
  first: string,
  { pages, next, value = [] }: { pages: number; next: (page: number) => string; value?: readonly object[] },
): Promise<{ urls: readonly string[]; last: Record<string, unknown> }> {
  const urls = [first];
  let last: Record<string, unknown> = {};
  for (let page = 1; page <= pages; page += 1) {
    world.answers.push(json({ '@odata.nextLink': `${graph}${next(page)}`, value }));
    last = bodyOf(await send(urls.at(-1) ?? '')) as Record<string, unknown>;
    urls.push(String(last['@odata.nextLink']).slice(gateway.length));
  }
  return { urls, last };
}

const names = Array.from({ length: 17 }, (_, index) => `property${index}`).join(',');

describe('links of pages', () => {
  it.each([
    ['shows the query', `/v1.0/users?$select=${names}&$expand=manager($select=id)&`],
    ['hides the query', '/v1.0/users?'],
  ])('do not grow over 200 pages if the link %s', async (_, base) => {
    const first = `/v1.0/users?$select=${names}&$expand=manager($select=id)`;
    const { urls } = await follow(stage(), first, { pages: 200, next: () => `${base}$skiptoken=abc` });
    const lengths = new Set(urls.slice(1).map(({ length }) => length));
    expect(lengths.size).toBe(1);
  });

  describe('of the longest request', () => {
    /** What Microsoft's host takes, from the first slash on. */
    const longestTarget = 8_177;
    const requestOf = (length: number): string => {
      const start = '/v1.0/users?$select=';
      const many = Array.from({ length: 270 }, (_, index) => `property${index}`.padEnd(15, 'x'));
      const sent = (select: string): number => `${graph}${start}${encodeURIComponent(select)}`.length;
      return `${start}${many.join(',')}${'y'.repeat(length - sent(many.join(',')))}`;
    };
    const first = requestOf(5_000);

    it.each([
      ['shows', `${first.replaceAll(',', '%2C')}&$skiptoken=${'t'.repeat(1_200)}`],
      ['hides', `/v1.0/users?$deltatoken=${'t'.repeat(1_200)}`],
    ])('can be followed, if the link %s the query', async (_, next) => {
      const { urls } = await follow(stage(), first, { pages: 2, next: () => next });
      for (const url of urls)
        expect(new URL(`${gateway}${url}`).href.length - new URL(gateway).origin.length).toBeLessThanOrEqual(
          longestTarget,
        );
    });

    it('can be followed within the process, also if the host would not take them from a caller', async () => {
      const next = () => `/v1.0/users?$skiptoken=${'t'.repeat(10_000)}`;
      const { last } = await follow(stage(), first, { pages: 2, next });
      expect(last).toHaveProperty('value');
    });

    it.each(['graph', 'arm'])('are why a longer one to %s is refused, and not sent', async (resource) => {
      const paths = { arm: '/subscriptions', graph: requestOf(5_001) }[resource] ?? '';
      const rule = { ...usersRule, resources: ['arm'], scopes: undefined, requests: { paths: ['/**'] } };
      const { world, send } = stage(resource === 'arm' ? [rule] : [usersRule]);
      const url = resource === 'arm' ? `${paths}?a=${'a'.repeat(5_000)}` : paths;
      const refused = expect.objectContaining({
        code: 'request_invalid',
        detail: expect.stringContaining('longer than 5000') as string,
      }) as Error;
      await expect(send(url, { resource })).rejects.toThrow(refused);
      expect(world.sent).toEqual([]);
    });
  });

  it('carry only what the link itself does not show', async () => {
    const first = `/v1.0/users?$select=${names}&$expand=manager`;
    const shown = await follow(stage(), first, { pages: 1, next: () => `${first}&$skiptoken=a` });
    const hidden = await follow(stage(), first, { pages: 1, next: () => '/v1.0/users?$skiptoken=a' });
    const carried = ({ urls }: typeof shown): unknown => {
      const mark = /ptb_link=([^.&]+)\./.exec(urls[1] ?? '')?.[1] ?? '';
      return JSON.parse(Buffer.from(mark, 'base64url').toString('utf8'));
    };
    expect(carried(shown)).toEqual([]);
    expect(carried(hidden)).toEqual([...names.split(','), '$expand=manager']);
  });

  it.each([
    ['/v1.0/policies/roleManagementPolicyAssignments', 'policy/rules'],
    ['/v1.0/roleManagement/directory/roleAssignments', 'principal'],
    ['/v1.0/groups', 'members($select=id)'],
  ])('continue %s with $expand=%s', async (path, expand) => {
    const scopes = ['RoleManagement.Read.Directory', 'RoleManagementPolicy.Read.Directory', 'Directory.Read.All'];
    for (const next of [`${path}?$expand=${expand}&$skiptoken=a`, `${path}?$skiptoken=a`]) {
      const on = stage([{ ...usersRule, scopes }]);
      await follow(on, `${path}?$expand=${expand}`, { pages: 3, next: () => next });
      expect(on.world.sent).toHaveLength(3);
    }
  });
});

describe('objects of types that the rule may not read', () => {
  const value = [
    { id: 'g', members: [{ '@odata.type': '#microsoft.graph.servicePrincipal', id: 's', appId: 'hidden' }] },
  ];
  const seen = [{ id: 'g', members: [{ '@odata.type': '#microsoft.graph.servicePrincipal', id: 's' }] }];
  const scopes = ['User.Read.All', 'GroupMember.Read.All', 'Group.Read.All'];

  it.each([
    ['/v1.0/groups/delta?$expand=members', 1],
    ['/v1.0/groups/delta?$expand=members', 2],
    ['/v1.0/groups/delta?$select=members', 1],
    ['/v1.0/groups/delta?$select=members', 2],
    ['/v1.0/groups?$select=id,members', 1],
  ])('are reduced in %s, page %d', async (first, pages) => {
    const on = stage([{ ...usersRule, scopes }]);
    const { last } = await follow(on, first, { pages, next: () => '/v1.0/groups/delta?$skiptoken=a', value });
    expect(last).toMatchObject({ value: seen });
    expect(JSON.stringify(last)).not.toContain('hidden');
  });
});
