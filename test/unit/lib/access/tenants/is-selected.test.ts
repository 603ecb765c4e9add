import { expect, test } from 'vitest';
import { readGroups } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { type DomainName, parseTenantId } from '../../../../../src/lib/core/identifiers.ts';
import { createIsSelected } from '../../../../../src/lib/access/tenants/selected-tenants.ts';

const [one, two, damaged] = [1, 2, 3].map((n) => parseTenantId(`00000000-0000-4000-8000-00000000000${n}`)!);
const read = readGroups({ gold: [one!, 'tag:vip'] });
const groups = read.ok ? read.groups : new Map();
const isSelected = createIsSelected(
  {
    policy: { current: async () => ({ policy: { rules: [], groups }, state: 'current', loadedAtMs: 0 }) },
    tenantTags: {
      current: async () => ({
        byTenant: new Map([
          [two!, ['vip']],
          [damaged!, undefined],
        ]),
      }),
    },
  },
  () => ({ tenantOf: async (domain: DomainName) => (domain === 'contoso.com' ? two : undefined) }),
);

test.each([
  [{ tenants: [one!] }, true, false],
  [{ tenants: ['group:gold'] }, true, true],
  [{ tenants: ['tag:vip'] }, false, true],
  [{ tenants: ['contoso.com'] }, false, true],
  [{ except: ['tag:vip'] }, true, false],
  [{ tenants: ['group:gold'], except: ['contoso.com'] }, true, false],
])('%o chooses by groups, tags and domains', async (asked, first, second) => {
  expect([await isSelected(asked, one!), await isSelected(asked, two!)]).toEqual([first, second]);
});

test('fails for an unknown group, and for tags that cannot be read', async () => {
  await expect(isSelected({ tenants: ['group:typo'] }, one!)).rejects.toMatchObject({ code: 'request_invalid' });
  await expect(isSelected({ tenants: ['tag:vip'] }, damaged!)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
