import { beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TagChange } from '../../../../src/lib/tenants/tags.ts';
import { changeTags, type TagRequest } from '../../../../src/lib/tenants/change-tags.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { MemoryTenantTags } from '../../../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

const one = tenant(1);
const caller: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'user',
  roles: ['Tenants.Write'],
  tenantId: tenant(9),
  name: 'ann@contoso.com',
};

let tenantTags: MemoryTenantTags;
let audit: MemoryAuditLog;
let logged: ReturnType<typeof recordingLogger>;
const clock = new FakeClock();
beforeEach(() => {
  tenantTags = new MemoryTenantTags({ [one]: ['managed', 'tier=gold'] });
  audit = new MemoryAuditLog();
  logged = recordingLogger();
});

let ids = 0;
const change = (order: TagRequest, tags: Pick<MemoryTenantTags, 'stored' | 'replace'> = tenantTags) =>
  changeTags({ tenantTags: tags, audit, clock, newId: () => `id-${(ids += 1)}` }, order, {
    tenantId: one,
    caller,
    correlationId: guid(3),
    log: logged.log,
  });

describe('changeTags', () => {
  it.each<[TagRequest, string[], string[], string[]]>([
    [{ tags: ['B', 'a'] }, ['a', 'b'], ['a', 'b'], ['managed', 'tier=gold']],
    [{ tags: [] }, [], [], ['managed', 'tier=gold']],
    [{ add: ['vip'] }, ['managed', 'tier=gold', 'vip'], ['vip'], []],
    [{ add: ['Tier=Silver'] }, ['managed', 'tier=silver'], ['tier=silver'], ['tier=gold']],
    [{ add: ['tier'] }, ['managed', 'tier'], ['tier'], ['tier=gold']],
    [{ remove: ['Managed'] }, ['tier=gold'], [], ['managed']],
    [{ remove: ['tier'] }, ['managed'], [], ['tier=gold']],
    [{ remove: ['tier=gold'] }, ['managed'], [], ['tier=gold']],
    [{ add: ['vip'], remove: ['tier'] }, ['managed', 'vip'], ['vip'], ['tier=gold']],
  ])('changes managed and tier=gold by %j', async (order, tags, added, removed) => {
    expect(await change(order)).toEqual({ tags, added, removed });
    expect(tenantTags.byTenant.get(one)).toEqual(tags);
    expect(audit.entries).toEqual([
      {
        atMs: clock.nowMs(),
        correlationId: guid(3),
        tokenId: expect.stringMatching(/^id-/) as string,
        kind: 'tags',
        outcome: 'changed',
        caller: { applicationId: guid(1), objectId: guid(2), kind: 'user' },
        tenantId: one,
        scopes: [],
        tagsAdded: added,
        tagsRemoved: removed,
      },
    ]);
    expect(JSON.parse(logged.lines[0]?.line ?? '')).toMatchObject({
      event: 'tags.changed',
      level: 'info',
      tenantId: one,
      added: added.length,
      removed: removed.length,
    });
  });

  it.each<TagRequest>([
    { tags: ['managed', 'tier=gold'] },
    { add: ['MANAGED'] },
    { remove: ['other', 'tier=silver'] },
    { remove: ['manage'] },
  ])('writes nothing for %j, which changes nothing', async (order) => {
    expect(await change(order)).toEqual({ tags: ['managed', 'tier=gold'], added: [], removed: [] });
    expect(audit.entries).toEqual([]);
    expect(logged.lines).toEqual([]);
  });

  it.each<[TagRequest, RegExp]>([
    [{}, /^Nothing is asked for/],
    [{ add: [], remove: [] }, /^Nothing is asked for/],
    [{ tags: [], add: ['a'] }, /^`tags` replaces all tags/],
    [{ tags: ['a'], remove: ['b'] }, /^`tags` replaces all tags/],
    [{ add: ['tier=a'], remove: ['tier=gold'] }, /both name the tag "tier"/],
    [{ add: ['no good'] }, /^"no good" is not a tag/],
    [{ remove: ['no good'] }, /^"no good" is not a tag/],
    [{ tags: ['no good'] }, /^"no good" is not a tag/],
    [{ tags: ['!1', '!2', '!3', '!4', '!5', '!6'] }, /^"!1" .* "!5" [^"]*"-", "_" and "\."[^"]*$/],
  ])('refuses %j and changes nothing', async (order, detail) => {
    await expect(change(order)).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(detail) as string,
    });
    expect(audit.entries).toEqual([]);
    expect(tenantTags.byTenant.get(one)).toEqual(['managed', 'tier=gold']);
  });

  it('changes nothing without an audit record', async () => {
    audit.down = true;
    await expect(change({ add: ['vip'] })).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(tenantTags.byTenant.get(one)).toEqual(['managed', 'tier=gold']);
  });
});

describe('changeTags while others change the same tenant', () => {
  /** Somebody else changes the tenant just before each of the first `times` writes. */
  const contested = (times: number) => {
    let left = times;
    return {
      stored: (tenantId: typeof one) => tenantTags.stored(tenantId),
      replace: async (order: TagChange, etag: string | undefined) => {
        if (left > 0) {
          left -= 1;
          const { etag: latest } = await tenantTags.stored(one);
          await tenantTags.replace({ ...order, tags: [`other${left}`] }, latest);
        }
        return tenantTags.replace(order, etag);
      },
    };
  };
  const outcomes = () =>
    audit.entries.map(({ outcome, code }) => (code === undefined ? outcome : `${outcome} ${code}`));

  it('starts again from their change, and records that the first attempt failed', async () => {
    expect(await change({ add: ['vip'] }, contested(1))).toEqual({
      tags: ['other0', 'vip'],
      added: ['vip'],
      removed: [],
    });
    expect(outcomes()).toEqual(['changed', 'failed busy', 'changed']);
    // The failure belongs to the first record.
    const [first, failed, second] = audit.entries.map(({ tokenId }) => tokenId);
    expect(failed).toBe(first);
    expect(second).not.toBe(first);
  });

  it('gives up after five attempts', async () => {
    await expect(change({ add: ['vip'] }, contested(5))).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 1 });
    expect(outcomes()).toHaveLength(10);
    expect(logged.lines).toEqual([]);
    expect((await change({ add: ['vip'] }, contested(4))).added).toEqual(['vip']);
  });

  it('records a failure of storage, and throws it even if that record fails', async () => {
    const failing = (then: () => void = () => undefined) => ({
      stored: (tenantId: typeof one) => tenantTags.stored(tenantId),
      replace: async () => {
        then();
        throw new BrokerError('storage_unavailable', 'Storage is away.');
      },
    });
    await expect(change({ add: ['vip'] }, failing())).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(outcomes()).toEqual(['changed', 'failed storage_unavailable']);
    const auditFails = failing(() => {
      audit.down = true;
    });
    await expect(change({ add: ['vip'] }, auditFails)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(logged.events()).toEqual(['audit.failure_not_recorded']);
    expect(logged.lines[0]?.level).toBe('error');
  });
});
